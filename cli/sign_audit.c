#include "cli/sign_audit.h"

#include "audit/attestation.h"
#include "audit/report.h"
#include "cli/audit_parts.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"
#include "packager/approval.h"

/* An auditor does not sign for evidence that gives other facts than the findings name. */
static bool belongs(const char *path, const json_t *findings, GError **error)
{
    const char *said = okse_json_peek_text(json_object_get(findings, "inputs"), "facts");
    g_autoptr(json_t) facts = okse_audit_evidence(path, error);
    g_autoptr(GBytes) canonical = facts == NULL ? NULL : okse_json_write(facts);
    OkseSha256 digest;
    char text[OKSE_SHA256_TEXT];

    if (canonical == NULL)
        return false;
    digest = okse_sha256_of_bytes(canonical);
    return g_strcmp0(okse_sha256_text(&digest, text), said) == 0 ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: the findings were made from other facts", path);
}

static void add_subject(GArray *subjects, GPtrArray *names, const char *path, GBytes *bytes)
{
    OkseAttested subject = {.name = g_path_get_basename(path), .digest = okse_sha256_of_bytes(bytes)};

    g_ptr_array_add(names, (gpointer)(uintptr_t)subject.name);
    g_array_append_val(subjects, subject);
}

static json_t *test_result(const OkseAuditSigning *signing, GBytes *bytes, const json_t *findings, GError **error)
{
    g_autoptr(GArray) subjects = g_array_new(FALSE, FALSE, sizeof(OkseAttested));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    add_subject(subjects, names, signing->findings, bytes);
    for (char *const *one = signing->evidence; one != NULL && *one != NULL; one++) {
        g_autoptr(GBytes) evidence = NULL;

        if (!belongs(*one, findings, error) || (evidence = okse_read_path(*one, OKSE_LIMIT_EVIDENCE, error)) == NULL)
            return NULL;
        add_subject(subjects, names, *one, evidence);
    }
    return okse_attestation_test_result(findings, (const OkseAttested *)(void *)subjects->data, subjects->len);
}

GBytes *okse_audit_sign(const OkseAuditSigning *signing, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(signing->findings, OKSE_LIMIT_EVIDENCE, error), payload = NULL;
    g_autoptr(json_t) findings = bytes == NULL ? NULL : okse_findings_read(bytes, signing->findings, error);
    g_autoptr(json_t) statement = NULL;

    if (findings == NULL)
        return NULL;
    statement = signing->summary ? okse_attestation_svr(findings, signing->findings, error)
                                 : test_result(signing, bytes, findings, error);
    if (statement == NULL)
        return NULL;
    payload = okse_json_write(statement);
    return okse_statement_seal(payload, signing->by->key, signing->by->chain, error);
}
