/* okse report verify: are these findings what the evidence gives? They are made again and compared byte by byte. */
#include "audit/report.h"
#include "audit/report_redaction.h"
#include "cli/commands.h"
#include "cli/law_source.h"
#include "cli/report_again.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"

#include <string.h>

typedef struct {
    OkseAgainOptions again; /* first: its rows have offsets into it */
    char *redact_key;
} VerifyOptions;

static const OkseOption options[] = {
    OKSE_AGAIN_OPTIONS,
    {OKSE_OPTION_PATH, "redact-key", 0, "FILE", "for redacted findings: the secret of their redaction",
     offsetof(VerifyOptions, redact_key)},
    {0},
};

/* The first place where two values differ, as members and indices; NULL when they are equal.
 * NOLINTNEXTLINE(misc-no-recursion): bounded by the depth of a document that was read */
static char *difference(const json_t *said, const json_t *made, const char *place)
{
    const char *key;
    json_t *item;
    size_t i;

    if (json_equal(said, made))
        return NULL;
    json_object_foreach((json_t *)(uintptr_t)said, key, item)
    {
        g_autofree char *inner = g_strconcat(place, ".", key, NULL);
        char *found = json_is_object(made) ? difference(item, json_object_get(made, key), inner) : NULL;

        if (found != NULL)
            return found;
    }
    json_array_foreach(said, i, item)
    {
        g_autofree char *inner = g_strdup_printf("%s[%zu]", place, i);
        char *found = json_is_array(made) ? difference(item, json_array_get(made, i), inner) : NULL;

        if (found != NULL)
            return found;
    }
    return g_strdup(*place != '\0' ? place + (*place == '.') : "(the document)");
}

/* An input that is another than that of the findings, in words; NULL: all are the same, as far as they are known by
 * their digests. */
static const char *other_input(const json_t *said, const json_t *made)
{
    static const char *const inputs[][2] = {{"facts", "facts"},         {"tool", "versions of okse"},
                                            {"manifests", "manifests"}, {"policy", "law packs"},
                                            {"profiles", "profiles"},   {"previous", "earlier findings"}};
    const json_t *before = json_object_get(said, "inputs"), *now = json_object_get(made, "inputs");

    for (size_t i = 0; i < G_N_ELEMENTS(inputs); i++)
        if (!json_equal(json_object_get(before, inputs[i][0]), json_object_get(now, inputs[i][0])) &&
            (json_object_get(before, inputs[i][0]) != NULL || json_object_get(now, inputs[i][0]) != NULL))
            return inputs[i][1];
    before = json_object_get(json_object_get(said, "waivers"), "digest");
    now = json_object_get(json_object_get(made, "waivers"), "digest");
    return json_equal(before, now) || before == now ? NULL : "waivers";
}

/* The bytes of the file are those that okse writes of these findings, for programs or for people. */
static bool is_as_written(GBytes *file, const json_t *findings)
{
    g_autoptr(GBytes) bare = okse_json_write(findings);
    g_autofree char *text = okse_json_write_pretty(findings);
    g_autoptr(GBytes) pretty = g_bytes_new(text, strlen(text));

    return g_bytes_equal(file, bare) || g_bytes_equal(file, pretty);
}

/* What was redacted is compared with what is redacted again. */
static json_t *redacted_again(const OkseInvocation *invocation, const json_t *findings, json_t *made, GError **error)
{
    const VerifyOptions *given = invocation->options;
    const char *level = okse_findings_redaction(findings);
    g_autoptr(json_t) full = made;
    g_autoptr(OkseResources) resources = NULL;
    g_autoptr(GBytes) key = NULL;

    if (full == NULL || level == NULL)
        return g_steal_pointer(&full);
    resources = okse_law_source(invocation, error);
    key = resources != NULL ? okse_read_path(given->redact_key, OKSE_REDACTION_KEY_MOST, error) : NULL;
    return key != NULL ? okse_findings_redacted(full, level, key, resources, error) : NULL;
}

static bool options_check(const VerifyOptions *given, const json_t *findings, GError **error)
{
    return (given->redact_key == NULL) == (okse_findings_redaction(findings) == NULL) ||
           okse_fail(error, OKSE_ERROR_INVALID,
                     given->redact_key == NULL ? "these findings are redacted: give --redact-key FILE"
                                               : "these findings are not redacted: leave --redact-key out");
}

static bool is_same_input(const json_t *said, const json_t *made, const char *input)
{
    return json_equal(json_object_get(json_object_get(said, "inputs"), input),
                      json_object_get(json_object_get(made, "inputs"), input));
}

static int tell(const OkseInvocation *invocation, GBytes *file, const json_t *findings, const json_t *made,
                GError **error)
{
    g_autoptr(GBytes) said = okse_json_write(findings), again = okse_json_write(made);
    bool same = g_bytes_equal(said, again), written = is_as_written(file, findings);
    g_autofree char *where = same ? NULL : difference(findings, made, "");
    g_autofree char *shown = okse_text_show(where != NULL ? where : "", -1, false);
    const char *input = same ? NULL : other_input(findings, made);
    bool geo = json_is_object(json_object_get(json_object_get(findings, "inputs"), "geo"));
    g_autoptr(json_t) document =
        json_pack("{s:s,s:b,s:b,s:b,s:b,s:b,s:s?,s:s?,s:o}", "schema", "okse.report-verified.v1", "verified", (int)same,
                  "same_facts", (int)is_same_input(findings, made, "facts"), "same_manifests",
                  (int)is_same_input(findings, made, "manifests"), "same_tool",
                  (int)is_same_input(findings, made, "tool"), "as_written", (int)written, "other_input", input,
                  "differs", where, "unchecked", geo ? json_pack("[s]", "inputs.geo") : json_array());

    if (invocation->json)
        return okse_print_json(document, error) ? (same ? 0 : 1) : 3;
    if (same)
        okse_print("verified: the evidence gives these findings, %s\n",
                   written ? "byte for byte" : "but the file was not written by okse: its white space is another");
    else if (input != NULL)
        okse_print("NOT verified: the findings were made with other %s, so they cannot be compared\n", input);
    else
        okse_print("NOT verified: the evidence gives something else, first at %s\n", shown);
    if (same && geo)
        okse_print(
            "not checked: what they say of the address database (inputs.geo); the evidence has its answers only\n");
    return same ? 0 : 1;
}

static int verify_run(const OkseInvocation *invocation, GError **error)
{
    const char *path = invocation->arguments[0];
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_EVIDENCE, error);
    g_autoptr(json_t) findings = bytes == NULL ? NULL : okse_findings_read(bytes, path, error), made = NULL;
    g_auto(OkseAgain) again = {0};

    if (findings == NULL || !options_check(invocation->options, findings, error) ||
        !okse_again_open(invocation, invocation->options, findings, &again, error))
        return 2;
    made = redacted_again(invocation, findings, okse_findings(&again.inputs.request, error), error);
    return made == NULL ? 2 : tell(invocation, bytes, findings, made, error);
}

const OkseCommand okse_command_report_verify = {
    .name = "report verify",
    .arguments = "FINDINGS",
    .minimum = 1,
    .maximum = 1,
    .summary = "Make findings again from their evidence, and compare.",
    .details =
        "FINDINGS is what `okse audit --evidence … --json` wrote. The law and the rules are those of this okse; they\n"
        "must be those of the audit. What the findings say of the address database is taken from them: the places\n"
        "are in the evidence. Exit status: 0 the same, 1 not.",
    .options = options,
    .options_size = sizeof(VerifyOptions),
    .takes_policy = true,
    .run = verify_run,
};
