/* A findings document from outside: an error is set exactly when nothing is returned, and what was accepted renders in
 * every format, twice to the same bytes. Not as PDF: that needs fonts, and most of its time is spent in their
 * libraries. */
#include "audit/report.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) findings = okse_findings_read(bytes, "fuzz", &error);
    g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

    g_assert((findings == NULL) == (error != NULL));
    for (const char *const *format = okse_report_formats(); findings != NULL && *format != NULL; format++) {
        g_autoptr(GError) refused = NULL;
        g_autoptr(GBytes) once = NULL, twice = NULL;

        if (strcmp(*format, "pdf") == 0)
            continue;
        once = okse_report_render(findings, *format, NULL, resources, &refused);
        twice = okse_report_render(findings, *format, NULL, resources, NULL);
        g_assert((once == NULL) == (refused != NULL)); /* XCCDF and OSCAL have no form for "no finding at all" */
        g_assert((once == NULL) == (twice == NULL));
        g_assert(once == NULL || g_bytes_equal(once, twice));
    }
    return 0;
}
