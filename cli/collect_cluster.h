#pragma once

#include "audit/cluster.h"

/* okse collect --kubernetes-api and --kubeconfig: whom to ask, as whom. */
typedef struct {
    const char *api, *token_file, *ca_file; /* --kubernetes-api URL --token-file FILE --ca-file FILE */
    const char *kubeconfig;                 /* --kubeconfig FILE, in their place */
    unsigned seconds;                       /* of --time-limit; G_MAXUINT: none */
} OkseCollectClusterOptions;

/* Errors: INVALID. */
bool okse_collect_cluster_check(const OkseCollectClusterOptions *options, GError **error);
/* Ask and say on stderr what was asked; *cluster stays NULL when nobody is to be asked. Errors: those of
 * okse_cluster_ask() and of reading the files. */
bool okse_collect_cluster_ask(const OkseCollectClusterOptions *options, const OkseResources *resources,
                              OkseCluster **cluster, GError **error);
