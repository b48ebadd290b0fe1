/* Which collectors run, and what the ones that do not run say about it. */
#include "audit/collect.h"

#include "audit/collect_payload.h"
#include "audit/collect_software.h"
#include "audit/collect_telemetry.h"
#include "audit/collect_tls.h"
#include "audit/collector.h"
#include "audit/compatibility.h"
#include "audit/excerpts.h"
#include "audit/fact_kinds.h"
#include "audit/fetches.h"
#include "audit/firewall.h"
#include "audit/networks.h"
#include "audit/object_store.h"
#include "audit/tools.h"
#include "core/confine.h"
#include "core/fd.h"
#include "core/text.h"
#include "core/worker.h"
#include "packager/drift.h"

#include <string.h>

const OkseCollector okse_host_collectors[] = {
    /* name, needs_kernel, collect */
    /* clang-format off */
    {"mounts", false, okse_collect_mounts},
    {"sockets", true, okse_collect_sockets},
    {"routes", false, okse_collect_routes},
    {"resolvers", false, okse_collect_resolvers},
    {"time", false, okse_collect_time},
    {"firewall", false, okse_collect_firewall},
    {"egress", false, okse_collect_egress},
    {"namespaces", true, okse_collect_namespaces},
    {"tunnels", false, okse_collect_tunnels},
    {"accounts", false, okse_collect_accounts},
    {"schedules", false, okse_collect_schedules},
    {"processes", true, okse_collect_processes},
    {NULL, false, NULL},
    /* clang-format on */
};

static void collect_host_scope(OkseCollection *collection, bool wanted)
{
    for (const OkseCollectorKind *kind = okse_collector_kinds; !wanted && kind->name != NULL; kind++)
        if (kind->scope == OKSE_SCOPE_HOST && strcmp(kind->name, "host") != 0)
            okse_facts_coverage(collection->facts, kind->name, OKSE_UNAVAILABLE, "not in scope");
    for (const OkseCollector *one = okse_host_collectors; wanted && one->name != NULL; one++) {
        if (collection->no_host != NULL)
            okse_facts_coverage(collection->facts, one->name, OKSE_UNAVAILABLE, collection->no_host);
        else if (one->needs_kernel && !collection->running)
            okse_facts_coverage(collection->facts, one->name, OKSE_UNAVAILABLE,
                                "the kernel that runs is not that of the sysroot");
        else if (okse_interrupted()) /* of several reasons the first is kept: nothing was looked at */
            okse_facts_coverage(collection->facts, one->name, OKSE_PARTIAL, OKSE_OUT_OF_TIME);
        else
            one->collect(collection);
    }
}

static json_t *scope_json(bool bundle, bool installed, bool host)
{
    json_t *scope = json_array();

    if (bundle)
        json_array_append_new(scope, json_string("bundle"));
    if (installed)
        json_array_append_new(scope, json_string("install"));
    if (host)
        json_array_append_new(scope, json_string("host"));
    return scope;
}

static void set_head(OkseCollection *collection, const OkseCollectRequest *request, const OkseSite *site)
{
    g_autofree char *time = okse_text_time(request->now);
    const json_t *target = request->aside != NULL ? request->aside->target : NULL;

    okse_facts_set(collection->facts, "schema", json_string("okse.facts.v1"));
    okse_facts_set(collection->facts, "collected_at", json_string(time));
    okse_facts_set(collection->facts, "tool", json_pack("{s:s,s:s}", "name", "okse", "version", OKSE_VERSION));
    okse_facts_set(collection->facts, "sysroot",
                   request->sysroot != NULL && target == NULL ? json_string(request->sysroot) : json_null());
    if (target != NULL)
        okse_facts_set(collection->facts, "target", json_incref((json_t *)(uintptr_t)target));
    okse_facts_set(collection->facts, "site", site != NULL ? okse_site_to_json(site) : json_null());
    okse_facts_coverage(collection->facts, "site", site != NULL ? OKSE_COMPLETE : OKSE_ABSENT,
                        site != NULL ? NULL : "no site.yaml was given");
}

static bool open_places(OkseCollection *collection, const OkseCollectRequest *request, GError **error)
{
    collection->sysroot_fd = okse_open_directory(request->sysroot, error);
    if (collection->sysroot_fd < 0)
        return false;
    if (collection->running && strcmp(request->scope, "install") != 0)
        collection->proc_fd = okse_open_directory("/proc", error);
    if (collection->running && strcmp(request->scope, "install") != 0 && collection->proc_fd < 0)
        return false;
    collection->root_fd = request->root != NULL ? okse_open_directory(request->root, error) : -1;
    return request->root == NULL || collection->root_fd >= 0;
}

static bool collect_payload(OkseCollection *collection, const OkseCollectRequest *request,
                            const OkseResources *resources, const char *why_not, GError **error)
{
    if (collection->install != NULL && request->payload)
        return okse_collect_payload(collection, NULL, resources, error);
    if (collection->install != NULL)
        why_not = "was not asked for (collect --payload; the gates before shipping ask: audit --framework shipping)";
    okse_facts_coverage(collection->facts, "secrets", OKSE_UNAVAILABLE, why_not);
    okse_facts_coverage(collection->facts, "programs", OKSE_UNAVAILABLE, why_not);
    okse_facts_coverage(collection->facts, "embedded", OKSE_UNAVAILABLE, why_not);
    return true;
}

static json_t *run(OkseCollection *collection, const OkseCollectRequest *request, const OkseResources *resources,
                   const OkseAtlas *atlas, const OkseSite *site, GError **error)
{
    bool host = strcmp(request->scope, "install") != 0, installed = strcmp(request->scope, "host") != 0;
    g_autoptr(GError) cause = NULL;
    g_autoptr(json_t) install = NULL;
    g_autoptr(OkseProcesses) processes = collection->proc_fd < 0 ? NULL : okse_processes_look(collection->proc_fd);
    const char *why_not = !installed ? "not in scope" : "no install root was given (--root)";

    if (installed && collection->root_fd >= 0) {
        install = okse_install_describe(collection->root_fd, request->threads, NULL, &cause);
        why_not = cause != NULL ? cause->message : why_not;
    }
    collection->install = install;
    collection->processes = processes;
    collection->networks = request->aside != NULL ? request->aside->networks : NULL;
    set_head(collection, request, site);
    okse_facts_set(collection->facts, "scope", scope_json(false, installed, host));
    okse_collect_host(collection); /* in every scope: a verdict names its target */
    collect_host_scope(collection, host);
    if (request->aside != NULL)
        g_clear_pointer(&request->aside->networks, okse_networks_leave);
    if (collection->processes != NULL)
        okse_collect_residue_running(collection);
    collection->host = host;
    if (host)
        okse_collect_programs_running(collection); /* Landlock hides environments */
    if (request->aside != NULL) /* not before: Landlock hides what /proc says of other processes' files */
        request->aside->landlock = okse_confine_files();
    okse_collect_install(collection, why_not);
    okse_collect_installed_licenses(collection, why_not);
    okse_collect_installed_evaluations(collection, resources, why_not);
    okse_collect_installed_packages(collection, why_not);
    okse_collect_installed_trials(collection, why_not);
    okse_collect_installed_tools(collection, why_not);
    okse_collect_installed_network_policies(collection, why_not);
    if (request->cluster != NULL)
        okse_collect_cluster(collection);
    okse_collect_configuration(collection, installed, host);
    if (request->aside != NULL && request->aside->environment != NULL)
        okse_collect_scan(collection, &(OkseScanFile){.collector = "configuration",
                                                      .path = "(environment of the image)",
                                                      .name = "image.env",
                                                      .bytes = request->aside->environment});
    if (host)
        okse_collect_host_objects(collection);
    for (char **path = request->exports; path != NULL && *path != NULL; path++)
        if (!okse_collect_export_of_cluster(collection, *path, error))
            return NULL;
    okse_collect_software_finish(collection, host);
    if (host && collection->no_host == NULL)
        okse_collect_certificates(collection);
    else
        okse_facts_coverage(collection->facts, "certificates", OKSE_UNAVAILABLE,
                            host ? collection->no_host : "not in scope");
    if (host && collection->no_host == NULL)
        okse_collect_residue(collection);
    else
        okse_facts_coverage(collection->facts, "residue", OKSE_UNAVAILABLE,
                            host ? collection->no_host : "not in scope");
    if (host && collection->no_host == NULL)
        okse_collect_rest(collection);
    okse_collect_objects_finish(collection);
    okse_collect_approvals(collection);
    okse_collect_export(collection);
    return collect_payload(collection, request, resources, why_not, error)
               ? okse_facts_finish(collection->facts, atlas, site)
               : NULL;
}

/* Before an install: nothing of a host. */
static json_t *run_contents(OkseCollection *collection, const OkseCollectRequest *request,
                            const OkseResources *resources, const OkseAtlas *atlas, const OkseSite *site,
                            GError **error)
{
    set_head(collection, request, site);
    okse_facts_set(collection->facts, "scope", scope_json(true, false, false));
    if (!okse_collect_components(collection, request->contents, error))
        return NULL;
    okse_collect_software_finish(collection, false);
    okse_collect_objects_finish(collection);
    okse_collect_approvals(collection);
    okse_collect_export(collection);
    return okse_collect_licenses(collection, request->contents, error) &&
                   okse_collect_evaluations(collection, request->contents, resources, error) &&
                   okse_collect_packages(collection, request->contents, error) &&
                   okse_collect_trials(collection, request->contents, error) &&
                   okse_collect_tools(collection, request->contents, error) &&
                   okse_collect_network_policies(collection, request->contents, error) &&
                   (request->papers_only || okse_collect_payload(collection, request->contents, resources, error))
               ? okse_facts_finish(collection->facts, atlas, site)
               : NULL;
}

static json_t *run_any(OkseCollection *collection, const OkseCollectRequest *request, const OkseResources *resources,
                       const OkseAtlas *atlas, const OkseSite *site, GError **error)
{
    json_t *document = NULL;

    if (request->contents != NULL)
        document = run_contents(collection, request, resources, atlas, site, error);
    else if (open_places(collection, request, error))
        document = run(collection, request, resources, atlas, site, error);
    if (document != NULL && request->aside != NULL && request->aside->excerpt_key != NULL)
        request->aside->excerpts = okse_excerpts_take(collection, document, request->aside->excerpt_key);
    okse_fd_clear(&collection->sysroot_fd);
    okse_fd_clear(&collection->proc_fd);
    okse_fd_clear(&collection->root_fd);
    g_clear_pointer(&collection->digest.bytes, g_bytes_unref);
    g_clear_pointer(&collection->firewall, okse_firewall_free);
    return document;
}

/* Files that are no system: there is a configuration, and nothing else of a host. */
static const char *no_host_in(const OkseCollectRequest *request)
{
    const char *kind = request->aside != NULL ? okse_json_peek_text(request->aside->target, "kind") : NULL;

    return g_strcmp0(kind, "directory") == 0 ? "a directory of configuration is no host" : NULL;
}

json_t *okse_collect(const OkseCollectRequest *request, const OkseResources *resources, json_t **geo, GError **error)
{
    g_autoptr(GByteArray) spare = NULL; /* let go last */
    g_autoptr(OkseSite) site = NULL;
    g_autoptr(OkseAtlas) atlas = NULL;
    g_autoptr(OkseScanner) scanner = NULL;
    g_autoptr(OkseSecretRules) secrets = NULL;
    g_autoptr(OkseSecretScan) masker = NULL;
    g_autoptr(OkseFetchRules) fetches = NULL;
    g_autoptr(OkseToolRules) tools = NULL;
    g_autoptr(OkseHostFiles) host_files = NULL;
    g_autoptr(OkseGuess) guess = NULL;
    g_autoptr(GHashTable) looked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(OkseObjects) objects = NULL;
    g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(OkseLicenses) licenses = NULL;
    g_autoptr(OkseSoftware) software = NULL;
    g_autoptr(OkseSoftwareSeen) programs = okse_software_seen_new();
    g_autoptr(GHashTable) certificates =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    g_autoptr(json_t) papers = json_object(), embargoes = NULL, compatibility = NULL, certificate_places = NULL;
    g_autoptr(json_t) fitting =
        json_pack("{s:[],s:[],s:[],s:[],s:[]}", "packages", "models", "artefacts", "drivers", "hosts");
    g_autoptr(OksePapers) rules = NULL;
    g_autoptr(GHashTable) signatures =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    g_autoptr(OkseFacts) facts = okse_facts_new();
    OkseCollection collection = {.facts = facts,
                                 .sysroot_fd = -1,
                                 .proc_fd = -1,
                                 .root_fd = -1,
                                 .root = request->root,
                                 .cluster = request->cluster,
                                 .running = g_strcmp0(request->sysroot, "/") == 0,
                                 .threads = request->threads,
                                 .trust = request->trust,
                                 .now = request->now,
                                 .clock = request->clock,
                                 .no_host = no_host_in(request),
                                 .papers = papers,
                                 .fitting = fitting,
                                 .signatures = signatures,
                                 .claims = claims,
                                 .spare = &spare,
                                 .looked = looked};
    json_t *document = NULL;

    if (request->site != NULL) {
        site = okse_site_open(request->site, error);
        if (site == NULL)
            return NULL;
    }
    atlas = okse_atlas_open(resources, site, request->geo, error);
    scanner = atlas == NULL ? NULL : okse_scanner_new(resources, false, error);
    fetches = scanner == NULL ? NULL : okse_fetch_rules_read(resources, error);
    tools = fetches == NULL ? NULL : okse_tool_rules_read(resources, error);
    host_files = tools == NULL ? NULL : okse_host_files_read(resources, error);
    guess = host_files == NULL ? NULL : okse_guess_new(resources, error);
    licenses = guess == NULL ? NULL : okse_licenses_read(resources, error);
    software = licenses == NULL ? NULL : okse_software_read(resources, error);
    embargoes = software == NULL ? NULL : okse_embargoes_read(resources, error);
    rules = embargoes == NULL ? NULL : okse_papers_read(resources, error);
    compatibility = rules == NULL ? NULL : okse_compatibility_read(resources, error);
    certificate_places = compatibility == NULL ? NULL : okse_certificate_places_read(resources, error);
    secrets = certificate_places == NULL ? NULL : okse_secret_rules_read(resources, error);
    objects = secrets == NULL ? NULL : okse_objects_new(resources, error);
    masker = objects == NULL ? NULL : okse_secret_scan_new(secrets, "");
    collection.atlas = atlas;
    collection.scanner = scanner;
    collection.fetches = fetches;
    collection.tools = tools;
    collection.host_files = host_files;
    collection.guess = guess;
    collection.licenses = licenses;
    collection.software = software;
    collection.programs = programs;
    collection.secrets = secrets;
    collection.masker = masker;
    collection.embargoes = embargoes;
    collection.rules = rules;
    collection.compatibility = compatibility;
    collection.objects = objects;
    collection.certificates = certificates;
    collection.certificate_places = certificate_places;
    if (masker != NULL)
        document = run_any(&collection, request, resources, atlas, site, error);
    if (document != NULL && geo != NULL)
        *geo = okse_atlas_geo(atlas);
    return document;
}
