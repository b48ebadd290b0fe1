/* Does another value of a parameter ask for more or for less? */
#include "audit/law_read.h"
#include "audit/policy_diff.h"

#include "core/json.h"

#include <string.h>

#define DIRECTIONS "manifests/parameter-directions.yaml"

static const char *const directions_known[] = {"fewer", "more", "lower", "higher", "true", "false", NULL};

static void read_row(json_t *directions, const OkseNode *map, unsigned index, const char *origin, OkseIssues *issues)
{
    OksePlace at = okse_law_place(okse_node_key_place(map, index), origin);
    const char *word = okse_node_text(okse_node_item(map, index));

    if (word == NULL || okse_law_word(word, directions_known) < 0)
        okse_issue(issues, &at, "'%s' must be one of fewer, more, lower, higher, true, false",
                   okse_node_key(map, index));
    else
        json_object_set_new(directions, okse_node_key(map, index), json_string(word));
}

json_t *okse_policy_directions(GBytes *yaml, const char *origin, GError **error)
{
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseYaml) document = okse_law_open(yaml, origin, "parameter-directions/v1", issues);
    g_autoptr(json_t) directions = json_object();
    const OkseNode *rows = NULL;
    const char *kind = NULL;
    OkseMap *map;

    if (document != NULL) {
        map = okse_map_open(okse_yaml_root(document), "parameter directions", issues);
        okse_map_take_text(map, "okse", OKSE_REQUIRED, &kind);
        if (okse_map_take_map(map, "stricter", OKSE_REQUIRED, &rows))
            for (unsigned i = 0; i < okse_node_count(rows); i++)
                read_row(directions, rows, i, origin, issues);
        okse_map_end(map);
    }
    return okse_issues_none(issues, error) ? g_steal_pointer(&directions) : NULL;
}

json_t *okse_policy_directions_load(const OkseResources *resources, GError **error)
{
    g_autofree char *origin = okse_resources_name(resources, DIRECTIONS);
    g_autoptr(OkseResources) built_in = NULL;
    g_autoptr(GError) cause = NULL;
    g_autoptr(GBytes) bytes = okse_resources_read(resources, DIRECTIONS, &cause);

    if (bytes == NULL && g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND)) {
        built_in = okse_resources_open(NULL, NULL);
        g_clear_error(&cause);
        bytes = okse_resources_read(built_in, DIRECTIONS, &cause);
    }
    if (bytes != NULL)
        return okse_policy_directions(bytes, origin, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

static bool has_item(const json_t *list, const json_t *item)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) if (json_equal(one, item)) return true;
    return false;
}

/* How many of a are not in b. */
static size_t beyond(const json_t *a, const json_t *b)
{
    const json_t *item;
    size_t i, count = 0;

    json_array_foreach(a, i, item) count += !has_item(b, item);
    return count;
}

/* -1: less than before, 1: more, 0: neither can be said. */
static int compare(const json_t *old_value, const json_t *new_value)
{
    if (json_is_array(old_value) && json_is_array(new_value)) {
        size_t gone = beyond(old_value, new_value), come = beyond(new_value, old_value);

        return gone > 0 && come > 0 ? 0 : (come > 0) - (gone > 0);
    }
    if (json_is_number(old_value) && json_is_number(new_value)) {
        double before = json_number_value(old_value), after = json_number_value(new_value);

        return (after > before) - (after < before);
    }
    if (json_is_boolean(old_value) && json_is_boolean(new_value))
        return json_is_true(new_value) - json_is_true(old_value);
    return 0;
}

const char *okse_policy_effect(const json_t *directions, const char *control, const char *parameter,
                               const json_t *old_value, const json_t *new_value)
{
    g_autofree char *own = g_strdup_printf("%s.%s", control, parameter);
    const char *stricter = okse_json_peek_text(directions, own);
    int more = compare(old_value, new_value);
    bool wants_less;

    if (stricter == NULL)
        stricter = okse_json_peek_text(directions, parameter);
    if (json_is_array(old_value) && more == 0 && beyond(old_value, new_value) == 0)
        return "none"; /* the same in another order */
    if (stricter == NULL || more == 0)
        return "unclear";
    wants_less = strcmp(stricter, "fewer") == 0 || strcmp(stricter, "lower") == 0 || strcmp(stricter, "false") == 0;
    return (more < 0) == wants_less ? "stricter" : "looser";
}
