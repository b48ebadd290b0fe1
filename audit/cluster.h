#pragma once

#include "core/resource.h"
#include "packager/http.h"

/* Ask the API server of a cluster for its objects: with GET alone, kind by kind and page by page, and never for
 * Secrets. Like --resolve it reaches out, so it is asked for by name and happens before the process that looks is
 * confined, which then reads what is kept here. docs/decisions/0036-a-cluster-is-asked-before.md */

typedef struct {
    const char *url;       /* https://HOST[:PORT][/PATH]; http to this machine only */
    const char *token;     /* of a service account, or NULL: as nobody */
    OkseHttpSettings http; /* authorities, proxy, tries */
    unsigned seconds;      /* for all of it */
} OkseClusterAccess;

typedef struct {
    char *path;    /* where it was read: "https://HOST/apis/apps/v1/deployments", with "#2" for a second one */
    GBytes *bytes; /* as `kubectl get -o json` prints it */
} OkseClusterFile;

/* What was answered, in the order of the server. */
typedef struct {
    char *url;
    GPtrArray *files; /* OkseClusterFile */
    GString *gaps;    /* what could not be listed, by name and why; empty: all was */
    bool policies;    /* every kind of network policy that there is was listed */
    unsigned kinds, objects;
} OkseCluster;
void okse_cluster_free(OkseCluster *cluster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseCluster, okse_cluster_free)

/* A kind that may not be listed, or whose list is broken off, is a gap. Errors: INVALID (the address), REFUSED (the
 * token; a redirect elsewhere; an endless answer), NOT_FOUND and SYSTEM (no API server answers there), CANCELLED. */
OkseCluster *okse_cluster_ask(const OkseClusterAccess *access, const OkseResources *resources,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The bytes of a file of that path, or NULL; borrowed. */
GBytes *okse_cluster_find(const OkseCluster *cluster, const char *path);
