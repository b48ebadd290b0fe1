/* Waivers of strangers: what is read has an end, names controls that may be waived, and waives only failures. */
#include "audit/waiver.h"
#include "core/json.h"
#include "core/resource.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *some_findings(void)
{
    return json_pack("[{s:s,s:s,s:s,s:i,s:[{s:s,s:s}]},{s:s,s:s,s:s,s:i,s:[]}]", "control", "secrets.none", "provision",
                     "shp-secrets", "status", "fail", "violations", 1, "evidence", "verdict", "violation", "file", "a",
                     "control", "secrets.none", "provision", "shp-secrets", "status", "inconclusive", "violations", 0,
                     "evidence");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseLaw *law;
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    const OkseWaiversRequest request = {
        .origin = "waivers.yaml", .bytes = bytes, .at = 1780000000, .stack = "civic", .country = "VN"};
    g_autoptr(OkseWaivers) waivers = NULL;
    g_autoptr(json_t) findings = NULL, shown = NULL;
    json_t *row;
    size_t i;

    if (law == NULL) {
        static const char *const wanted[] = {"shipping", NULL};
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        law = okse_law_load(resources, wanted, NULL);
        g_assert(law != NULL);
    }
    waivers = okse_waivers_read(&request, law, NULL);
    if (waivers == NULL)
        return 0;
    findings = some_findings();
    okse_waivers_apply(waivers, findings); /* nobody approved them */
    g_assert(strcmp(okse_json_peek_text(json_array_get(findings, 0), "status"), "fail") == 0);
    shown = okse_waivers_json(waivers);
    json_array_foreach(json_object_get(shown, "rows"), i, row)
    {
        const char *id = okse_json_peek_text(row, "control");

        g_assert(okse_law_control(law, id) != NULL && okse_law_control(law, id)->waivable);
        g_assert(okse_json_peek_text(row, "until") != NULL);
    }
    return 0;
}
