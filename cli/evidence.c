/* okse evidence show: what is in an archive. */
#include "cli/collect_output.h"
#include "cli/commands.h"
#include "core/fd.h"
#include "core/text.h"

static void show_collectors(const OkseEvidence *evidence)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(evidence->facts, "collectors"), i, row)
    {
        const char *reason = okse_json_peek_text(row, "reason");
        g_autofree char *shown = okse_text_show(reason != NULL ? reason : "", -1, false);

        okse_print("  %-14s %s%s%s\n", okse_json_peek_text(row, "collector"), okse_json_peek_text(row, "status"),
                   reason != NULL ? ": " : "", shown);
    }
}

static void show_members(const OkseEvidence *evidence)
{
    for (guint i = 0; i < evidence->members->len; i++) {
        const OkseEvidenceMember *member = g_ptr_array_index(evidence->members, i);
        g_autofree char *shown = okse_text_show(member->name, -1, false);

        okse_print("  %9zu  %s\n", (size_t)g_bytes_get_size(member->bytes), shown);
    }
}

static void show_text(const OkseEvidence *evidence)
{
    const char *hostname = okse_json_peek_text(json_object_get(evidence->facts, "host"), "hostname");
    g_autofree char *host = okse_text_show(hostname != NULL ? hostname : "(no name)", -1, false);
    char digest[OKSE_SHA256_TEXT];

    okse_print("evidence   %s\n", okse_sha256_text(&evidence->digest, digest));
    okse_print("collected  %s on %s\n", okse_evidence_time(evidence), host);
    if (evidence->chained)
        okse_print("after      %s\n", okse_sha256_text(&evidence->previous, digest));
    okse_print("collectors\n");
    show_collectors(evidence);
    okse_print("members\n");
    show_members(evidence);
}

static int show_run(const OkseInvocation *invocation, GError **error)
{
    g_autoptr(OkseEvidence) evidence = okse_evidence_open(invocation->arguments[0], error);
    g_autoptr(json_t) document = NULL;
    char digest[OKSE_SHA256_TEXT];

    if (evidence == NULL)
        return 2;
    if (!invocation->json) {
        show_text(evidence);
        return 0;
    }
    document =
        json_pack("{s:s,s:s,s:O,s:O}", "schema", "okse.evidence-shown.v1", "digest",
                  okse_sha256_text(&evidence->digest, digest), "evidence", evidence->head, "facts", evidence->facts);
    return okse_print_json(document, error) ? 0 : 3;
}

const OkseCommand okse_command_evidence_show = {
    .name = "evidence show",
    .arguments = "EVIDENCE",
    .minimum = 1,
    .maximum = 1,
    .summary = "Show what an evidence archive holds.",
    .details = "Every digest is checked on the way; the signature and the chain are not (okse evidence verify).",
    .run = show_run,
};
