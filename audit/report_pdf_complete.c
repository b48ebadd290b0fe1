/* What cairo cannot put into a PDF, by qpdf: the language, reading direction, an identifier made of the content, and
 * room for a signature. */
#include "audit/report_pdf_internal.h"
#include "audit/report_pdf_sign.h"

static bool failed(const OkseDraw *draw, qpdf_data pdf, GError **error)
{
    qpdf_error reason = draw->qpdf_has_error(pdf) ? draw->qpdf_get_error(pdf) : NULL;

    return okse_fail(error, OKSE_ERROR_SYSTEM, "the PDF could not be completed: %s",
                     reason != NULL ? draw->qpdf_get_error_message_detail(pdf, reason) : "qpdf gives no reason");
}

static void set(const OkseDraw *draw, qpdf_data pdf, qpdf_oh object, const char *key, const char *value)
{
    draw->qpdf_oh_replace_key(pdf, object, key, draw->qpdf_oh_parse(pdf, value));
}

static qpdf_oh indirect(const OkseDraw *draw, qpdf_data pdf, const char *value)
{
    return draw->qpdf_make_indirect_object(pdf, draw->qpdf_oh_parse(pdf, value));
}

/* A field for a signature that nobody sees, on the first page. Source: ISO 32000-1 §12.7.4.5, §12.8.1. */
static void add_signature(const OkseDraw *draw, qpdf_data pdf, qpdf_oh root, gint64 signed_at)
{
    g_autofree char *room = okse_pdf_signature_room(signed_at);
    qpdf_oh page = draw->qpdf_get_page_n(pdf, 0), annotations = draw->qpdf_oh_get_key(pdf, page, "/Annots");
    qpdf_oh field =
        indirect(draw, pdf, "<< /Type /Annot /Subtype /Widget /FT /Sig /T (okse) /F 132 /Rect [ 0 0 0 0 ] >>");
    qpdf_oh form = draw->qpdf_oh_parse(pdf, "<< /SigFlags 3 /Fields [ ] >>");

    draw->qpdf_oh_replace_key(pdf, field, "/V", indirect(draw, pdf, room));
    draw->qpdf_oh_replace_key(pdf, field, "/P", page);
    draw->qpdf_oh_append_item(pdf, draw->qpdf_oh_get_key(pdf, form, "/Fields"), field);
    draw->qpdf_oh_replace_key(pdf, root, "/AcroForm", form);
    if (!draw->qpdf_oh_is_array(pdf, annotations)) {
        set(draw, pdf, page, "/Annots", "[ ]");
        annotations = draw->qpdf_oh_get_key(pdf, page, "/Annots");
    }
    draw->qpdf_oh_append_item(pdf, annotations, field);
}

static GBytes *write_out(const OkseDraw *draw, qpdf_data pdf, GError **error)
{
    if ((draw->qpdf_init_write_memory(pdf) & QPDF_ERRORS) != 0)
        return (void)failed(draw, pdf, error), NULL;
    draw->qpdf_set_deterministic_ID(pdf, QPDF_TRUE);
    draw->qpdf_set_object_stream_mode(pdf, qpdf_o_disable); /* a signature must stand in the open */
    if ((draw->qpdf_write(pdf) & QPDF_ERRORS) != 0)
        return (void)failed(draw, pdf, error), NULL;
    return g_bytes_new(draw->qpdf_get_buffer(pdf), draw->qpdf_get_buffer_length(pdf));
}

GBytes *okse_pdf_complete(const OkseDraw *draw, GBytes *drawn, const char *language, bool right_to_left,
                          const gint64 *signed_at, GError **error)
{
    gsize length;
    const char *data = g_bytes_get_data(drawn, &length);
    g_autofree char *lang = g_strdup_printf("(%s)", language);
    qpdf_data pdf = draw->qpdf_init();
    GBytes *completed = NULL;

    draw->qpdf_silence_errors(pdf);
    if ((draw->qpdf_read_memory(pdf, "report", data, length, NULL) & QPDF_ERRORS) != 0) {
        failed(draw, pdf, error);
    } else {
        qpdf_oh root = draw->qpdf_get_root(pdf);

        set(draw, pdf, root, "/Lang", lang);
        set(draw, pdf, root, "/ViewerPreferences",
            right_to_left ? "<< /DisplayDocTitle true /Direction /R2L >>" : "<< /DisplayDocTitle true >>");
        if (signed_at != NULL)
            add_signature(draw, pdf, root, *signed_at);
        completed = write_out(draw, pdf, error);
    }
    draw->qpdf_cleanup(&pdf);
    return completed;
}
