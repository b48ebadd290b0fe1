#pragma once

#include "audit/report_messages.h"
#include "audit/report_view.h"

#include <jansson.h>

/* Inside the HTML renderer: one writer that knows the report's languages, and the sections that write through it.
 * Every text is written in all languages side by side; a style sheet shows one of them, so that the page works without
 * scripts. Markup is written literally by our own code, everything else goes through the escaper. */
typedef struct {
    GString *out;
    const json_t *findings;
    const OkseReportView *view;
    const OkseMessages *messages;
    const char *element;  /* what wraps a text in one of several languages: "span", in pictures "tspan" */
    GHashTable *detailed; /* finding → its markup, when it is shown with details */
    unsigned details;     /* findings with details */
} OkseHtml;

/* What replaces {name} in a message; ends with {NULL, NULL}. What replaces {date} is written as a date, {status} in
 * the words of the language, a value of digits elsewhere as a number. */
typedef struct {
    const char *name;
    const char *value;
} OkseFill;

void okse_html_raw(OkseHtml *html, const char *markup);
void okse_html_text(OkseHtml *html, const char *text);
/* Data inside a sentence: kept apart, so that a date or a name does not mix with text of the other direction. */
void okse_html_data(OkseHtml *html, const char *text);
/* <code>, left to right in every language. */
void okse_html_code(OkseHtml *html, const char *text);
/* A number as each language writes it; decimal: its text in ASCII ("0.75"). */
void okse_html_number(OkseHtml *html, guint64 number);
void okse_html_decimal(OkseHtml *html, const char *plain);
/* A date or a time (ISO 8601) as each language writes it, with ISO beside. */
void okse_html_date(OkseHtml *html, const char *iso);
/* An interface text in every language of the report. */
void okse_html_say(OkseHtml *html, const char *key);
void okse_html_fill(OkseHtml *html, const char *key, const OkseFill *fills);
/* The same with the one replacement {n}. */
void okse_html_count(OkseHtml *html, const char *key, guint64 n);
/* prefix + word as a key ("state." + "observed"); the word itself when there is no such text. */
void okse_html_word(OkseHtml *html, const char *prefix, const char *word);
/* A text of the law: a map from language to text. Nothing for no map. */
void okse_html_law(OkseHtml *html, const json_t *texts);
void okse_html_country(OkseHtml *html, const char *iso);
/* A jurisdiction's name: its own texts first, the names of countries where they lack a language. */
void okse_html_nation(OkseHtml *html, const json_t *jurisdiction);
/* True when the findings say that no check looked at this endpoint. */
bool okse_html_unpoliced(const OkseHtml *html, const char *fact);
/* <span class="badge fail">Failed</span> */
void okse_html_badge(OkseHtml *html, OkseStatus status);
/* "<section id=… aria-labelledby=…><h2>…" */
void okse_html_section(OkseHtml *html, const char *id, const char *title_key);
/* <a href="#p-VN-vn-p01">Art. 17, Decree No. …</a> */
void okse_html_article_link(OkseHtml *html, const json_t *finding);
/* path:line of an evidence as code, or the fact's id; false (and nothing written) when it has neither. */
bool okse_html_place(OkseHtml *html, const json_t *evidence);

/* The languages of a page: the asked one (may be NULL), those of the document, English; none twice. Ends with NULL. */
char **okse_html_languages(const json_t *document, const char *first) G_GNUC_WARN_UNUSED_RESULT;
/* The style sheet, and for print the digest of the document on every page. */
GBytes *okse_html_style(const json_t *document, const OkseResources *resources,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* From the document type to the link that skips to "#findings". script: NULL for a page without. */
void okse_html_head(OkseHtml *html, const char *title_key, const char *subject, GBytes *style, GBytes *script);
/* The title and the choice of languages. */
void okse_html_banner(OkseHtml *html, const char *title_key);
/* A table with one column head per key (ends with NULL), its cells, its end. A caption that only repeats the section's
 * title is for screen readers alone. */
void okse_html_table(OkseHtml *html, const char *caption_key, const char *const *keys);
void okse_html_table_end(OkseHtml *html);
void okse_html_cell_text(OkseHtml *html, const json_t *object, const char *member);
void okse_html_cell_number(OkseHtml *html, const json_t *object, const char *member);

/* Decide which findings are shown with details, worst first, and fill `detailed`. */
void okse_html_share_room(OkseHtml *html);

void okse_html_opening(OkseHtml *html);
void okse_html_map(OkseHtml *html);
void okse_html_findings(OkseHtml *html);
void okse_html_declared(OkseHtml *html);
/* How much of what is there some check looked at; a paragraph. */
void okse_html_policed(OkseHtml *html);
void okse_html_unseen(OkseHtml *html);
void okse_html_lawyer(OkseHtml *html);
void okse_html_inventory(OkseHtml *html);
void okse_html_controls(OkseHtml *html);
void okse_html_method(OkseHtml *html);

/* The format itself; findings are checked. */
GBytes *okse_report_html(const json_t *findings, const char *language, const OkseResources *resources, GError **error);
