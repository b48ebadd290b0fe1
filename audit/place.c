/* Places are ranked evidence: what the operator declares, then what a provider's own naming says, then a database of
 * registrations. A country-code domain says nothing about where a machine stands and is not looked at. */
#include "audit/place_atlas.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/yaml.h"

#include <arpa/inet.h>
#include <regex.h>
#include <string.h>

#define GROUPS 10

typedef struct {
    regex_t regex;
    const json_t *row;
} Pattern;

typedef struct {
    const char *cidr, *scope;
} ScopeRow;

/* RFC 6890 and its successors: the ranges whose addresses are not just any machine on the internet. */
static const ScopeRow scopes[] = {
    {"0.0.0.0/8", "loopback"},
    {"127.0.0.0/8", "loopback"},
    {"10.0.0.0/8", "private"},
    {"172.16.0.0/12", "private"},
    {"192.168.0.0/16", "private"},
    {"169.254.0.0/16", "link-local"},
    {"100.64.0.0/10", "cgnat"},
    {"192.0.2.0/24", "documentation"},
    {"198.51.100.0/24", "documentation"},
    {"203.0.113.0/24", "documentation"},
    {"224.0.0.0/4", "multicast"},
    {"255.255.255.255/32", "multicast"},
    {"::1/128", "loopback"},
    {"::/128", "loopback"},
    {"fc00::/7", "private"},
    {"fe80::/10", "link-local"},
    {"ff00::/8", "multicast"},
    {"2001:db8::/32", "documentation"},
    {"192.0.0.0/24", "private"},
    {"198.18.0.0/15", "private"},
    {"240.0.0.0/4", "private"},
    {"3fff::/20", "documentation"},
    {"fec0::/10", "private"},
};

static void pattern_clear(gpointer data)
{
    regfree(&((Pattern *)data)->regex);
}

void okse_atlas_free(OkseAtlas *atlas)
{
    if (atlas == NULL)
        return;
    if (atlas->has_geo)
        MMDB_close(&atlas->geo);
    g_clear_pointer(&atlas->patterns, g_array_unref);
    json_decref(atlas->table);
    g_free(atlas);
}

static bool compile_patterns(OkseAtlas *atlas, const char *name, GError **error)
{
    const json_t *rows = okse_json_array(atlas->table, "patterns", name, error);

    if (rows == NULL)
        return false;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *text = okse_json_text(row, "regex", name, error);
        Pattern pattern = {.row = row};

        if (text == NULL)
            return false;
        if (regcomp(&pattern.regex, text, REG_EXTENDED) != 0)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: pattern %zu is no regular expression", name, i + 1);
        g_array_append_val(atlas->patterns, pattern);
    }
    return true;
}

static bool read_table(OkseAtlas *atlas, const OkseResources *resources, GError **error)
{
    static const char path[] = "manifests/regions.yaml";
    g_autofree char *name = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, name, error);

    if (yaml == NULL)
        return false;
    atlas->table = okse_node_to_json(okse_yaml_root(yaml));
    return compile_patterns(atlas, name, error);
}

static bool open_geo(OkseAtlas *atlas, const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_EVIDENCE, error);
    int status;

    if (bytes == NULL)
        return false;
    atlas->geo_digest = okse_sha256_of_bytes(bytes);
    status = MMDB_open(path, MMDB_MODE_MMAP, &atlas->geo);
    if (status != MMDB_SUCCESS)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: not an address database: %s", path, MMDB_strerror(status));
    atlas->has_geo = true;
    return true;
}

OkseAtlas *okse_atlas_open(const OkseResources *resources, const OkseSite *site, const char *geo, GError **error)
{
    g_autoptr(OkseAtlas) atlas = g_new0(OkseAtlas, 1);

    atlas->site = site;
    atlas->patterns = g_array_new(FALSE, TRUE, sizeof(Pattern));
    g_array_set_clear_func(atlas->patterns, pattern_clear);
    if (!read_table(atlas, resources, error) || (geo != NULL && !open_geo(atlas, geo, error)))
        return NULL;
    return g_steal_pointer(&atlas);
}

bool okse_atlas_address(const char *host, char **address)
{
    uint8_t bytes[16];
    char text[INET6_ADDRSTRLEN];
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (inet_pton(AF_INET, host, bytes) == 1) {
        *address = g_strdup(inet_ntop(AF_INET, bytes, text, sizeof text));
        return true;
    }
    if (inet_pton(AF_INET6, host, bytes) != 1)
        return false;
    if (memcmp(bytes, mapped, sizeof mapped) == 0)
        *address = g_strdup(inet_ntop(AF_INET, bytes + 12, text, sizeof text));
    else
        *address = g_strdup(inet_ntop(AF_INET6, bytes, text, sizeof text));
    return true;
}

bool okse_atlas_range_is_public(const char *cidr)
{
    OkseCidr asked, range;

    if (!okse_cidr_parse(cidr, &asked, NULL))
        return true;
    for (unsigned i = 0; i < G_N_ELEMENTS(scopes); i++)
        if (okse_cidr_parse(scopes[i].cidr, &range, NULL) && range.prefix <= asked.prefix &&
            okse_cidr_contains(&range, &asked))
            return false;
    return true;
}

/* The IPv4 address inside an address of the NAT64 prefix (RFC 6052), or NULL. */
static char *inside_nat64(const char *address)
{
    static const uint8_t prefix[12] = {0, 0x64, 0xff, 0x9b};
    uint8_t bytes[16];
    char text[INET_ADDRSTRLEN];

    if (inet_pton(AF_INET6, address, bytes) != 1 || memcmp(bytes, prefix, sizeof prefix) != 0)
        return NULL;
    return g_strdup(inet_ntop(AF_INET, bytes + 12, text, sizeof text));
}

const char *okse_atlas_scope(const char *host)
{
    g_autofree char *address = NULL, *name = NULL, *inner = NULL;
    OkseCidr single, range;

    if (!okse_atlas_address(host, &address)) {
        name = g_ascii_strdown(host, -1);
        return strcmp(name, "localhost") == 0 || g_str_has_suffix(name, ".localhost") ? "loopback"
               : g_str_has_suffix(name, ".svc.cluster.local")                         ? "private"
                                                                                      : "unresolved";
    }
    inner = inside_nat64(address);
    if (!okse_cidr_parse(inner != NULL ? inner : address, &single, NULL))
        return "public";
    for (unsigned i = 0; i < G_N_ELEMENTS(scopes); i++)
        if (okse_cidr_parse(scopes[i].cidr, &range, NULL) && okse_cidr_contains(&range, &single))
            return scopes[i].scope;
    return "public";
}

static json_t *location(const char *country, const char *method, const char *confidence, const char *detail,
                        bool anycast)
{
    return json_pack("{s:s?,s:s,s:s,s:s?,s:b}", "country", country, "method", method, "confidence", confidence,
                     "detail", detail, "anycast", (int)anycast);
}

static json_t *from_site(const OkseAtlas *atlas, const char *host, const char *address)
{
    const OkseSiteHost *named;
    const OkseSiteNetwork *network = NULL;
    OkseCidr single;
    g_autofree char *detail = NULL;

    if (atlas->site == NULL)
        return NULL;
    if (address != NULL) {
        network = okse_cidr_parse(address, &single, NULL) ? okse_site_network(atlas->site, &single) : NULL;
        if (network == NULL)
            return NULL;
        detail = g_strdup_printf("site.yaml:%u %s", network->line, network->text);
        return location(network->country, "site-declaration", "high", detail, false);
    }
    named = okse_site_host(atlas->site, host);
    if (named == NULL)
        return NULL;
    detail = g_strdup_printf("site.yaml:%u %s", named->line, named->name);
    return location(named->country, "site-declaration", "high", detail, false);
}

/* The region id that a pattern's token stands for. */
static char *region_of(const json_t *row, const char *host, const regmatch_t *match)
{
    g_autofree char *token = g_strndup(host + match->rm_so, (gsize)(match->rm_eo - match->rm_so));
    const char *mapped = okse_json_peek_text(json_object_get(row, "tokens"), token);

    if (json_is_true(json_object_get(row, "upper")))
        return g_ascii_strup(token, -1);
    return g_strdup(mapped != NULL ? mapped : token);
}

static json_t *from_region(const OkseAtlas *atlas, const char *host)
{
    regmatch_t matches[GROUPS];

    for (guint i = 0; i < atlas->patterns->len; i++) {
        const Pattern *pattern = &g_array_index(atlas->patterns, Pattern, i);
        const char *provider = okse_json_peek_text(pattern->row, "provider");
        json_int_t group = json_integer_value(json_object_get(pattern->row, "group"));
        g_autofree char *region = NULL, *detail = NULL;
        const json_t *place;

        if (regexec(&pattern->regex, host, GROUPS, matches, 0) != 0)
            continue;
        if (group <= 0 || group >= GROUPS || matches[group].rm_so < 0)
            return location(NULL, "none", "none", "a cloud host without a region in its name", true);
        region = region_of(pattern->row, host, &matches[group]);
        place = json_object_get(json_object_get(json_object_get(atlas->table, "regions"), provider), region);
        detail = g_strdup_printf("%s region %s", provider, region);
        if (place == NULL)
            return location(NULL, "none", "none", detail, false);
        return location(okse_json_peek_text(place, "country"), "cloud-region-host",
                        okse_json_peek_text(place, "confidence"), detail, false);
    }
    return NULL;
}

static json_t *from_suffix(const OkseAtlas *atlas, const char *host)
{
    const json_t *suffixes = json_object_get(atlas->table, "suffixes"),
                 *anycast = json_object_get(atlas->table, "anycast");

    for (size_t i = 0; i < json_array_size(suffixes); i++) {
        const json_t *row = json_array_get(suffixes, i);
        const char *suffix = okse_json_peek_text(row, "suffix");

        if (suffix != NULL && g_str_has_suffix(host, suffix))
            return location(okse_json_peek_text(row, "country"), "cloud-region-host", "high", suffix, false);
    }
    for (size_t i = 0; i < json_array_size(anycast); i++) {
        const char *suffix = json_string_value(json_array_get(anycast, i));

        if (suffix != NULL && (g_str_has_suffix(host, suffix) || strcmp(host, suffix + 1) == 0))
            return location(NULL, "none", "none", "anycast or content delivery network", true);
    }
    return NULL;
}

static bool geo_text(MMDB_entry_s *entry, const char *const *path, char **text)
{
    MMDB_entry_data_s data;

    if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2)
        return false;
    *text = g_strndup(data.utf8_string, data.data_size);
    return g_ascii_isalpha((*text)[0]) && g_ascii_isalpha((*text)[1]);
}

/* The country of an entry of the database, or NULL. */
char *okse_atlas_geo_country(MMDB_entry_s *entry)
{
    static const char *const plain[] = {"country_code", NULL}, *const nested[] = {"country", "iso_code", NULL};
    g_autofree char *country = NULL;

    if (geo_text(entry, plain, &country))
        return g_steal_pointer(&country);
    g_clear_pointer(&country, g_free);
    return geo_text(entry, nested, &country) ? g_steal_pointer(&country) : NULL;
}

static json_t *from_geo(const OkseAtlas *atlas, const char *address)
{
    g_autofree char *country = NULL;
    int resolved = 0, status = 0;
    MMDB_lookup_result_s result;

    if (!atlas->has_geo)
        return NULL;
    result = MMDB_lookup_string(&atlas->geo, address, &resolved, &status);
    if (resolved != 0 || status != MMDB_SUCCESS || !result.found_entry)
        return NULL;
    country = okse_atlas_geo_country(&result.entry);
    if (country == NULL)
        return NULL;
    return location(country, "geoip", "medium", atlas->geo.metadata.database_type, false);
}

static bool is_anycast(const OkseAtlas *atlas, const char *address)
{
    const json_t *list = json_object_get(atlas->table, "anycast_addresses");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (g_strcmp0(json_string_value(json_array_get(list, i)), address) == 0)
            return true;
    return false;
}

json_t *okse_atlas_locate(const OkseAtlas *atlas, const char *host)
{
    g_autofree char *lower = g_ascii_strdown(host, -1), *address = NULL, *inner = NULL;
    bool literal;
    json_t *found;
    const char *scope;

    if (g_str_has_suffix(lower, "."))
        lower[strlen(lower) - 1] = '\0';
    literal = okse_atlas_address(lower, &address);
    scope = okse_atlas_scope(lower);
    if (strcmp(scope, "loopback") == 0)
        return location(NULL, "builtin", "high", "loopback", false);
    found = from_site(atlas, lower, literal ? address : NULL);
    if (found == NULL && !literal)
        found = from_region(atlas, lower);
    if (found == NULL && !literal)
        found = from_suffix(atlas, lower);
    if (literal)
        inner = inside_nat64(address);
    if (found == NULL && inner != NULL)
        found = from_site(atlas, lower, inner);
    if (found == NULL && literal && is_anycast(atlas, inner != NULL ? inner : address))
        found = location(NULL, "none", "none", "an anycast address", true);
    if (found == NULL && literal && strcmp(scope, "public") == 0)
        found = from_geo(atlas, inner != NULL ? inner : address);
    return found != NULL ? found : location(NULL, "none", "none", NULL, false);
}

GArray *okse_atlas_public(void)
{
    g_autoptr(GArray) special = okse_intervals_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(scopes); i++) {
        OkseInterval range;

        if (okse_wide_parse_prefix(scopes[i].cidr, &range))
            okse_intervals_add(special, range.low, range.high);
    }
    okse_intervals_tidy(special);
    return okse_intervals_complement(special, okse_packet_side_whole(OKSE_PACKET_DESTINATION));
}

json_t *okse_atlas_locate_region(const OkseAtlas *atlas, const char *cloud, const char *region)
{
    const char *same = cloud == NULL ? NULL : okse_json_peek_text(json_object_get(atlas->table, "clouds"), cloud);
    const char *provider = same != NULL ? same : cloud;
    const json_t *place = provider == NULL ? NULL : okse_atlas_region(atlas, provider, region);
    g_autofree char *detail = place == NULL ? NULL : g_strdup_printf("%s region %s", provider, region);

    if (place == NULL)
        return location(NULL, "none", "none", NULL, false);
    return location(okse_json_peek_text(place, "country"), "cloud-metadata", okse_json_peek_text(place, "confidence"),
                    detail, false);
}

json_t *okse_atlas_geo(const OkseAtlas *atlas)
{
    g_autofree char *description = NULL;
    char text[OKSE_SHA256_TEXT];

    if (!atlas->has_geo)
        return NULL;
    description = g_strdup_printf("%s, built %" G_GUINT64_FORMAT, atlas->geo.metadata.database_type,
                                  atlas->geo.metadata.build_epoch);
    return json_pack("{s:s,s:s}", "digest", okse_sha256_text(&atlas->geo_digest, text), "description", description);
}

const json_t *okse_atlas_region(const OkseAtlas *atlas, const char *provider, const char *region)
{
    const json_t *regions = json_object_get(atlas->table, "regions");

    return region == NULL ? NULL : json_object_get(json_object_get(regions, provider), region);
}
