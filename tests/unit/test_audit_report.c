#include "audit/report.h"

#include "audit/report_escape.h"
#include "audit/report_uuid.h"
#include "core/fd.h"
#include "core/limits.h"

#include <glib/gstdio.h>

static const char smallest[] =
    "{\"schema\":\"okse.findings.v1\",\"verdict\":\"inconclusive\",\"audited_at\":\"2026-11-23T07:30:00Z\","
    "\"target\":{\"hostname\":\"gpu01\"},\"inputs\":{\"facts\":\"\",\"manifests\":\"\",\"tool\":{\"name\":\"okse\","
    "\"version\":\"0\"}},\"languages\":[],\"jurisdictions\":[],\"summary\":{},\"controls\":{},\"findings\":[],"
    "\"collectors\":[],\"inventory\":{}}";

static json_t *smallest_findings(void)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(smallest, sizeof smallest - 1);
    g_autoptr(GError) error = NULL;
    json_t *findings = okse_findings_read(bytes, "smallest", &error);

    g_assert_no_error(error);
    return findings;
}

/* What `okse audit --report FORMAT=FILE` does. */
static void writes_what_was_asked(void)
{
    g_autoptr(json_t) findings = smallest_findings();
    g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *directory = g_dir_make_tmp("okse-report-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "a=b.html", NULL);
    g_autofree char *request = g_strconcat("html=", path, NULL);
    g_autoptr(GBytes) expected = okse_report_render(findings, "html", NULL, resources, &error);
    g_autoptr(GBytes) written = NULL;

    g_assert_true(okse_report_write(findings, request, NULL, resources, &error));
    g_assert_no_error(error);
    written = okse_read_path(path, OKSE_LIMIT_DOCUMENT, &error);
    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(written, expected));
    g_unlink(path);
    g_rmdir(directory);
}

static void refuses_a_malformed_request(void)
{
    static const char *const requests[] = {"html", "html=", "=file", "docx=file", ""};

    for (unsigned i = 0; i < G_N_ELEMENTS(requests); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(okse_report_request_check(requests[i], &error));
        g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    }
    g_assert_true(okse_report_request_check("sarif-full=a=b", NULL));
}

/* OSCAL and XCCDF have no form for an audit without findings: an error, never an empty yes. */
static void refuses_formats_that_cannot_say_nothing(void)
{
    g_autoptr(json_t) findings = smallest_findings();
    g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

    for (const char *const *format = okse_report_formats(); *format != NULL; format++) {
        bool formless = g_str_equal(*format, "oscal") || g_str_equal(*format, "xccdf");
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) report = NULL;

        if (g_str_equal(*format, "pdf"))
            continue; /* needs fonts: tests/e2e/test_report_pdf.py */
        report = okse_report_render(findings, *format, NULL, resources, &error);
        g_assert_true((report == NULL) == formless);
        if (formless)
            g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    }
}

static void uuids_are_version_five(void)
{
    char text[OKSE_UUID_TEXT];

    /* python3: uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, "https://okse.dev/ns/findings"), "run:abc") */
    g_assert_cmpstr(okse_uuid5("run", "abc", text), ==, "70973490-485c-547d-99ca-8f0746b68ab4");
}

static void escapes(void)
{
    g_autoptr(GString) markup = g_string_new(NULL), cell = g_string_new(NULL), label = g_string_new(NULL);

    okse_escape_markup(markup, "<a b=\"c'd\">&\x1b\xef\xbf\xbf\n");
    g_assert_cmpstr(markup->str, ==, "&lt;a b=&quot;c&#39;d&quot;&gt;&amp;\\u{1b}\\u{ffff}\n");
    okse_escape_csv(cell, "=1+1,\"x\"");
    g_assert_cmpstr(cell->str, ==, "\"'=1+1,\"\"x\"\"\"");
    okse_escape_prometheus(label, "a\"b\\c\nd");
    g_assert_cmpstr(label->str, ==, "a\\\"b\\\\c\\nd");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit/report/writes-what-was-asked", writes_what_was_asked);
    g_test_add_func("/audit/report/refuses-a-malformed-request", refuses_a_malformed_request);
    g_test_add_func("/audit/report/refuses-formats-that-cannot-say-nothing", refuses_formats_that_cannot_say_nothing);
    g_test_add_func("/audit/report/uuids", uuids_are_version_five);
    g_test_add_func("/audit/report/escapes", escapes);
    return g_test_run();
}
