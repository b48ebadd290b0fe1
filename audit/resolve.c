#include "audit/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#define ADDRESSES 32u /* of one name that are written down */

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool holds(const GPtrArray *texts, const char *text)
{
    for (guint i = 0; i < texts->len; i++)
        if (strcmp(g_ptr_array_index(texts, i), text) == 0)
            return true;
    return false;
}

/* The addresses of a name, sorted, each once; empty when the resolver has none. */
static GPtrArray *addresses_of(const char *host)
{
    GPtrArray *addresses = g_ptr_array_new_with_free_func(g_free);
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *answer = NULL;

    if (getaddrinfo(host, NULL, &wanted, &answer) != 0)
        return addresses;
    for (const struct addrinfo *one = answer; one != NULL && addresses->len <= ADDRESSES; one = one->ai_next) {
        char text[INET6_ADDRSTRLEN];

        if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 &&
            !holds(addresses, text))
            g_ptr_array_add(addresses, g_strdup(text));
    }
    freeaddrinfo(answer);
    g_ptr_array_sort(addresses, compare_texts);
    return addresses;
}

/* Where all addresses lie, or NULL when they do not agree, one has no country, or one answers from anywhere. */
static json_t *place_of(const GPtrArray *addresses, const OkseAtlas *atlas)
{
    g_autofree char *country = NULL, *detail = NULL;

    if (addresses->len > ADDRESSES) /* one that was left out may lie elsewhere */
        return NULL;
    for (guint i = 0; i < addresses->len; i++) {
        g_autoptr(json_t) place = okse_atlas_locate(atlas, g_ptr_array_index(addresses, i));
        const char *here = okse_json_peek_text(place, "country");

        if (here == NULL || json_is_true(json_object_get(place, "anycast")) ||
            (country != NULL && strcmp(country, here) != 0))
            return NULL;
        if (country == NULL)
            country = g_strdup(here);
    }
    if (country == NULL)
        return NULL;
    detail = g_strdup_printf("%u addresses of the name", addresses->len);
    return json_pack("{s:s,s:s,s:s,s:s,s:b}", "country", country, "method", "resolution", "confidence", "low", "detail",
                     detail, "anycast", 0);
}

static json_t *list_of(const GPtrArray *addresses)
{
    json_t *list = json_array();

    for (guint i = 0; i < MIN(addresses->len, ADDRESSES); i++)
        json_array_append_new(list, json_string(g_ptr_array_index(addresses, i)));
    return list;
}

static bool is_open(const json_t *endpoint)
{
    return g_strcmp0(okse_json_peek_text(endpoint, "scope"), "unresolved") == 0 &&
           g_strcmp0(okse_json_peek_text(endpoint, "direction"), "out") == 0 &&
           okse_json_peek_text(json_object_get(endpoint, "location"), "country") == NULL;
}

/* Those of a name, asked once; NULL: too many were asked. Borrowed. */
static const GPtrArray *ask(GHashTable *known, const char *host)
{
    GPtrArray *addresses = g_hash_table_lookup(known, host);

    if (addresses == NULL && g_hash_table_size(known) < OKSE_RESOLVE_HOSTS) {
        addresses = addresses_of(host);
        g_hash_table_insert(known, g_strdup(host), addresses);
    }
    return addresses;
}

static bool saw_connections(const json_t *facts)
{
    const json_t *endpoint;
    size_t i;

    json_array_foreach(json_object_get(facts, "endpoints"), i, endpoint)
    {
        if (json_is_true(json_object_get(endpoint, "observed")))
            return true;
    }
    return false;
}

/* Where programs report to, so that it is known whose addresses those are that somebody was connected to. */
static void ask_for_reports(const json_t *facts, GHashTable *known)
{
    json_t *report;
    size_t i, k;

    json_array_foreach(json_object_get(facts, "telemetry"), i, report)
    {
        const json_t *hosts = json_object_get(report, "hosts"), *host;
        json_t *resolved = json_object();

        json_array_foreach(hosts, k, host)
        {
            const char *name = json_string_value(host);
            const GPtrArray *addresses = name == NULL || strchr(name, '*') != NULL ? NULL : ask(known, name);

            if (addresses != NULL)
                json_object_set_new(resolved, name, list_of(addresses));
        }
        json_object_set_new(report, "resolved", resolved);
    }
}

unsigned okse_facts_resolve(json_t *facts, const OkseAtlas *atlas)
{
    g_autoptr(GHashTable) known =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    json_t *endpoint;
    size_t i;

    json_array_foreach(json_object_get(facts, "endpoints"), i, endpoint)
    {
        const char *host = okse_json_peek_text(endpoint, "host");
        const GPtrArray *addresses = host == NULL || !is_open(endpoint) ? NULL : ask(known, host);
        json_t *place;

        if (addresses == NULL)
            continue;
        json_object_set_new(endpoint, "resolved", list_of(addresses));
        place = place_of(addresses, atlas);
        if (place != NULL)
            json_object_set_new(endpoint, "location", place);
    }
    if (saw_connections(facts))
        ask_for_reports(facts, known);
    return g_hash_table_size(known);
}
