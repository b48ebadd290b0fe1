#pragma once

#include "audit/report_html.h"
#include "audit/report_pdf.h"
#include "audit/report_pdf_fonts.h"
#include "audit/report_pdf_library.h"

/* Inside the PDF renderer. The sections run twice: the first time `cr` is NULL, texts are shaped and measured, pages
 * are counted, and characters without a glyph are collected; the second time the same is drawn. Positions are told from
 * the start of a line (left, in Arabic right) and from the top, in points. */

typedef enum {
    OKSE_PDF_TITLE,
    OKSE_PDF_VERDICT,
    OKSE_PDF_SECTION,
    OKSE_PDF_LAW,
    OKSE_PDF_INSTRUMENT,
    OKSE_PDF_PROVISION,
    OKSE_PDF_FINDING,
    OKSE_PDF_BODY,
    OKSE_PDF_LEAD,
    OKSE_PDF_SMALL,
    OKSE_PDF_LABEL,
    OKSE_PDF_EXCERPT,
    OKSE_PDF_ITEM,
    OKSE_PDF_CELL,
    OKSE_PDF_HEAD, /* of a table */
    OKSE_PDF_TINY,
    OKSE_PDF_STYLES,
} OksePdfStyle;

typedef enum { OKSE_PDF_START, OKSE_PDF_END, OKSE_PDF_CENTRE } OksePdfAlign;

/* What is attached to a paragraph; NULL members are nothing. */
typedef struct {
    const char *name;  /* a destination */
    const char *link;  /* to a destination; followed only when there is such a one */
    const char *url;   /* to somewhere else */
    const char *title; /* a bookmark */
    unsigned level;    /* of the bookmark, from 1 */
} OksePdfMark;

typedef struct {
    const char *key; /* of its head */
    double share;    /* of the width */
    bool number;     /* aligned at the end */
} OksePdfColumn;

#define OKSE_PDF_COLUMNS 8u
#define OKSE_PDF_LEVELS 6u

typedef struct {
    const OkseDraw *draw;
    const json_t *findings;
    const OkseReportView *view;
    const OkseMessages *messages;
    const OksePdfFonts *fonts;
    const char *language; /* borrowed from messages */
    bool right_to_left;
    char *digest; /* of the findings, "sha256:…" */
    QRcode *code; /* the same */
    PangoContext *context;
    cairo_surface_t *surface; /* NULL while measuring */
    cairo_t *cr;              /* NULL while measuring */
    double page_width, page_height;
    double start, width; /* where text goes now */
    double y;
    unsigned page, pages; /* pages: known when drawing */
    GString *text;        /* markup of the text that is being written */
    GHashTable *places;   /* destination → its page */
    GTree *missing;       /* characters without a glyph, in order */
    GHashTable *detailed; /* finding → how many evidences are shown, plus one */
    unsigned details;     /* findings with details */
    int bookmarks[OKSE_PDF_LEVELS];
    const OksePdfColumn *columns; /* of the open table */
    unsigned column_count, cell_count;
    PangoLayout *cells[OKSE_PDF_COLUMNS];
    PangoLayout *label;    /* whose value is written next */
    double line;           /* the height of a line of body text, which differs between scripts */
    double verdict_height; /* of its box, once measured */
} OksePdf;

/* --- writing a text: report_pdf_text.c --- */

/* Markup of ours. */
void okse_pdf_raw(OksePdf *pdf, const char *markup);
/* Everything else: made safe, long texts cut. */
void okse_pdf_text(OksePdf *pdf, const char *text);
/* Data inside a sentence, kept apart from text of the other direction. */
void okse_pdf_data(OksePdf *pdf, const char *text);
void okse_pdf_code(OksePdf *pdf, const char *text);
/* An excerpt, line by line from left to right; in everything else a new line is a space. */
void okse_pdf_lines(OksePdf *pdf, const char *text);
void okse_pdf_say(OksePdf *pdf, const char *key);
void okse_pdf_fill(OksePdf *pdf, const char *key, const OkseFill *fills);
void okse_pdf_count(OksePdf *pdf, const char *key, guint64 n);
void okse_pdf_word(OksePdf *pdf, const char *prefix, const char *word);
void okse_pdf_law(OksePdf *pdf, const json_t *texts);
void okse_pdf_country(OksePdf *pdf, const char *iso);
void okse_pdf_nation(OksePdf *pdf, const json_t *jurisdiction);
/* A jurisdiction's name as it is shown, borrowed. */
const char *okse_pdf_nation_name(const OksePdf *pdf, const json_t *jurisdiction, bool *translated);
/* On the colours of a status ("fail"): raw text between the two. */
void okse_pdf_badge_open(OksePdf *pdf, const char *colours);
void okse_pdf_badge_close(OksePdf *pdf);
void okse_pdf_badge(OksePdf *pdf, OkseStatus status);
void okse_pdf_article(OksePdf *pdf, const json_t *finding);
bool okse_pdf_place(OksePdf *pdf, const json_t *evidence);
/* A text for a bookmark or a name of the document: made safe, one line, cut. */
char *okse_pdf_plain(const char *text) G_GNUC_WARN_UNUSED_RESULT;
/* 0xRRGGBB of the strong and of the pale colour of a status. */
guint32 okse_pdf_ink(const char *colours);
guint32 okse_pdf_paper(const char *colours);

/* --- putting it on the page: report_pdf_page.c, report_pdf_flow.c, report_pdf_table.c --- */

/* The written text as a layout of at most this width; ends the text. */
PangoLayout *okse_pdf_layout(OksePdf *pdf, OksePdfStyle style, double width) G_GNUC_WARN_UNUSED_RESULT;
double okse_pdf_height(const OksePdf *pdf, PangoLayout *layout);
/* Draw a layout of this width at a place. */
void okse_pdf_draw(OksePdf *pdf, PangoLayout *layout, OksePdfStyle style, double start, double top, double width);
/* From the top of a layout to the line that its first letters stand on. */
double okse_pdf_baseline(const OksePdf *pdf, PangoLayout *layout);
/* The written text in one line at a place, cut when it is wider. */
void okse_pdf_put(OksePdf *pdf, OksePdfStyle style, OksePdfAlign align, double start, double top, double width);
void okse_pdf_colour(OksePdf *pdf, guint32 rgb);
void okse_pdf_style_colour(OksePdf *pdf, OksePdfStyle style);
void okse_pdf_box(OksePdf *pdf, guint32 rgb, double start, double top, double width, double height);
void okse_pdf_line(OksePdf *pdf, guint32 rgb, double start, double top, double width);
/* The x of something that begins at `start` and has this width. */
double okse_pdf_x(const OksePdf *pdf, double start, double width);

/* The written text as a paragraph, over as many pages as it takes. mark may be NULL. */
void okse_pdf_paragraph(OksePdf *pdf, OksePdfStyle style, const OksePdfMark *mark);
/* Likewise an item of a list: `sign` stands before it. */
void okse_pdf_item(OksePdf *pdf, OksePdfStyle style, const char *sign, const OksePdfMark *mark);
/* "label   value": the text written so far is the label; then write the value. */
void okse_pdf_label(OksePdf *pdf);
void okse_pdf_value(OksePdf *pdf);
/* The same with a message as the label. */
void okse_pdf_label_say(OksePdf *pdf, const char *key);
/* A section of the report with its title, in the table of contents and the bookmarks. */
void okse_pdf_section_open(OksePdf *pdf, const char *id, const char *title_key);
void okse_pdf_section_close(OksePdf *pdf);

/* Likewise two texts on one line, the second at its end: the text written so far is the second. */
void okse_pdf_leader(OksePdf *pdf, OksePdfStyle style, const char *key, const OksePdfMark *mark);

/* Start a page unless this much is left on this one. */
void okse_pdf_need(OksePdf *pdf, double height);
/* The same in lines of body text: a heading with what follows it. */
void okse_pdf_need_lines(OksePdf *pdf, double lines);
void okse_pdf_gap(OksePdf *pdf, double height);
void okse_pdf_page_open(OksePdf *pdf);
void okse_pdf_page_close(OksePdf *pdf);
double okse_pdf_bottom(const OksePdf *pdf);
void okse_pdf_begin(OksePdf *pdf, const char *tag, const char *attributes);
void okse_pdf_finish_tag(OksePdf *pdf, const char *tag);
/* Say that this place is called `name`. */
void okse_pdf_destination(OksePdf *pdf, const char *name);

void okse_pdf_table_open(OksePdf *pdf, const OksePdfColumn *columns, unsigned count);
/* The written text is the next cell; the last one of a row puts it on the page. */
void okse_pdf_cell(OksePdf *pdf);
void okse_pdf_table_close(OksePdf *pdf);

/* --- the sections --- */

/* Decide which findings are shown with details, worst first. */
void okse_pdf_share_room(OksePdf *pdf);
void okse_pdf_opening(OksePdf *pdf);
void okse_pdf_contents(OksePdf *pdf);
void okse_pdf_map(OksePdf *pdf);
void okse_pdf_findings(OksePdf *pdf);
void okse_pdf_declared(OksePdf *pdf);
void okse_pdf_unseen(OksePdf *pdf);
void okse_pdf_lawyer(OksePdf *pdf);
void okse_pdf_inventory(OksePdf *pdf);
void okse_pdf_controls(OksePdf *pdf);
void okse_pdf_method(OksePdf *pdf);
void okse_pdf_policed(OksePdf *pdf);
bool okse_pdf_unpoliced(const OksePdf *pdf, const char *fact);

/* What cairo cannot say: language, direction, an identifier, room for a signature. */
GBytes *okse_pdf_complete(const OkseDraw *draw, GBytes *drawn, const char *language, bool right_to_left,
                          const gint64 *signed_at, GError **error);
