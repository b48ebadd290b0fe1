/* What was compiled for a device, and the config of an image, from arbitrary bytes: only texts, numbers and flags come
 * out, and they can be compared with anything. */
#include "audit/compatibility.h"
#include "packager/artefact.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_bytes(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    GBytes *bytes = (GBytes *)(uintptr_t)context;

    if (offset > g_bytes_get_size(bytes) || length > g_bytes_get_size(bytes) - offset)
        return okse_fail(error, OKSE_ERROR_INVALID, "ends early");
    if (length > 0)
        memcpy(buffer, (const uint8_t *)g_bytes_get_data(bytes, NULL) + offset, length);
    return true;
}

static void check_image(const json_t *table, GBytes *bytes)
{
    g_autoptr(json_t) config = okse_json_read(bytes, 1u << 20, "config", NULL);
    g_autoptr(json_t) programs = okse_compatibility_image(table, config);
    const json_t *program;
    size_t i;

    json_array_foreach(programs, i, program)
        g_assert(okse_json_peek_text(program, "name") != NULL && okse_json_peek_text(program, "version") != NULL);
}

/* Compared with a model and a kit, whatever it says. */
static void check_fitting(const json_t *table, json_t *artefact)
{
    g_autoptr(json_t) fitting =
        json_pack("{s:[{s:s,s:s,s:s,s:s}],s:[{s:s,s:s,s:{s:i}}],s:[O],s:[],s:[]}", "packages", "type", "wheel", "name",
                  "furiosa-llm", "version", "2026.3.0", "by", "package", "models", "component", "m", "architecture",
                  "Exaone4ForCausalLM", "config", "hidden_size", 5120, "artefacts", artefact, "drivers", "hosts");
    g_autoptr(json_t) rows = NULL;

    json_object_set_new(artefact, "component", json_string("m"));
    json_object_set_new(artefact, "path", json_string("x"));
    rows = okse_compatibility_compare(table, fitting);
    g_assert(json_array_size(rows) >= 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *table;
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    OkseReadable file = {"x.fxb", size, read_bytes, bytes};
    const json_t *rules, *rule;
    size_t i;

    if (table == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        table = okse_compatibility_read(resources, NULL);
        g_assert(table != NULL);
    }
    check_image(table, bytes);
    rules = json_object_get(table, "artefacts");
    json_array_foreach(rules, i, rule)
    {
        g_autoptr(json_t) read = okse_artefact_read(rule, &file, NULL);
        g_autoptr(json_t) artefact = json_object();

        g_assert(read != NULL); /* memory can be read */
        for (const char *const *key = (const char *const[]){"train", "architecture", NULL}; *key != NULL; key++)
            g_assert(json_is_null(json_object_get(read, *key)) || json_is_string(json_object_get(read, *key)));
        json_object_update(artefact, (json_t *)(uintptr_t)rule);
        json_object_update(artefact, read);
        check_fitting(table, artefact);
    }
    return 0;
}
