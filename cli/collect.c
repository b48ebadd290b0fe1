/* okse collect: what is on a target that decides where data goes, as one document. */
#include "audit/collect.h"
#include "cli/commands.h"
#include "cli/edge.h"
#include "core/fd.h"
#include "core/json.h"

typedef struct {
    char *root, *scope, *sysroot, *site, *geo, *at, *output;
} CollectOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_PATH, "root", 0, "DIR", "the install root", offsetof(CollectOptions, root)},
    {OKSE_OPTION_TEXT, "scope", 0, "WHAT", "install, host or both (default: both with --root, else host)",
     offsetof(CollectOptions, scope)},
    {OKSE_OPTION_PATH, "sysroot", 0, "DIR", "the file system to look at (default: /)",
     offsetof(CollectOptions, sysroot)},
    {OKSE_OPTION_PATH, "site", 0, "FILE", "the operator's site.yaml", offsetof(CollectOptions, site)},
    {OKSE_OPTION_PATH, "geo", 0, "MMDB", "address database for countries", offsetof(CollectOptions, geo)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "the time to write into the document", offsetof(CollectOptions, at)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "where to write the facts", offsetof(CollectOptions, output)},
    {0},
};

static bool check_scope(const char *scope, const char *root, GError **error)
{
    static const char *const scopes[] = {"install", "host", "both", NULL};

    if (!g_strv_contains(scopes, scope))
        return okse_fail(error, OKSE_ERROR_INVALID, "--scope is install, host or both, not '%s'", scope);
    if (root == NULL && g_str_equal(scope, "install"))
        return okse_fail(error, OKSE_ERROR_INVALID, "--scope install needs --root DIR");
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

static int run(const OkseInvocation *invocation, GError **error)
{
    const CollectOptions *given = invocation->options;
    OkseCollectRequest request = {.root = given->root,
                                  .scope = given->scope != NULL  ? given->scope
                                           : given->root != NULL ? "both"
                                                                 : "host",
                                  .sysroot = given->sysroot != NULL ? given->sysroot : "/",
                                  .site = given->site,
                                  .geo = given->geo};
    const char *clock = NULL;
    g_autoptr(OkseResources) resources = NULL;
    g_autoptr(json_t) facts = NULL;
    g_autoptr(GBytes) bytes = NULL;

    if (!check_scope(request.scope, request.root, error) ||
        !okse_edge_verification_time(given->at, &request.now, &clock, error))
        return 2;
    resources = okse_resources_open(invocation->manifests, error);
    facts = resources == NULL ? NULL : okse_collect(&request, resources, NULL, error);
    if (facts == NULL)
        return 3;
    bytes = okse_json_write(facts);
    if (given->output != NULL && !okse_write_path(given->output, bytes, error))
        return 3;
    if (invocation->json)
        return okse_print_json(facts, error) ? 0 : 3;
    print_summary(facts);
    return 0;
}

const OkseCommand okse_command_collect = {
    .name = "collect",
    .maximum = 0,
    .summary = "Collect what decides where data goes, changing nothing.",
    .details =
        "Opens no connection and asks no name server. What could not be looked at is said, collector by collector.",
    .options = options,
    .options_size = sizeof(CollectOptions),
    .run = run,
};
