/* manifests/compatibility.yaml, read strictly. */
#include "audit/compatibility.h"
#include "core/yaml.h"
#include "packager/version.h"

#include <string.h>

#define TABLE "manifests/compatibility.yaml"

typedef struct {
    const char *key;
    char kind; /* t: text, l: list of texts, m: map of texts, r: range of versions */
    OksePresence presence;
} Member;

typedef struct {
    const char *section, *what;
    const Member *members;
} Section;

static const Member program_members[] = {{"name", 't', OKSE_REQUIRED},
                                         {"packages", 'l', OKSE_OPTIONAL},
                                         {"env", 'l', OKSE_OPTIONAL},
                                         {"titles", 'l', OKSE_OPTIONAL},
                                         {0}};
static const Member model_members[] = {{"architecture", 't', OKSE_REQUIRED},
                                       {"needs", 'm', OKSE_REQUIRED},
                                       {"confidence", 't', OKSE_REQUIRED},
                                       {"source", 't', OKSE_REQUIRED},
                                       {0}};
static const Member need_members[] = {{"program", 't', OKSE_REQUIRED}, {"from", 't', OKSE_OPTIONAL},
                                      {"below", 't', OKSE_OPTIONAL},   {"local", 't', OKSE_OPTIONAL},
                                      {"needs", 'm', OKSE_REQUIRED},   {"confidence", 't', OKSE_REQUIRED},
                                      {"source", 't', OKSE_REQUIRED},  {0}};
static const Member driver_members[] = {{"package", 't', OKSE_REQUIRED}, {"devices", 'l', OKSE_OPTIONAL},
                                        {"kernel", 'r', OKSE_OPTIONAL},  {"confidence", 't', OKSE_REQUIRED},
                                        {"source", 't', OKSE_REQUIRED},  {0}};
static const Member carrier_members[] = {{"pattern", 't', OKSE_REQUIRED}, {"what", 't', OKSE_REQUIRED}, {0}};
static const Member artefact_members[] = {{"format", 't', OKSE_REQUIRED},  {"kit", 't', OKSE_REQUIRED},
                                          {"pattern", 't', OKSE_REQUIRED}, {"member", 't', OKSE_OPTIONAL},
                                          {"train", 'l', OKSE_OPTIONAL},   {"architecture", 'l', OKSE_OPTIONAL},
                                          {"same", 'l', OKSE_OPTIONAL},    {"confidence", 't', OKSE_REQUIRED},
                                          {"source", 't', OKSE_REQUIRED},  {0}};
static const Member release_members[] = {{"train", 't', OKSE_REQUIRED},
                                         {"versions", 'm', OKSE_REQUIRED},
                                         {"confidence", 't', OKSE_REQUIRED},
                                         {"source", 't', OKSE_REQUIRED},
                                         {0}};
static const Member kit_members[] = {{"name", 't', OKSE_REQUIRED},       {"prefix", 't', OKSE_OPTIONAL},
                                     {"anchors", 'l', OKSE_REQUIRED},    {"artefacts", 't', OKSE_OPTIONAL},
                                     {"confidence", 't', OKSE_REQUIRED}, {"source", 't', OKSE_REQUIRED},
                                     {"releases", 'L', OKSE_REQUIRED},   {0}};
static const Section sections[] = {{"programs", "a program", program_members},
                                   {"models", "a model", model_members},
                                   {"needs", "a need", need_members},
                                   {"kits", "a kit", kit_members},
                                   {"drivers", "a driver", driver_members},
                                   {"carriers", "a carrier", carrier_members},
                                   {"artefacts", "an artefact", artefact_members}};

static void read_row(const OkseNode *node, const char *what, const Member *members, OkseIssues *issues);

static void check_texts(const OkseNode *node, OkseIssues *issues)
{
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        OksePlace at = okse_node_place(okse_node_item(node, i));

        if (okse_node_kind(okse_node_item(node, i)) != OKSE_NODE_TEXT)
            okse_issue(issues, &at, "must be a text");
    }
}

static void read_member(OkseMap *map, const OkseNode *row, const Member *member, OkseIssues *issues)
{
    const OkseNode *node = okse_node_get(row, member->key);
    OksePlace at = okse_node_place(node != NULL ? node : row);
    const char *text = NULL;

    if (member->kind == 't' || member->kind == 'r') {
        if (okse_map_take_text(map, member->key, member->presence, &text) && member->kind == 'r' &&
            !okse_version_range_is_good(text))
            okse_issue(issues, &at, "'%s' is no range of versions: %s", member->key, text);
    } else if (member->kind == 'm') {
        if (okse_map_take_map(map, member->key, member->presence, &node))
            check_texts(node, issues);
    } else if (okse_map_take_list(map, member->key, member->presence, &node)) {
        if (member->kind == 'l')
            check_texts(node, issues);
        else
            for (unsigned i = 0; i < okse_node_count(node); i++)
                read_row(okse_node_item(node, i), "a release", release_members, issues);
    }
}

static void read_row(const OkseNode *node, const char *what, const Member *members, OkseIssues *issues)
{
    static const char *const confidences[] = {"high", "medium", "low", NULL};
    OkseMap *map = okse_map_open(node, what, issues);
    const OkseNode *confidence = okse_node_get(node, "confidence");
    OksePlace at = okse_node_place(confidence != NULL ? confidence : node);

    for (; members->key != NULL; members++)
        read_member(map, node, members, issues);
    okse_map_end(map);
    if (confidence != NULL && okse_node_text(confidence) != NULL &&
        !g_strv_contains(confidences, okse_node_text(confidence)))
        okse_issue(issues, &at, "'confidence' is high, medium or low");
}

json_t *okse_compatibility_read(const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(resources, TABLE, error);
    g_autofree char *origin = okse_resources_name(resources, TABLE);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const OkseNode *list = NULL;
    const char *form = NULL;
    OkseMap *map;

    if (yaml == NULL)
        return NULL;
    map = okse_map_open(okse_yaml_root(yaml), "the table of what fits", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &form);
    for (size_t i = 0; i < G_N_ELEMENTS(sections); i++)
        if (okse_map_take_list(map, sections[i].section, OKSE_REQUIRED, &list))
            for (unsigned k = 0; k < okse_node_count(list); k++)
                read_row(okse_node_item(list, k), sections[i].what, sections[i].members, issues);
    okse_map_end(map);
    return okse_issues_none(issues, error) ? okse_node_to_json(okse_yaml_root(yaml)) : NULL;
}
