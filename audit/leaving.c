#include "audit/leaving.h"

#include "audit/report.h"
#include "audit/report_redaction.h"
#include "audit/secret_scan.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/yaml.h"

#include <string.h>

#define TABLE "manifests/returning.yaml"
#define VERIFICATION "https://slsa.dev/verification_summary/v1"

struct OkseLeaving {
    const OkseResources *resources;
    const char *const *never;
    OkseSecretRules *rules;
    json_t *verification; /* the table of records */
};

static bool tables_read(OkseLeaving *leaving, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(leaving->resources, TABLE, error);
    g_autofree char *origin = okse_resources_name(leaving->resources, TABLE);
    g_autoptr(OkseYaml) yaml = bytes != NULL ? okse_yaml_read(bytes, origin, error) : NULL;
    const OkseNode *node;

    if (yaml == NULL)
        return false;
    node = okse_node_get(okse_node_get(okse_yaml_root(yaml), "documents"), "verification");
    if (node == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: no documents.verification", origin);
    leaving->verification = okse_node_to_json(node);
    if (!okse_redaction_table_is_whole(leaving->verification))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a list of something else than texts", origin);
    leaving->rules = okse_secret_rules_read(leaving->resources, error);
    return leaving->rules != NULL;
}

OkseLeaving *okse_leaving_new(const OkseResources *resources, const char *const *never, GError **error)
{
    g_autoptr(OkseLeaving) leaving = g_new0(OkseLeaving, 1);

    leaving->resources = resources;
    leaving->never = never;
    return tables_read(leaving, error) ? g_steal_pointer(&leaving) : NULL;
}

void okse_leaving_free(OkseLeaving *leaving)
{
    if (leaving == NULL)
        return;
    okse_secret_rules_free(leaving->rules);
    json_decref(leaving->verification);
    g_free(leaving);
}

/* The value stays out of the message. */
static bool no_secrets(const OkseLeaving *leaving, GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(OkseSecretScan) scan = okse_secret_scan_new(leaving->rules, "return");
    OkseSecretGaps gaps = {0, 0};
    const GArray *found;
    gsize length;
    const uint8_t *data = g_bytes_get_data(bytes, &length);

    okse_secret_scan_begin(scan, NULL); /* every kind: what a file is called says who sends it */
    okse_secret_scan_feed(scan, data, length);
    found = okse_secret_scan_end(scan, &gaps);
    if (found->len > 0) {
        const OkseSecret *secret = &g_array_index(found, OkseSecret, 0);

        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: holds what looks like a secret (%s, byte %" G_GUINT64_FORMAT "), and may not leave",
                         origin, secret->kind->id, secret->offset);
    }
    return gaps.gave_up == 0 || okse_fail(error, OKSE_ERROR_REFUSED,
                                          "%s: could not be looked through for secrets, and may not leave", origin);
}

/* In one case and one composition: "Nội" may be three letters, or more with marks of their own. */
static char *fold(const char *text)
{
    g_autofree char *composed = g_utf8_normalize(text, -1, G_NORMALIZE_ALL_COMPOSE);
    g_autofree char *folded = g_utf8_casefold(composed, -1);

    return g_utf8_normalize(folded, -1, G_NORMALIZE_ALL_COMPOSE);
}

/* As text, whatever it is; new. */
static char *text_of(GBytes *bytes)
{
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);
    g_autofree char *copy = g_malloc(length + 1);

    for (gsize i = 0; i < length; i++)
        copy[i] = data[i] == '\0' ? ' ' : data[i];
    copy[length] = '\0';
    return g_utf8_make_valid(copy, (gssize)length);
}

static bool no_forbidden(const OkseLeaving *leaving, GBytes *bytes, const char *origin, GError **error)
{
    g_autofree char *text = text_of(bytes), *folded = fold(text);

    for (const char *const *word = leaving->never; word != NULL && *word != NULL; word++) {
        g_autofree char *wanted = fold(*word);

        if (strstr(folded, wanted) != NULL)
            return okse_fail(error, OKSE_ERROR_REFUSED, "%s: holds '%s', which nothing may (--never)", origin, *word);
    }
    return true;
}

/* A JSON document is searched as it is written and without its escapes: \u0067pu01 is a name, too. */
bool okse_leaving_texts(const OkseLeaving *leaving, GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(json_t) value = okse_json_read(bytes, OKSE_LIMIT_EVIDENCE, origin, NULL);
    g_autoptr(GBytes) plain = value != NULL ? okse_json_write(value) : NULL;

    return no_secrets(leaving, bytes, origin, error) && no_forbidden(leaving, bytes, origin, error) &&
           (plain == NULL ||
            (no_secrets(leaving, plain, origin, error) && no_forbidden(leaving, plain, origin, error)));
}

static bool are_empty(const json_t *list)
{
    return list == NULL || (json_is_array(list) && json_array_size(list) == 0);
}

bool okse_leaving_verification(const OkseLeaving *leaving, GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(json_t) document = okse_json_read(bytes, OKSE_LIMIT_METADATA, origin, error);
    json_t *verification = json_object_get(json_object_get(document, "predicate"), "okse_verification");

    if (document == NULL)
        return false;
    if (g_strcmp0(okse_json_peek_text(document, "predicateType"), VERIFICATION) != 0 ||
        g_strcmp0(okse_json_peek_text(verification, "schema"), "okse.verification.v1") != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is no record of okse verify --record", origin);
    if (!are_empty(json_object_get(verification, "reasons")) || !are_empty(json_object_get(verification, "notes")))
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: has reasons or notes, free text that can name paths and hosts, and may not leave",
                         origin);
    json_object_del(verification, "reasons");
    json_object_del(verification, "notes");
    return okse_document_is_within(document, leaving->verification, origin, error);
}

bool okse_leaving_findings(const OkseLeaving *leaving, GBytes *bytes, const char *level, const char *origin,
                           GError **error)
{
    g_autoptr(json_t) findings = okse_findings_read(bytes, origin, error);
    const char *redaction = findings != NULL ? okse_findings_redaction(findings) : NULL;

    if (findings == NULL)
        return false;
    if (redaction != NULL && strcmp(redaction, level) != 0)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: is redacted to '%s', and the list allows '%s'", origin,
                         redaction, level);
    return okse_findings_redaction_holds(findings, leaving->resources, origin, error);
}
