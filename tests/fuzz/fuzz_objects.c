/* Structured files of a target: whatever the bytes are, the readers end, and what they add is a facts document. The
 * first byte chooses what the file is called. */
#include "audit/object_store.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const OkseResources *resources(void)
{
    static OkseResources *opened;

    if (opened == NULL)
        opened = okse_resources_open(NULL, NULL);
    return opened;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {
        "/opt/a/objects.yaml", "/opt/a/compose.yaml",        "/etc/systemd/system/a.service",
        "/opt/a/x.tfstate",    "/etc/grafana/grafana.ini",   "/etc/loki/config.yaml",
        "/opt/a/config.json",  "/etc/containers/x.container"};
    static OkseSecretScan *masker;
    static OkseScanner *scanner;
    static OkseAtlas *atlas;
    static OkseObjects *objects;
    g_autoptr(OkseFacts) facts = okse_facts_new();
    g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GBytes) bytes = g_bytes_new(size > 0 ? data + 1 : data, size > 0 ? size - 1 : 0);
    const char *name = names[size > 0 ? data[0] % G_N_ELEMENTS(names) : 0];
    OkseCollection collection = {.facts = facts, .sysroot_fd = -1, .root_fd = -1, .claims = claims};
    g_autoptr(json_t) document = NULL;

    if (masker == NULL) {
        masker = okse_secret_scan_new(okse_secret_rules_read(resources(), NULL), "");
        scanner = okse_scanner_new(resources(), false, NULL);
        atlas = okse_atlas_open(resources(), NULL, NULL, NULL);
        objects = okse_objects_new(resources(), NULL);
        g_assert(masker != NULL && scanner != NULL && atlas != NULL && objects != NULL);
    }
    json_array_clear(objects->workloads);
    json_array_clear(objects->policies);
    json_array_clear(objects->configs);
    json_object_clear(objects->maps);
    json_object_clear(objects->forms);
    collection.objects = objects;
    collection.masker = masker;
    collection.scanner = scanner;
    collection.atlas = atlas;
    okse_collect_objects(&collection,
                         &(OkseScanFile){.collector = "configuration", .path = name, .name = name, .bytes = bytes});
    okse_facts_coverage(facts, "configuration", OKSE_COMPLETE, NULL);
    okse_collect_objects_finish(&collection);
    document = okse_facts_finish(facts, atlas, NULL);
    g_assert(json_is_object(document));
    return 0;
}
