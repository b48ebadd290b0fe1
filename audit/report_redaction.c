/* The table of a level is made into a tree of the same shape as the document; both are walked together. A member that
 * the tree does not have stays out, so that a new member of the format is never shown by accident. */
#include "audit/report_redaction.h"

#include "core/json.h"
#include "core/text.h"
#include "core/yaml.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define TABLE "manifests/redaction.yaml"
#define NAME_BYTES 8u /* of a digest: 16 digits tell things of one report apart */

typedef enum { LEAVE_OUT, KEEP, HIDE, EMPTY, KEEP_WHEN } Action;

typedef struct Rule Rule;
struct Rule {
    GHashTable *members; /* owned names → Rule *; "[]" is the items, "*" any */
    Action action;
    bool deep;            /* of KEEP: everything below too */
    const char *beside;   /* of KEEP_WHEN, borrowed from the table */
    const json_t *wanted; /* of KEEP_WHEN: a list of texts */
};

typedef struct {
    GBytes *key;
    json_int_t hidden, left_out;
} Redaction;

static void rule_free(gpointer memory)
{
    Rule *rule = memory;

    g_hash_table_unref(rule->members);
    g_free(rule);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rule, rule_free)

static Rule *rule_new(void)
{
    Rule *rule = g_new0(Rule, 1);

    rule->members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, rule_free);
    return rule;
}

static Rule *member_of(Rule *rule, const char *name, size_t length)
{
    g_autofree char *key = g_strndup(name, length);
    Rule *member = g_hash_table_lookup(rule->members, key);

    if (member == NULL) {
        member = rule_new();
        g_hash_table_insert(rule->members, g_steal_pointer(&key), member);
    }
    return member;
}

/* "findings[].evidence[].file" from the root on. */
static Rule *rule_at(Rule *root, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    Rule *rule = root;

    for (char **part = parts; *part != NULL; part++) {
        size_t length = strlen(*part);
        bool items = length > 2 && strcmp(*part + length - 2, "[]") == 0;

        rule = member_of(rule, *part, items ? length - 2 : length);
        if (items)
            rule = member_of(rule, "[]", 2);
    }
    return rule;
}

static void add_paths(Rule *root, const json_t *paths, Action action)
{
    const json_t *path;
    size_t i;

    json_array_foreach(paths, i, path)
    {
        g_autofree char *text = g_strdup(json_string_value(path));
        bool deep = g_str_has_suffix(text, ".**");
        Rule *rule;

        if (deep)
            text[strlen(text) - strlen(".**")] = '\0';
        rule = rule_at(root, text);
        rule->action = action;
        rule->deep = deep;
    }
}

static Rule *rules_of(const json_t *level)
{
    Rule *root = rule_new();
    const json_t *row;
    size_t i;

    add_paths(root, json_object_get(level, "keep"), KEEP);
    add_paths(root, json_object_get(level, "also"), KEEP);
    add_paths(root, json_object_get(level, "hide"), HIDE);
    add_paths(root, json_object_get(level, "empty"), EMPTY);
    json_array_foreach(json_object_get(level, "keep_when"), i, row)
    {
        Rule *rule = rule_at(root, okse_json_peek_text(row, "path"));

        rule->action = KEEP_WHEN;
        rule->beside = okse_json_peek_text(row, "beside");
        rule->wanted = json_object_get(row, "is");
    }
    return root;
}

static char *digest_hex(GBytes *key, const void *data, size_t length, size_t bytes)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    gsize key_length;
    const void *secret = g_bytes_get_data(key, &key_length);
    GString *text = g_string_new(NULL);

    g_assert(HMAC(EVP_sha256(), secret, (int)key_length, data, length, digest, NULL) != NULL);
    for (size_t i = 0; i < bytes; i++)
        g_string_append_printf(text, "%02x", digest[i]);
    return g_string_free(text, FALSE);
}

static json_t *hide(Redaction *redaction, const json_t *value)
{
    g_autofree char *hex = NULL;

    if (!json_is_string(value))
        return json_is_null(value) ? json_null() : NULL;
    hex = digest_hex(redaction->key, json_string_value(value), json_string_length(value), NAME_BYTES);
    redaction->hidden++;
    return json_pack("s+", "hmac:", hex);
}

static bool is_wanted(const Rule *rule, const json_t *object)
{
    const json_t *item;
    size_t i;

    json_array_foreach(rule->wanted, i, item) if (json_equal(item, json_object_get(object, rule->beside))) return true;
    return false;
}

static const Rule *rule_of(const Rule *rule, const char *name)
{
    const Rule *found = g_hash_table_lookup(rule->members, name);

    return found != NULL ? found : g_hash_table_lookup(rule->members, "*");
}

/* What becomes of a value, new; NULL: it is left out. object: what it is a member of.
 * NOLINTNEXTLINE(misc-no-recursion): bounded by the depth of a document that was read */
static json_t *redact(Redaction *redaction, const Rule *rule, const json_t *value, const json_t *object)
{
    json_t *made, *item, *inner;
    const char *name;
    size_t i;

    if (rule == NULL)
        return NULL;
    if (rule->action == HIDE || (rule->action == KEEP_WHEN && !is_wanted(rule, object)))
        return hide(redaction, value);
    if (rule->action == EMPTY)
        return json_null();
    if (rule->deep ||
        ((rule->action == KEEP || rule->action == KEEP_WHEN) && !json_is_object(value) && !json_is_array(value)))
        return json_deep_copy(value);
    if (!json_is_object(value) && !json_is_array(value))
        return json_is_null(value) ? json_null() : NULL; /* a list or an object that is not there */
    made = json_is_object(value) ? json_object() : json_array();
    json_object_foreach((json_t *)(uintptr_t)value, name, item)
    {
        inner = redact(redaction, rule_of(rule, name), item, value);
        redaction->left_out += inner == NULL;
        if (inner != NULL)
            json_object_set_new(made, name, inner);
    }
    json_array_foreach(value, i, item)
    {
        inner = redact(redaction, g_hash_table_lookup(rule->members, "[]"), item, NULL);
        redaction->left_out += inner == NULL;
        if (inner != NULL)
            json_array_append_new(made, inner);
    }
    return made;
}

static bool is_hash(const json_t *value)
{
    const char *text = json_string_value(value);
    size_t prefix = strlen("hmac:");

    return text != NULL && strncmp(text, "hmac:", prefix) == 0 && strlen(text) == prefix + 2 * (size_t)NAME_BYTES &&
           strspn(text + prefix, "0123456789abcdef") == 2 * (size_t)NAME_BYTES;
}

/* A value where nothing further is looked at; *good: may it be there? false: look at its members. */
static bool is_settled(const Rule *rule, const json_t *value, const json_t *object, bool *good)
{
    bool is_container = json_is_object(value) || json_is_array(value);

    *good = rule != NULL && json_is_null(value);
    if (rule == NULL || *good)
        return true;
    if (rule->action == HIDE || (rule->action == KEEP_WHEN && !is_wanted(rule, object))) {
        *good = is_hash(value);
        return true;
    }
    *good =
        rule->action != EMPTY && (rule->deep || (!is_container && (rule->action == KEEP || rule->action == KEEP_WHEN)));
    return rule->action == EMPTY || rule->deep || !is_container;
}

/* path: of the value, and after false of the member that should not be there.
 * NOLINTNEXTLINE(misc-no-recursion): bounded by the depth of a document that was read */
static bool is_within(const Rule *rule, const json_t *value, const json_t *object, GString *path)
{
    gsize length = path->len;
    const char *name;
    json_t *item;
    bool good;
    size_t i;

    if (is_settled(rule, value, object, &good))
        return good;
    json_object_foreach((json_t *)(uintptr_t)value, name, item)
    {
        g_string_append_printf(path, "%s%s", length > 0 ? "." : "", name);
        if (!is_within(rule_of(rule, name), item, value, path))
            return false;
        g_string_truncate(path, length);
    }
    json_array_foreach(value, i, item)
    {
        g_string_append_printf(path, "[%zu]", i);
        if (!is_within(g_hash_table_lookup(rule->members, "[]"), item, NULL, path))
            return false;
        g_string_truncate(path, length);
    }
    return true;
}

bool okse_document_is_within(const json_t *document, const json_t *table, const char *origin, GError **error)
{
    g_autoptr(Rule) rules = rules_of(table);
    g_autoptr(GString) path = g_string_new(NULL);
    g_autofree char *shown = NULL;

    if (is_within(rules, document, NULL, path))
        return true;
    shown = okse_text_show(path->str, (gssize)MIN(path->len, 200), false);
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: '%s' may not leave", origin, shown);
}

static bool are_texts(const json_t *list)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item) if (!json_is_string(item)) return false;
    return list == NULL || json_is_array(list);
}

static bool are_conditions(const json_t *list)
{
    const json_t *row;
    size_t i;

    json_array_foreach(list, i, row) if (okse_json_peek_text(row, "path") == NULL ||
                                         okse_json_peek_text(row, "beside") == NULL ||
                                         !json_is_array(json_object_get(row, "is"))) return false;
    return list == NULL || json_is_array(list);
}

bool okse_redaction_table_is_whole(const json_t *table)
{
    static const char *const lists[] = {"keep", "also", "hide", "empty"};

    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++)
        if (!are_texts(json_object_get(table, lists[i])))
            return false;
    return are_conditions(json_object_get(table, "keep_when"));
}

static bool level_is_whole(const json_t *level)
{
    return okse_redaction_table_is_whole(level) && okse_json_peek_text(json_object_get(level, "title"), "en") != NULL;
}

static json_t *level_of(const char *name, const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(resources, TABLE, error);
    g_autofree char *origin = okse_resources_name(resources, TABLE);
    g_autoptr(OkseYaml) yaml = bytes != NULL ? okse_yaml_read(bytes, origin, error) : NULL;
    const OkseNode *levels = yaml != NULL ? okse_node_get(okse_yaml_root(yaml), "levels") : NULL;
    const OkseNode *level = levels != NULL ? okse_node_get(levels, name) : NULL;
    g_autoptr(GString) all = g_string_new("full");
    g_autoptr(json_t) found = NULL;

    if (yaml == NULL)
        return NULL;
    if (level != NULL && level_is_whole(found = okse_node_to_json(level)))
        return g_steal_pointer(&found);
    if (level != NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: level '%s' has no title or a list of something else than texts",
                  origin, name);
        return NULL;
    }
    for (unsigned i = 0; levels != NULL && i < okse_node_count(levels); i++)
        g_string_append_printf(all, ", %s", okse_node_key(levels, i));
    okse_fail(error, OKSE_ERROR_INVALID, "unknown level of redaction '%s' (one of: %s)", name, all->str);
    return NULL;
}

static bool may_be_redacted(const json_t *findings, GBytes *key, GError **error)
{
    gsize length = g_bytes_get_size(key);

    if (okse_findings_redaction(findings) != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "these findings are redacted already ('%s'): start from those that are not",
                         okse_findings_redaction(findings));
    if (length < OKSE_REDACTION_KEY_LEAST || length > OKSE_REDACTION_KEY_MOST)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "the key of a redaction has %u to %u bytes, this one %zu: make one by "
                         "'openssl rand -out redaction.key 32' and keep it",
                         OKSE_REDACTION_KEY_LEAST, OKSE_REDACTION_KEY_MOST, length);
    return true;
}

static void mark(json_t *made, const json_t *findings, const char *name, const json_t *level,
                 const Redaction *redaction)
{
    g_autoptr(GBytes) canonical = okse_json_write(findings);
    gsize length;
    const void *data = g_bytes_get_data(canonical, &length);
    g_autofree char *hex = digest_hex(redaction->key, data, length, 32);
    json_t *warnings = json_object_get(made, "warnings");

    json_object_set_new(made, "redaction",
                        json_pack("{s:s, s:s+, s:I, s:I}", "level", name, "of", "hmac-sha256:", hex, "hidden",
                                  redaction->hidden, "left_out", redaction->left_out));
    if (warnings == NULL) {
        warnings = json_array();
        json_object_set_new(made, "warnings", warnings);
    }
    json_array_insert_new(warnings, 0,
                          json_pack("{s:s, s:O}", "kind", "redacted", "message", json_object_get(level, "title")));
}

json_t *okse_findings_redacted(const json_t *findings, const char *level, GBytes *key, const OkseResources *resources,
                               GError **error)
{
    Redaction redaction = {.key = key};
    g_autoptr(json_t) table = NULL;
    g_autoptr(Rule) rules = NULL;
    json_t *made;

    if (!may_be_redacted(findings, key, error) || (table = level_of(level, resources, error)) == NULL)
        return NULL;
    rules = rules_of(table);
    made = redact(&redaction, rules, findings, NULL);
    mark(made, findings, level, table, &redaction);
    return made;
}

const char *okse_findings_redaction(const json_t *findings)
{
    return okse_json_peek_text(json_object_get(findings, "redaction"), "level");
}

bool okse_findings_redaction_holds(const json_t *findings, const OkseResources *resources, const char *origin,
                                   GError **error)
{
    const char *name = okse_findings_redaction(findings);
    g_autoptr(json_t) table = NULL;

    if (name == NULL)
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: are findings that nobody has redacted; make them with: okse report --redact", origin);
    table = level_of(name, resources, error);
    if (table == NULL) {
        g_prefix_error(error, "%s: ", origin);
        return false;
    }
    json_array_append_new(json_object_get(table, "keep"), json_string("redaction.level"));
    json_array_append_new(json_object_get(table, "keep"), json_string("redaction.of"));
    json_array_append_new(json_object_get(table, "keep"), json_string("redaction.hidden"));
    json_array_append_new(json_object_get(table, "keep"), json_string("redaction.left_out"));
    return okse_document_is_within(findings, table, origin, error);
}
