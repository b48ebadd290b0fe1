/* Asking a site: which place, allowed or not; and its JSON form. */
#include "packager/site.h"

#include <string.h>

const OkseSiteNetwork *okse_site_network(const OkseSite *site, const OkseCidr *address)
{
    const OkseSiteNetwork *best = NULL;

    for (guint i = 0; i < site->networks->len; i++) {
        const OkseSiteNetwork *network = g_ptr_array_index(site->networks, i);

        if (okse_cidr_contains(&network->cidr, address) && (best == NULL || network->cidr.prefix > best->cidr.prefix))
            best = network;
    }
    return best;
}

static bool name_covers(const char *pattern, const char *name)
{
    size_t tail = strlen(pattern), length = strlen(name);

    if (!g_str_has_prefix(pattern, "*."))
        return strcmp(pattern, name) == 0;
    tail -= 1; /* with the dot in front, so that *.x does not cover ax */
    return length > tail && strcmp(name + length - tail, pattern + 1) == 0;
}

static char *name_lower(const char *name)
{
    char *lower = g_ascii_strdown(name, -1);
    size_t length = strlen(lower);

    if (length > 1 && lower[length - 1] == '.')
        lower[length - 1] = '\0';
    return lower;
}

const OkseSiteHost *okse_site_host(const OkseSite *site, const char *name)
{
    g_autofree char *lower = name_lower(name);
    const OkseSiteHost *best = NULL;

    for (guint i = 0; i < site->hosts->len; i++) {
        const OkseSiteHost *host = g_ptr_array_index(site->hosts, i);

        if (strcmp(host->name, lower) == 0)
            return host;
        if (name_covers(host->name, lower) && (best == NULL || strlen(host->name) > strlen(best->name)))
            best = host;
    }
    return best;
}

/* Two spellings of one IPv6 address are one host. */
static bool host_is(const char *declared, const char *host)
{
    OkseCidr a, b;

    if (name_covers(declared, host))
        return true;
    return okse_cidr_parse(declared, &a, NULL) && okse_cidr_parse(host, &b, NULL) && a.bits == b.bits &&
           a.prefix == a.bits && b.prefix == b.bits && memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool okse_site_allows(const OkseSite *site, const char *host, unsigned port)
{
    g_autofree char *lower = name_lower(host);

    for (guint i = 0; i < site->endpoints->len; i++) {
        const OkseSiteEndpoint *endpoint = g_ptr_array_index(site->endpoints, i);

        if ((endpoint->port == 0 || endpoint->port == port) && host_is(endpoint->host, lower))
            return true;
    }
    return false;
}

static json_t *networks_json(const OkseSite *site)
{
    json_t *list = json_array();

    for (guint i = 0; i < site->networks->len; i++) {
        const OkseSiteNetwork *network = g_ptr_array_index(site->networks, i);

        json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:i}", "cidr", network->text, "country",
                                              network->country, "zone", network->zone, "line", (int)network->line));
    }
    return list;
}

static json_t *hosts_json(const OkseSite *site)
{
    json_t *list = json_array();

    for (guint i = 0; i < site->hosts->len; i++) {
        const OkseSiteHost *host = g_ptr_array_index(site->hosts, i);

        json_t *row = json_pack("{s:s, s:s, s:s?, s:i}", "name", host->name, "country", host->country, "zone",
                                host->zone, "line", (int)host->line);

        json_object_update(row, host->machine);
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *endpoints_json(const OkseSite *site)
{
    json_t *list = json_array();

    for (guint i = 0; i < site->endpoints->len; i++)
        json_array_append_new(list, json_string(((OkseSiteEndpoint *)g_ptr_array_index(site->endpoints, i))->text));
    return list;
}

static json_t *storage_json(const OkseSite *site)
{
    json_t *list = json_array();

    for (guint i = 0; i < site->storage->len; i++) {
        const OkseSiteStorage *storage = g_ptr_array_index(site->storage, i);

        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:i}", "path", storage->path, "place", storage->place,
                                              "encrypted", storage->encrypted, "line", (int)storage->line));
    }
    return list;
}

json_t *okse_site_to_json(const OkseSite *site)
{
    char digest[OKSE_SHA256_TEXT];
    json_t *value;

    okse_sha256_text(&site->digest, digest);
    value = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:O, s:O}", "name", site->name, "country", site->country,
                      "digest", digest, "networks", networks_json(site), "hosts", hosts_json(site), "allowed_endpoints",
                      endpoints_json(site), "storage", storage_json(site), "contacts", site->contacts, "parameters",
                      site->parameters);
    g_assert(value != NULL);
    /* A file name need not be UTF-8; JSON must be. */
    g_autofree char *path = g_utf8_make_valid(site->origin, -1);
    json_object_set_new(value, "path", json_string(path));
    return value;
}
