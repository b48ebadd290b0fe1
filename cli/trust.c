/* okse trust: write and explain trust policies. */
#include "packager/trust.h"
#include "cli/commands.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

typedef struct {
    char *output, *preset;
} InitOptions;

static const OkseOption init_options[] = {
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "write it here instead of to standard output",
     offsetof(InitOptions, output)},
    {OKSE_OPTION_TEXT, "preset", 0, "NAME", "with the algorithms of a published list: kr-kcmvp, cn-sm, us-fips, …",
     offsetof(InitOptions, preset)},
    {0},
};

static char *template_read(const OkseInvocation *invocation, GError **error)
{
    const InitOptions *options = invocation->options;
    g_autoptr(OkseResources) resources = NULL;
    g_autoptr(GPtrArray) presets = NULL;
    const OkseAlgorithmPreset *preset;

    if (options->preset == NULL)
        return okse_trust_template(NULL);
    resources = okse_resources_open(invocation->manifests, error);
    presets = resources == NULL ? NULL : okse_algorithm_presets_read(resources, error);
    preset = presets == NULL ? NULL : okse_algorithm_preset_find(presets, options->preset, error);
    return preset == NULL ? NULL : okse_trust_template(preset);
}

static int init_run(const OkseInvocation *invocation, GError **error)
{
    const InitOptions *options = invocation->options;
    g_autofree char *text = template_read(invocation, error);
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) document = NULL;

    if (text == NULL)
        return 2;
    bytes = g_bytes_new(text, strlen(text));

    if (options->output != NULL && access(options->output, F_OK) == 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is there already and is not overwritten", options->output);
        return 2;
    }
    if (options->output != NULL && !okse_write_path(options->output, bytes, error))
        return 2;
    if (!invocation->json) {
        if (options->output == NULL)
            okse_print("%s", text);
        return 0;
    }
    document =
        options->output != NULL ? json_pack("{s:s}", "output", options->output) : json_pack("{s:s}", "trust", text);
    return okse_print_json(document, error) ? 0 : 2;
}

const OkseCommand okse_command_trust_init = {
    .name = "trust init",
    .minimum = 0,
    .maximum = 0,
    .summary = "Write a commented trust.yaml to start from.",
    .options = init_options,
    .options_size = sizeof(InitOptions),
    .run = init_run,
};

static json_t *roles_json(const OkseTrust *trust)
{
    json_t *roles = json_object();

    for (guint i = 0; i < trust->roles->len; i++) {
        const OkseRole *role = g_ptr_array_index(trust->roles, i);
        json_t *signers = json_array();

        for (guint j = 0; j < role->signers->len; j++) {
            const OkseSigner *signer = g_ptr_array_index(role->signers, j);

            json_array_append_new(signers, json_string(signer->label));
        }
        json_object_set_new(roles, role->name,
                            json_pack("{s:i, s:o}", "threshold", (int)role->threshold, "signers", signers));
    }
    return roles;
}

static int show_run(const OkseInvocation *invocation, GError **error)
{
    g_autoptr(OkseTrust) trust = okse_trust_open(invocation->arguments[0], error);
    g_autofree char *words = NULL;
    g_autofree char *shown = NULL;
    char digest[OKSE_SHA256_TEXT];

    if (trust == NULL)
        return 2;
    words = okse_trust_describe(trust);
    shown = okse_text_show(words, -1, true);
    if (invocation->json) {
        g_autoptr(json_t) document =
            json_pack("{s:s, s:s, s:o, s:s}", "schema", "okse.trust.v1", "digest",
                      okse_sha256_text(&trust->digest, digest), "roles", roles_json(trust), "words", words);

        return okse_print_json(document, error) ? 0 : 2;
    }
    okse_print("%s", shown);
    return 0;
}

const OkseCommand okse_command_trust_show = {
    .name = "trust show",
    .arguments = "FILE",
    .minimum = 1,
    .maximum = 1,
    .summary = "Say in words what a trust policy accepts.",
    .run = show_run,
};
