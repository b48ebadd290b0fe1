/* A file that other programs write, so members that we do not know are left alone, but for those that change who is
 * asked or what is checked. */
#include "audit/kubeconfig.h"

#include "core/yaml.h"
#include "packager/credentials.h"

#include <string.h>

#define TOKEN_MOST 16384u

typedef struct {
    const char *path;
    const OkseNode *root;
} File;

static bool fail_at(const File *file, const OkseNode *node, const char *what, GError **error)
{
    OksePlace place = node != NULL ? okse_node_place(node) : (OksePlace){.line = 1, .column = 1};

    return okse_fail(error, OKSE_ERROR_INVALID, "%s:%u:%u: %s", file->path, place.line, place.column, what);
}

/* A text that is there and not empty, or NULL. */
static const char *text_of(const OkseNode *map, const char *key)
{
    const OkseNode *member = okse_node_get(map, key);
    const char *text = member == NULL || okse_node_kind(member) == OKSE_NODE_NULL ? NULL : okse_node_text(member);

    return text == NULL || *text == '\0' ? NULL : text;
}

/* The member `inner` of the row of `list` that has this name. */
static const OkseNode *find(const File *file, const char *list, const char *name, const char *inner, GError **error)
{
    const OkseNode *rows = okse_node_get(file->root, list);
    g_autofree char *what = NULL;

    for (unsigned i = 0; rows != NULL && okse_node_kind(rows) == OKSE_NODE_LIST && i < okse_node_count(rows); i++) {
        const OkseNode *row = okse_node_item(rows, i), *found = okse_node_get(row, inner);

        if (name != NULL && g_strcmp0(text_of(row, "name"), name) == 0 && found != NULL)
            return found;
    }
    what = g_strdup_printf("no '%s' in '%s' has the name that is asked for", inner, list);
    fail_at(file, rows != NULL ? rows : file->root, what, error);
    return NULL;
}

static bool refuse(const File *file, const OkseNode *map, const char *key, const char *why, GError **error)
{
    const OkseNode *member = okse_node_get(map, key);
    g_autofree char *what = g_strdup_printf("'%s' %s", key, why);

    if (member == NULL || okse_node_kind(member) == OKSE_NODE_NULL ||
        (okse_node_kind(member) == OKSE_NODE_FLAG && !okse_node_flag(member)))
        return true;
    return fail_at(file, member, what, error);
}

static char *beside(const File *file, const char *name)
{
    g_autofree char *directory = g_path_get_dirname(file->path);

    return name == NULL ? NULL : g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(directory, name, NULL);
}

static bool read_cluster(const File *file, const OkseNode *cluster, OkseKubeconfig *config, GError **error)
{
    const char *data = text_of(cluster, "certificate-authority-data");
    gsize length = 0;
    guchar *pem;

    if (!refuse(file, cluster, "insecure-skip-tls-verify", "would check no certificate; give the cluster's authority",
                error) ||
        !refuse(file, cluster, "tls-server-name", "is not supported; use a name that the certificate has", error))
        return false;
    config->server = g_strdup(text_of(cluster, "server"));
    config->proxy = g_strdup(text_of(cluster, "proxy-url"));
    config->ca_file = data == NULL ? beside(file, text_of(cluster, "certificate-authority")) : NULL;
    if (config->server == NULL)
        return fail_at(file, cluster, "the cluster has no 'server'", error);
    if (data == NULL)
        return true;
    pem = g_base64_decode(data, &length);
    config->ca_pem = g_bytes_new_take(pem, length);
    return length > 0 || fail_at(file, okse_node_get(cluster, "certificate-authority-data"), "is no base64", error);
}

static bool read_user(const File *file, const OkseNode *user, OkseKubeconfig *config, GError **error)
{
    static const char no_token[] =
        "is not used: okse collect takes a token that may only read (kubectl create token NAME)";
    static const char *const others[] = {
        "exec",   "auth-provider", "client-certificate", "client-certificate-data", "username", "as",
        "as-uid", "as-groups",     "as-user-extra"};
    const char *token = text_of(user, "token");

    for (unsigned i = 0; i < G_N_ELEMENTS(others); i++)
        if (!refuse(file, user, others[i], no_token, error))
            return false;
    config->token_file = beside(file, text_of(user, "tokenFile"));
    if (token == NULL && config->token_file == NULL)
        return fail_at(file, user, "the user has no 'token' (kubectl create token NAME)", error);
    if (token != NULL && config->token_file == NULL) /* as kubectl: the file goes first */
        config->token = okse_kubeconfig_token(token, strlen(token), file->path, error);
    return config->token != NULL || config->token_file != NULL;
}

bool okse_kubeconfig_read(GBytes *bytes, const char *path, OkseKubeconfig *config, GError **error)
{
    g_autoptr(OkseYaml) yaml = okse_yaml_read_foreign(bytes, path, error);
    g_auto(OkseKubeconfig) read = {0};
    File file = {path, yaml == NULL ? NULL : okse_yaml_root(yaml)};
    const OkseNode *context, *cluster, *user;
    const char *current;

    if (yaml == NULL)
        return false;
    current = text_of(file.root, "current-context");
    if (current == NULL)
        return fail_at(&file, file.root, "has no 'current-context' (kubectl config use-context NAME)", error);
    context = find(&file, "contexts", current, "context", error);
    cluster = context == NULL ? NULL : find(&file, "clusters", text_of(context, "cluster"), "cluster", error);
    user = cluster == NULL ? NULL : find(&file, "users", text_of(context, "user"), "user", error);
    if (user == NULL || !read_cluster(&file, cluster, &read, error) || !read_user(&file, user, &read, error))
        return false;
    *config = read;
    read = (OkseKubeconfig){0};
    return true;
}

void okse_kubeconfig_clear(OkseKubeconfig *config)
{
    g_free(config->server);
    g_clear_pointer(&config->ca_pem, g_bytes_unref);
    g_free(config->ca_file);
    okse_secret_free(config->token);
    g_free(config->token_file);
    g_free(config->proxy);
    *config = (OkseKubeconfig){0};
}

char *okse_kubeconfig_token(const char *text, size_t length, const char *origin, GError **error)
{
    while (length > 0 && g_ascii_isspace(text[length - 1]))
        length--;
    while (length > 0 && g_ascii_isspace(*text)) {
        text++;
        length--;
    }
    if (length == 0 || length > TOKEN_MOST) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: a token has 1 to %u bytes", origin, TOKEN_MOST);
        return NULL;
    }
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isgraph(text[i])) {
            okse_fail(error, OKSE_ERROR_INVALID, "%s: is no token: it has a space or a control character in it",
                      origin);
            return NULL;
        }
    return g_strndup(text, length);
}
