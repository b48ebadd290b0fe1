/* okse collect: what is on a target that decides where data goes, as one document or one archive. */
#include "audit/collect_apart.h"
#include "audit/facts.h"
#include "audit/resolve.h"
#include "audit/telemetry_flows.h"
#include "cli/collect_cluster.h"
#include "cli/collect_image.h"
#include "cli/collect_output.h"
#include "cli/commands.h"
#include "cli/edge.h"
#include "core/fd.h"
#include "core/json.h"

typedef struct {
    char *root, *scope, *sysroot, *site, *geo, *at, *output;
    char *image, *platform, *directory, *time_limit;
    char *previous, *redaction_key, *key, *certificate, *role, *passphrase_fd;
    char **exports;
    char *api, *token_file, *ca_file, *kubeconfig;
    gboolean resolve, payload;
} CollectOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_PATH, "root", 0, "DIR", "the install root", offsetof(CollectOptions, root)},
    {OKSE_OPTION_TEXT, "scope", 0, "WHAT", "install, host or both (default: both with --root, else host)",
     offsetof(CollectOptions, scope)},
    {OKSE_OPTION_PATH, "sysroot", 0, "DIR", "the file system to look at (default: /)",
     offsetof(CollectOptions, sysroot)},
    {OKSE_OPTION_PATH, "image", 0, "LAYOUT[:TAG]", "a container image: an OCI layout, or an archive of one",
     offsetof(CollectOptions, image)},
    {OKSE_OPTION_TEXT, "platform", 0, "OS/ARCH", "which image of several", offsetof(CollectOptions, platform)},
    {OKSE_OPTION_PATH, "directory", 0, "DIR", "files of configuration that are no system",
     offsetof(CollectOptions, directory)},
    {OKSE_OPTION_PATH, "site", 0, "FILE", "the operator's site.yaml", offsetof(CollectOptions, site)},
    {OKSE_OPTION_PATH, "geo", 0, "MMDB", "address database for countries", offsetof(CollectOptions, geo)},
    {OKSE_OPTION_LIST, "kubernetes-export", 0, "FILE", "objects of a cluster (kubectl get -o json), or a directory",
     offsetof(CollectOptions, exports)},
    {OKSE_OPTION_TEXT, "kubernetes-api", 0, "URL", "ask the API server of a cluster for its objects, reading only",
     offsetof(CollectOptions, api)},
    {OKSE_OPTION_PATH, "token-file", 0, "FILE", "the token of an account of that cluster that may read",
     offsetof(CollectOptions, token_file)},
    {OKSE_OPTION_PATH, "ca-file", 0, "PEM", "the authorities of that cluster, in place of the system's",
     offsetof(CollectOptions, ca_file)},
    {OKSE_OPTION_PATH, "kubeconfig", 0, "FILE", "address, authority and token from here: its current context",
     offsetof(CollectOptions, kubeconfig)},
    {OKSE_OPTION_FLAG, "payload", 0, NULL, "look into every file of the install: secrets, programs, hosts in code",
     offsetof(CollectOptions, payload)},
    {OKSE_OPTION_FLAG, "resolve", 0, NULL, "ask the resolver for names that nobody can place",
     offsetof(CollectOptions, resolve)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "the time to write into the document", offsetof(CollectOptions, at)},
    {OKSE_OPTION_TEXT, "time-limit", 0, "SECONDS", "what is not finished then is partial: out of time",
     offsetof(CollectOptions, time_limit)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "FILE.json: the facts; a directory or any other name: an archive",
     offsetof(CollectOptions, output)},
    {OKSE_OPTION_PATH, "previous", 0, "EVIDENCE", "the archive before this one (in a directory: the newest there)",
     offsetof(CollectOptions, previous)},
    {OKSE_OPTION_PATH, "redaction-key", 0, "FILE", "of the keyed hashes of secrets (default: random, thrown away)",
     offsetof(CollectOptions, redaction_key)},
    {OKSE_OPTION_PATH, "key", 'k', "URI", "sign the archive: EVIDENCE.sigstore.json", offsetof(CollectOptions, key)},
    {OKSE_OPTION_PATH, "cert", 0, "PEM", "certificate chain of the key, its own first",
     offsetof(CollectOptions, certificate)},
    {OKSE_OPTION_TEXT, "role", 0, "ROLE", "sign as auditor (default), operator, …", offsetof(CollectOptions, role)},
    {OKSE_OPTION_TEXT, "passphrase-fd", 0, "N", "read the key's passphrase or PIN there",
     offsetof(CollectOptions, passphrase_fd)},
    {0},
};

static bool check_target(const CollectOptions *given, GError **error)
{
    unsigned targets = (given->sysroot != NULL) + (given->image != NULL) + (given->directory != NULL);

    if (targets > 1)
        return okse_fail(error, OKSE_ERROR_INVALID, "give one of --sysroot, --image and --directory");
    if ((given->image != NULL || given->directory != NULL) && (given->root != NULL || given->scope != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--root and --scope are of a system, not of --image or --directory");
    if (given->platform != NULL && given->image == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--platform belongs to --image");
    return true;
}

static bool check_scope(const char *scope, const char *root, bool payload, GError **error)
{
    static const char *const scopes[] = {"install", "host", "both", NULL};

    if (!g_strv_contains(scopes, scope))
        return okse_fail(error, OKSE_ERROR_INVALID, "--scope is install, host or both, not '%s'", scope);
    if (payload && root == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--payload is of an install: it needs --root DIR");
    if (root == NULL && g_str_equal(scope, "install"))
        return okse_fail(error, OKSE_ERROR_INVALID, "--scope install needs --root DIR");
    return true;
}

static bool seconds_read(const char *text, unsigned *seconds, GError **error)
{
    guint64 number = 0;

    *seconds = OKSE_COLLECT_UNLIMITED;
    if (text == NULL)
        return true;
    if (!g_ascii_string_to_unsigned(text, 10, 0, 31 * 24 * 3600, &number, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--time-limit '%s' is no whole number of seconds", text);
    *seconds = (unsigned)number;
    return true;
}

static void print_summary(const json_t *facts)
{
    const json_t *collectors = json_object_get(facts, "collectors");

    okse_print("%zu endpoints, %zu documents, %zu settings\n", json_array_size(json_object_get(facts, "endpoints")),
               json_array_size(json_object_get(facts, "documents")),
               json_array_size(json_object_get(facts, "settings")));
    for (size_t i = 0; i < json_array_size(collectors); i++) {
        const json_t *row = json_array_get(collectors, i);
        const char *reason = okse_json_peek_text(row, "reason");

        okse_print("  %-14s %s%s%s\n", okse_json_peek_text(row, "collector"), okse_json_peek_text(row, "status"),
                   reason != NULL ? ": " : "", reason != NULL ? reason : "");
    }
}

/* In this process, for the other one reaches nobody. */
static bool resolve(const OkseResources *resources, const CollectOptions *given, json_t *facts, GError **error)
{
    g_autoptr(OkseSite) site = given->site == NULL ? NULL : okse_site_open(given->site, error);
    g_autoptr(OkseAtlas) atlas =
        given->site != NULL && site == NULL ? NULL : okse_atlas_open(resources, site, given->geo, error);

    if (atlas == NULL)
        return false;
    okse_note("note: the resolver was asked for %u names", okse_facts_resolve(facts, atlas));
    okse_telemetry_flows(facts);
    okse_facts_compare_again(facts);
    return true;
}

/* Before the one that looks is confined, and out of the same time. */
static bool ask_cluster(const CollectOptions *given, const OkseResources *resources, OkseCollectApart *apart,
                        OkseCluster **cluster, GError **error)
{
    const OkseCollectClusterOptions wanted = {given->api, given->token_file, given->ca_file, given->kubeconfig,
                                              apart->seconds};
    gint64 began = g_get_monotonic_time();

    if (!okse_collect_cluster_check(&wanted, error) || !okse_collect_cluster_ask(&wanted, resources, cluster, error))
        return false;
    if (apart->seconds != OKSE_COLLECT_UNLIMITED)
        apart->seconds -= (unsigned)MIN((g_get_monotonic_time() - began) / G_USEC_PER_SEC, (gint64)apart->seconds);
    return true;
}

static bool collect(const OkseInvocation *invocation, OkseCollectRequest *request, OkseCollectApart *apart,
                    OkseCollected *collected, GError **error)
{
    const CollectOptions *given = invocation->options;
    g_autoptr(OkseResources) resources = okse_resources_open(invocation->manifests, error);
    g_auto(OkseCollectImage) image = {0};
    g_autoptr(json_t) directory = NULL;
    g_autoptr(OkseCluster) cluster = NULL;

    if (resources == NULL || !ask_cluster(given, resources, apart, &cluster, error))
        return false;
    request->cluster = cluster;
    if (given->image != NULL) {
        if (!okse_collect_image_open(given->image, given->platform, &image, error))
            return false;
        request->sysroot = image.root;
        apart->target = image.target;
        apart->environment = image.environment;
    }
    if (given->directory != NULL) {
        g_autofree char *name = g_filename_display_name(given->directory);

        request->sysroot = given->directory;
        apart->target = directory = json_pack("{s:s,s:s,s:n}", "kind", "directory", "name", name, "digest");
    }
    if (!okse_collect_apart(request, resources, apart, collected, error))
        return false;
    if (given->resolve && !resolve(resources, given, collected->facts, error))
        return false;
    if (!collected->landlock)
        okse_note("note: this kernel has no Landlock; the system-call filter alone keeps the collection from writing");
    return true;
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const CollectOptions *given = invocation->options;
    OkseCollectRequest request = {.root = given->root,
                                  .scope = given->scope != NULL  ? given->scope
                                           : given->root != NULL ? "both"
                                                                 : "host",
                                  .sysroot = given->sysroot != NULL ? given->sysroot : "/",
                                  .site = given->site,
                                  .geo = given->geo,
                                  .payload = given->payload,
                                  .exports = given->exports};
    OkseCollectOutputOptions wanted = {given->output,      given->previous, given->redaction_key, given->key,
                                       given->certificate, given->role,     given->passphrase_fd};
    g_auto(OkseCollectOutput) output = OKSE_COLLECT_OUTPUT_INIT;
    OkseCollectApart apart = {.gentle = true};
    g_auto(OkseCollected) collected = {0};
    const char *clock = NULL;

    if (!check_target(given, error) || !check_scope(request.scope, request.root, given->payload, error) ||
        !seconds_read(given->time_limit, &apart.seconds, error) ||
        !okse_edge_verification_time(given->at, &request.now, &clock, error) ||
        !okse_collect_output_prepare(&wanted, request.now, &output, error))
        return 2;
    apart.excerpts = output.archive;
    apart.excerpt_key = output.redaction_key;
    if (!collect(invocation, &request, &apart, &collected, error) ||
        !okse_collect_output_write(&output, &collected, error))
        return 3;
    if (invocation->json)
        return okse_print_json(collected.facts, error) ? 0 : 3;
    print_summary(collected.facts);
    okse_collect_output_print(&output);
    return 0;
}

const OkseCommand okse_command_collect = {
    .name = "collect",
    .maximum = 0,
    .summary = "Collect what decides where data goes, changing nothing.",
    .details =
        "Opens no connection and asks no name server (but with --resolve, --kubernetes-api and --kubeconfig); the\n"
        "process that looks can write no file and reach nobody, runs at the lowest priority and leaves access times\n"
        "as they are. What could not be looked at is said, collector by collector.\n\n"
        "--kubernetes-api sends GET alone and never asks for Secrets (docs/collect.md).\n\n"
        "-o FILE.json writes the facts; -o with another name an evidence archive: the facts, the lines that they rest\n"
        "on with secrets masked, digests of everything, the digest of the archive before. -o DIRECTORY gives it a\n"
        "name there and chains it to the newest that lies there. See docs/evidence.md.",
    .options = options,
    .options_size = sizeof(CollectOptions),
    .run = run,
};
