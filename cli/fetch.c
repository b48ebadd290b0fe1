/* okse fetch: the remote sources of a stack, brought here, so that okse build needs no network. */
#include "packager/fetch.h"
#include "cli/commands.h"
#include "cli/registry_options.h"
#include "core/text.h"

typedef struct {
    char *cache, *ca, *auth, *proxy, *retries;
    gboolean plain;
} FetchOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_PATH, "cache", 0, "DIR", "where to (default: .okse-cache beside STACK)",
     offsetof(FetchOptions, cache)},
    {OKSE_OPTION_PATH, "ca", 0, "PEM", "the authorities that count, in place of the system's",
     offsetof(FetchOptions, ca)},
    {OKSE_OPTION_PATH, "auth", 0, "FILE", "credentials ('auths'; default: $REGISTRY_AUTH_FILE, ~/.docker/config.json)",
     offsetof(FetchOptions, auth)},
    {OKSE_OPTION_TEXT, "proxy", 0, "URL", "reach servers through this proxy (the environment's is not looked at)",
     offsetof(FetchOptions, proxy)},
    {OKSE_OPTION_TEXT, "retries", 0, "N", "further tries after a failure that may pass (default: 5)",
     offsetof(FetchOptions, retries)},
    {OKSE_OPTION_FLAG, "plain-http", 0, NULL, "ask registries on this machine without TLS",
     offsetof(FetchOptions, plain)},
    {0},
};

static void print_source(const json_t *row)
{
    json_int_t got = json_integer_value(json_object_get(row, "fetched"));
    const char *digest = okse_json_peek_text(row, "digest"), *commit = okse_json_peek_text(row, "commit");
    g_autofree char *size = okse_text_size((guint64)got),
                    *source = okse_text_show(okse_json_peek_text(row, "source"), -1, false);

    okse_print("%s  %s\n  %s  %s\n  fetched   %s\n", okse_json_peek_text(row, "component"), source,
               digest != NULL ? "digest  " : "commit  ", digest != NULL ? digest : commit,
               got == 0 ? "nothing: it is all there" : size);
}

static bool print_result(const json_t *result, bool json, GError **error)
{
    const json_t *sources = json_object_get(result, "sources");

    if (json)
        return okse_print_json(result, error);
    for (size_t i = 0; i < json_array_size(sources); i++)
        print_source(json_array_get(sources, i));
    if (json_array_size(sources) == 0)
        okse_print("no source of this stack is remote\n");
    return true;
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const FetchOptions *given = invocation->options;
    g_autoptr(OkseResources) resources = NULL;
    g_autoptr(OkseCredentials) credentials = NULL;
    g_autoptr(json_t) result = NULL;
    OkseFetchRequest request = {.stack_path = invocation->arguments[0],
                                .cache = given->cache,
                                .http = {.ca = given->ca, .proxy = given->proxy},
                                .plain = given->plain,
                                .show_progress = true};

    if (!cli_patience_read(given->retries, NULL, &request.http, error) ||
        !cli_credentials_find(given->auth, &credentials, error))
        return 3;
    request.credentials = credentials;
    resources = okse_resources_open(invocation->manifests, error);
    if (resources == NULL || !okse_fetch(&request, resources, &result, error))
        return 3;
    return print_result(result, invocation->json, error) ? 0 : 3;
}

const OkseCommand okse_command_fetch = {
    .name = "fetch",
    .arguments = "STACK",
    .minimum = 1,
    .maximum = 1,
    .summary = "Bring what a stack names in registries and remote git repositories into a cache.",
    .details = "STACK is a stack.yaml (docs/stack.md). Only what is pinned is fetched: images by digest,\n"
               "repositories at a commit or tag. okse build then reads the cache and needs no network (docs/fetch.md).",
    .options = options,
    .options_size = sizeof(FetchOptions),
    .run = run,
};
