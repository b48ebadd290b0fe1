/* okse pull: a bundle out of an OCI registry, as the file that was pushed. */
#include "packager/pull.h"

#include "cli/commands.h"
#include "cli/registry_options.h"
#include "core/text.h"

typedef struct {
    char *output, *ca, *auth, *rate, *retries, *proxy;
    gboolean plain;
} PullOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "the bundle to write", offsetof(PullOptions, output)},
    {OKSE_OPTION_PATH, "ca-file", 0, "PEM", "the authorities that count, in place of the system's",
     offsetof(PullOptions, ca)},
    {OKSE_OPTION_PATH, "authfile", 0, "FILE",
     "credentials ('auths'; default: $REGISTRY_AUTH_FILE, ~/.docker/config.json)", offsetof(PullOptions, auth)},
    {OKSE_OPTION_TEXT, "limit-rate", 0, "RATE", "most bytes a second: 500K, 10M, 1G", offsetof(PullOptions, rate)},
    {OKSE_OPTION_TEXT, "retries", 0, "N", "further tries after a failure that may pass (default: 5)",
     offsetof(PullOptions, retries)},
    {OKSE_OPTION_TEXT, "proxy", 0, "URL", "reach the registry through this proxy (the environment's is not looked at)",
     offsetof(PullOptions, proxy)},
    {OKSE_OPTION_FLAG, "plain-http", 0, NULL, "ask a registry on this machine without TLS",
     offsetof(PullOptions, plain)},
    {0},
};

static bool print_result(const json_t *result, bool json, GError **error)
{
    g_autofree char *fetched = okse_text_size((guint64)json_integer_value(json_object_get(result, "fetched")));
    g_autofree char *reused = okse_text_size((guint64)json_integer_value(json_object_get(result, "reused")));
    int others = (int)json_integer_value(json_object_get(result, "others"));

    if (json)
        return okse_print_json(result, error);
    okse_print("%s\n  identity    %s\n  fetched     %s (%s were there)\n  statements  %d\n",
               okse_json_peek_text(result, "bundle"), okse_json_peek_text(result, "identity"), fetched, reused,
               (int)json_integer_value(json_object_get(result, "statements")));
    if (others > 0)
        okse_print("  left there  %d referrer%s that no bundle carries\n", others, others == 1 ? "" : "s");
    okse_print("Nobody has vouched for it yet: okse verify %s --trust FILE\n", okse_json_peek_text(result, "bundle"));
    return true;
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const PullOptions *given = invocation->options;
    g_auto(OkseImageName) name = {0};
    g_autoptr(OkseCredentials) credentials = NULL;
    g_autoptr(json_t) result = NULL;
    OksePullRequest request = {.name = &name,
                               .output = given->output,
                               .http = {.ca = given->ca, .proxy = given->proxy},
                               .plain = given->plain,
                               .show_progress = true};

    if (given->output == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "where to? -o FILE"), 2;
    if (!okse_image_name_read(invocation->arguments[0], NULL, &name, error)) {
        g_prefix_error(error, "%s: ", invocation->arguments[0]);
        return 2;
    }
    if (name.tag == NULL && !name.pinned)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: names neither a tag nor a digest", invocation->arguments[0]),
               2;
    if (!cli_patience_read(given->retries, given->rate, &request.http, error) ||
        !cli_credentials_find(given->auth, &credentials, error))
        return 3;
    request.credentials = credentials;
    if (!okse_pull(&request, &result, error))
        return 3;
    return print_result(result, invocation->json, error) ? 0 : 3;
}

const OkseCommand okse_command_pull = {
    .name = "pull",
    .arguments = "oci://HOST/NAME:TAG|@sha256:…",
    .minimum = 1,
    .maximum = 1,
    .summary = "Bring a bundle back from an OCI registry, with the statements that refer to it.",
    .details = "Every blob is hashed on its way to its place; the same call again goes on where one was interrupted.\n"
               "Whether to believe the bundle is for okse verify to say (docs/registries.md).",
    .options = options,
    .options_size = sizeof(PullOptions),
    .run = run,
};
