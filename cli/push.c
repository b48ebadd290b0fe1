/* okse push: a bundle into an OCI registry. */
#include "packager/push.h"

#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/registry_options.h"
#include "core/fd.h"
#include "core/text.h"

#include <string.h>
#include <sys/stat.h>

typedef struct {
    char *from, *ca, *auth, *rate, *retries, *proxy, *state;
    gboolean dry_run, replace, plain;
} PushOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_FLAG, "dry-run", 0, NULL, "ask nobody: which known registries would refuse what (address optional)",
     offsetof(PushOptions, dry_run)},
    {OKSE_OPTION_FLAG, "replace", 0, NULL, "move tags that name something else already",
     offsetof(PushOptions, replace)},
    {OKSE_OPTION_TEXT, "mount-from", 0, "NAME", "another repository of the registry, which may have blobs already",
     offsetof(PushOptions, from)},
    {OKSE_OPTION_PATH, "state", 0, "DIR", "remember begun uploads there (default: okse/push in $XDG_STATE_HOME)",
     offsetof(PushOptions, state)},
    {OKSE_OPTION_PATH, "ca-file", 0, "PEM", "the authorities that count, in place of the system's",
     offsetof(PushOptions, ca)},
    {OKSE_OPTION_PATH, "authfile", 0, "FILE",
     "credentials ('auths'; default: $REGISTRY_AUTH_FILE, ~/.docker/config.json)", offsetof(PushOptions, auth)},
    {OKSE_OPTION_TEXT, "limit-rate", 0, "RATE", "most bytes a second: 500K, 10M, 1G", offsetof(PushOptions, rate)},
    {OKSE_OPTION_TEXT, "retries", 0, "N", "further tries after a failure that may pass (default: 5)",
     offsetof(PushOptions, retries)},
    {OKSE_OPTION_TEXT, "proxy", 0, "URL", "reach the registry through this proxy (the environment's is not looked at)",
     offsetof(PushOptions, proxy)},
    {OKSE_OPTION_FLAG, "plain-http", 0, NULL, "ask a registry on this machine without TLS",
     offsetof(PushOptions, plain)},
    {0},
};

/* A directory of this user alone, or -1: remembering is a help. Only one that was named must be there. */
static bool open_state(const PushOptions *given, int *fd, GError **error)
{
    g_autofree char *usual = g_build_filename(g_get_user_state_dir(), "okse", "push", NULL);
    struct stat info;

    *fd = -1;
    if (given->state != NULL) {
        *fd = okse_open_directory(given->state, error);
        return *fd >= 0;
    }
    if (g_mkdir_with_parents(usual, 0700) < 0)
        return true;
    *fd = okse_open_directory(usual, NULL);
    if (*fd >= 0 && (fstat(*fd, &info) < 0 || info.st_uid != geteuid() || (info.st_mode & 022) != 0))
        okse_fd_clear(fd);
    return true;
}

static json_int_t number(const json_t *result, const char *group, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(result, group), key));
}

static bool print_pushed(const json_t *result, bool json, GError **error)
{
    g_autofree char *sent = okse_text_size((guint64)number(result, "bytes", "sent"));
    int blobs = (int)(number(result, "blobs", "sent") + number(result, "blobs", "mounted"));
    int there = (int)number(result, "blobs", "there");
    const char *referrers = okse_json_peek_text(result, "referrers");

    if (json)
        return okse_print_json(result, error);
    okse_print("oci://%s/%s:%s\n  identity    %s\n", okse_json_peek_text(result, "registry"),
               okse_json_peek_text(result, "repository"), okse_json_peek_text(result, "tag"),
               okse_json_peek_text(result, "identity"));
    if (blobs == 0)
        okse_print("  sent        0 bytes sent, %d blobs were there\n", there);
    else
        okse_print("  sent        %s in %d blobs, %d mounted, %d were there\n", sent,
                   (int)number(result, "blobs", "sent"), (int)number(result, "blobs", "mounted"), there);
    okse_print("  manifests   %d put, %d were there; all read back\n", (int)number(result, "manifests", "put"),
               (int)number(result, "manifests", "there"));
    okse_print("  statements  %d%s\n", (int)json_integer_value(json_object_get(result, "statements")),
               strcmp(referrers, "none") == 0  ? ""
               : strcmp(referrers, "api") == 0 ? ", listed as referrers"
                                               : ", listed under their tag (the registry has no referrers API)");
    return true;
}

static void print_refusal(const json_t *row)
{
    g_autofree char *size = okse_text_size((guint64)json_integer_value(json_object_get(row, "size")));
    json_int_t limit = json_integer_value(json_object_get(row, "limit"));
    g_autofree char *most = okse_text_size((guint64)limit);
    const char *path = okse_json_peek_text(row, "path"), *what = okse_json_peek_text(row, "what");
    const char *component = okse_json_peek_text(row, "component");

    if (strcmp(what, "layers") == 0)
        okse_print("    %s: %d layers, at most %d\n", component,
                   (int)json_integer_value(json_object_get(row, "layers")), (int)limit);
    else
        okse_print("    %s%s%s: %s of %s, at most %s\n", component, path != NULL ? "/" : "", path != NULL ? path : "",
                   what, size, most);
}

static bool print_limits(const json_t *result, bool json, GError **error)
{
    const json_t *rows = json_object_get(result, "registries");
    g_autofree char *largest = okse_text_size((guint64)json_integer_value(json_object_get(result, "largest")));

    if (json)
        return okse_print_json(result, error);
    okse_print("nothing was sent; %d blobs, the largest %s\n",
               (int)json_integer_value(json_object_get(result, "blobs")), largest);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *refuses = json_object_get(row, "refuses");

        okse_print("  %s %s: %s\n", json_is_true(json_object_get(row, "meant")) ? "→" : " ",
                   okse_json_peek_text(row, "title"),
                   json_array_size(refuses) == 0 ? "nothing known against it" : "would refuse");
        for (size_t k = 0; k < json_array_size(refuses); k++)
            print_refusal(json_array_get(refuses, k));
        if (json_array_size(refuses) > 0)
            okse_print("    source: %s (%s, confidence %s)\n", okse_json_peek_text(row, "source"),
                       okse_json_peek_text(row, "date"), okse_json_peek_text(row, "confidence"));
    }
    return true;
}

static int dry_run(const OkseInvocation *invocation, const OkseBundle *bundle, const OkseImageName *name,
                   GError **error)
{
    g_autoptr(OkseResources) resources = okse_resources_open(invocation->manifests, error);
    g_autofree char *tag = resources == NULL ? NULL : okse_push_tag(bundle, name, error);
    g_autoptr(json_t) result = tag == NULL ? NULL : okse_push_limits(bundle, name->host, resources, error);

    if (result == NULL || !print_limits(result, invocation->json, error))
        return 3;
    return json_is_true(json_object_get(result, "refused")) ? 1 : 0;
}

static int push(const OkseInvocation *invocation, OksePushRequest *request, GError **error)
{
    const PushOptions *given = invocation->options;
    okse_autofd state = -1;
    g_autoptr(OkseCredentials) credentials = NULL;
    g_autoptr(json_t) result = NULL;

    if (!cli_patience_read(given->retries, given->rate, &request->http, error) ||
        !cli_credentials_find(given->auth, &credentials, error) || !open_state(given, &state, error))
        return 3;
    request->credentials = credentials;
    request->state_fd = state;
    if (!okse_push(request, &result, error))
        return 3;
    return print_pushed(result, invocation->json, error) ? 0 : 3;
}

/* The address, where one is needed. */
static bool read_name(const OkseInvocation *invocation, OkseImageName *name, GError **error)
{
    const PushOptions *given = invocation->options;
    const char *address = invocation->arguments[1];

    if (address == NULL)
        return given->dry_run || okse_fail(error, OKSE_ERROR_INVALID, "where to? oci://HOST/NAME:TAG");
    if (!okse_image_name_read(address, NULL, name, error)) {
        g_prefix_error(error, "%s: ", address);
        return false;
    }
    if (name->pinned)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a push is under a tag; the digest follows from the bundle",
                         address);
    return given->from == NULL || okse_image_repository_is_good(given->from) ||
           okse_fail(error, OKSE_ERROR_INVALID, "--mount-from is the name of a repository, without a host");
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const PushOptions *given = invocation->options;
    const char *path = invocation->arguments[0];
    g_auto(OkseImageName) name = {0};
    g_autoptr(OkseBytes) bytes = NULL;
    g_autoptr(OkseBundle) bundle = NULL;
    OksePushRequest request = {.origin = path,
                               .name = &name,
                               .from = given->from,
                               .http = {.ca = given->ca, .proxy = given->proxy},
                               .plain = given->plain,
                               .replace = given->replace,
                               .show_progress = true};

    if (!read_name(invocation, &name, error))
        return 2;
    bytes = okse_bundle_input_open_whole(path, error);
    bundle = bytes == NULL ? NULL : okse_bundle_of(bytes, path, error);
    if (bundle == NULL)
        return 3;
    if (given->dry_run)
        return dry_run(invocation, bundle, &name, error);
    request.bundle = bundle;
    return push(invocation, &request, error);
}

const OkseCommand okse_command_push = {
    .name = "push",
    .arguments = "BUNDLE oci://HOST/NAME[:TAG]",
    .minimum = 1,
    .maximum = 2,
    .summary = "Put a bundle and its statements into an OCI registry; what is there is not sent again.",
    .details =
        "Without TAG the bundle's version is its tag; components are beside it under TAG-COMPONENT. The bundle's\n"
        "own tag is set last, when all was read back (docs/registries.md).",
    .options = options,
    .options_size = sizeof(PushOptions),
    .run = run,
};
