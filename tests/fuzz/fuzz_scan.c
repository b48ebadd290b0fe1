/* The endpoint scanner on arbitrary text: every report lies inside the text, evidence is masked without a crash, and
 * with the filter in front the same is found as without. */
#include "audit/redact.h"
#include "audit/scan.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_endpoint(void *context, const OkseScanEndpoint *found)
{
    g_autofree char *masked = okse_redact_line(found->line);

    g_assert(masked != NULL && g_utf8_validate(masked, -1, NULL));
    g_assert(found->line_number > 0 && found->column > 0 && found->column <= strlen(found->line) + 1);
    g_assert(*found->host != '\0' && found->port <= 65535 && (found->role != NULL) == (found->noise == NULL));
    g_string_append_printf(context, "%s %u %s %s %s %s %s %u:%u\n", found->host, found->port,
                           found->scheme != NULL ? found->scheme : "-", found->key != NULL ? found->key : "-",
                           found->role != NULL ? found->role : "-", found->direction,
                           found->noise != NULL ? found->noise : "-", found->line_number, found->column);
}

static void on_setting(void *context, const OkseScanSetting *found)
{
    g_assert(*found->name != '\0' && found->line_number > 0);
    g_string_append_printf(context, "%s=%s %u\n", found->name, found->value, found->line_number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseScanner *scanners[2];
    static const char *const files[] = {"fuzz.yaml", "/etc/fluent-bit/x.conf", "/etc/systemd/timesyncd.conf"};
    GString *seen[2] = {g_string_new(NULL), g_string_new(NULL)};
    bool whole[2] = {false, false};

    for (unsigned i = 0; i < 2 && scanners[i] == NULL; i++) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        scanners[i] = okse_scanner_new(resources, i == 1, NULL);
        g_assert(scanners[i] != NULL);
    }
    for (unsigned i = 0; i < 2; i++) {
        OkseScanSink sink = {on_endpoint, on_setting, seen[i]};

        whole[i] = okse_scan_text(scanners[i], files[size % 3], (const char *)data, size, &sink);
    }
    g_assert(whole[0] == whole[1]);
    g_assert_cmpstr(seen[0]->str, ==, seen[1]->str);
    g_string_free(seen[0], TRUE);
    g_string_free(seen[1], TRUE);
    return 0;
}
