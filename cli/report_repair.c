/* okse report repair: which lines to change, and what the audit would say then. */
#include "audit/repair.h"
#include "audit/report.h"
#include "cli/commands.h"
#include "cli/report_again.h"
#include "core/fd.h"
#include "core/limits.h"

#include <string.h>

typedef struct {
    OkseAgainOptions again; /* first: its rows have offsets into it */
    char **replace;
    char *files, *output;
} RepairOptions;

static const OkseOption options[] = {
    OKSE_AGAIN_OPTIONS,
    {OKSE_OPTION_LIST, "replace", 0, "HOST=OTHER", "name OTHER where a line names HOST; may be repeated",
     offsetof(RepairOptions, replace)},
    {OKSE_OPTION_PATH, "files", 0, "DIR", "the target's file system or a copy: lines are shown as they stand there",
     offsetof(RepairOptions, files)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "write the diff here (patch -p1 at the root of the target)",
     offsetof(RepairOptions, output)},
    {0},
};

static json_t *read_replacements(char *const *words, GError **error)
{
    g_autoptr(json_t) table = json_object();

    for (; words != NULL && *words != NULL; words++) {
        g_auto(GStrv) parts = g_strsplit(*words, "=", 2);

        if (g_strv_length(parts) != 2 || *parts[0] == '\0' || *parts[1] == '\0' ||
            strpbrk(parts[1], " \t\n\"'\\") != NULL || !g_utf8_validate(*words, -1, NULL)) {
            okse_fail(error, OKSE_ERROR_INVALID, "--replace '%s': HOST=OTHER was expected, such as a.example=10.0.0.1",
                      *words);
            return NULL;
        }
        json_object_set_new(table, parts[0], json_string(parts[1]));
    }
    return g_steal_pointer(&table);
}

/* Only what the evidence gives is repaired: the lines come from there. */
static bool is_same(const json_t *findings, const OkseAuditRequest *request, GError **error)
{
    g_autoptr(json_t) made = okse_findings(request, error);

    if (made == NULL || json_equal(made, findings))
        return made != NULL;
    return okse_fail(error, OKSE_ERROR_INVALID,
                     "the evidence does not give these findings; okse report verify says where they differ");
}

static int show(const OkseInvocation *invocation, const json_t *repair, GError **error)
{
    const RepairOptions *given = invocation->options;
    const char *diff = okse_json_peek_text(repair, "diff");
    const char *verdict = okse_json_peek_text(json_object_get(repair, "verdict"), "predicted");
    g_autoptr(GBytes) bytes = g_bytes_new(diff, strlen(diff));

    if (given->output != NULL && !okse_write_path(given->output, bytes, error))
        return 3;
    if (invocation->json) {
        if (!okse_print_json(repair, error))
            return 3;
    } else {
        g_autofree char *text = okse_repair_text(repair);

        okse_print("%s", text);
    }
    return strcmp(verdict, "compliant") == 0 ? 0 : strcmp(verdict, "non-compliant") == 0 ? 1 : 4;
}

static int repair_run(const OkseInvocation *invocation, GError **error)
{
    const RepairOptions *given = invocation->options;
    const char *path = invocation->arguments[0];
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_EVIDENCE, error);
    g_autoptr(json_t) findings = bytes == NULL ? NULL : okse_findings_read(bytes, path, error);
    g_autoptr(json_t) replacements = findings == NULL ? NULL : read_replacements(given->replace, error);
    g_auto(OkseAgain) again = {0};
    g_autoptr(json_t) repair = NULL;

    if (replacements == NULL)
        return 2;
    if (json_object_get(findings, "partial") != NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: a partial audit (--only) does not say what is wrong as a whole",
                  path);
        return 2;
    }
    if (!okse_again_open(invocation, &given->again, findings, &again, error) ||
        !is_same(findings, &again.inputs.request, error))
        return 2;
    repair = okse_repair(&(OkseRepairRequest){.request = &again.inputs.request,
                                              .findings = findings,
                                              .replacements = replacements,
                                              .files = given->files,
                                              .resources = again.resources},
                         error);
    return repair == NULL ? 2 : show(invocation, repair, error);
}

const OkseCommand okse_command_report_repair = {
    .name = "report repair",
    .arguments = "FINDINGS",
    .minimum = 1,
    .maximum = 1,
    .summary = "Show the fewest configuration lines whose change mends the verdict.",
    .details =
        "FINDINGS and their evidence are as for `okse report verify`. The facts are evaluated again without what\n"
        "stands on a set of lines; the smallest set is shown as a diff, with what no line can mend. Nothing is\n"
        "changed on the target. Exit status, of the predicted verdict: 0 compliant, 1 non-compliant,\n"
        "4 inconclusive. See docs/repair.md.",
    .options = options,
    .options_size = sizeof(RepairOptions),
    .takes_policy = true,
    .run = repair_run,
};
