#pragma once

#include "core/json.h"

/* What the API server of a Kubernetes cluster answers, read without trusting it: which kinds there are, and their
 * objects page by page. Nothing here opens a connection. Source: Kubernetes API concepts ("API discovery", "Retrieving
 * large results sets in chunks"). */

#define OKSE_CLUSTER_PAGE_MOST (64u << 20) /* bytes of one answer */

/* A kind of objects that can be listed. */
typedef struct {
    char *path; /* "/apis/apps/v1/deployments" */
    char *api;  /* "apps/v1" */
    char *kind; /* "Deployment" */
} OkseClusterKind;
void okse_cluster_kind_free(gpointer kind);

/* The versions of the groups in an answer of /apis ("apps/v1"), a group's preferred one first. origin: for messages.
 * Returns char * that the caller owns. Errors: INVALID. */
GPtrArray *okse_cluster_versions(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Which kinds are asked for. */
typedef struct {
    const json_t *wanted; /* globs of kinds */
    const json_t *never;  /* kinds that are not asked for, whatever else says so */
} OkseClusterWanted;
bool okse_cluster_is_wanted(const OkseClusterWanted *wanted, const char *kind);

/* Add the kinds (OkseClusterKind) that an answer of /api/v1 or /apis/GROUP/VERSION lists: those that are wanted, can be
 * listed, and were not found in an earlier version of the same group. Errors: INVALID, and then none was added. */
bool okse_cluster_kinds(GBytes *bytes, const char *api, const OkseClusterWanted *wanted, GPtrArray *kinds,
                        GError **error);

/* One page of a list: objects as one would write them, with apiVersion and kind and without managedFields. */
typedef struct {
    json_t *items; /* a list of objects */
    char *next;    /* what to ask for the next page with; NULL: this is the last */
} OkseClusterPage;
/* Errors: INVALID (no list of objects). */
bool okse_cluster_page(GBytes *bytes, const OkseClusterKind *kind, OkseClusterPage *page, GError **error);
void okse_cluster_page_clear(OkseClusterPage *page);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseClusterPage, okse_cluster_page_clear)

/* `count` of the items from `from` on, as the document that `kubectl get -o json` prints of them. */
GBytes *okse_cluster_document(const json_t *items, size_t from, size_t count) G_GNUC_WARN_UNUSED_RESULT;
