/* Grouping endpoints for the picture of data flows. */
#include "audit/report_flows.h"

#include "core/json.h"

#include <string.h>

#define GROUPS_MAX 9u
#define NAME_MAX_SHOWN 44

const char *const okse_flow_words[] = {"violation", "unknown", "unpoliced", "allowed"};
const char *const okse_flow_keys[] = {"map.violation", "map.judged.unknown", "declared.unpoliced", "map.allowed"};

static void group_free(gpointer data)
{
    OkseFlowGroup *group = data;

    g_ptr_array_unref(group->endpoints);
    g_free(group);
}

bool okse_flow_unpoliced(const json_t *findings, const char *fact)
{
    const json_t *list = json_object_get(json_object_get(findings, "inventory"), "unpoliced");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), fact) == 0)
            return true;
    return false;
}

OkseFlow okse_flow_judge(const json_t *findings, const OkseReportView *view, const json_t *endpoint)
{
    const char *id = okse_json_peek_text(endpoint, "id"), *verdict = okse_report_view_judged(view, id);

    if (verdict == NULL)
        return okse_flow_unpoliced(findings, id) ? OKSE_FLOW_UNPOLICED : OKSE_FLOW_ALLOWED;
    return strcmp(verdict, "violation") == 0 ? OKSE_FLOW_VIOLATION : OKSE_FLOW_UNKNOWN;
}

/* False: it stays on the host and is not in the picture. */
static bool group_of(const json_t *endpoint, const char **country, const char **name_key)
{
    const char *scope = okse_json_peek_text(endpoint, "scope");

    *country = okse_json_peek_text(endpoint, "country");
    *name_key = NULL;
    if (g_strcmp0(scope, "loopback") == 0)
        return false;
    if (*country == NULL)
        *name_key = g_strcmp0(scope, "private") == 0 || g_strcmp0(scope, "link-local") == 0 ||
                            g_strcmp0(scope, "cgnat") == 0 || g_strcmp0(scope, "multicast") == 0
                        ? "map.private"
                        : "map.unknown";
    return true;
}

static OkseFlowGroup *group_for(GPtrArray *groups, const char *country, const char *name_key)
{
    OkseFlowGroup *group;

    for (guint i = 0; i < groups->len; i++) {
        group = g_ptr_array_index(groups, i);
        if (g_strcmp0(group->country, country) == 0 && g_strcmp0(group->name_key, name_key) == 0)
            return group;
    }
    group = g_new0(OkseFlowGroup, 1);
    group->country = country;
    group->name_key = name_key;
    group->endpoints = g_ptr_array_new();
    group->worst = OKSE_FLOW_ALLOWED;
    g_ptr_array_add(groups, group);
    return group;
}

/* Private networks and unknown places stand before the countries that are judged alike. */
static int compare_groups(gconstpointer a, gconstpointer b)
{
    const OkseFlowGroup *first = *(const OkseFlowGroup *const *)a, *second = *(const OkseFlowGroup *const *)b;

    if (first->worst != second->worst)
        return first->worst < second->worst ? -1 : 1;
    if (first->name_key != NULL || second->name_key != NULL)
        return (first->name_key == NULL) != (second->name_key == NULL) ? (first->name_key != NULL ? -1 : 1)
                                                                       : strcmp(first->name_key, second->name_key);
    return strcmp(first->country, second->country);
}

GPtrArray *okse_flows_collect(const json_t *findings, const OkseReportView *view)
{
    const json_t *endpoints = json_object_get(json_object_get(findings, "inventory"), "endpoints");
    GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);

    for (OkseFlow judged = OKSE_FLOW_VIOLATION; judged <= OKSE_FLOW_ALLOWED; judged++)
        for (size_t i = 0; i < json_array_size(endpoints); i++) {
            const json_t *endpoint = json_array_get(endpoints, i);
            const char *country, *name_key;
            OkseFlowGroup *group;

            if (!group_of(endpoint, &country, &name_key) || okse_flow_judge(findings, view, endpoint) != judged)
                continue;
            group = group_for(groups, country, name_key);
            group->worst = MIN(group->worst, judged);
            g_ptr_array_add(group->endpoints, (gpointer)(uintptr_t)endpoint);
        }
    g_ptr_array_sort(groups, compare_groups);
    while (groups->len > GROUPS_MAX) { /* the mildest become one */
        OkseFlowGroup *last = g_ptr_array_index(groups, groups->len - 1),
                      *keep = g_ptr_array_index(groups, groups->len - 2);

        keep->country = NULL;
        keep->name_key = "map.others";
        g_ptr_array_extend(keep->endpoints, last->endpoints, NULL, NULL);
        g_ptr_array_remove_index(groups, groups->len - 1);
    }
    return groups;
}

unsigned okse_flow_rows(const OkseFlowGroup *group)
{
    return MIN(group->endpoints->len, OKSE_FLOW_ROWS);
}

char *okse_flow_endpoint(const json_t *endpoint)
{
    const char *host = okse_json_peek_text(endpoint, "host");
    json_int_t port = json_integer_value(json_object_get(endpoint, "port"));
    bool in = g_strcmp0(okse_json_peek_text(endpoint, "direction"), "in") == 0;
    g_autofree char *name = port > 0 ? g_strdup_printf("%s:%" JSON_INTEGER_FORMAT, host != NULL ? host : "?", port)
                                     : g_strdup(host != NULL ? host : "?");
    g_autofree char *cut = g_utf8_substring(name, 0, MIN(g_utf8_strlen(name, -1), NAME_MAX_SHOWN));

    return g_strconcat(in ? "← " : "→ ", cut, strlen(cut) < strlen(name) ? "…" : "", NULL);
}
