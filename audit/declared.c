#include "audit/declared.h"

#include <string.h>

typedef struct {
    const json_t *document;
    OkseDisagreementAdd add;
    void *context;
} Comparison;

static const char *text_of(const json_t *object, const char *key)
{
    return okse_json_peek_text(object, key);
}

static void tell(const Comparison *comparison, const char *kind, const char *declared, const char *seen,
                 const json_t *source)
{
    g_autofree char *key =
        g_strdup_printf("%s|%s|%s", kind, declared != NULL ? declared : "", seen != NULL ? seen : "");

    comparison->add(comparison->context, key,
                    json_pack("{s:s,s:s?,s:s?,s:O?,s:s}", "kind", kind, "declared", declared, "seen", seen, "source",
                              source, "state", source != NULL ? "observed" : "declared"));
}

static char *with_port(const json_t *endpoint)
{
    const char *host = text_of(endpoint, "host");
    json_int_t port = json_integer_value(json_object_get(endpoint, "port"));

    if (port == 0)
        return g_strdup(host);
    return strchr(host, ':') != NULL ? g_strdup_printf("[%s]:%" JSON_INTEGER_FORMAT, host, port)
                                     : g_strdup_printf("%s:%" JSON_INTEGER_FORMAT, host, port);
}

static bool is_outside(const json_t *endpoint)
{
    const char *scope = text_of(endpoint, "scope");

    return strcmp(text_of(endpoint, "direction"), "out") == 0 &&
           (g_strcmp0(scope, "public") == 0 || g_strcmp0(scope, "documentation") == 0 ||
            g_strcmp0(scope, "unresolved") == 0);
}

/* "host" or "host:port", as flows and allowed endpoints are written. */
static bool names(const char *declared, const json_t *endpoint)
{
    g_autofree char *port = with_port(endpoint);

    return g_ascii_strcasecmp(declared, port) == 0 || g_ascii_strcasecmp(declared, text_of(endpoint, "host")) == 0;
}

static void compare_endpoint(const Comparison *comparison, const json_t *endpoint)
{
    const json_t *source = json_array_get(json_object_get(endpoint, "sources"), 0);
    g_autofree char *seen = with_port(endpoint);

    if (!is_outside(endpoint))
        return;
    if (json_is_false(json_object_get(endpoint, "declared")))
        tell(comparison, "flow-undeclared", NULL, seen, source);
    if (g_strcmp0(text_of(endpoint, "state"), "observed") == 0)
        tell(comparison, "flow-unconfigured", NULL, seen, source);
}

/* A declared flow: nowhere seen, or in another country than it says. */
static void compare_flow(const Comparison *comparison, const json_t *flow)
{
    const json_t *endpoints = json_object_get(comparison->document, "endpoints"), *endpoint;
    const char *to = text_of(flow, "to"), *country = text_of(flow, "country");
    bool found = false;
    size_t i;

    if (to == NULL)
        return;
    json_array_foreach(endpoints, i, endpoint)
    {
        const char *place = text_of(json_object_get(endpoint, "location"), "country");
        g_autofree char *declared = NULL, *seen = NULL;

        if (!names(to, endpoint))
            continue;
        found = true;
        if (place == NULL || country == NULL || strcmp(place, country) == 0)
            continue;
        declared = g_strdup_printf("%s (%s)", to, country);
        seen = g_strdup_printf("%s (%s)", to, place);
        tell(comparison, "flow-elsewhere", declared, seen, json_array_get(json_object_get(endpoint, "sources"), 0));
    }
    if (!found)
        tell(comparison, "flow-unseen", to, NULL, NULL);
}

static void compare_allowed(const Comparison *comparison, const char *allowed)
{
    const json_t *endpoints = json_object_get(comparison->document, "endpoints"), *endpoint;
    size_t i;

    if (strchr(allowed, '*') != NULL)
        return;
    json_array_foreach(endpoints, i, endpoint) if (names(allowed, endpoint)) return;
    tell(comparison, "flow-unseen", allowed, NULL, NULL);
}

/* The mount that holds a path: the one with the longest path above it. */
static const json_t *mount_of(const json_t *document, const char *path)
{
    const json_t *best = NULL, *mount;
    size_t longest = 0, i;

    json_array_foreach(json_object_get(document, "mounts"), i, mount)
    {
        const char *at = text_of(mount, "path");
        size_t length = strlen(at);
        bool above =
            strcmp(at, "/") == 0 || (strncmp(at, path, length) == 0 && (path[length] == '/' || path[length] == '\0'));

        if (above && text_of(mount, "namespace") == NULL && (best == NULL || length > longest)) {
            best = mount;
            longest = length;
        }
    }
    return best;
}

static void compare_storage(const Comparison *comparison, const json_t *storage)
{
    const char *path = text_of(storage, "path"), *place = text_of(storage, "place"), *encrypted, *country;
    const json_t *mount = path == NULL ? NULL : mount_of(comparison->document, path);
    g_autofree char *declared = NULL, *seen = NULL, *declared_place = NULL, *seen_place = NULL;

    if (mount == NULL)
        return;
    encrypted = text_of(mount, "encrypted");
    country = text_of(json_object_get(mount, "location"), "country");
    if (json_is_true(json_object_get(storage, "encrypted")) && g_strcmp0(encrypted, "yes") != 0) {
        declared = g_strdup_printf("%s is encrypted", path);
        seen = g_strdup_printf("%s: %s", text_of(mount, "path"), encrypted);
        tell(comparison, g_strcmp0(encrypted, "no") == 0 ? "storage-plain" : "storage-unknown", declared, seen,
             json_object_get(mount, "source"));
    }
    if (json_is_true(json_object_get(mount, "remote")) && place != NULL && g_strcmp0(country, place) != 0) {
        declared_place = g_strdup_printf("%s (%s)", path, place);
        seen_place = g_strdup_printf("%s on %s (%s)", text_of(mount, "path"), text_of(mount, "source_host"),
                                     country != NULL ? country : "?");
        tell(comparison, country != NULL ? "storage-elsewhere" : "storage-unknown", declared_place, seen_place,
             json_object_get(mount, "source"));
    }
}

void okse_declared_compare(const json_t *document, OkseDisagreementAdd add, void *context)
{
    const Comparison comparison = {document, add, context};
    const json_t *site = json_object_get(document, "site");
    const json_t *flows = json_object_get(json_object_get(json_object_get(document, "install"), "compliance"), "flows");
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(document, "endpoints"), i, item) compare_endpoint(&comparison, item);
    json_array_foreach(flows, i, item) compare_flow(&comparison, item);
    json_array_foreach(json_object_get(site, "allowed_endpoints"), i, item)
        compare_allowed(&comparison, json_string_value(item));
    json_array_foreach(json_object_get(site, "storage"), i, item) compare_storage(&comparison, item);
}
