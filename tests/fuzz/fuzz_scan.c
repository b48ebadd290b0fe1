/* The endpoint scanner on arbitrary text: every report lies inside the text, and evidence is masked without a crash. */
#include "audit/redact.h"
#include "audit/scan.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_endpoint(void *context, const OkseScanEndpoint *found)
{
    g_autofree char *masked = okse_redact_line(found->line);

    (void)context;
    g_assert(masked != NULL && g_utf8_validate(masked, -1, NULL));
    g_assert(found->line_number > 0 && found->column > 0 && found->column <= strlen(found->line) + 1);
    g_assert(*found->host != '\0' && found->port <= 65535 && found->role != NULL);
}

static void on_setting(void *context, const OkseScanSetting *found)
{
    (void)context;
    g_assert(*found->name != '\0' && found->line_number > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseScanner *scanner;
    OkseScanSink sink = {on_endpoint, on_setting, NULL};

    if (scanner == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        scanner = okse_scanner_new(resources, NULL);
        g_assert(scanner != NULL);
    }
    okse_scan_text(scanner, "fuzz.yaml", (const char *)data, size, &sink);
    return 0;
}
