/* A row's target as the facts that collecting it would give. What a row does not speak of is as okse_test_facts() has
 * it: nothing is wrong with it. */
#include "audit/scenario.h"

#include "audit/test_facts.h"
#include "core/json.h"

#define IDENTITY "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static json_t *item_or(const json_t *object, const char *key, json_t *fallback)
{
    json_t *value = json_object_get(object, key);

    if (value == NULL)
        return fallback;
    json_decref(fallback);
    return json_incref(value);
}

static json_t *flag_of(const json_t *object, const char *key, bool fallback)
{
    return item_or(object, key, json_boolean(fallback));
}

static json_t *place_of(const char *country, const char *method)
{
    return json_pack("{s:s?, s:s, s:s, s:n, s:b}", "country", country, "method", method, "confidence", "high", "detail",
                     "anycast", 0);
}

static char *host_of(const json_t *destination, size_t index)
{
    return g_strdup_printf("%s%zu.example", okse_json_peek_text(destination, "role"), index);
}

/* What is declared is a flow of the stack, too. */
static json_t *flows_of(const json_t *target)
{
    json_t *flows = json_array();
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(target, "egress"), i, one)
    {
        g_autofree char *host = host_of(one, i), *to = g_strdup_printf("%s:443", host);

        if (json_is_true(json_object_get(one, "declared")))
            json_array_append_new(flows, json_pack("{s:s, s:s, s:s?, s:O}", "name", host, "to", to, "country",
                                                   okse_json_peek_text(one, "country"), "data",
                                                   json_object_get(target, "data")));
    }
    return flows;
}

static json_t *endpoints_of(const json_t *target, const char *home)
{
    json_t *endpoints = json_array();
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(target, "egress"), i, one)
    {
        g_autofree char *host = host_of(one, i);
        json_t *endpoint =
            json_pack("{s:s, s:s, s:o, s:s}", "host", host, "role", okse_json_peek_text(one, "role"), "location",
                      place_of(okse_json_peek_text(one, "country"), "geoip"), "state", "configured");

        json_object_set_new(endpoint, "declared", flag_of(one, "declared", false));
        json_object_set_new(endpoint, "observed", flag_of(one, "observed", false));
        json_object_set_new(endpoint, "tls", flag_of(one, "tls", true));
        json_array_append_new(endpoints, endpoint);
    }
    json_array_append_new(endpoints,
                          json_pack("{s:s, s:s, s:i, s:o, s:b, s:s}", "host", "ntp.example", "role", "ntp", "port", 123,
                                    "location", place_of(home, "geoip"), "declared", 1, "state", "configured"));
    return endpoints;
}

static json_t *documents_of(const json_t *target)
{
    json_t *documents = json_array(), *fields;
    const json_t *without = json_object_get(target, "without"), *left;
    const char *type;
    size_t i;

    json_object_foreach(json_object_get(target, "documents"), type, fields)
    {
        bool there = true;

        json_array_foreach(without, i, left) there = there && g_strcmp0(json_string_value(left), type) != 0;
        if (there)
            json_array_append_new(documents, json_pack("{s:s, s:s+, s:s, s:O}", "type", type, "path", type, ".yaml",
                                                       "title", type, "fields", fields));
    }
    return documents;
}

static json_t *stores_of(const json_t *target, const char *home)
{
    json_t *stores = item_or(target, "storage", json_pack("[{s:s}]", "place", home));
    json_t *complete = json_deep_copy(stores), *one;
    size_t i;

    json_array_foreach(complete, i, one) if (json_object_get(one, "path") == NULL)
        json_object_set_new(one, "path", json_sprintf("/data%zu", i + 1));
    json_decref(stores);
    return complete;
}

static json_t *mounts_of(const json_t *stores)
{
    json_t *mounts = json_array();
    const json_t *one;
    size_t i;

    json_array_foreach(stores, i, one)
    {
        bool remote = json_is_true(json_object_get(one, "remote"));
        bool declared = json_is_true(json_object_get(one, "declared"));

        json_array_append_new(
            mounts, json_pack("{s:s, s:s, s:n, s:s?, s:b, s:s, s:[], s:o}", "path", okse_json_peek_text(one, "path"),
                              "fstype", remote ? "nfs4" : "ext4", "device", "source_host",
                              remote ? "files.example" : NULL, "remote", (int)remote, "encrypted",
                              json_is_false(json_object_get(one, "encrypted")) ? "no" : "yes", "holds", "location",
                              place_of(okse_json_peek_text(one, "place"), declared ? "site-declaration" : "geoip")));
    }
    return mounts;
}

static json_t *site_of(const json_t *target, const json_t *stores, const char *country)
{
    json_t *storage = json_array();
    const json_t *one;
    size_t i;

    json_array_foreach(stores, i, one)
    {
        json_t *kept =
            json_pack("{s:O, s:O}", "path", json_object_get(one, "path"), "place", json_object_get(one, "place"));

        json_object_set_new(kept, "encrypted", flag_of(one, "encrypted", true));
        json_array_append_new(storage, kept);
    }
    return json_pack("{s:s, s:s, s:o, s:[], s:o, s:[], s:[]}", "name", "site", "country", country, "contacts",
                     item_or(target, "contacts", json_object()), "allowed_endpoints", "storage", storage, "networks",
                     "hosts");
}

static json_t *accounts_of(const json_t *target)
{
    json_t *accounts = json_array(), *value;
    const char *name;

    json_object_foreach(json_object_get(target, "accounts"), name, value)
        json_array_append_new(accounts, json_pack("{s:s, s:s, s:O, s:n, s:s}", "kind", "sshd", "name", name, "value",
                                                  value, "uid", "state", "configured"));
    return accounts;
}

/* Countries that the packet filter lets packets out to; none: it lets nothing out. */
static void add_reach(json_t *facts, const json_t *target)
{
    json_t *reach = json_array();
    const json_t *country;
    bool open = json_array_size(json_object_get(target, "reach")) > 0;
    json_t *prefixes = open ? json_pack("{s:[s], s:i}", "prefixes", "192.0.2.0/24", "count", 1)
                            : json_pack("{s:[], s:i}", "prefixes", "count", 0);
    size_t i;

    json_array_foreach(json_object_get(target, "reach"), i, country)
        json_array_append_new(reach, json_pack("{s:O, s:b, s:o}", "country", country, "surely", 1, "location",
                                               place_of(json_string_value(country), "geoip")));
    json_object_set_new(facts, "reach", reach);
    json_object_set_new(facts, "egress",
                        json_pack("[{s:s, s:b, s:s, s:s, s:O, s:O, s:[]}]", "kind", "host", "complete", 1, "ipv4",
                                  open ? "allow" : "deny", "ipv6", "deny", "reachable", prefixes, "surely", prefixes,
                                  "unmodelled"));
    json_decref(prefixes);
}

/* Countries, as copies in some region of each. */
static json_t *copies_of(const json_t *resource)
{
    json_t *copies = json_array();
    const json_t *country;
    size_t i;

    json_array_foreach(json_object_get(resource, "replicates_to"), i, country)
        json_array_append_new(copies, json_pack("{s:n, s:O}", "region", "country", country));
    return copies;
}

static json_t *resources_of(const json_t *target)
{
    json_t *resources = json_array();
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(target, "resources"), i, one)
    {
        json_t *resource = json_pack("{s:s, s:s, s:s}", "type", "aws_s3_bucket", "name", "bucket", "provider", "aws");

        json_object_update(resource, (json_t *)(uintptr_t)one);
        json_object_set_new(resource, "replicates_to", copies_of(one));
        json_array_append_new(resources, resource);
    }
    return resources;
}

static json_t *collectors_of(const json_t *target)
{
    json_t *collectors = json_array(), *status;
    const char *name;

    json_object_foreach(json_object_get(target, "collectors"), name, status)
        json_array_append_new(collectors, json_pack("{s:s, s:O, s:s}", "collector", name, "status", status, "reason",
                                                    "as the scenario says"));
    return collectors;
}

static json_t *install_of(const json_t *target, const char *country)
{
    const char *vendor = okse_json_peek_text(target, "vendor");
    json_t *compliance =
        json_pack("{s:O?, s:O?, s:O?, s:O?, s:o}", "data_classes", json_object_get(target, "data"), "sector",
                  json_object_get(target, "sector"), "purpose", json_object_get(target, "purpose"), "use",
                  json_object_get(target, "use"), "flows", flows_of(target));

    json_t *install = json_pack("{s:s, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}], s:o, s:{s:s, s:s}}", "root", "/srv/okse",
                                "name", "scenario", "country", country, "components", "name", "model", "kind",
                                "weights", "name", "serving", "kind", "infra", "compliance", compliance, "vendor",
                                "name", "vendor", "country", vendor != NULL ? vendor : country);

    json_object_set_new(install, "identity", json_string(IDENTITY));
    json_object_set_new(install, "generation", json_string("1-000000000000"));
    return install;
}

json_t *okse_scenario_facts(const OkseScenario *row, const OkseScenarios *scenarios, const json_t *schema)
{
    const json_t *target = row->target;
    g_autoptr(json_t) stores = stores_of(target, scenarios->home);
    g_autoptr(json_t) facts =
        json_pack("{s:s+, s:[s, s], s:{s:b, s:b}, s:o, s:o}", "collected_at", okse_json_peek_text(target, "at"),
                  "T00:00:00Z", "scope", "install", "host", "host", "fips", 1, "synchronised", 1, "install",
                  install_of(target, scenarios->country), "site", site_of(target, stores, scenarios->country));

    json_object_set_new(facts, "endpoints", endpoints_of(target, scenarios->home));
    json_object_set_new(facts, "documents", documents_of(target));
    json_object_set_new(facts, "mounts", mounts_of(stores));
    json_object_set_new(facts, "accounts", accounts_of(target));
    json_object_set_new(facts, "resources", resources_of(target));
    json_object_set_new(facts, "collectors", collectors_of(target));
    json_object_set_new(facts, "residue",
                        json_pack("[{s:s, s:s, s:s, s:O?}]", "kind", "request-log", "path", "/var/log/serving",
                                  "encrypted", "yes", "data_classes", json_object_get(target, "data")));
    add_reach(facts, target);
    return okse_test_facts(facts, schema);
}
