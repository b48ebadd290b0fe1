/* The outline of a facts document. What is inside a fact is left to the controls: a jq error there makes a control
 * inconclusive. */
#include "audit/facts_read.h"

#include "audit/fact_kinds.h"
#include "core/limits.h"

#include <string.h>

static bool collectors_check(const json_t *facts, const char *origin, GError **error)
{
    static const char *const statuses[] = {"complete", "partial", "unavailable", "absent", NULL};
    const json_t *collectors = okse_json_array(facts, "collectors", origin, error), *one;
    size_t i;

    if (collectors == NULL)
        return false;
    json_array_foreach(collectors, i, one)
    {
        const char *status = okse_json_peek_text(one, "status");

        if (okse_json_peek_text(one, "collector") == NULL || status == NULL || !g_strv_contains(statuses, status))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: collectors[%zu] needs 'collector' and a known 'status'",
                             origin, i);
    }
    return true;
}

static bool list_check(const json_t *facts, const char *name, const char *origin, GError **error)
{
    const json_t *list = okse_json_array(facts, name, origin, error), *fact;
    size_t i;

    if (list == NULL)
        return false;
    json_array_foreach(list, i, fact) if (okse_json_peek_text(fact, "id") == NULL) return okse_fail(
        error, OKSE_ERROR_INVALID, "%s: %s[%zu] is no fact with an 'id'", origin, name, i);
    return true;
}

static bool object_or_null(const json_t *facts, const char *name, const char *origin, GError **error)
{
    const json_t *value = json_object_get(facts, name);

    if (json_is_object(value) || json_is_null(value))
        return true;
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' must be an object or null", origin, name);
}

bool okse_audit_facts_check(const json_t *facts, const char *origin, GError **error)
{
    const json_t *scope;

    if (g_strcmp0(okse_json_peek_text(facts, "schema"), "okse.facts.v1") != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: not an okse.facts.v1 document", origin);
    scope = okse_json_array(facts, "scope", origin, error);
    if (scope == NULL || !collectors_check(facts, origin, error))
        return false;
    if (json_array_size(scope) == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: 'scope' is empty", origin);
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++)
        if ((json_object_get(facts, kind->list) != NULL || !kind->later) &&
            !list_check(facts, kind->list, origin, error))
            return false;
    return object_or_null(facts, "install", origin, error) && object_or_null(facts, "site", origin, error);
}

json_t *okse_audit_facts_read(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(json_t) facts = okse_json_read(bytes, OKSE_LIMIT_EVIDENCE, origin, error);

    if (facts == NULL || !okse_audit_facts_check(facts, origin, error))
        return NULL;
    return g_steal_pointer(&facts);
}

const char *okse_collector_status(const json_t *facts, const char *collector, const char **reason)
{
    const json_t *one;
    size_t i;

    *reason = NULL;
    json_array_foreach(json_object_get(facts, "collectors"), i, one)
    {
        if (g_strcmp0(okse_json_peek_text(one, "collector"), collector) != 0)
            continue;
        *reason = okse_json_peek_text(one, "reason");
        return okse_json_peek_text(one, "status");
    }
    return NULL;
}
