/* The document is a function of what was added, not of the order: ids are digests of natural keys, lists are sorted by
 * id, and endpoints with one natural key become one with several sources. */
#include "audit/facts.h"

#include "audit/declared.h"
#include "audit/fact_kinds.h"
#include "core/digest.h"

#include <string.h>

#define REASONS 8u /* why a collector is partial: so many are told */

struct OkseFacts {
    json_t *document;
    json_t *coverage;      /* collector → {"status","reason"} */
    GHashTable *endpoints; /* natural key → json_t (borrowed from the document) */
    GHashTable *ids;       /* given so far */
    GHashTable *texts;     /* of sources → json_t: kept once, whatever number of them has it */
};

static const char *const coverages[] = {"complete", "partial", "unavailable", "absent"};
/* What is kept of two reports: a thing that is there is not absent, and nothing seen is worse than something. */
static const unsigned badness[] = {[OKSE_ABSENT] = 0, [OKSE_COMPLETE] = 1, [OKSE_PARTIAL] = 2, [OKSE_UNAVAILABLE] = 3};

OkseFacts *okse_facts_new(void)
{
    OkseFacts *facts = g_new0(OkseFacts, 1);

    facts->document = json_object();
    facts->coverage = json_object();
    facts->endpoints = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    facts->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    facts->texts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)json_decref);
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++)
        json_object_set_new(facts->document, kind->list, json_array());
    return facts;
}

void okse_facts_free(OkseFacts *facts)
{
    if (facts == NULL)
        return;
    json_decref(facts->document);
    json_decref(facts->coverage);
    g_hash_table_unref(facts->endpoints);
    g_hash_table_unref(facts->ids);
    g_hash_table_unref(facts->texts);
    g_free(facts);
}

/* One more reason of a collector that is partial already: whoever mends the first wants to know of the others. */
static void add_reason(json_t *row, const char *reason)
{
    static const char and_more[] = "; and more";
    const char *said = okse_json_peek_text(row, "reason");
    g_auto(GStrv) reasons = said == NULL ? NULL : g_strsplit(said, "; ", -1);
    g_autofree char *both = NULL;

    if (reasons == NULL || reason == NULL || strstr(said, reason) != NULL || g_str_has_suffix(said, and_more))
        return;
    both =
        g_strv_length(reasons) < REASONS ? g_strdup_printf("%s; %s", said, reason) : g_strconcat(said, and_more, NULL);
    json_object_set_new(row, "reason", json_string(both));
}

void okse_facts_coverage(OkseFacts *facts, const char *collector, OkseCoverage coverage, const char *reason)
{
    json_t *row = json_object_get(facts->coverage, collector);
    const char *before = okse_json_peek_text(row, "status");

    if (coverage == OKSE_PARTIAL && g_strcmp0(before, coverages[OKSE_PARTIAL]) == 0)
        add_reason(row, reason);
    for (unsigned i = 0; before != NULL && i < G_N_ELEMENTS(coverages); i++)
        if (strcmp(before, coverages[i]) == 0 && badness[i] >= badness[coverage])
            return;
    json_object_set_new(facts->coverage, collector,
                        json_pack("{s:s,s:s?}", "status", coverages[coverage], "reason", reason));
}

const char *okse_facts_coverage_now(const OkseFacts *facts, const char *collector, const char **reason)
{
    const json_t *row = json_object_get(facts->coverage, collector);

    *reason = okse_json_peek_text(row, "reason");
    return okse_json_peek_text(row, "status");
}

static char *fact_id(const char *list, const char *natural_key)
{
    const OkseFactKind *kind = okse_fact_kind(list);
    g_autofree char *text = g_strdup_printf("%s\n%s", list, natural_key);
    OkseSha256 digest = okse_sha256_of(text, strlen(text));
    char hex[OKSE_SHA256_HEX];

    return g_strdup_printf("%s:%.16s", kind->prefix, okse_sha256_hex(&digest, hex));
}

/* A file gives thousands of facts, and each of their sources names it and its digest. Texts never change. */
static void share_texts(const OkseFacts *facts, json_t *source)
{
    static const char *const members[] = {"collector", "path", "digest", "key", "component", "via"};

    for (unsigned i = 0; i < G_N_ELEMENTS(members); i++) {
        json_t *text = json_object_get(source, members[i]), *first;

        if (!json_is_string(text))
            continue;
        first = g_hash_table_lookup(facts->texts, json_string_value(text));
        if (first == NULL)
            g_hash_table_insert(facts->texts, (gpointer)(uintptr_t)json_string_value(text), json_incref(text));
        else if (first != text)
            json_object_set(source, members[i], first);
    }
}

void okse_facts_add(OkseFacts *facts, const char *list, const char *natural_key, json_t *item)
{
    char *id = fact_id(list, natural_key);

    for (unsigned i = 2; g_hash_table_contains(facts->ids, id); i++) {
        g_autofree char *numbered = g_strdup_printf("%s|%u", natural_key, i);

        g_free(id);
        id = fact_id(list, numbered);
    }
    json_object_set_new(item, "id", json_string(id));
    share_texts(facts, json_object_get(item, "source"));
    g_hash_table_add(facts->ids, id);
    json_array_append_new(json_object_get(facts->document, list), item);
}

unsigned okse_facts_count(const OkseFacts *facts, const char *list)
{
    return (unsigned)json_array_size(json_object_get(facts->document, list));
}

const json_t *okse_facts_peek(const OkseFacts *facts, const char *member)
{
    return json_object_get(facts->document, member);
}

void okse_facts_set(OkseFacts *facts, const char *member, json_t *value)
{
    json_object_set_new(facts->document, member, value);
}

static json_t *endpoint_new(const OkseEndpointFact *endpoint, const char *id)
{
    g_autofree char *address = NULL;
    json_t *fact;

    okse_atlas_address(endpoint->host, &address);
    fact = json_pack("{s:s,s:s,s:s?,s:s?,s:s,s:s,s:s,s:b,s:b,s:[]}", "id", id, "host", endpoint->host, "address",
                     address, "protocol", endpoint->protocol, "direction", endpoint->direction, "role", endpoint->role,
                     "state", endpoint->state, "observed", 0, "declared", 0, "sources");
    json_object_set_new(fact, "port", endpoint->port > 0 ? json_integer(endpoint->port) : json_null());
    json_object_set_new(fact, "tls", endpoint->tls < 0 ? json_null() : json_boolean(endpoint->tls != 0));
    json_object_set_new(fact, "process", json_null());
    json_object_set_new(fact, "resolved", json_null()); /* nobody was asked: audit/resolve.h */
    return fact;
}

/* What is configured says more than what was seen once; a plain way outweighs an encrypted one, any a not known one. */
static void merge_endpoint(json_t *fact, const OkseEndpointFact *endpoint)
{
    static const char *const ranks[] = {"observed", "default", "declared", "configured", "effective", NULL};
    unsigned before = 0, now = 0;

    for (unsigned i = 0; ranks[i] != NULL; i++) {
        before = strcmp(ranks[i], okse_json_peek_text(fact, "state")) == 0 ? i : before;
        now = strcmp(ranks[i], endpoint->state) == 0 ? i : now;
    }
    if (now > before)
        json_object_set_new(fact, "state", json_string(endpoint->state));
    if (endpoint->tls == 0 || (endpoint->tls > 0 && json_is_null(json_object_get(fact, "tls"))))
        json_object_set_new(fact, "tls", json_boolean(endpoint->tls > 0));
}

void okse_facts_endpoint(OkseFacts *facts, const OkseEndpointFact *endpoint)
{
    g_autofree char *key =
        g_strdup_printf("%s|%u|%s|%s|%s", endpoint->host, endpoint->port,
                        endpoint->protocol != NULL ? endpoint->protocol : "", endpoint->role, endpoint->direction);
    json_t *fact = g_hash_table_lookup(facts->endpoints, key);

    if (fact == NULL) {
        g_autofree char *id = fact_id("endpoints", key);

        fact = endpoint_new(endpoint, id);
        json_array_append_new(json_object_get(facts->document, "endpoints"), fact);
        g_hash_table_insert(facts->endpoints, g_steal_pointer(&key), fact);
    }
    merge_endpoint(fact, endpoint);
    share_texts(facts, endpoint->source);
    json_array_append_new(json_object_get(fact, "sources"), endpoint->source);
    if (strcmp(endpoint->state, "observed") == 0)
        json_object_set_new(fact, "observed", json_true());
    if (endpoint->process != NULL)
        json_object_set_new(fact, "process", endpoint->process);
}

static bool same_place(const json_t *a, const json_t *b)
{
    static const char *const members[] = {"host", "port", "direction"};

    for (unsigned i = 0; i < G_N_ELEMENTS(members); i++)
        if (!json_equal(json_object_get(a, members[i]), json_object_get(b, members[i])))
            return false;
    return true;
}

/* A connection of which only the address is known is a use of whatever is configured with that address. */
static bool join_observed(json_t *endpoints, const json_t *seen)
{
    bool joined = false;

    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        json_t *other = json_array_get(endpoints, i);

        if (strcmp(okse_json_peek_text(other, "state"), "observed") == 0 || !same_place(other, seen))
            continue;
        json_array_extend(json_object_get(other, "sources"), json_object_get(seen, "sources"));
        json_object_set_new(other, "observed", json_true());
        json_object_set(other, "process", json_object_get(seen, "process"));
        joined = true;
    }
    return joined;
}

static void join_all_observed(json_t *endpoints)
{
    for (size_t i = 0; i < json_array_size(endpoints);) {
        const json_t *fact = json_array_get(endpoints, i);
        bool anonymous = strcmp(okse_json_peek_text(fact, "state"), "observed") == 0 &&
                         strcmp(okse_json_peek_text(fact, "role"), "unknown") == 0;

        if (anonymous && join_observed(endpoints, fact))
            json_array_remove(endpoints, i);
        else
            i++;
    }
}

/* "path:line|host" of a source in a file, or NULL; owned. */
static char *place_in_file(const json_t *fact, const json_t *source)
{
    json_int_t line = json_integer_value(json_object_get(source, "line"));
    const char *path = okse_json_peek_text(source, "path");

    return path == NULL || line <= 0
               ? NULL
               : g_strdup_printf("%s:%" JSON_INTEGER_FORMAT "|%s", path, line, okse_json_peek_text(fact, "host"));
}

/* What the scanner found without a role, where a reader of the file's own form has said what the same host on the same
 * line is for, is said already. */
static void drop_spoken_for(json_t *endpoints)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const json_t *fact, *source;
    size_t i, k;

    json_array_foreach(endpoints, i, fact) json_array_foreach(json_object_get(fact, "sources"), k, source)
    {
        char *place = strcmp(okse_json_peek_text(fact, "role"), "unknown") == 0 ? NULL : place_in_file(fact, source);

        if (place != NULL)
            g_hash_table_add(known, place);
    }
    for (i = json_array_size(endpoints); i > 0; i--) {
        json_t *sources;

        fact = json_array_get(endpoints, i - 1);
        sources = json_object_get(fact, "sources");
        if (strcmp(okse_json_peek_text(fact, "role"), "unknown") != 0)
            continue;
        for (k = json_array_size(sources); k > 0; k--) {
            g_autofree char *place = place_in_file(fact, json_array_get(sources, k - 1));

            if (place != NULL && g_hash_table_contains(known, place))
                json_array_remove(sources, k - 1);
        }
        if (json_array_size(sources) == 0)
            json_array_remove(endpoints, i - 1);
    }
}

static bool flow_names(const json_t *flows, const char *host, unsigned port)
{
    g_autofree char *with_port = g_strdup_printf("%s:%u", host, port);

    for (size_t i = 0; i < json_array_size(flows); i++) {
        const char *to = okse_json_peek_text(json_array_get(flows, i), "to");

        if (to != NULL && (g_ascii_strcasecmp(to, host) == 0 || (port > 0 && g_ascii_strcasecmp(to, with_port) == 0)))
            return true;
    }
    return false;
}

static void place_host(json_t *fact, const OkseAtlas *atlas)
{
    const char *host = okse_json_peek_text(fact, "host");

    json_object_set_new(fact, "scope", json_string(okse_atlas_scope(host)));
    json_object_set_new(fact, "location", okse_atlas_locate(atlas, host));
}

void okse_facts_place_endpoint(json_t *fact, const json_t *flows, const OkseAtlas *atlas, const OkseSite *site)
{
    const char *host = okse_json_peek_text(fact, "host");
    unsigned port = (unsigned)json_integer_value(json_object_get(fact, "port"));
    bool declared = flow_names(flows, host, port) || (site != NULL && okse_site_allows(site, host, port));

    place_host(fact, atlas);
    json_object_set_new(fact, "declared", json_boolean(declared));
}

/* The operator's word on the storage that a path lies on: the longest declared path above it. */
static const OkseSiteStorage *storage_of(const OkseSite *site, const char *path)
{
    const OkseSiteStorage *best = NULL;

    for (guint i = 0; site != NULL && i < site->storage->len; i++) {
        const OkseSiteStorage *one = g_ptr_array_index(site->storage, i);
        size_t length = strlen(one->path);
        bool above = strcmp(one->path, "/") == 0 ||
                     (strncmp(one->path, path, length) == 0 && (path[length] == '/' || path[length] == '\0'));

        if (above && (best == NULL || length > strlen(best->path)))
            best = one;
    }
    return best;
}

/* A network file system is where its server is, whatever the site says of the path; a local one where the site says. */
static void place_mount(json_t *fact, const OkseAtlas *atlas, const OkseSite *site)
{
    const char *server = okse_json_peek_text(fact, "source_host"), *path = okse_json_peek_text(fact, "path");
    bool remote = json_is_true(json_object_get(fact, "remote"));
    bool elsewhere = okse_json_peek_text(fact, "namespace") != NULL; /* a path that the site does not mean */
    const OkseSiteStorage *storage = remote || elsewhere ? NULL : storage_of(site, path);
    g_autofree char *detail = NULL;

    if (server != NULL) {
        json_object_set_new(fact, "location", okse_atlas_locate(atlas, server));
        return;
    }
    if (storage != NULL)
        detail = g_strdup_printf("site.yaml:%u %s", storage->line, storage->path);
    json_object_set_new(fact, "location",
                        json_pack("{s:s?,s:s,s:s,s:s?,s:b}", "country", storage != NULL ? storage->place : NULL,
                                  "method", storage != NULL ? "site-declaration" : "none", "confidence",
                                  storage != NULL ? "high" : "none", "detail", detail, "anycast", 0));
}

/* A site declares where it is more surely than a cloud says it; so this is only what the machine says of itself. */
static void place_machine(json_t *host, const OkseAtlas *atlas)
{
    if (json_is_object(host))
        json_object_set_new(
            host, "location",
            okse_atlas_locate_region(atlas, okse_json_peek_text(host, "cloud"), okse_json_peek_text(host, "region")));
}

/* What an item is sorted by, looked up once. */
typedef struct {
    const char *text;
    json_int_t line, column;
    json_t *item;
} Sortable;

static Sortable fact_sortable(json_t *fact)
{
    return (Sortable){okse_json_peek_text(fact, "id"), 0, 0, fact};
}

static Sortable source_sortable(json_t *source)
{
    return (Sortable){okse_json_peek_text(source, "path"), json_integer_value(json_object_get(source, "line")),
                      json_integer_value(json_object_get(source, "column")), source};
}

static int compare_sortables(gconstpointer a, gconstpointer b)
{
    const Sortable *first = a, *second = b;
    int order = g_strcmp0(first->text, second->text);

    if (order != 0)
        return order;
    return first->line != second->line ? (first->line > second->line) - (first->line < second->line)
                                       : (first->column > second->column) - (first->column < second->column);
}

static json_t *sorted(const json_t *array, Sortable (*sortable)(json_t *item))
{
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Sortable));
    json_t *result = json_array();

    for (size_t i = 0; i < json_array_size(array); i++) {
        Sortable one = sortable(json_array_get(array, i));

        g_array_append_val(items, one);
    }
    g_array_sort(items, compare_sortables);
    for (guint i = 0; i < items->len; i++)
        json_array_append(result, g_array_index(items, Sortable, i).item);
    return result;
}

static unsigned count_items(const json_t *document, const char *collector)
{
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++)
        if (kind->counted && strcmp(kind->collector, collector) == 0)
            return (unsigned)json_array_size(json_object_get(document, kind->list));
    return 0;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *collectors(const OkseFacts *facts)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    json_t *list = json_array();
    const char *name;
    json_t *value;

    json_object_foreach(facts->coverage, name, value) g_ptr_array_add(names, (gpointer)(uintptr_t)name);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        json_t *row = json_deep_copy(json_object_get(facts->coverage, g_ptr_array_index(names, i)));

        json_object_set_new(row, "collector", json_string(g_ptr_array_index(names, i)));
        json_object_set_new(row, "items", json_integer(count_items(facts->document, g_ptr_array_index(names, i))));
        json_array_append_new(list, row);
    }
    return list;
}

static void add_disagreement(void *context, const char *key, json_t *fact)
{
    okse_facts_add(context, "disagreements", key, fact);
}

void okse_facts_compare_again(json_t *document)
{
    g_autoptr(OkseFacts) again = okse_facts_new();

    okse_declared_compare(document, add_disagreement, again);
    json_object_set_new(document, "disagreements",
                        sorted(json_object_get(again->document, "disagreements"), fact_sortable));
}

json_t *okse_facts_finish(OkseFacts *facts, const OkseAtlas *atlas, const OkseSite *site)
{
    json_t *endpoints = json_object_get(facts->document, "endpoints");
    const json_t *install = json_object_get(facts->document, "install");
    const json_t *flows = json_object_get(json_object_get(install, "compliance"), "flows");

    place_machine(json_object_get(facts->document, "host"), atlas);
    drop_spoken_for(endpoints);
    join_all_observed(endpoints);
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        json_t *fact = json_array_get(endpoints, i);

        okse_facts_place_endpoint(fact, flows, atlas, site);
        json_object_set_new(fact, "sources", sorted(json_object_get(fact, "sources"), source_sortable));
    }
    for (size_t i = 0; i < json_array_size(json_object_get(facts->document, "embedded")); i++)
        place_host(json_array_get(json_object_get(facts->document, "embedded"), i), atlas);
    for (size_t i = 0; i < json_array_size(json_object_get(facts->document, "mounts")); i++)
        place_mount(json_array_get(json_object_get(facts->document, "mounts"), i), atlas, site);
    okse_declared_compare(facts->document, add_disagreement, facts);
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++)
        json_object_set_new(facts->document, kind->list,
                            sorted(json_object_get(facts->document, kind->list), fact_sortable));
    json_object_set_new(facts->document, "collectors", collectors(facts));
    return json_incref(facts->document);
}

/* Names on a target are bytes; what is no UTF-8 is shown with U+FFFD rather than lost. */
static void set_text(json_t *object, const char *member, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    g_autofree char *valid =
        text == NULL || g_utf8_validate_len(text, length, NULL) ? NULL : g_utf8_make_valid(text, (gssize)length);
    json_t *value = valid != NULL  ? json_string_nocheck(valid)
                    : text != NULL ? json_stringn_nocheck(text, length)
                                   : json_null();

    json_object_set_new_nocheck(object, member, value);
}

json_t *okse_facts_source(const OkseSourceFact *source)
{
    json_t *value = json_object();

    set_text(value, "collector", source->collector);
    set_text(value, "path", source->path);
    set_text(value, "key", source->key);
    set_text(value, "digest", source->digest);
    set_text(value, "excerpt", source->excerpt);
    set_text(value, "component", source->component);
    set_text(value, "via", source->via);
    json_object_set_new(value, "line", source->line > 0 ? json_integer(source->line) : json_null());
    json_object_set_new(value, "column", source->column > 0 ? json_integer(source->column) : json_null());
    return value;
}
