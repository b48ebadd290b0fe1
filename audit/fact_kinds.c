#include "audit/fact_kinds.h"

#include <stddef.h>
#include <string.h>

const OkseFactKind okse_fact_kinds[] = {
    /* a row a line */
    /* clang-format off */
    /* list, prefix, collector, counted, later */
    {"mounts", "mnt", "mounts", true, false},
    {"sockets", "sock", "sockets", true, false},
    {"routes", "rt", "routes", true, false},
    {"firewall", "fw", "firewall", true, true},
    {"egress", "egr", NULL, false, true},
    {"reach", "rch", NULL, false, true},
    {"settings", "set", "configuration", false, false},
    {"documents", "doc", "documents", true, false},
    {"drift", "dft", "drift", true, false},
    {"endpoints", "ep", NULL, false, false},
    {"mentions", "men", NULL, false, true},
    {"licenses", "lic", "licenses", true, true},
    {"fetches", "fet", "configuration", false, true},
    {"secrets", "sec", "secrets", true, true},
    {"programs", "prg", "programs", true, true},
    {"embedded", "hst", "embedded", true, true},
    {"evaluations", "evl", "evaluations", true, true},
    {"disagreements", "dis", NULL, false, true},
    {"embargoes", "emb", "export", true, true},
    {"trials", "try", "trials", true, true},
    {"packages", "pkg", "packages", true, true},
    {"agreements", "agr", "packages", false, true},
    {"drivers", "drv", "packages", false, true},
    {"artefacts", "art", "packages", false, true},
    {"tools", "tol", "tools", true, true},
    {"residue", "res", "residue", true, true},
    {"accounts", "acc", "accounts", true, true},
    {"schedules", "sch", "schedules", true, true},
    {"tls", "tls", "tls", true, true},
    {"certificates", "crt", "certificates", true, true},
    {"processes", "prc", "processes", true, true},
    {"workloads", "wl", "workloads", true, true},
    {"objects", "obj", "workloads", false, true},
    {"resources", "rsc", "resources", true, true},
    {"telemetry", "tel", "telemetry", true, true},
    {NULL, NULL, NULL, false, false},
    /* clang-format on */
};

const OkseCollectorKind okse_collector_kinds[] = {
    /* clang-format off */
    {"host", OKSE_SCOPE_HOST},
    {"mounts", OKSE_SCOPE_HOST},
    {"sockets", OKSE_SCOPE_HOST},
    {"routes", OKSE_SCOPE_HOST},
    {"resolvers", OKSE_SCOPE_HOST},
    {"firewall", OKSE_SCOPE_HOST},
    {"egress", OKSE_SCOPE_HOST},
    {"namespaces", OKSE_SCOPE_HOST},
    {"time", OKSE_SCOPE_HOST},
    /* programs on the host, by what they do (manifests/software/) */
    {"logging", OKSE_SCOPE_HOST},
    {"metrics", OKSE_SCOPE_HOST},
    {"backups", OKSE_SCOPE_HOST},
    {"databases", OKSE_SCOPE_HOST},
    {"queues", OKSE_SCOPE_HOST},
    {"mirrors", OKSE_SCOPE_HOST},
    {"proxies", OKSE_SCOPE_HOST},
    {"keys", OKSE_SCOPE_HOST},
    {"identity", OKSE_SCOPE_HOST},
    {"mail", OKSE_SCOPE_HOST},
    {"tunnels", OKSE_SCOPE_HOST},
    {"accounts", OKSE_SCOPE_HOST},
    {"schedules", OKSE_SCOPE_HOST},
    {"processes", OKSE_SCOPE_HOST},
    {"residue", OKSE_SCOPE_HOST},
    {"tls", OKSE_SCOPE_HOST},
    {"certificates", OKSE_SCOPE_HOST},
    {"site", OKSE_SCOPE_ANY},
    {"network-policies", OKSE_SCOPE_INSTALL},
    {"install", OKSE_SCOPE_INSTALL},
    {"drift", OKSE_SCOPE_INSTALL},
    {"configuration", OKSE_SCOPE_INSTALL},
    {"documents", OKSE_SCOPE_INSTALL},
    {"licenses", OKSE_SCOPE_INSTALL},
    {"secrets", OKSE_SCOPE_INSTALL},
    {"programs", OKSE_SCOPE_INSTALL},
    {"embedded", OKSE_SCOPE_INSTALL},
    {"evaluations", OKSE_SCOPE_INSTALL},
    {"export", OKSE_SCOPE_INSTALL},
    {"trials", OKSE_SCOPE_INSTALL},
    {"packages", OKSE_SCOPE_INSTALL},
    {"tools", OKSE_SCOPE_INSTALL},
    {"workloads", OKSE_SCOPE_INSTALL},
    {"resources", OKSE_SCOPE_INSTALL},
    {"telemetry", OKSE_SCOPE_INSTALL},
    {NULL, OKSE_SCOPE_ANY},
    /* clang-format on */
};

const OkseFactKind *okse_fact_kind(const char *list)
{
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++)
        if (strcmp(kind->list, list) == 0)
            return kind;
    return NULL;
}

const OkseCollectorKind *okse_collector_kind(const char *name)
{
    for (const OkseCollectorKind *kind = okse_collector_kinds; kind->name != NULL; kind++)
        if (strcmp(kind->name, name) == 0)
            return kind;
    return NULL;
}
