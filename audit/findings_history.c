#include "audit/findings_history.h"

#include "audit/findings_inventory.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

static const char *install_name(const json_t *target)
{
    return okse_json_peek_text(json_object_get(target, "install"), "name");
}

bool okse_previous_check(const json_t *previous, const json_t *facts, gint64 at, const char *origin, GError **error)
{
    g_autoptr(json_t) target = okse_findings_target(facts);
    const json_t *earlier = json_object_get(previous, "target");
    gint64 then = 0;

    if (g_strcmp0(okse_json_peek_text(target, "hostname"), okse_json_peek_text(earlier, "hostname")) != 0 ||
        g_strcmp0(install_name(target), install_name(earlier)) != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: these findings are about another target", origin);
    if (json_object_get(previous, "partial") != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "%s: these findings are of a partial audit (--only); give the whole one before it", origin);
    if (!okse_text_time_parse(okse_json_peek_text(previous, "audited_at"), &then) || then > at)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: these findings are of a later time than this audit", origin);
    return true;
}

json_t *okse_previous_input(const json_t *previous)
{
    g_autoptr(GBytes) bytes = okse_json_write(previous);
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s, s:s}", "digest", okse_sha256_text(&digest, text), "audited_at",
                     okse_json_peek_text(previous, "audited_at"));
}

bool okse_finding_is_open(const json_t *finding)
{
    static const char *const open[] = {"fail", "inconclusive", "waived", NULL};
    const char *status = okse_json_peek_text(finding, "status");

    return status != NULL && g_strv_contains(open, status);
}

const char *okse_finding_first_seen(const json_t *finding, const json_t *document)
{
    const char *said = okse_json_peek_text(finding, "first_seen");

    if (!okse_finding_is_open(finding))
        return NULL;
    return said != NULL ? said : okse_json_peek_text(document, "audited_at");
}

void okse_previous_date(const json_t *previous, const char *at, json_t *findings)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal); /* id → time, borrowed */
    json_t *finding;
    size_t i;

    json_array_foreach(json_object_get(previous, "findings"), i, finding)
    {
        const char *since = okse_finding_first_seen(finding, previous);

        if (since != NULL)
            g_hash_table_insert(seen, (gpointer)(uintptr_t)okse_json_peek_text(finding, "id"),
                                (gpointer)(uintptr_t)since);
    }
    json_array_foreach(findings, i, finding)
    {
        const char *since = g_hash_table_lookup(seen, okse_json_peek_text(finding, "id"));

        if (okse_finding_is_open(finding))
            json_object_set_new(finding, "first_seen", json_string(since != NULL ? since : at));
    }
}
