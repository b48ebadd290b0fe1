/* Names in an answer become parts of the next request's address, so they have to be names. */
#include "audit/cluster_list.h"

#include "core/limits.h"

#include <string.h>

#define VERSIONS 1024u     /* of all groups together */
#define KINDS 1024u        /* that are asked for */
#define PART 253u          /* bytes of a group, version or resource name (RFC 1123) */
#define CONTINUE_MOST 4096 /* bytes of what a next page is asked for with */

void okse_cluster_kind_free(gpointer data)
{
    OkseClusterKind *kind = data;

    g_free(kind->path);
    g_free(kind->api);
    g_free(kind->kind);
    g_free(kind);
}

static bool is_name(const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);

    return length > 0 && length <= PART && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") == length &&
           *text != '.' && *text != '-';
}

static bool is_kind(const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);

    if (length == 0 || length > PART || !g_ascii_isupper(*text))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isalnum(text[i]))
            return false;
    return true;
}

/* "GROUP/VERSION"; the core group's "v1" has no group. */
static bool is_version(const char *text)
{
    const char *slash = text == NULL ? NULL : strchr(text, '/');
    g_autofree char *group = slash == NULL ? NULL : g_strndup(text, (size_t)(slash - text));

    return group != NULL && is_name(group) && is_name(slash + 1);
}

static json_t *read_answer(GBytes *bytes, const char *origin, const char *list, GError **error)
{
    g_autoptr(json_t) answer = okse_json_read(bytes, OKSE_CLUSTER_PAGE_MOST, origin, error);

    if (answer != NULL && okse_json_array(answer, list, origin, error) == NULL)
        return NULL;
    return g_steal_pointer(&answer);
}

static bool add_version(GPtrArray *versions, const json_t *row, const char *origin, GError **error)
{
    const char *version = okse_json_peek_text(row, "groupVersion");

    if (version == NULL)
        return true;
    if (!is_version(version))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a group's version is no GROUP/VERSION", origin);
    if (versions->len >= VERSIONS)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u versions of groups", origin, VERSIONS);
    if (!g_ptr_array_find_with_equal_func(versions, version, g_str_equal, NULL))
        g_ptr_array_add(versions, g_strdup(version));
    return true;
}

GPtrArray *okse_cluster_versions(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(json_t) answer = read_answer(bytes, origin, "groups", error);
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    const json_t *group, *row;
    size_t i, k;

    if (answer == NULL)
        return NULL;
    json_array_foreach(json_object_get(answer, "groups"), i, group)
    {
        if (!add_version(versions, json_object_get(group, "preferredVersion"), origin, error))
            return NULL;
        json_array_foreach(json_object_get(group, "versions"), k,
                           row) if (!add_version(versions, row, origin, error)) return NULL;
    }
    return g_steal_pointer(&versions);
}

static bool matches(const json_t *patterns, const char *kind)
{
    const json_t *pattern;
    size_t i;

    json_array_foreach(patterns, i, pattern) if (g_pattern_match_simple(json_string_value(pattern), kind)) return true;
    return false;
}

bool okse_cluster_is_wanted(const OkseClusterWanted *wanted, const char *kind)
{
    return matches(wanted->wanted, kind) && !matches(wanted->never, kind);
}

static bool can_be_listed(const json_t *row)
{
    const json_t *verb;
    size_t i;

    json_array_foreach(json_object_get(row, "verbs"), i,
                       verb) if (g_strcmp0(json_string_value(verb), "list") == 0) return true;
    return false;
}

static size_t group_length(const char *api)
{
    const char *slash = strchr(api, '/');

    return slash == NULL ? 0 : (size_t)(slash - api);
}

static bool is_known(const GPtrArray *kinds, const char *api, const char *kind)
{
    for (guint i = 0; i < kinds->len; i++) {
        const OkseClusterKind *one = g_ptr_array_index(kinds, i);

        if (strcmp(one->kind, kind) == 0 && group_length(one->api) == group_length(api) &&
            strncmp(one->api, api, group_length(api)) == 0)
            return true;
    }
    return false;
}

bool okse_cluster_kinds(GBytes *bytes, const char *api, const OkseClusterWanted *wanted, GPtrArray *kinds,
                        GError **error)
{
    g_autofree char *path = g_strconcat(strchr(api, '/') != NULL ? "/apis/" : "/api/", api, NULL);
    g_autoptr(json_t) answer = read_answer(bytes, path, "resources", error);
    guint before = kinds->len;
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(answer, "resources"), i, row)
    {
        const char *name = okse_json_peek_text(row, "name"), *kind = okse_json_peek_text(row, "kind");
        OkseClusterKind *found;

        if (kind == NULL || name == NULL || strchr(name, '/') != NULL || !okse_cluster_is_wanted(wanted, kind) ||
            !can_be_listed(row) || is_known(kinds, api, kind))
            continue;
        if (!is_name(name) || !is_kind(kind) || kinds->len >= KINDS) {
            g_ptr_array_set_size(kinds, (gint)before);
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: lists a kind by what is no name, or too many", path);
        }
        found = g_new(OkseClusterKind, 1);
        *found = (OkseClusterKind){g_strdup_printf("%s/%s", path, name), g_strdup(api), g_strdup(kind)};
        g_ptr_array_add(kinds, found);
    }
    return answer != NULL;
}

void okse_cluster_page_clear(OkseClusterPage *page)
{
    json_decref(page->items);
    g_free(page->next);
    *page = (OkseClusterPage){0};
}

/* What is known from the list is not written in its items. */
static bool complete(json_t *items, const OkseClusterKind *kind, GError **error)
{
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
    {
        if (!json_is_object(item))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: lists what is no object", kind->path);
        json_object_set_new(item, "apiVersion", json_string(kind->api));
        json_object_set_new(item, "kind", json_string(kind->kind));
        json_object_del(json_object_get(item, "metadata"), "managedFields");
    }
    return true;
}

bool okse_cluster_page(GBytes *bytes, const OkseClusterKind *kind, OkseClusterPage *page, GError **error)
{
    g_autoptr(json_t) answer = okse_json_read(bytes, OKSE_CLUSTER_PAGE_MOST, kind->path, error);
    json_t *items = json_object_get(answer, "items");
    const char *name = okse_json_peek_text(answer, "kind");
    const char *next = okse_json_peek_text(json_object_get(answer, "metadata"), "continue");

    if (answer == NULL)
        return false;
    if (name == NULL || !g_str_has_suffix(name, "List") || (!json_is_array(items) && !json_is_null(items)))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the answer is no list of objects", kind->path);
    if (next != NULL && strlen(next) > CONTINUE_MOST)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: what to go on with is longer than %d bytes", kind->path,
                         CONTINUE_MOST);
    if (!complete(items, kind, error))
        return false;
    page->items = json_is_array(items) ? json_incref(items) : json_array();
    page->next = next != NULL && *next != '\0' ? g_strdup(next) : NULL;
    return true;
}

/* Go's encoder, which kubectl prints with, writes <, >, & and the two ends of lines of Unicode as escapes, and all
 * escapes in lower case. In JSON they stand in strings only. Source: encoding/json, appendString(). Returns how many
 * bytes of the text these were. */
static size_t as_go_writes_one(GString *written, const char *at)
{
    size_t escape = at[0] != '\\' ? 0 : at[1] == 'u' ? 6 : 2;

    for (size_t i = 0; i < escape; i++)
        g_string_append_c(written, escape == 6 ? g_ascii_tolower(at[i]) : at[i]);
    if (escape > 0)
        return escape;
    if (g_str_has_prefix(at, "\u2028") || g_str_has_prefix(at, "\u2029")) {
        g_string_append_printf(written, "\\u%04x", g_utf8_get_char(at));
        return 3;
    }
    if (strchr("<>&", at[0]) != NULL)
        g_string_append_printf(written, "\\u%04x", (unsigned)at[0]);
    else
        g_string_append_c(written, at[0]);
    return 1;
}

static GBytes *as_go_writes(const char *text)
{
    GString *written = g_string_sized_new(strlen(text) + 1);

    for (const char *at = text; *at != '\0';) {
        size_t plain = strcspn(at, "<>&\\\xe2");

        g_string_append_len(written, at, (gssize)plain);
        at += plain;
        if (*at != '\0')
            at += as_go_writes_one(written, at);
    }
    g_string_append_c(written, '\n');
    return g_string_free_to_bytes(written);
}

GBytes *okse_cluster_document(const json_t *items, size_t from, size_t count)
{
    g_autoptr(json_t) part = json_array(), list = NULL;
    GBytes *bytes;
    char *text;

    for (size_t i = from; i < from + count; i++)
        json_array_append(part, json_array_get(items, i));
    list = json_pack("{s:s,s:O,s:s,s:{s:s}}", "apiVersion", "v1", "items", part, "kind", "List", "metadata",
                     "resourceVersion", "");
    text = json_dumps(list, JSON_INDENT(4) | JSON_SORT_KEYS);
    bytes = as_go_writes(text);
    free(text);
    return bytes;
}
