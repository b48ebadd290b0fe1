/* okse policy diff: what another law asks, and what that means for verdicts. */
#include "audit/policy_diff.h"
#include "cli/commands.h"
#include "cli/policy_parts.h"
#include "core/json.h"

#include <string.h>

static json_t *directions_of(const char *directory, GError **error)
{
    g_autoptr(OkseResources) resources = okse_resources_open(directory, error);

    return resources == NULL ? NULL : okse_policy_directions_load(resources, error);
}

static OkseLaw *law_of(const char *directory, GError **error)
{
    g_autoptr(OkseResources) resources = okse_resources_open(directory, error);

    return resources == NULL ? NULL : okse_law_load(resources, NULL, error);
}

/* A value, short enough for a line; texts as they are in English. */
static char *shown(const json_t *value)
{
    g_autofree char *text = json_is_string(value) ? g_strdup(json_string_value(value))
                            : json_is_object(value) && json_object_get(value, "en") != NULL
                                ? g_strdup(okse_policy_english(value))
                                : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);

    if (text == NULL)
        return g_strdup("-");
    if (g_utf8_strlen(text, -1) > 160) {
        g_autofree char *cut = g_utf8_substring(text, 0, 159);

        return g_strconcat(cut, "…", NULL);
    }
    return g_steal_pointer(&text);
}

static void print_change(const json_t *change)
{
    const char *provision = okse_json_peek_text(change, "provision"), *control = okse_json_peek_text(change, "control");
    const char *key = okse_json_peek_text(change, "key"), *effect = okse_json_peek_text(change, "effect");
    const char *kind = okse_json_peek_text(change, "kind");
    g_autofree char *before = shown(json_object_get(change, "old")), *after = shown(json_object_get(change, "new"));

    okse_print("  %-8s %s%s%s%s%s%s %s", strcmp(effect, "none") == 0 ? "" : effect, okse_json_peek_text(change, "what"),
               provision != NULL ? " " : "", provision != NULL ? provision : "", control != NULL ? " " : "",
               control != NULL ? control : "", key != NULL ? "" : ":", kind);
    if (key != NULL)
        okse_print(" %s: %s → %s\n", key, before, after);
    else
        okse_print(": %s\n", strcmp(kind, "added") == 0 ? after : before);
}

static void print_changes(const json_t *changes)
{
    const char *last = "";
    const json_t *change;
    size_t i;

    json_array_foreach(changes, i, change)
    {
        const char *jurisdiction = okse_json_peek_text(change, "jurisdiction");
        const char *heading = jurisdiction != NULL ? jurisdiction : "Controls";

        if (strcmp(heading, last) != 0)
            okse_print("%s\n", heading);
        last = heading;
        print_change(change);
    }
}

static json_t *count(const json_t *changes)
{
    static const char *const effects[] = {"stricter", "looser", "unclear", "none"};
    json_t *counts = json_object();
    const json_t *change;
    size_t i;

    for (unsigned k = 0; k < G_N_ELEMENTS(effects); k++) {
        json_int_t found = 0;

        json_array_foreach(changes, i, change) found += strcmp(okse_json_peek_text(change, "effect"), effects[k]) == 0;
        json_object_set_new(counts, effects[k], json_integer(found));
    }
    return counts;
}

static int report(const OkseInvocation *invocation, const OkseLaw *before, const OkseLaw *after, json_t *changes,
                  GError **error)
{
    g_autoptr(json_t) counts = count(changes), document = NULL;

    if (!invocation->json) {
        print_changes(changes);
        okse_print("%zu changes: %" JSON_INTEGER_FORMAT " stricter, %" JSON_INTEGER_FORMAT
                   " looser, %" JSON_INTEGER_FORMAT " unclear, %" JSON_INTEGER_FORMAT " without a verdict\n",
                   json_array_size(changes), json_integer_value(json_object_get(counts, "stricter")),
                   json_integer_value(json_object_get(counts, "looser")),
                   json_integer_value(json_object_get(counts, "unclear")),
                   json_integer_value(json_object_get(counts, "none")));
    } else {
        document = json_pack("{s:s, s:s, s:s, s:O, s:O}", "schema", "okse.policy.diff.v1", "old", before->digest, "new",
                             after->digest, "counts", counts, "changes", changes);
        if (!okse_print_json(document, error))
            return 3;
    }
    return json_array_size(changes) > 0 ? 1 : 0;
}

static int diff_run(const OkseInvocation *invocation, GError **error)
{
    const char *old_path = invocation->count > 1 ? invocation->arguments[0] : NULL;
    const char *new_path = invocation->arguments[invocation->count - 1];
    g_autoptr(OkseLaw) before = law_of(old_path, error), after = before == NULL ? NULL : law_of(new_path, error);
    g_autoptr(json_t) directions = after == NULL ? NULL : directions_of(new_path, error), changes = NULL;

    if (directions == NULL)
        return 2;
    changes = okse_policy_diff(before, after, directions);
    return report(invocation, before, after, changes, error);
}

const OkseCommand okse_command_policy_diff = {
    .name = "policy diff",
    .arguments = "[OLD] NEW",
    .minimum = 1,
    .maximum = 2,
    .summary = "Compare two directories of law: what was added, removed, changed, and is it stricter or looser.",
    .details = "Without OLD the law that is built in. Exit status 0 when both are the same, 1 when they differ.",
    .run = diff_run,
};
