/* What every engine's workload is made of. Values are masked as they come in: what decides about telemetry is a short
 * word and no secret. */
#include "audit/workload.h"

#include "audit/object_store.h"

#include <string.h>

#define CONTAINERS 256u /* of one workload */
#define VARIABLES 1024u /* of one container */
#define WORDS 512u      /* of one command */
#define VOLUMES 512u

static json_t *text_or_null(const char *text)
{
    g_autofree char *valid = text != NULL ? g_utf8_make_valid(text, -1) : NULL;

    return valid != NULL ? json_string(valid) : json_null();
}

json_t *okse_workload_new(const OkseObjectFile *file, const OkseObjectPlace *place, const char *engine,
                          const char *kind)
{
    json_t *workload = json_pack("{s:s,s:n,s:n,s:[],s:[],s:n,s:n,s:n,s:[],s:n,s:s}", "engine", engine, "namespace",
                                 "name", "containers", "volumes", "host_network", "service_account_token",
                                 "service_account", "regions", "schedule", "egress", "none");

    json_object_set_new(workload, "kind", text_or_null(kind));
    json_object_set_new(workload, "component", text_or_null(file->file->component));
    json_object_set_new(workload, "source", okse_object_source(file, place));
    json_object_set_new(workload, "state", json_string("configured"));
    return workload;
}

void okse_workload_name(json_t *workload, const char *namespace_, const char *name)
{
    json_object_set_new(workload, "namespace", text_or_null(namespace_));
    json_object_set_new(workload, "name", text_or_null(name));
}

json_t *okse_workload_container(json_t *workload, const char *name)
{
    json_t *containers = json_object_get(workload, "containers"), *container;

    container = json_pack("{s:n,s:n,s:n,s:[],s:[],s:[],s:[],s:n,s:n}", "image", "registry", "digest", "command", "env",
                          "env_from", "mounts", "line", "log_driver");
    json_object_set_new(container, "name", text_or_null(name));
    if (json_array_size(containers) < CONTAINERS)
        json_array_append(containers, container);
    json_decref(container);
    return json_array_size(containers) > 0 ? json_array_get(containers, json_array_size(containers) - 1) : NULL;
}

void okse_container_image(const OkseObjectFile *file, const OkseObjectPlace *place, json_t *container,
                          const char *reference)
{
    g_autoptr(json_t) image = NULL;

    if (reference == NULL || *reference == '\0')
        return;
    json_object_set_new(container, "line", place->line > 0 ? json_integer(place->line) : json_null());
    json_object_set_new(container, "image", okse_object_text(file, NULL, reference));
    if (strchr(reference, '$') != NULL || strchr(reference, '{') != NULL) {
        okse_object_partial(file, "names an image by a variable");
        return;
    }
    image = okse_object_image(reference);
    json_object_set(container, "registry", json_object_get(image, "registry"));
    json_object_set(container, "digest", json_object_get(image, "digest"));
    okse_object_registry(file, place, image);
}

void okse_container_variable(const OkseObjectFile *file, const OkseObjectPlace *place, json_t *container,
                             const char *name, const char *value, const char *from)
{
    json_t *variables = json_object_get(container, "env");
    json_t *row;

    if (json_array_size(variables) >= VARIABLES) {
        okse_object_partial(file, "has a container with more variables than are told");
        return;
    }
    row = json_object();
    json_object_set_new(row, "name", text_or_null(name));
    json_object_set_new(row, "value", okse_object_text(file, name, value));
    json_object_set_new(row, "from", text_or_null(from));
    json_object_set_new(row, "path", text_or_null(file->file->path));
    json_object_set_new(row, "line", place->line > 0 ? json_integer(place->line) : json_null());
    json_array_append_new(variables, row);
    if (value != NULL)
        okse_object_scan(file, place, value);
}

void okse_container_variables_from(json_t *container, const char *from)
{
    json_array_append_new(json_object_get(container, "env_from"), text_or_null(from));
}

void okse_container_assignment(const OkseObjectFile *file, const OkseObjectPlace *place, json_t *container,
                               const char *text)
{
    const char *equals = strchr(text, '=');
    g_autofree char *name = equals != NULL ? g_strndup(text, (gsize)(equals - text)) : g_strdup(text);
    OkseObjectPlace at = *place;

    at.key = name;
    at.text = equals != NULL ? equals + 1 : NULL;
    okse_container_variable(file, &at, container, name, at.text, NULL);
}

/* What a flag's value reaches: "--x=value", "--x value", or a word alone. */
static void scan_word(const OkseObjectFile *file, const OkseObjectPlace *place, const char *word, const char *before)
{
    const char *equals = strchr(word, '='), *flag = *word == '-' && equals != NULL ? word : before;
    g_autofree char *name = NULL;
    OkseObjectPlace at = *place;

    at.key = NULL;
    if (flag != NULL && *flag == '-') {
        name = g_strndup(flag + strspn(flag, "-"), strcspn(flag + strspn(flag, "-"), "="));
        at.key = name;
    }
    if (*word == '-' && equals == NULL)
        return;
    at.text = *word == '-' ? equals + 1 : word;
    okse_object_scan(file, &at, at.text);
}

static void add_word(const OkseObjectFile *file, const OkseObjectPlace *place, json_t *container, const char *word)
{
    json_t *words = json_object_get(container, "command");
    const char *before = json_string_value(json_array_get(words, json_array_size(words) - 1));
    g_autofree char *last = g_strdup(json_array_size(words) > 0 ? before : NULL);
    bool flag = last != NULL && *last == '-' && strchr(last, '=') == NULL;
    g_autofree char *name = flag ? g_strdup(last + strspn(last, "-")) : NULL;

    if (json_array_size(words) >= WORDS)
        return;
    json_array_append_new(words, okse_object_text(file, flag && *word != '-' ? name : NULL, word));
    scan_word(file, place, word, flag ? last : NULL);
}

void okse_container_words(const OkseObjectFile *file, const OkseObjectPlace *place, json_t *container,
                          const char *const *words)
{
    for (; *words != NULL; words++)
        add_word(file, place, container, *words);
}

void okse_container_command(const OkseObjectFile *file, json_t *container, const OkseNode *node)
{
    OkseObjectPlace place = okse_object_place(file, node, NULL);
    const char *text = node != NULL ? okse_node_text(node) : NULL;
    g_auto(GStrv) words = NULL;
    OkseObjectFile quiet = *file;

    if (node == NULL || okse_node_kind(node) == OKSE_NODE_NULL)
        return;
    for (unsigned i = 0; i < okse_node_count(node) && okse_node_kind(node) == OKSE_NODE_LIST; i++) {
        const OkseNode *word = okse_node_item(node, i);

        place = okse_object_place(file, word, NULL);
        if (okse_node_text(word) != NULL)
            add_word(file, &place, container, okse_node_text(word));
    }
    if (text == NULL)
        return;
    quiet.quiet = file->quiet || !okse_object_is_inline(file, &place, text); /* a folded text spans lines */
    if (g_shell_parse_argv(text, NULL, &words, NULL))
        okse_container_words(&quiet, &place, container, (const char *const *)words);
    else
        add_word(&quiet, &place, container, text);
}

void okse_container_mount(const OkseObjectFile *file, json_t *container, const char *from, const char *to)
{
    json_t *mounts = json_object_get(container, "mounts");

    if (json_array_size(mounts) < VOLUMES)
        json_array_append_new(mounts, json_pack("{s:o,s:o}", "from", okse_object_text(file, NULL, from), "to",
                                                okse_object_text(file, NULL, to)));
}

void okse_workload_volume(const OkseObjectFile *file, json_t *workload, const char *name, const char *type,
                          const char *target)
{
    json_t *volumes = json_object_get(workload, "volumes");

    if (json_array_size(volumes) < VOLUMES)
        json_array_append_new(volumes, json_pack("{s:o,s:o,s:o}", "name", text_or_null(name), "type",
                                                 text_or_null(type), "target", okse_object_text(file, NULL, target)));
}

void okse_workload_add(const OkseObjectFile *file, json_t *workload)
{
    file->collection->objects->found = true;
    json_array_append_new(file->collection->objects->workloads, workload);
}
