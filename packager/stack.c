/* Strict reading of stack.yaml: every complaint is collected with its place, and a key nobody knows is answered with
 * the one that was probably meant. */
#include "packager/stack.h"

#include "core/limits.h"
#include "core/text.h"
#include "core/vocabulary.h"
#include "core/yaml.h"
#include "packager/license_table.h"
#include "packager/spdx.h"
#include "packager/stack_device.h"
#include "packager/stack_source.h"

#include <string.h>

#define NAME_LIMIT 63
#define VERSION_LIMIT 64

const char *const okse_stack_kinds[] = {"weights",        "dataset",         "runtime",    "service", "driver",
                                        "infra",          "compliance",      "evaluation", "source",  "docs",
                                        OKSE_KIND_POLICY, OKSE_KIND_RECORDS, NULL};

typedef struct {
    OkseIssues *issues;
    const OkseVocabulary *countries, *classes, *sectors;
    const OkseSpdxIds *licenses;
} Reader;

static void component_free(gpointer data)
{
    OkseStackComponent *component = data;

    g_free(component->name);
    g_free(component->kind);
    okse_stack_clear_source(&component->source);
    g_free(component->spdx);
    g_free(component->license_file);
    json_decref(component->supports);
    json_decref(component->compiled);
    g_free(component);
}

void okse_stack_free(OkseStack *stack)
{
    if (stack == NULL)
        return;
    g_free(stack->origin);
    g_free(stack->name);
    g_free(stack->version);
    g_free(stack->vendor_name);
    g_free(stack->vendor_country);
    g_free(stack->vendor_contact);
    g_clear_pointer(&stack->components, g_ptr_array_unref);
    json_decref(stack->compliance);
    g_free(stack);
}

/* [a-z0-9][a-z0-9-]{0,62}, and no "--" or final "-", because the name becomes part of an OCI reference. */
bool okse_stack_name_is_good(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length <= NAME_LIMIT && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length &&
           name[0] != '-' && name[length - 1] != '-' && strstr(name, "--") == NULL;
}

/* Runs of letters and digits joined by one of ". _ + -": what OCI readers accept as a reference. */
bool okse_stack_version_is_good(const char *version)
{
    bool joined = true;

    if (strlen(version) > VERSION_LIMIT)
        return false;
    for (const char *p = version; *p != '\0'; p++) {
        bool joint = strchr("._+-", *p) != NULL;

        if ((joint && joined) || (!joint && !g_ascii_isalnum(*p)))
            return false;
        joined = joint;
    }
    return !joined;
}

static OksePlace member_place(const OkseNode *map, const char *key)
{
    const OkseNode *node = okse_node_get(map, key);

    return okse_node_place(node != NULL ? node : map);
}

static void check_country(const Reader *reader, const OkseNode *map, const char *key, const char *country)
{
    OksePlace at = member_place(map, key);

    if (country != NULL && okse_vocabulary_find(reader->countries, country) == NULL)
        okse_issue(reader->issues, &at, "unknown country '%s' (ISO 3166-1 alpha-2, such as KR)", country);
}

static void check_spdx(const Reader *reader, const OkseNode *node, const char *expression)
{
    OksePlace at = member_place(node, "spdx");
    g_autoptr(GError) cause = NULL;
    g_autoptr(json_t) parsed = okse_spdx_parse(expression, &cause);

    if (parsed == NULL || !okse_spdx_check(reader->licenses, parsed, &cause))
        okse_issue(reader->issues, &at, "license.spdx: %s", cause->message);
}

static void read_license(const Reader *reader, const OkseNode *node, OkseStackComponent *component)
{
    OkseMap *map = okse_map_open(node, "license", reader->issues);

    component->spdx = okse_map_dup_text(map, "spdx", OKSE_REQUIRED);
    component->license_file = okse_map_dup_text(map, "file", OKSE_OPTIONAL);
    if (component->spdx != NULL)
        check_spdx(reader, node, component->spdx);
    okse_map_end(map);
}

static void check_component(const Reader *reader, const OkseNode *node, const OkseStackComponent *component,
                            GPtrArray *before)
{
    OksePlace at = member_place(node, "name");

    if (component->name != NULL && !okse_stack_name_is_good(component->name))
        okse_issue(reader->issues, &at,
                   "component name '%s' must be lower-case letters, digits and single '-', at most 63",
                   component->name);
    if (g_strcmp0(component->name, "stack") == 0)
        okse_issue(reader->issues, &at, "component name 'stack' is reserved");
    for (guint i = 0; component->name != NULL && i < before->len; i++)
        if (g_strcmp0(((OkseStackComponent *)g_ptr_array_index(before, i))->name, component->name) == 0)
            okse_issue(reader->issues, &at, "a second component named '%s'", component->name);
    if (component->kind != NULL && !g_strv_contains(okse_stack_kinds, component->kind)) {
        const char *near = okse_text_nearest(component->kind, okse_stack_kinds);

        at = member_place(node, "kind");
        okse_issue(reader->issues, &at, "unknown kind '%s'%s%s%s", component->kind,
                   near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
    }
}

/* The machines of a driver, and what something was compiled for. */
static void read_device(const Reader *reader, const OkseNode *node, OkseMap *map, OkseStackComponent *component)
{
    OksePlace at = member_place(node, "supports");
    const OkseNode *child = NULL;

    if (okse_map_take_map(map, "supports", OKSE_OPTIONAL, &child)) {
        if (g_strcmp0(component->kind, "driver") != 0)
            okse_issue(reader->issues, &at, "'supports' belongs to a component of kind driver");
        component->supports = okse_stack_read_supports(child, reader->issues);
    }
    if (okse_map_take_map(map, "compiled", OKSE_OPTIONAL, &child))
        component->compiled = okse_stack_read_compiled(child, reader->issues);
}

static void read_component(const Reader *reader, const OkseNode *node, GPtrArray *components)
{
    OkseStackComponent *component = g_new0(OkseStackComponent, 1);
    OkseMap *map = okse_map_open(node, "component", reader->issues);
    const OkseNode *child = NULL;

    component->name = okse_map_dup_text(map, "name", OKSE_REQUIRED);
    component->kind = okse_map_dup_text(map, "kind", OKSE_REQUIRED);
    if (okse_map_take_map(map, "source", OKSE_REQUIRED, &child))
        okse_stack_read_source(child, component, reader->issues);
    if (okse_map_take_map(map, "license", OKSE_OPTIONAL, &child))
        read_license(reader, child, component);
    read_device(reader, node, map, component);
    okse_map_end(map);
    if (okse_node_kind(node) == OKSE_NODE_MAP)
        check_component(reader, node, component, components);
    g_ptr_array_add(components, component);
}

static void read_vendor(const Reader *reader, const OkseNode *node, OkseStack *stack)
{
    OkseMap *map = okse_map_open(node, "vendor", reader->issues);

    stack->vendor_name = okse_map_dup_text(map, "name", OKSE_REQUIRED);
    stack->vendor_country = okse_map_dup_text(map, "country", OKSE_REQUIRED);
    stack->vendor_contact = okse_map_dup_text(map, "contact", OKSE_OPTIONAL);
    check_country(reader, node, "country", stack->vendor_country);
    okse_map_end(map);
}

static void check_text(const Reader *reader, const OkseNode *item, const char *what, const OkseVocabulary *known)
{
    const char *text = okse_node_kind(item) == OKSE_NODE_TEXT ? okse_node_text(item) : NULL;
    OksePlace at = okse_node_place(item);
    const char *near;

    if (text == NULL) {
        okse_issue(reader->issues, &at, "%s must be a text, not %s", what, okse_node_kind_name(item));
        return;
    }
    if (known == NULL || okse_vocabulary_find(known, text) != NULL)
        return;
    near = okse_text_nearest(text, okse_vocabulary_words(known));
    okse_issue(reader->issues, &at, "unknown %s '%s'%s%s%s", what, text, near != NULL ? " (did you mean '" : "",
               near != NULL ? near : "", near != NULL ? "'?)" : "");
}

static void check_texts(const Reader *reader, const OkseNode *list, const char *what, const OkseVocabulary *known)
{
    for (unsigned i = 0; i < okse_node_count(list); i++)
        check_text(reader, okse_node_item(list, i), what, known);
}

/* One text, or a list: a bank in a free zone is under the law of both. */
static void check_sectors(const Reader *reader, const OkseNode *node)
{
    if (okse_node_kind(node) == OKSE_NODE_LIST)
        check_texts(reader, node, "sector", reader->sectors);
    else
        check_text(reader, node, "sector", reader->sectors);
}

/* What the recipient does with it: the terms of licenses speak of the same. */
static void check_uses(const Reader *reader, const OkseNode *list)
{
    OksePlace place = okse_node_place(list);

    if (okse_node_count(list) == 0)
        okse_issue(reader->issues, &place,
                   "'use' is empty; it holds at least one of commercial, research, education "
                   "and public-administration");
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *item = okse_node_item(list, i);
        const char *text = okse_node_kind(item) == OKSE_NODE_TEXT ? okse_node_text(item) : NULL;
        const char *near = text != NULL ? okse_text_nearest(text, okse_license_uses) : NULL;
        OksePlace at = okse_node_place(item);

        if (text == NULL)
            okse_issue(reader->issues, &at, "use must be a text, not %s", okse_node_kind_name(item));
        else if (!g_strv_contains(okse_license_uses, text))
            okse_issue(reader->issues, &at, "unknown use '%s'%s%s%s", text, near != NULL ? " (did you mean '" : "",
                       near != NULL ? near : "", near != NULL ? "'?)" : "");
    }
}

static void check_flow(const Reader *reader, const OkseNode *node)
{
    OkseMap *map = okse_map_open(node, "flow", reader->issues);
    const OkseNode *data = NULL;
    const char *text = NULL;

    okse_map_take_text(map, "name", OKSE_REQUIRED, &text);
    okse_map_take_text(map, "to", OKSE_REQUIRED, &text);
    if (okse_map_take_text(map, "country", OKSE_REQUIRED, &text))
        check_country(reader, node, "country", text);
    if (okse_map_take_list(map, "data", OKSE_OPTIONAL, &data))
        check_texts(reader, data, "data", NULL);
    okse_map_end(map);
}

static void check_export_control(const Reader *reader, const OkseNode *node)
{
    OkseMap *map = okse_map_open(node, "export_control", reader->issues);
    const char *text = NULL;
    gint64 day;

    okse_map_take_text(map, "classification", OKSE_REQUIRED, &text);
    okse_map_take_text(map, "decided_by", OKSE_REQUIRED, &text);
    if (okse_map_take_text(map, "decided_on", OKSE_REQUIRED, &text) && !okse_text_time_parse(text, &day)) {
        OksePlace at = member_place(node, "decided_on");

        okse_issue(reader->issues, &at, "'decided_on' must be a date such as 2026-10-01");
    }
    okse_map_end(map);
}

static json_t *read_compliance(const Reader *reader, const OkseNode *node)
{
    OkseMap *map = okse_map_open(node, "compliance", reader->issues);
    const OkseNode *child = NULL;
    const char *text = NULL;

    if (okse_map_take_list(map, "data_classes", OKSE_REQUIRED, &child))
        check_texts(reader, child, "data class", reader->classes);
    if (okse_map_take_node(map, "sector", OKSE_OPTIONAL, &child))
        check_sectors(reader, child);
    okse_map_take_text(map, "purpose", OKSE_OPTIONAL, &text);
    if (okse_map_take_list(map, "use", OKSE_OPTIONAL, &child))
        check_uses(reader, child);
    if (okse_map_take_list(map, "flows", OKSE_OPTIONAL, &child))
        for (unsigned i = 0; i < okse_node_count(child); i++)
            check_flow(reader, okse_node_item(child, i));
    if (okse_map_take_map(map, "export_control", OKSE_OPTIONAL, &child))
        check_export_control(reader, child);
    okse_map_end(map);
    return okse_node_to_json(node);
}

static void check_header(const Reader *reader, const OkseNode *root, const OkseStack *stack, const char *schema)
{
    OksePlace at = member_place(root, "okse");

    if (schema != NULL && strcmp(schema, "stack/v1") != 0)
        okse_issue(reader->issues, &at, "this is '%s', and 'stack/v1' is what is read here", schema);
    at = member_place(root, "name");
    if (stack->name != NULL && !okse_stack_name_is_good(stack->name))
        okse_issue(reader->issues, &at, "name '%s' must be lower-case letters, digits and single '-', at most 63",
                   stack->name);
    at = member_place(root, "version");
    if (stack->version != NULL && !okse_stack_version_is_good(stack->version))
        okse_issue(reader->issues, &at, "version '%s' must be letters and digits joined by single '.', '_', '+' or '-'",
                   stack->version);
}

static bool has_model(const OkseStack *stack, const char *name)
{
    for (guint i = 0; i < stack->components->len; i++) {
        const OkseStackComponent *component = g_ptr_array_index(stack->components, i);

        if (g_strcmp0(component->name, name) == 0 && g_strcmp0(component->kind, "weights") == 0)
            return true;
    }
    return false;
}

/* What something was compiled for is a model of this stack. */
static void check_compiled(const Reader *reader, const OkseNode *list, const OkseStack *stack)
{
    for (guint i = 0; i < stack->components->len; i++) {
        const OkseStackComponent *component = g_ptr_array_index(stack->components, i);
        const char *model = okse_json_peek_text(component->compiled, "for");
        OksePlace at;

        if (model == NULL || has_model(stack, model))
            continue;
        at = member_place(okse_node_get(okse_node_item(list, i), "compiled"), "for");
        okse_issue(reader->issues, &at, "compiled.for names no component of kind weights in this stack");
    }
}

static void read_root(const Reader *reader, const OkseNode *root, OkseStack *stack)
{
    OkseMap *map = okse_map_open(root, "stack", reader->issues);
    const OkseNode *child = NULL;
    const char *schema = NULL;
    OksePlace at;

    okse_map_take_text(map, "okse", OKSE_REQUIRED, &schema);
    stack->name = okse_map_dup_text(map, "name", OKSE_REQUIRED);
    stack->version = okse_map_dup_text(map, "version", OKSE_REQUIRED);
    if (okse_map_take_unsigned(map, "sequence", OKSE_REQUIRED, &stack->sequence) && stack->sequence == 0) {
        at = member_place(root, "sequence");
        okse_issue(reader->issues, &at, "'sequence' starts at 1");
    }
    if (okse_map_take_map(map, "vendor", OKSE_REQUIRED, &child))
        read_vendor(reader, child, stack);
    if (okse_map_take_list(map, "components", OKSE_REQUIRED, &child)) {
        at = okse_node_place(child);
        if (okse_node_count(child) == 0)
            okse_issue(reader->issues, &at, "a stack needs at least one component");
        for (unsigned i = 0; i < okse_node_count(child); i++)
            read_component(reader, okse_node_item(child, i), stack->components);
        check_compiled(reader, child, stack);
    }
    if (okse_map_take_map(map, "compliance", OKSE_OPTIONAL, &child))
        stack->compliance = read_compliance(reader, child);
    okse_map_end(map);
    if (okse_node_kind(root) == OKSE_NODE_MAP)
        check_header(reader, root, stack, schema);
}

OkseStack *okse_stack_read(GBytes *yaml, const char *origin, const OkseResources *resources, GError **error)
{
    g_autoptr(OkseYaml) document = okse_yaml_read(yaml, origin, error);
    g_autoptr(OkseVocabulary) countries = NULL;
    g_autoptr(OkseVocabulary) classes = NULL;
    g_autoptr(OkseVocabulary) sectors = NULL;
    g_autoptr(OkseSpdxIds) licenses = NULL;
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseStack) stack = g_new0(OkseStack, 1);

    if (document == NULL)
        return NULL;
    countries = okse_vocabulary_read(resources, "countries", error);
    if (countries == NULL)
        return NULL;
    classes = okse_vocabulary_read(resources, "data-classes", error);
    if (classes == NULL)
        return NULL;
    sectors = okse_vocabulary_read(resources, "sectors", error);
    if (sectors == NULL)
        return NULL;
    licenses = okse_spdx_ids_read(resources, error);
    if (licenses == NULL)
        return NULL;
    stack->origin = g_strdup(origin);
    stack->components = g_ptr_array_new_with_free_func(component_free);
    read_root(&(Reader){issues, countries, classes, sectors, licenses}, okse_yaml_root(document), stack);
    return okse_issues_none(issues, error) ? g_steal_pointer(&stack) : NULL;
}
