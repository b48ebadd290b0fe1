/* What is fetched at run time, looked for in arbitrary text: the facts are JSON whatever the bytes are. */
#include "audit/fetches.h"
#include "audit/secret_scan.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseFetchRules *rules;
    static OkseSecretScan *masker;
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(OkseFacts) facts = okse_facts_new();
    OkseCollection collection = {.facts = facts, .root_fd = -1, .sysroot_fd = -1};

    if (rules == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        rules = okse_fetch_rules_read(resources, NULL);
        masker = okse_secret_scan_new(okse_secret_rules_read(resources, NULL), "");
        g_assert(rules != NULL && masker != NULL);
    }
    collection.fetches = rules;
    collection.masker = masker;
    okse_collect_fetches(&collection,
                         &(OkseScanFile){"configuration", "serving/fuzz.sh", "fuzz.sh", "serving", bytes, false, NULL});
    return 0;
}
