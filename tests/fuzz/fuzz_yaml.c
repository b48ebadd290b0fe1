/* Reading YAML never crashes, and an error is set exactly when nothing is returned. */
#include "core/yaml.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(OkseYaml *yaml, const GError *error)
{
    g_assert((yaml == NULL) == (error != NULL));
    for (unsigned i = 0; yaml != NULL && i < okse_yaml_documents(yaml); i++) {
        json_t *value = okse_node_to_json(okse_yaml_document(yaml, i));

        g_assert(value != NULL);
        json_decref(value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL, foreign_error = NULL;
    g_autoptr(OkseYaml) yaml = okse_yaml_read(bytes, "fuzz", &error);
    g_autoptr(OkseYaml) foreign = okse_yaml_read_foreign(bytes, "fuzz", &foreign_error);

    check(yaml, error);
    check(foreign, foreign_error);
    return 0;
}
