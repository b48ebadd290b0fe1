#include "packager/stack_device.h"

#include "core/json.h"
#include "core/text.h"
#include "packager/version.h"

#include <string.h>

/* As OCI images call them. Source: the list of Go, which the image specification points to. */
static const char *const architectures[] = {"386",     "amd64",   "arm",   "arm64", "loong64",
                                            "ppc64le", "riscv64", "s390x", NULL};

/* "1ed2:0001", or "10de:*" for every device of a vendor. Source: PCI vendor and device ids as lspci -nn shows them. */
static bool is_device(const char *text)
{
    return strspn(text, "0123456789abcdef") == 4 && text[4] == ':' &&
           (strcmp(text + 5, "*") == 0 || (strlen(text) == 9 && strspn(text + 5, "0123456789abcdef") == 4));
}

/* "debian", "debian 12", "ubuntu >= 22.04": the ID of os-release and a range of its VERSION_ID. */
static bool is_system(const char *text)
{
    size_t id = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-");

    return id > 0 && (text[id] == '\0' || (text[id] == ' ' && okse_version_range_is_good(text + id + 1)));
}

static bool is_architecture(const char *text)
{
    return g_strv_contains(architectures, text);
}

static void check_list(const OkseNode *list, const char *what, bool (*is_good)(const char *), const char *form,
                       OkseIssues *issues)
{
    OksePlace at = okse_node_place(list);

    if (okse_node_count(list) == 0)
        okse_issue(issues, &at, "'%s' is empty", what);
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *item = okse_node_item(list, i);
        const char *text = okse_node_text(item);

        at = okse_node_place(item);
        if (text == NULL)
            okse_issue(issues, &at, "'%s' holds texts, not %s", what, okse_node_kind_name(item));
        else if (!is_good(text)) {
            g_autofree char *shown = okse_text_show(text, -1, false);

            okse_issue(issues, &at, "'%s' holds '%s', which is not %s", what, shown, form);
        }
    }
}

static void check_devices(OkseMap *map, OkseIssues *issues)
{
    const OkseNode *list = NULL;

    if (okse_map_take_list(map, "devices", OKSE_OPTIONAL, &list))
        check_list(list, "devices", is_device,
                   "a PCI vendor and device such as \"1ed2:0001\" (quoted, as lspci -nn shows it), or \"10de:*\"",
                   issues);
}

/* Numbers that YAML would change ("2026.10" is 2026.1) must be quoted. */
static void check_train(OkseMap *map, const OkseNode *node, OkseIssues *issues)
{
    const OkseNode *train = okse_node_get(node, "train");
    const char *text = NULL;
    OksePlace at = okse_node_place(train != NULL ? train : node);

    if (okse_map_take_text(map, "train", OKSE_OPTIONAL, &text) && !g_ascii_isdigit(*text))
        okse_issue(issues, &at, "'train' is the release of the maker's kit that it belongs to, such as \"2026.3\"");
}

/* As written, with every item of a list a text. */
static json_t *texts_of(const OkseNode *node)
{
    json_t *value = json_object();

    for (unsigned i = 0; i < okse_node_count(node); i++) {
        const OkseNode *item = okse_node_item(node, i);
        json_t *list;

        if (okse_node_kind(item) != OKSE_NODE_LIST) {
            json_object_set_new(value, okse_node_key(node, i), okse_node_to_json(item));
            continue;
        }
        list = json_array();
        for (unsigned k = 0; k < okse_node_count(item); k++)
            if (okse_node_text(okse_node_item(item, k)) != NULL)
                json_array_append_new(list, json_string(okse_node_text(okse_node_item(item, k))));
        json_object_set_new(value, okse_node_key(node, i), list);
    }
    return value;
}

static void check_not_empty(const OkseNode *node, const char *what, OkseIssues *issues)
{
    OksePlace at = okse_node_place(node);

    if (okse_node_kind(node) == OKSE_NODE_MAP && okse_node_count(node) == 0)
        okse_issue(issues, &at, "'%s' says nothing", what);
}

json_t *okse_stack_read_supports(const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "supports", issues);
    const OkseNode *list = NULL, *kernel = okse_node_get(node, "kernel");
    const char *text = NULL;
    OksePlace at = okse_node_place(kernel != NULL ? kernel : node);

    check_devices(map, issues);
    if (okse_map_take_text(map, "kernel", OKSE_OPTIONAL, &text) && !okse_version_range_is_good(text))
        okse_issue(issues, &at, "'kernel' must be a range of versions, such as \">= 6.3\" or \">= 5.15, < 6.9\"");
    if (okse_map_take_list(map, "systems", OKSE_OPTIONAL, &list))
        check_list(list, "systems", is_system, "a system such as debian, \"debian 12\" or \"ubuntu >= 22.04\"", issues);
    if (okse_map_take_list(map, "architectures", OKSE_OPTIONAL, &list))
        check_list(list, "architectures", is_architecture, "an architecture such as amd64 or arm64", issues);
    check_train(map, node, issues);
    okse_map_end(map);
    check_not_empty(node, "supports", issues);
    return texts_of(node);
}

json_t *okse_stack_read_compiled(const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "compiled", issues);
    const char *text = NULL;

    okse_map_take_text(map, "for", OKSE_OPTIONAL, &text);
    okse_map_take_text(map, "architecture", OKSE_OPTIONAL, &text);
    okse_map_take_text(map, "fingerprint", OKSE_OPTIONAL, &text);
    check_devices(map, issues);
    check_train(map, node, issues);
    okse_map_end(map);
    check_not_empty(node, "compiled", issues);
    return texts_of(node);
}

static void take_text(OkseMap *map, const char *key, json_t *machine)
{
    const char *text = NULL;

    if (okse_map_take_text(map, key, OKSE_OPTIONAL, &text))
        json_object_set_new(machine, key, json_string(text));
}

json_t *okse_site_take_machine(OkseMap *map, const OkseNode *node, OkseIssues *issues)
{
    static const char *const keys[] = {"kernel", "system", "architecture"};
    const OkseNode *devices = okse_node_get(node, "devices");
    json_t *machine = json_object();

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const OkseNode *found = okse_node_get(node, keys[i]);
        OksePlace at = okse_node_place(found != NULL ? found : node);
        const char *text;

        take_text(map, keys[i], machine);
        text = okse_json_peek_text(machine, keys[i]);
        if (text == NULL)
            continue;
        if (i == 0 && !g_ascii_isdigit(*text))
            okse_issue(issues, &at, "'kernel' is the version that runs there (uname -r), such as 6.8.0-49-generic");
        if (i == 1 && (!is_system(text) || strchr(text, ' ') == NULL || strpbrk(text, "<>=,") != NULL))
            okse_issue(issues, &at, "'system' is ID and VERSION_ID of /etc/os-release, such as \"ubuntu 24.04\"");
        if (i == 2 && !is_architecture(text))
            okse_issue(issues, &at, "'architecture' is one such as amd64 or arm64");
    }
    check_devices(map, issues);
    if (devices != NULL && okse_node_kind(devices) == OKSE_NODE_LIST)
        json_object_set_new(machine, "devices", okse_node_to_json(devices));
    return machine;
}
