#include "audit/attestation.h"

#include "audit/report_formats.h"
#include "audit/report_redaction.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

#define STATEMENT "https://in-toto.io/Statement/v1"
#define VERIFIER "https://okse.dev/verifier/"

/* The hexadecimal digits of "sha256:…", or NULL: findings may come from anybody. */
static const char *hex_of(const char *digest)
{
    return digest != NULL && g_str_has_prefix(digest, "sha256:") && strlen(digest) == 71 &&
                   strspn(digest + 7, "0123456789abcdef") == 64
               ? digest + 7
               : NULL;
}

static json_t *shown(const char *text)
{
    g_autofree char *safe = okse_text_show(text != NULL ? text : "-", -1, false);

    return json_string(safe);
}

/* Appends a resource descriptor, when there is a digest. */
static void describe(json_t *list, const char *name, const char *digest)
{
    const char *hex = hex_of(digest);

    if (hex != NULL)
        json_array_append_new(list, json_pack("{s:o, s:{s:s}}", "name", shown(name), "digest", "sha256", hex));
}

/* Everything that the verdict was computed from. */
static json_t *configuration(const json_t *findings)
{
    const json_t *inputs = json_object_get(findings, "inputs"), *profiles = json_object_get(inputs, "profiles");
    const json_t *policy = json_object_get(inputs, "policy");
    json_t *list = json_array();

    describe(list, "facts", okse_json_peek_text(inputs, "facts"));
    describe(list, "manifests", okse_json_peek_text(inputs, "manifests"));
    describe(list, "site", okse_json_peek_text(inputs, "site"));
    describe(list, "geo", okse_json_peek_text(json_object_get(inputs, "geo"), "digest"));
    describe(list, okse_json_peek_text(policy, "name"), okse_json_peek_text(policy, "identity"));
    for (size_t i = 0; i < json_array_size(profiles); i++) {
        const json_t *profile = json_array_get(profiles, i);

        describe(list, okse_json_peek_text(profile, "name"), okse_json_peek_text(profile, "digest"));
    }
    describe(list, "waivers", okse_json_peek_text(json_object_get(findings, "waivers"), "digest"));
    return list;
}

static bool is_compliant(const json_t *judged)
{
    return g_strcmp0(okse_json_peek_text(judged, "verdict"), "compliant") == 0;
}

/* `lists` are passed, warned and failed tests. Policies take a warned test for a passed one: what could not be decided
 * under binding law has failed. */
static void sort_finding(const json_t *finding, json_t *const lists[3])
{
    OkseStatus status = okse_finding_status(finding);
    unsigned list = 2;

    if (status == OKSE_STATUS_NOT_APPLICABLE)
        return;
    if (status == OKSE_STATUS_PASS)
        list = 0;
    else if (status == OKSE_STATUS_WAIVED || !okse_finding_mandatory(finding))
        list = 1;
    json_array_append_new(lists[list], json_sprintf("%s %s %s %s", okse_json_peek_text(finding, "id"),
                                                    okse_json_peek_text(finding, "jurisdiction"),
                                                    okse_json_peek_text(finding, "provision"),
                                                    okse_json_peek_text(finding, "control")));
}

/* redaction: the level of findings that do not show everything, or NULL. */
static json_t *subjects_json(const OkseAttested *subjects, unsigned count, const char *redaction)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < count; i++) {
        char hex[OKSE_SHA256_HEX];

        json_array_append_new(list, json_pack("{s:o, s:{s:s}}", "name", shown(subjects[i].name), "digest", "sha256",
                                              okse_sha256_hex(&subjects[i].digest, hex)));
    }
    if (redaction != NULL)
        json_object_set_new(json_array_get(list, 0), "annotations", json_pack("{s:s}", "redaction", redaction));
    return list;
}

json_t *okse_attestation_test_result(const json_t *findings, const OkseAttested *subjects, unsigned count)
{
    const json_t *list = json_object_get(findings, "findings");
    json_t *lists[3] = {json_array(), json_array(), json_array()};
    const char *result;

    for (size_t i = 0; i < json_array_size(list); i++)
        sort_finding(json_array_get(list, i), lists);
    result = !is_compliant(findings) ? "FAILED" : json_array_size(lists[1]) > 0 ? "WARNED" : "PASSED";
    return json_pack("{s:s, s:o, s:s, s:{s:s, s:o, s:o, s:o, s:o}}", "_type", STATEMENT, "subject",
                     subjects_json(subjects, count, okse_findings_redaction(findings)), "predicateType",
                     OKSE_PREDICATE_TEST_RESULT, "predicate", "result", result, "configuration",
                     configuration(findings), "passedTests", lists[0], "warnedTests", lists[1], "failedTests",
                     lists[2]);
}

static json_t *properties(const json_t *findings)
{
    const json_t *jurisdictions = json_object_get(findings, "jurisdictions");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const json_t *jurisdiction = json_array_get(jurisdictions, i);
        g_autofree char *name = g_ascii_strup(okse_json_peek_text(jurisdiction, "iso"), -1);

        if (is_compliant(jurisdiction))
            json_array_append_new(list, json_sprintf("OKSE_COMPLIANT_%s", g_strdelimit(name, "-.", '_')));
    }
    return list;
}

json_t *okse_attestation_svr(const json_t *findings, const char *origin, GError **error)
{
    const json_t *install = json_object_get(json_object_get(findings, "target"), "install");
    const char *hex = hex_of(okse_json_peek_text(install, "identity"));
    const char *version = okse_json_peek_text(json_object_get(json_object_get(findings, "inputs"), "tool"), "version");
    g_autofree char *verifier = g_uri_escape_string(version, NULL, FALSE), *time = NULL;
    json_t *policies = json_array();
    gint64 seconds = 0;

    if (hex == NULL) {
        json_decref(policies);
        okse_fail(error, OKSE_ERROR_INVALID, "%s: a summary is about a bundle, and these findings name none", origin);
        return NULL;
    }
    okse_text_time_parse(okse_json_peek_text(findings, "audited_at"), &seconds);
    time = okse_text_time(seconds);
    describe(policies, "manifests", okse_json_peek_text(json_object_get(findings, "inputs"), "manifests"));
    return json_pack("{s:s, s:[{s:o, s:{s:s}}], s:s, s:{s:{s:o, s:o}, s:s, s:o}}", "_type", STATEMENT, "subject",
                     "name", shown(okse_json_peek_text(install, "name")), "digest", "sha256", hex, "predicateType",
                     OKSE_PREDICATE_SVR, "predicate", "verifier", "id", json_sprintf("%s%s", VERIFIER, verifier),
                     "policies", policies, "timeCreated", time, "properties", properties(findings));
}

/* Not signed yet: the file it is about is what the format json writes. */
GBytes *okse_report_in_toto(const json_t *findings, const char *language, const OkseResources *resources,
                            GError **error)
{
    g_autofree char *document = okse_json_write_pretty(findings);
    g_autoptr(GBytes) bytes = g_bytes_new_static(document, strlen(document));
    OkseAttested subject = {"findings.json", okse_sha256_of_bytes(bytes)};
    g_autoptr(json_t) statement = okse_attestation_test_result(findings, &subject, 1);
    char *text = okse_json_write_pretty(statement);

    (void)language, (void)resources, (void)error;
    return g_bytes_new_take(text, strlen(text));
}
