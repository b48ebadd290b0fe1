/* site.yaml: one function a section, every fault with its place. */
#include "packager/site.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/stack_device.h"

#include <string.h>

static void network_free(gpointer data)
{
    OkseSiteNetwork *network = data;

    g_free(network->text);
    g_free(network->country);
    g_free(network->zone);
    g_free(network);
}

static void host_free(gpointer data)
{
    OkseSiteHost *host = data;

    g_free(host->name);
    g_free(host->country);
    g_free(host->zone);
    json_decref(host->machine);
    g_free(host);
}

static void endpoint_free(gpointer data)
{
    OkseSiteEndpoint *endpoint = data;

    g_free(endpoint->text);
    g_free(endpoint->host);
    g_free(endpoint);
}

static void storage_free(gpointer data)
{
    OkseSiteStorage *storage = data;

    g_free(storage->path);
    g_free(storage->place);
    g_free(storage);
}

void okse_site_free(OkseSite *site)
{
    if (site == NULL)
        return;
    g_free(site->origin);
    g_free(site->name);
    g_free(site->country);
    g_ptr_array_unref(site->networks);
    g_ptr_array_unref(site->hosts);
    g_ptr_array_unref(site->endpoints);
    g_ptr_array_unref(site->storage);
    json_decref(site->contacts);
    json_decref(site->parameters);
    g_free(site);
}

static void issue_at(OkseIssues *issues, const OkseNode *map, const char *key, const char *message)
{
    const OkseNode *node = okse_node_get(map, key);
    OksePlace at = okse_node_place(node != NULL ? node : map);

    okse_issue(issues, &at, "%s", message);
}

/* The shape of an ISO 3166-1 alpha-2 code; whether the country is known is the audit's question. */
static bool country_is(const char *text)
{
    return strlen(text) == 2 && g_ascii_isupper(text[0]) && g_ascii_isupper(text[1]);
}

static char *take_country(OkseMap *map, const OkseNode *node, const char *key, OkseIssues *issues)
{
    const char *text = NULL;

    if (!okse_map_take_text(map, key, OKSE_REQUIRED, &text))
        return NULL;
    if (!country_is(text)) {
        issue_at(issues, node, key, "a country is two capital letters, such as VN");
        return NULL;
    }
    return g_strdup(text);
}

/* A host name in lower case without its final dot, "*.x" allowed when `wildcard`; NULL when it is none. */
static char *name_normal(const char *text, bool wildcard)
{
    g_autofree char *name = g_ascii_strdown(text, -1);
    size_t length = strlen(name);
    const char *rest;

    if (length > 1 && name[length - 1] == '.')
        name[--length] = '\0';
    rest = wildcard && g_str_has_prefix(name, "*.") ? name + 2 : name;
    if (length == 0 || length > 253 || *rest == '\0' || *rest == '.' || strstr(rest, "..") != NULL)
        return NULL;
    for (const char *p = rest; *p != '\0'; p++)
        if (!g_ascii_isalnum(*p) && *p != '-' && *p != '.' && *p != '_')
            return NULL;
    return g_steal_pointer(&name);
}

static void take_zone(OkseMap *map, char **zone)
{
    const char *text = NULL;

    if (okse_map_take_text(map, "zone", OKSE_OPTIONAL, &text))
        *zone = g_strdup(text);
}

static bool network_known(const GPtrArray *networks, const OkseCidr *cidr)
{
    for (guint i = 0; i < networks->len; i++) {
        const OkseSiteNetwork *known = g_ptr_array_index(networks, i);

        if (known->cidr.prefix == cidr->prefix && okse_cidr_contains(&known->cidr, cidr))
            return true;
    }
    return false;
}

static void network_read(const OkseNode *node, OkseSite *site, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "network", issues);
    OkseSiteNetwork *network = g_new0(OkseSiteNetwork, 1);
    g_autoptr(GError) error = NULL;
    const char *text = NULL;

    network->line = okse_node_place(node).line;
    network->country = take_country(map, node, "country", issues);
    take_zone(map, &network->zone);
    if (okse_map_take_text(map, "cidr", OKSE_REQUIRED, &text)) {
        network->text = g_strdup(text);
        if (!okse_cidr_parse(text, &network->cidr, &error))
            issue_at(issues, node, "cidr", error->message);
        else if (network_known(site->networks, &network->cidr))
            issue_at(issues, node, "cidr", "this network is declared twice");
    }
    okse_map_end(map);
    g_ptr_array_add(site->networks, network);
}

static void host_read(const OkseNode *node, OkseSite *site, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "host", issues);
    OkseSiteHost *host = g_new0(OkseSiteHost, 1);
    const char *text = NULL;

    host->line = okse_node_place(node).line;
    host->country = take_country(map, node, "country", issues);
    take_zone(map, &host->zone);
    host->machine = okse_site_take_machine(map, node, issues);
    if (okse_map_take_text(map, "name", OKSE_REQUIRED, &text)) {
        host->name = name_normal(text, true);
        if (host->name == NULL)
            issue_at(issues, node, "name", "not a host name (*.example.org covers every name below)");
        for (guint i = 0; host->name != NULL && i < site->hosts->len; i++)
            if (g_strcmp0(((OkseSiteHost *)g_ptr_array_index(site->hosts, i))->name, host->name) == 0)
                issue_at(issues, node, "name", "this host is declared twice");
    }
    okse_map_end(map);
    g_ptr_array_add(site->hosts, host);
}

/* "host", "host:443", "10.0.0.1:443", "[2001:db8::1]:443", "2001:db8::1". */
static bool endpoint_split(const char *text, OkseSiteEndpoint *endpoint)
{
    const char *colon = strrchr(text, ':'), *port = NULL;
    g_autofree char *host = NULL;
    OkseCidr address;
    guint64 number = 0;

    if (text[0] == '[') {
        const char *close = strchr(text, ']');

        if (close == NULL || (close[1] != '\0' && close[1] != ':'))
            return false;
        host = g_strndup(text + 1, (gsize)(close - text - 1));
        port = close[1] == ':' ? close + 2 : NULL;
        if (strchr(host, ':') == NULL)
            return false;
    } else if (colon != NULL && strchr(text, ':') == colon) {
        host = g_strndup(text, (gsize)(colon - text));
        port = colon + 1;
    } else {
        host = g_strdup(text);
    }
    if (port != NULL && !g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL))
        return false;
    if (strchr(host, '/') == NULL && okse_cidr_parse(host, &address, NULL))
        endpoint->host = g_ascii_strdown(host, -1);
    else
        endpoint->host = name_normal(host, true);
    endpoint->port = (unsigned)number;
    return endpoint->host != NULL;
}

static void endpoint_read(const OkseNode *node, OkseSite *site, OkseIssues *issues)
{
    OkseSiteEndpoint *endpoint = g_new0(OkseSiteEndpoint, 1);
    OksePlace at = okse_node_place(node);

    endpoint->line = at.line;
    endpoint->text = g_strdup(okse_node_text(node));
    if (okse_node_kind(node) != OKSE_NODE_TEXT || !endpoint_split(okse_node_text(node), endpoint))
        okse_issue(issues, &at,
                   "an allowed endpoint is host:port, such as metrics.example.org:443 or [2001:db8::1]:443");
    g_ptr_array_add(site->endpoints, endpoint);
}

static bool absolute_path(const char *path)
{
    return path[0] == '/' && (path[1] == '\0' || okse_path_check(path + 1, NULL));
}

static void storage_read(const OkseNode *node, OkseSite *site, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "storage", issues);
    OkseSiteStorage *storage = g_new0(OkseSiteStorage, 1);
    const char *text = NULL;

    storage->line = okse_node_place(node).line;
    storage->place = take_country(map, node, "place", issues);
    okse_map_take_flag(map, "encrypted", OKSE_REQUIRED, &storage->encrypted);
    if (okse_map_take_text(map, "path", OKSE_REQUIRED, &text)) {
        storage->path = g_strdup(text);
        if (!absolute_path(text))
            issue_at(issues, node, "path", "must be an absolute path without '.', '..' or a final '/'");
    }
    okse_map_end(map);
    g_ptr_array_add(site->storage, storage);
}

typedef void (*ItemRead)(const OkseNode *node, OkseSite *site, OkseIssues *issues);

static void list_read(OkseMap *map, const char *key, ItemRead read, OkseSite *site, OkseIssues *issues)
{
    const OkseNode *list = NULL;

    if (!okse_map_take_list(map, key, OKSE_OPTIONAL, &list))
        return;
    for (unsigned i = 0; i < okse_node_count(list); i++)
        read(okse_node_item(list, i), site, issues);
}

static json_t *members_read(OkseMap *map, const char *key, bool texts, OkseIssues *issues)
{
    const OkseNode *members = NULL;
    json_t *object = json_object();

    if (!okse_map_take_map(map, key, OKSE_OPTIONAL, &members))
        return object;
    for (unsigned i = 0; i < okse_node_count(members); i++) {
        const OkseNode *item = okse_node_item(members, i);
        OkseNodeKind kind = okse_node_kind(item);
        OksePlace at = okse_node_place(item);

        if (texts ? kind != OKSE_NODE_TEXT : kind == OKSE_NODE_LIST || kind == OKSE_NODE_MAP || kind == OKSE_NODE_NULL)
            okse_issue(issues, &at, "must be %s, not %s", texts ? "a text" : "a text, a number or true or false",
                       okse_node_kind_name(item));
        else
            json_object_set_new(object, okse_node_key(members, i), okse_node_to_json(item));
    }
    return object;
}

static void document_read(const OkseNode *root, OkseSite *site, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(root, "site", issues);
    const char *text = NULL;

    if (okse_map_take_text(map, "okse", OKSE_REQUIRED, &text) && strcmp(text, "site/v1") != 0)
        issue_at(issues, root, "okse", "this okse reads site/v1");
    if (okse_map_take_text(map, "name", OKSE_REQUIRED, &text))
        site->name = g_strdup(text);
    site->country = take_country(map, root, "country", issues);
    list_read(map, "networks", network_read, site, issues);
    list_read(map, "hosts", host_read, site, issues);
    list_read(map, "allowed_endpoints", endpoint_read, site, issues);
    list_read(map, "storage", storage_read, site, issues);
    site->contacts = members_read(map, "contacts", true, issues);
    site->parameters = members_read(map, "parameters", false, issues);
    okse_map_end(map);
}

OkseSite *okse_site_read(GBytes *yaml, const char *origin, GError **error)
{
    g_autoptr(OkseYaml) document = okse_yaml_read(yaml, origin, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseSite) site = NULL;

    if (document == NULL)
        return NULL;
    site = g_new0(OkseSite, 1);
    site->origin = g_strdup(origin);
    site->digest = okse_sha256_of_bytes(yaml);
    site->networks = g_ptr_array_new_with_free_func(network_free);
    site->hosts = g_ptr_array_new_with_free_func(host_free);
    site->endpoints = g_ptr_array_new_with_free_func(endpoint_free);
    site->storage = g_ptr_array_new_with_free_func(storage_free);
    document_read(okse_yaml_root(document), site, issues);
    return okse_issues_none(issues, error) ? g_steal_pointer(&site) : NULL;
}

OkseSite *okse_site_open(const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_DOCUMENT, error);

    return bytes == NULL ? NULL : okse_site_read(bytes, path, error);
}
