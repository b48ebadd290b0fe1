/* Network namespaces of containers and the like: where their processes could send packets, through their own filter and
 * routes, and then through this host's. */
#include "audit/collector.h"
#include "audit/egress_facts.h"
#include "audit/envelope_forward.h"
#include "audit/firewall_source.h"
#include "audit/networks.h"
#include "core/worker.h"

#include <errno.h>
#include <string.h>

#define LIMIT_TOLD 64u /* processes of one namespace, listed */

/* What is asked inside. */
typedef struct {
    const GPtrArray *legacy; /* OkseLegacyTable, or NULL */
    char *name;              /* "net:[4026532271]" */
    OkseFirewall *firewall;  /* NULL: not told */
    OkseRoutes *routes;      /* NULL: not told */
    char *why;               /* for which the filter was not told, or NULL */
} Space;

static void space_clear(Space *space)
{
    g_free(space->name);
    g_clear_pointer(&space->firewall, okse_firewall_free);
    g_clear_pointer(&space->routes, okse_routes_free);
    g_free(space->why);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Space, space_clear)

/* In the thread that lives there. */
static void look(void *data)
{
    Space *space = data;
    g_autofree char *origin = g_strdup_printf("nftables %s", space->name);

    space->firewall = okse_firewall_new();
    if (!okse_firewall_read_kernel(space->firewall, origin, space->legacy, &space->why))
        g_clear_pointer(&space->firewall, okse_firewall_free);
    space->routes = okse_routes_read();
}

/* The containers that live there, in the order of their processes. */
static char *containers_of(const OkseProcesses *processes, guint64 netns)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned i = 0; i < okse_processes_count(processes); i++) {
        const OkseProcess *process = okse_processes_get(processes, i);

        if (process->netns == netns && process->container != NULL && g_hash_table_add(seen, process->container) &&
            g_hash_table_size(seen) <= LIMIT_TOLD)
            g_string_append_printf(text, ", container %.12s", process->container);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static json_t *processes_of(const OkseProcesses *processes, guint64 netns)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < okse_processes_count(processes); i++) {
        const OkseProcess *process = okse_processes_get(processes, i);

        if (process->netns == netns && !process->kernel && json_array_size(list) < LIMIT_TOLD)
            json_array_append_new(list, okse_process_json(process));
    }
    return list;
}

/* The digit that a setting begins with; -1: it cannot be read. */
static int number_of(const OkseCollection *collection, const char *path)
{
    g_autoptr(GBytes) bytes = okse_collect_read(collection, path, 64, NULL);
    const char *text = bytes != NULL && g_bytes_get_size(bytes) > 0 ? g_bytes_get_data(bytes, NULL) : NULL;

    return text == NULL || !g_ascii_isdigit(*text) ? -1 : *text - '0';
}

/* IPv4 asks the device, IPv6 the whole host, unless a device is told to. Source: Linux,
 * Documentation/networking/ip-sysctl.rst. */
static int forwards(void *context, const char *device, bool four)
{
    g_autofree char *own = g_strdup_printf(
        four ? "/proc/sys/net/ipv4/conf/%s/forwarding" : "/proc/sys/net/ipv6/conf/%s/force_forwarding", device);
    int number = number_of(context, own);

    if (!four && number <= 0)
        number = number_of(context, "/proc/sys/net/ipv6/conf/all/forwarding");
    return number > 0 ? 1 : number;
}

/* The stricter of what is said for all devices and for this one; what cannot be read counts as the strictest. */
static int checks(void *context, const char *device)
{
    g_autofree char *own = g_strdup_printf("/proc/sys/net/ipv4/conf/%s/rp_filter", device);
    int all = number_of(context, "/proc/sys/net/ipv4/conf/all/rp_filter"), one = number_of(context, own);

    return all < 0 || one < 0 ? 1 : MAX(all, one);
}

static void add(json_t *list, const char *text, const char *why)
{
    json_array_append_new(
        list, json_pack("{s:s,s:n,s:n,s:s,s:s}", "path", "routes", "line", "handle", "text", text, "why", why));
}

static json_t *unmodelled_of(const OkseEnvelope *envelope, const Space *space, bool host, int error)
{
    json_t *list = json_array();

    if (error != 0)
        add(list, space->name, g_strerror(error));
    if (envelope->reachable->len > 0 && error == 0 && space->firewall == NULL)
        add(list, "packet filter", space->why);
    if (envelope->reachable->len > 0 && error == 0 && space->routes == NULL)
        add(list, "routes", "they could not be read");
    if (envelope->reachable->len > 0 && error == 0 && !host)
        add(list, "this host", "its packet filter or routes could not be read");
    for (guint i = 0; i < MIN(envelope->rules->len, LIMIT_TOLD); i++)
        json_array_append_new(list, okse_firewall_rule_json(g_ptr_array_index(envelope->rules, i)));
    for (guint i = 0; i < MIN(envelope->routes->len, LIMIT_TOLD); i++)
        add(list, g_ptr_array_index(envelope->routes, i), "a way that is not modelled");
    return list;
}

/* Its own filter first; where that lets go, the host's. */
static const char *default_of(const OkseEnvelope *envelope, const Space *space, const OkseForwarder *host, bool four)
{
    const char *word = okse_envelope_default(envelope, space->firewall, "output", four);

    return envelope->forwarded && strcmp(word, "allow") == 0
               ? okse_envelope_default(envelope, host->firewall, "forward", four)
               : word;
}

/* True when nothing is left open. */
static bool add_envelope(OkseCollection *collection, const Space *space, guint64 netns, const OkseForwarder *host,
                         int error)
{
    g_autoptr(OkseEnvelope) own = okse_envelope_new(space->firewall, space->routes, true), behind = NULL;
    g_autofree char *containers = containers_of(collection->processes, netns),
                    *subject = g_strconcat(space->name, containers, NULL);
    g_autoptr(json_t) source =
        okse_facts_source(&(OkseSourceFact){.collector = "namespaces", .path = space->name, .via = "netlink"});
    g_autoptr(json_t) processes = processes_of(collection->processes, netns), unmodelled = NULL;
    const OkseEnvelope *envelope = own;
    bool complete;

    if (host != NULL && space->routes != NULL)
        envelope = behind = okse_envelope_forward(own, space->routes, space->firewall, host);
    unmodelled = unmodelled_of(envelope, space, host != NULL && host->firewall != NULL, error);
    complete = json_array_size(unmodelled) == 0;
    okse_egress_add(collection,
                    &(OkseEgressSubject){
                        .kind = "namespace",
                        .name = subject,
                        .state = "observed",
                        .complete = complete,
                        .defaults = {default_of(envelope, space, host, true), default_of(envelope, space, host, false)},
                        .source = source,
                        .netns = space->name,
                        .processes = processes},
                    envelope, json_incref(unmodelled));
    return complete;
}

static void look_into(OkseCollection *collection, guint64 netns, const OkseForwarder *host)
{
    g_auto(Space) space = {.name = g_strdup_printf("net:[%" G_GUINT64_FORMAT "]", netns)};
    int error;
    g_autofree char *reason = NULL;

    space.legacy = collection->networks == NULL ? NULL : okse_networks_legacy(collection->networks, netns);
    error = collection->networks == NULL ? EPERM : okse_networks_do(collection->networks, netns, look, &space);

    if (add_envelope(collection, &space, netns, host, error))
        return;
    reason = error != 0 ? g_strdup_printf("%s could not be entered: %s", space.name, g_strerror(error))
                        : g_strdup_printf("something of %s is not modelled", space.name);
    okse_facts_coverage(collection->facts, "namespaces", OKSE_PARTIAL, reason);
}

void okse_collect_namespaces(OkseCollection *collection)
{
    g_autoptr(GPtrArray) spaces = okse_processes_netns(collection->processes);
    g_autoptr(OkseRoutes) routes = spaces->len > 0 ? okse_routes_read() : NULL;
    const OkseForwarder host = {collection->firewall, routes, forwards, checks, collection};
    const char *why = okse_processes_why_not(collection->processes);

    for (guint i = 0; i < spaces->len; i++) {
        if (okse_interrupted()) {
            okse_facts_coverage(collection->facts, "namespaces", OKSE_PARTIAL, OKSE_OUT_OF_TIME);
            return;
        }
        look_into(collection, ((const OkseProcess *)g_ptr_array_index(spaces, i))->netns,
                  routes != NULL ? &host : NULL);
    }
    if (collection->networks != NULL && okse_networks_more(collection->networks))
        okse_facts_coverage(collection->facts, "namespaces", OKSE_PARTIAL, "there are more than are entered");
    if (why != NULL)
        okse_facts_coverage(collection->facts, "namespaces", OKSE_PARTIAL, why);
    okse_facts_coverage(collection->facts, "namespaces", spaces->len > 0 ? OKSE_COMPLETE : OKSE_ABSENT,
                        spaces->len > 0 ? NULL : "no process lives in another network namespace");
}
