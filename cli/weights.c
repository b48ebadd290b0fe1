/* okse weights: what model files say of themselves, and what they would do to whoever loads them. */
#include "packager/weights.h"
#include "cli/commands.h"
#include "core/text.h"

#include <fcntl.h>
#include <string.h>

static void print_counts(const json_t *dtypes)
{
    const char *dtype;
    json_t *count;
    const char *separator = "  (";

    json_object_foreach((json_t *)(uintptr_t)dtypes, dtype, count)
    {
        okse_print("%s%s %" JSON_INTEGER_FORMAT, separator, dtype, json_integer_value(count));
        separator = ", ";
    }
    okse_print("%s", json_object_size(dtypes) > 0 ? ")" : "");
}

static void print_file(const json_t *file)
{
    const json_t *parameters = json_object_get(file, "parameters");

    okse_print("%s  %s", okse_json_peek_text(file, "path"), okse_json_peek_text(file, "format"));
    if (parameters != NULL)
        okse_print("  %" JSON_INTEGER_FORMAT " parameters", json_integer_value(parameters));
    print_counts(json_object_get(file, "dtypes"));
    okse_print("\n");
}

static void print_report(const json_t *report)
{
    const json_t *files = json_object_get(report, "files"), *findings = json_object_get(report, "findings");
    const json_t *summary = json_object_get(report, "summary");
    static const char *const words[] = {"architecture", "precision", "quantization", "paramSize"};
    unsigned critical = okse_weights_critical(report);

    for (size_t i = 0; i < json_array_size(files); i++)
        print_file(json_array_get(files, i));
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (okse_json_peek_text(summary, words[i]) != NULL)
            okse_print("%-13s %s\n", words[i], okse_json_peek_text(summary, words[i]));
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *finding = json_array_get(findings, i);
        g_autofree char *text = okse_weights_finding_text(finding);

        okse_print("%-9s %s\n", okse_json_peek_text(finding, "severity"), text);
    }
    if (critical > 0)
        okse_print("%u critical finding%s: okse build refuses these weights\n", critical, critical == 1 ? "" : "s");
    else
        okse_print("no critical finding\n");
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const char *path = invocation->arguments[0];
    g_autoptr(OkseResources) resources = okse_resources_open(invocation->manifests, error);
    g_autoptr(OkseWeightsRules) rules = resources == NULL ? NULL : okse_weights_rules_read(resources, error);
    g_autoptr(OkseSource) source = rules == NULL ? NULL : okse_source_open_directory(AT_FDCWD, path, path, error);
    g_autoptr(json_t) report = source == NULL ? NULL : okse_weights_examine(rules, source, NULL, error);

    if (report == NULL)
        return 3;
    if (invocation->json) {
        if (!okse_print_json(report, error))
            return 3;
    } else {
        print_report(report);
    }
    return okse_weights_critical(report) > 0 ? 1 : 0;
}

const OkseCommand okse_command_weights = {
    .name = "weights",
    .arguments = "FILE|DIRECTORY",
    .minimum = 1,
    .maximum = 1,
    .summary = "Examine model files without loading them.",
    .details = "safetensors, GGUF, ONNX, pickles (also in archives), configs and chat templates (docs/weights.md).\n"
               "Exit status 1: something in it is dangerous, or cannot be followed to its end.",
    .run = run,
};
