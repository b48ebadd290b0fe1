/* The PDF report: measured once, drawn once, completed by qpdf. */
#include "audit/report_pdf_internal.h"

#include "audit/report_formats.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

#define MISSING_MAX 12u /* characters named in a refusal */

static cairo_status_t append(void *closure, const unsigned char *data, unsigned length)
{
    g_byte_array_append(closure, data, length);
    return CAIRO_STATUS_SUCCESS;
}

static int compare_characters(gconstpointer a, gconstpointer b, gpointer data)
{
    guint first = GPOINTER_TO_UINT(a), second = GPOINTER_TO_UINT(b);

    (void)data;
    return first < second ? -1 : first > second;
}

static PangoContext *make_context(const OksePdf *pdf)
{
    const OkseDraw *draw = pdf->draw;
    g_autoptr(PangoFontMap) map = draw->pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT);
    cairo_font_options_t *options = draw->cairo_font_options_create();
    PangoContext *context;

    draw->pango_fc_font_map_set_config((PangoFcFontMap *)map, okse_pdf_fonts_config(pdf->fonts));
    draw->pango_cairo_font_map_set_resolution((PangoCairoFontMap *)map, 72);
    context = draw->pango_font_map_create_context(map);
    draw->cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    draw->cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    draw->cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    draw->pango_cairo_context_set_font_options(context, options);
    draw->cairo_font_options_destroy(options);
    draw->pango_context_set_round_glyph_positions(context, FALSE);
    draw->pango_context_set_language(context, draw->pango_language_from_string(pdf->language));
    draw->pango_context_set_base_dir(context, pdf->right_to_left ? PANGO_DIRECTION_RTL : PANGO_DIRECTION_LTR);
    return context;
}

static void write_document(OksePdf *pdf)
{
    pdf->page = 0;
    okse_pdf_begin(pdf, "Document", NULL);
    okse_pdf_page_open(pdf);
    okse_pdf_opening(pdf);
    okse_pdf_contents(pdf);
    okse_pdf_map(pdf);
    okse_pdf_findings(pdf);
    okse_pdf_declared(pdf);
    okse_pdf_unseen(pdf);
    okse_pdf_lawyer(pdf);
    okse_pdf_inventory(pdf);
    okse_pdf_controls(pdf);
    okse_pdf_method(pdf);
    okse_pdf_finish_tag(pdf, "Document");
    okse_pdf_page_close(pdf);
}

/* --- refusing what cannot be shown --- */

typedef struct {
    const OksePdf *pdf;
    GString *text;
    unsigned count;
} Missing;

static gboolean name_missing(gpointer key, gpointer value, gpointer data)
{
    Missing *missing = data;
    gunichar c = GPOINTER_TO_UINT(key);
    const char *package = okse_pdf_fonts_package(missing->pdf->fonts, c);
    char script[5];

    (void)value;
    if (missing->count++ >= MISSING_MAX)
        return FALSE;
    okse_pdf_script(c, script);
    g_string_append_printf(missing->text, "%sU+%04X", missing->count > 1 ? ", " : "", c);
    if (g_unichar_isgraph(c) && !g_unichar_ismark(c)) {
        g_string_append(missing->text, " '");
        g_string_append_unichar(missing->text, c);
        g_string_append_c(missing->text, '\'');
    }
    g_string_append_printf(missing->text, " (%s; %s)", script,
                           package != NULL ? package : "templates/report/fonts.yaml names no font for it");
    return FALSE;
}

static bool check_missing(const OksePdf *pdf, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Missing missing = {pdf, text, 0};
    int count = g_tree_nnodes(pdf->missing);

    if (count == 0)
        return true;
    g_tree_foreach(pdf->missing, name_missing, &missing);
    return okse_fail(error, OKSE_ERROR_SYSTEM,
                     "no PDF report in '%s': no installed font has %d of its characters: %s%s; install the named "
                     "packages (Debian), or take another format",
                     pdf->language, count, text->str, (unsigned)count > MISSING_MAX ? ", …" : "");
}

/* --- the document --- */

static void set_metadata(OksePdf *pdf)
{
    const json_t *tool = json_object_get(json_object_get(pdf->findings, "inputs"), "tool");
    const char *host = okse_json_peek_text(json_object_get(pdf->findings, "target"), "hostname");
    const char *verdict = okse_json_peek_text(pdf->findings, "verdict");
    gint64 seconds = 0;
    bool parsed = okse_text_time_parse(okse_json_peek_text(pdf->findings, "audited_at"), &seconds);
    g_autofree char *time = okse_text_time(parsed ? seconds : 0);
    g_autofree char *named = g_strdup_printf("%s – %s", okse_messages_get(pdf->messages, 0, "title", NULL), host);
    g_autofree char *by =
        g_strdup_printf("%s %s", okse_json_peek_text(tool, "name"), okse_json_peek_text(tool, "version"));
    g_autofree char *title = okse_pdf_plain(named), *author = okse_pdf_plain(by);
    g_autofree char *keywords = g_strdup_printf("okse.findings.v1 %s", pdf->digest);
    const struct {
        cairo_pdf_metadata_t kind;
        const char *text;
    } rows[] = {
        {CAIRO_PDF_METADATA_TITLE, title},
        {CAIRO_PDF_METADATA_AUTHOR, author},
        {CAIRO_PDF_METADATA_SUBJECT, verdict},
        {CAIRO_PDF_METADATA_KEYWORDS, keywords},
        {CAIRO_PDF_METADATA_CREATE_DATE, time},
        {CAIRO_PDF_METADATA_MOD_DATE, time},
        {CAIRO_PDF_METADATA_CREATOR, "okse " OKSE_VERSION},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        pdf->draw->cairo_pdf_surface_set_metadata(pdf->surface, rows[i].kind, rows[i].text);
}

static GBytes *draw_document(OksePdf *pdf, GError **error)
{
    const OkseDraw *draw = pdf->draw;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    cairo_status_t status;

    pdf->surface = draw->cairo_pdf_surface_create_for_stream(append, bytes, pdf->page_width, pdf->page_height);
    draw->cairo_pdf_surface_restrict_to_version(pdf->surface, CAIRO_PDF_VERSION_1_5);
    set_metadata(pdf);
    pdf->cr = draw->cairo_create(pdf->surface);
    write_document(pdf);
    status = draw->cairo_status(pdf->cr);
    draw->cairo_destroy(g_steal_pointer(&pdf->cr));
    draw->cairo_surface_finish(pdf->surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = draw->cairo_surface_status(pdf->surface);
    draw->cairo_surface_destroy(g_steal_pointer(&pdf->surface));
    if (status != CAIRO_STATUS_SUCCESS)
        return (void)okse_fail(error, OKSE_ERROR_SYSTEM, "the PDF could not be drawn: %s",
                               draw->cairo_status_to_string(status)),
               NULL;
    g_assert(pdf->page == pdf->pages); /* what is drawn is what was measured */
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

static void pdf_clear(OksePdf *pdf)
{
    g_clear_object(&pdf->context);
    if (pdf->code != NULL)
        pdf->draw->QRcode_free(pdf->code);
    g_free(pdf->digest);
    g_string_free(pdf->text, TRUE);
    g_hash_table_unref(pdf->places);
    g_hash_table_unref(pdf->detailed);
    g_tree_unref(pdf->missing);
}

static double line_height(OksePdf *pdf)
{
    g_autoptr(PangoLayout) layout = NULL;

    okse_pdf_say(pdf, "title");
    layout = okse_pdf_layout(pdf, OKSE_PDF_BODY, pdf->page_width);
    return okse_pdf_height(pdf, layout);
}

static bool pdf_init(OksePdf *pdf, OksePaper paper, GError **error)
{
    g_autoptr(GBytes) canonical = okse_json_write(pdf->findings);
    OkseSha256 digest = okse_sha256_of_bytes(canonical);
    char text[OKSE_SHA256_TEXT];

    pdf->digest = g_strdup(okse_sha256_text(&digest, text));
    pdf->page_width = paper == OKSE_PAPER_A4 ? 595.276 : 612; /* 210 × 297 mm, 8.5 × 11 in */
    pdf->page_height = paper == OKSE_PAPER_A4 ? 841.89 : 792;
    pdf->language = okse_messages_language(pdf->messages, 0);
    pdf->right_to_left = okse_messages_right_to_left(pdf->messages, 0);
    pdf->text = g_string_new(NULL);
    pdf->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    pdf->detailed = g_hash_table_new(g_direct_hash, g_direct_equal);
    pdf->missing = g_tree_new_full(compare_characters, NULL, NULL, NULL);
    pdf->code =
        pdf->draw->QRcode_encodeData((int)strlen(pdf->digest), (const unsigned char *)pdf->digest, 0, QR_ECLEVEL_M);
    if (pdf->code == NULL)
        return okse_fail_errno(error, "make the QR code of the findings' digest");
    pdf->context = make_context(pdf);
    pdf->line = line_height(pdf);
    return true;
}

static GBytes *render(const json_t *findings, const OksePdfOptions *options, const OkseMessages *messages,
                      const OkseResources *resources, GError **error)
{
    const char *language = okse_messages_language(messages, 0);
    OkseDraw draw; /* outlives the fonts, which are freed through it */
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    g_autoptr(OksePdfFonts) fonts = NULL;
    g_autoptr(GBytes) drawn = NULL;
    OksePdf pdf = {.draw = &draw, .findings = findings, .view = view, .messages = messages};
    GBytes *report = NULL;

    if (!okse_draw_load(&draw, error))
        return NULL;
    pdf.fonts = fonts = okse_pdf_fonts_open(&draw, resources, findings, language, error);
    if (fonts == NULL)
        return NULL;
    if (pdf_init(&pdf, options->paper, error)) {
        okse_pdf_share_room(&pdf);
        write_document(&pdf);
        pdf.pages = pdf.page;
        drawn = check_missing(&pdf, error) ? draw_document(&pdf, error) : NULL;
        if (drawn != NULL)
            report = okse_pdf_complete(&draw, drawn, language, pdf.right_to_left, options->signed_at, error);
    }
    pdf_clear(&pdf);
    return report;
}

GBytes *okse_report_pdf_draw(const json_t *findings, const OksePdfOptions *options, const OkseResources *resources,
                             GError **error)
{
    const char *const languages[] = {options->language, NULL};
    g_autoptr(OkseMessages) messages = okse_messages_open(resources, languages, error);

    return messages == NULL ? NULL : render(findings, options, messages, resources, error);
}
