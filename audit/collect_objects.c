/* Which reader a structured file belongs to. A file that looks like one of these and cannot be read makes the collector
 * partial; the scanner reads every file in any case. */
#include "audit/collect_objects.h"

#include "audit/config_tree.h"
#include "audit/object_fields.h"
#include "audit/object_store.h"
#include "audit/redact.h"
#include "audit/workload.h"
#include "core/fd.h"
#include "core/text.h"

#include <string.h>

#define VALUES 4096u /* of one program's configuration */

OkseObjects *okse_objects_new(const OkseResources *resources, GError **error)
{
    g_autoptr(OkseObjects) objects = g_new0(OkseObjects, 1);

    objects->workloads = json_array();
    objects->policies = json_array();
    objects->configs = json_array();
    objects->maps = json_object();
    objects->forms = json_object();
    objects->fields = okse_object_fields_read(resources, error);
    objects->telemetry = objects->fields == NULL ? NULL : okse_telemetry_read(resources, error);
    return objects->telemetry == NULL ? NULL : g_steal_pointer(&objects);
}

void okse_objects_free(OkseObjects *objects)
{
    if (objects == NULL)
        return;
    json_decref(objects->fields);
    json_decref(objects->workloads);
    json_decref(objects->policies);
    json_decref(objects->configs);
    json_decref(objects->maps);
    json_decref(objects->forms);
    okse_telemetry_free(objects->telemetry);
    g_free(objects);
}

bool okse_objects_is_form(const OkseObjects *objects, const char *path, unsigned line)
{
    const json_t *ranges = json_object_get(objects->forms, path), *range;
    size_t i;

    json_array_foreach(ranges, i, range) if (line >= json_integer_value(json_array_get(range, 0)) &&
                                             line <= json_integer_value(json_array_get(range, 1))) return true;
    return false;
}

static bool has_word(GBytes *bytes, const char *word)
{
    gsize length;
    const char *text = g_bytes_get_data(bytes, &length);

    return length > 0 && g_strstr_len(text, (gssize)length, word) != NULL;
}

static void read_document(const OkseObjectFile *file, const OkseNode *node)
{
    if (okse_node_kind(node) != OKSE_NODE_MAP)
        return;
    if (okse_object_is_kubernetes(node))
        okse_collect_kubernetes(file, node);
    else if (okse_object_is_terraform(node))
        okse_collect_terraform(file, node);
    else if (okse_object_is_container(node))
        okse_collect_container(file, node);
    else if (okse_object_is_compose(file->file->path, node))
        okse_collect_compose(file, node);
}

/* A file that is neither cannot hide a workload. */
static bool may_hold_objects(GBytes *bytes)
{
    return (has_word(bytes, "apiVersion") && has_word(bytes, "kind")) || has_word(bytes, "services:") ||
           has_word(bytes, "terraform_version") || has_word(bytes, "ociVersion") || has_word(bytes, "MountPoints");
}

static void read_documents(OkseObjectFile *file)
{
    bool named =
        file->json || g_str_has_suffix(file->file->path, ".yaml") || g_str_has_suffix(file->file->path, ".yml");
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseYaml) yaml = NULL;
    const char *template;

    if (!named || !may_hold_objects(file->file->bytes))
        return;
    template = okse_object_template(file->file->bytes);
    if (template != NULL) {
        okse_object_partial(file, template);
        return;
    }
    yaml = okse_object_read(file, &error);
    if (yaml == NULL)
        okse_facts_coverage(file->collection->facts, file->collector, OKSE_PARTIAL, error->message);
    for (unsigned i = 0; yaml != NULL && i < okse_yaml_documents(yaml); i++)
        read_document(file, okse_yaml_document(yaml, i));
}

/* Variables in a file of their own (env_file, EnvironmentFile). */
static void on_assignment(void *context, const char *line, unsigned number, const char *path)
{
    json_t *rows = context;
    g_autofree char *text = g_strstrip(g_strdup(line));
    char *name = g_str_has_prefix(text, "export ") ? text + strlen("export ") : text, *equals = strchr(name, '='),
         *value;
    size_t length;

    if (*name == '#' || equals == NULL)
        return;
    *equals = '\0';
    value = g_strstrip(equals + 1);
    length = strlen(value);
    if (length >= 2 && (*value == '"' || *value == '\'') && value[length - 1] == *value) {
        value[length - 1] = '\0';
        value++;
    }
    json_object_set_new(rows, name,
                        json_pack("{s:s,s:I,s:s}", "value", okse_redact_key(name) && *value != '\0' ? "***" : value,
                                  "line", (json_int_t)number, "path", path));
}

static json_t *read_assignments(const OkseCollection *collection, const char *path, GBytes *bytes)
{
    g_autofree char *raw = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_autofree char *text = g_utf8_make_valid(raw, -1);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(json_t) rows = json_object();

    for (unsigned i = 0; lines[i] != NULL; i++)
        on_assignment(rows, lines[i], i + 1, path);
    return okse_collect_mask_texts(collection, rows);
}

const json_t *okse_object_variables(OkseCollection *collection, const char *path)
{
    g_autofree char *name = g_strdup_printf("file %s", path);
    const json_t *known = json_object_get(collection->objects->maps, name);
    g_autoptr(GBytes) bytes = NULL;

    if (known != NULL || !collection->host || *path != '/')
        return known;
    bytes = okse_collect_read(collection, path, OKSE_COLLECT_FILE_LIMIT, NULL);
    if (bytes == NULL)
        return NULL;
    json_object_set_new(collection->objects->maps, name, read_assignments(collection, path, bytes));
    return json_object_get(collection->objects->maps, name);
}

static void keep_variables(const OkseObjectFile *file)
{
    g_autofree char *base = g_path_get_basename(file->file->path);
    g_autofree char *name = g_strdup_printf("file %s", file->file->path);

    if (strcmp(base, ".env") == 0 || g_str_has_suffix(base, ".env"))
        json_object_set_new(file->collection->objects->maps, name,
                            read_assignments(file->collection, file->file->path, file->file->bytes));
}

typedef struct {
    const OkseObjectFile *file;
    json_t *values;
    unsigned first; /* line of the text's first line in the file, minus one */
} Config;

static void keep_value(const Config *config, const char *key, const char *value, unsigned line)
{
    const char *dot = strrchr(key, '.');

    if (json_object_size(config->values) < VALUES)
        json_object_set_new(config->values, key,
                            json_pack("{s:o,s:I}", "value",
                                      okse_object_text(config->file, dot != NULL ? dot + 1 : key, value), "line",
                                      (json_int_t)(config->first + line)));
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_CONFIG_DEPTH */
static void flatten(const Config *config, const OkseConfigNode *node, const char *prefix)
{
    for (guint i = 0; node->children != NULL && i < node->children->len; i++) {
        const OkseConfigNode *child = g_ptr_array_index(node->children, i);
        g_autofree char *key = g_strdup_printf("%s%s%s", prefix, *prefix != '\0' ? "." : "", child->key);

        if (child->value != NULL)
            keep_value(config, key, child->value, child->line);
        flatten(config, child, key);
    }
}

static const char *format_of(const char *path)
{
    static const struct {
        const char *ending, *format;
    } formats[] = {{".yaml", "yaml"}, {".yml", "yaml"}, {".json", "yaml"},
                   {".toml", "toml"}, {".ini", "ini"},  {".conf", "ini"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++)
        if (g_str_has_suffix(path, formats[i].ending))
            return formats[i].format;
    return "env";
}

void okse_object_config(const OkseObjectFile *file, const OkseObjectPlace *place, const char *path, const char *text)
{
    g_autofree char *valid = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(OkseConfig) parsed = NULL;
    Config config = {file, NULL, 0};

    if (!okse_telemetry_configures(file->collection->objects->telemetry, NULL, path))
        return;
    valid = g_utf8_make_valid(text, -1);
    bytes = g_bytes_new(valid, strlen(valid));
    parsed = okse_config_read(format_of(path), bytes, path, NULL);
    if (parsed == NULL)
        okse_object_partial(file, "is a program's configuration that could not be understood");
    if (parsed == NULL)
        return;
    config.values = json_object();
    config.first = place->line == 0                          ? 0
                   : place->key == NULL                      ? place->line - 1
                   : okse_object_is_block(file, place, text) ? place->line
                                                             : 0;
    flatten(&config, okse_config_root(parsed), "");
    json_array_append_new(file->collection->objects->configs,
                          json_pack("{s:s,s:s,s:o,s:o,s:s?}", "name", path, "path", file->file->path, "values",
                                    config.values, "source", okse_object_source(file, place), "component",
                                    file->file->component));
}

static void read_config(const OkseObjectFile *file)
{
    g_autofree char *text = NULL;

    if (!okse_telemetry_configures(file->collection->objects->telemetry, NULL, file->file->path))
        return;
    text = okse_text_of_bytes(file->file->bytes);
    okse_object_config(file, &(OkseObjectPlace){.line = 1}, file->file->path, text);
}

void okse_collect_objects(OkseCollection *collection, const OkseScanFile *scanned)
{
    OkseObjectFile file;

    if (collection->objects == NULL)
        return;
    okse_object_file_init(&file, collection, scanned, "workloads");
    if (g_str_has_suffix(scanned->path, ".tfstate"))
        file.collector = "resources";
    if (g_str_has_suffix(scanned->path, ".tf"))
        okse_facts_coverage(collection->facts, "resources", OKSE_PARTIAL,
                            "Terraform's own language (*.tf) is read by the scanner only");
    if (okse_object_is_unit(scanned->path))
        okse_collect_unit(&file);
    else
        read_documents(&file);
    keep_variables(&file);
    read_config(&file);
}
