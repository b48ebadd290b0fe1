#include "cli/collect_cluster.h"

#include "audit/kubeconfig.h"
#include "cli/options.h"
#include "core/fd.h"
#include "core/limits.h"
#include "packager/credentials.h"

#include <openssl/crypto.h>

#define SECONDS 600u /* when nobody says how long it may take */
#define TRIES 2u
#define TOKEN_FILE_MOST (64u << 10)

bool okse_collect_cluster_check(const OkseCollectClusterOptions *options, GError **error)
{
    if (options->api != NULL && options->kubeconfig != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "give one of --kubernetes-api and --kubeconfig");
    if (options->api == NULL && (options->token_file != NULL || options->ca_file != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--token-file and --ca-file belong to --kubernetes-api");
    return true;
}

static void wipe(GBytes *bytes)
{
    OPENSSL_cleanse((void *)(uintptr_t)g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static char *token_read(const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, TOKEN_FILE_MOST, error);
    char *token;

    if (bytes == NULL)
        return NULL;
    token = okse_kubeconfig_token(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), path, error);
    wipe(bytes);
    return token;
}

static bool authorities_check(const OkseKubeconfig *config, const char *origin, GError **error)
{
    gsize length = 0;
    const char *text = config->ca_pem == NULL ? NULL : g_bytes_get_data(config->ca_pem, &length);

    return config->ca_pem == NULL ||
           (length > 0 && g_strstr_len(text, (gssize)length, "-----BEGIN CERTIFICATE-----") != NULL) ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: the authority of the cluster is no certificate in PEM", origin);
}

/* Files that are named beside the address are as if a kubeconfig named them. */
static bool config_read(const OkseCollectClusterOptions *options, OkseKubeconfig *config, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;

    if (options->kubeconfig == NULL) {
        config->server = g_strdup(options->api);
        config->token_file = g_strdup(options->token_file);
        config->ca_file = g_strdup(options->ca_file);
    } else {
        bytes = okse_read_path(options->kubeconfig, OKSE_LIMIT_METADATA, error);
        if (bytes == NULL || !okse_kubeconfig_read(bytes, options->kubeconfig, config, error))
            return false;
        wipe(bytes);
    }
    if (config->token_file != NULL)
        config->token = token_read(config->token_file, error);
    if (config->token_file != NULL && config->token == NULL)
        return false;
    if (config->ca_file != NULL)
        config->ca_pem = okse_read_path(config->ca_file, OKSE_LIMIT_METADATA, error);
    return (config->ca_file == NULL || config->ca_pem != NULL) &&
           authorities_check(config, config->ca_file != NULL ? config->ca_file : options->kubeconfig, error);
}

bool okse_collect_cluster_ask(const OkseCollectClusterOptions *options, const OkseResources *resources,
                              OkseCluster **cluster, GError **error)
{
    g_auto(OkseKubeconfig) config = {0};
    OkseClusterAccess access = {.http = {.retries = TRIES}, .seconds = MIN(options->seconds, SECONDS)};

    if (options->api == NULL && options->kubeconfig == NULL)
        return true;
    if (!config_read(options, &config, error))
        return false;
    access.url = config.server;
    access.token = config.token;
    access.http.ca_pem = config.ca_pem;
    access.http.proxy = config.proxy;
    *cluster = okse_cluster_ask(&access, resources, error);
    if (*cluster == NULL)
        return false;
    okse_note("note: %s was asked for %u kinds of objects and answered with %u objects", (*cluster)->url,
              (*cluster)->kinds, (*cluster)->objects);
    return true;
}
