/* Hosts that stand in the files of a package without being its configuration: in code, libraries, documentation. One
 * fact a host and component, with how often and where first; what kind of file that is says how much it means. */
#include "audit/collect_payload.h"

#include "audit/host_scan.h"
#include "core/text.h"

#include <string.h>

#define HOSTS 20000u /* of one component */

typedef struct {
    json_t *fact;
    char *last; /* the file in which it was seen last */
} Host;

struct OkseEmbedded {
    OkseHostScan *scan;
    GHashTable *hosts; /* host → Host; of the component at hand */
    const OksePayload *payload;
    char *path; /* of the file or member, as sources show it; owned */
    const char *kind;
    unsigned kind_rank;
};

static void host_free(gpointer data)
{
    Host *host = data;

    json_decref(host->fact);
    g_free(host->last);
    g_free(host);
}

OkseEmbedded *okse_embedded_new(void)
{
    OkseEmbedded *embedded = g_new0(OkseEmbedded, 1);

    embedded->scan = okse_host_scan_new();
    embedded->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, host_free);
    return embedded;
}

void okse_embedded_free(OkseEmbedded *embedded)
{
    if (embedded == NULL)
        return;
    okse_host_scan_free(embedded->scan);
    g_hash_table_unref(embedded->hosts);
    g_free(embedded->path);
    g_free(embedded);
}

/* manifests/scan.yaml, `embedded`: from what says least to what says most; the last that matches counts. */
static void choose_kind(OkseEmbedded *embedded, const char *path)
{
    const json_t *rows = json_object_get(okse_scanner_rules(embedded->payload->collection->scanner), "embedded"), *row;
    g_autofree char *rooted = g_strconcat("/", path, NULL);
    size_t i;

    embedded->kind = "data";
    embedded->kind_rank = 0;
    json_array_foreach(rows, i, row)
    {
        const json_t *names = json_object_get(row, "names");

        for (size_t k = 0; k < json_array_size(names); k++)
            if (g_pattern_match_simple(json_string_value(json_array_get(names, k)), rooted)) {
                embedded->kind = okse_json_peek_text(row, "kind");
                embedded->kind_rank = (unsigned)i + 1;
                return;
            }
    }
}

static unsigned rank_of(const json_t *fact)
{
    return (unsigned)json_integer_value(json_object_get(fact, "rank"));
}

static json_t *source_of(const OkseEmbedded *embedded, const OkseHostFound *found)
{
    g_autofree char *excerpt = g_strdup_printf("%s://%s", found->scheme, found->host);

    return okse_facts_source(&(OkseSourceFact){.collector = "embedded",
                                               .path = embedded->path,
                                               .line = found->line,
                                               .excerpt = excerpt,
                                               .component = embedded->payload->name,
                                               .via = "sweep"});
}

static void describe(OkseEmbedded *embedded, json_t *fact, const OkseHostFound *found)
{
    json_object_set_new(fact, "kind", json_string(embedded->kind));
    json_object_set_new(fact, "rank", json_integer(embedded->kind_rank));
    json_object_set_new(fact, "scheme", json_string(found->scheme));
    json_object_set_new(fact, "port", found->port > 0 ? json_integer(found->port) : json_null());
    json_object_set_new(fact, "encoding", json_string(okse_host_encodings[found->encoding]));
    json_object_set_new(fact, "offset", json_integer((json_int_t)found->offset));
    json_object_set_new(fact, "source", source_of(embedded, found));
}

static void count_one(json_t *fact, const char *member)
{
    json_object_set_new(fact, member, json_integer(json_integer_value(json_object_get(fact, member)) + 1));
}

static void on_host(void *context, const OkseHostFound *found)
{
    OkseEmbedded *embedded = context;
    Host *host = g_hash_table_lookup(embedded->hosts, found->host);

    if (host == NULL && g_hash_table_size(embedded->hosts) >= HOSTS) {
        g_autofree char *reason =
            g_strdup_printf("%s names more hosts than are kept (%u)", embedded->payload->shown, HOSTS);

        okse_facts_coverage(embedded->payload->collection->facts, "embedded", OKSE_PARTIAL, reason);
        return;
    }
    if (host == NULL) {
        host = g_new0(Host, 1);
        host->fact = json_pack("{s:s,s:s,s:i,s:i,s:s}", "component", embedded->payload->name, "host", found->host,
                               "count", 0, "files", 0, "state", "observed");
        describe(embedded, host->fact, found);
        g_hash_table_insert(embedded->hosts, g_strdup(found->host), host);
    } else if (embedded->kind_rank > rank_of(host->fact)) {
        describe(embedded, host->fact, found);
    }
    count_one(host->fact, "count");
    if (g_strcmp0(host->last, embedded->path) != 0) {
        count_one(host->fact, "files");
        g_free(host->last);
        host->last = g_strdup(embedded->path);
    }
}

void okse_embedded_begin(OkseEmbedded *embedded, const OksePayload *payload, const char *path, const char *member)
{
    g_autofree char *valid = g_utf8_make_valid(path, -1),
                    *inner = member != NULL ? g_utf8_make_valid(member, -1) : NULL;

    embedded->payload = payload;
    g_free(embedded->path);
    embedded->path = g_strconcat(payload->shown, "/", valid, inner != NULL ? "!" : NULL, inner, NULL);
    choose_kind(embedded, inner != NULL ? inner : valid);
    okse_host_scan_begin(embedded->scan, on_host, embedded);
}

void okse_embedded_feed(OkseEmbedded *embedded, const uint8_t *data, size_t length)
{
    okse_host_scan_feed(embedded->scan, data, length);
}

void okse_embedded_end(OkseEmbedded *embedded)
{
    okse_host_scan_end(embedded->scan);
}

void okse_embedded_component(OkseEmbedded *embedded, OkseCollection *collection, const char *component)
{
    GHashTableIter iterator;
    gpointer name, value;

    g_hash_table_iter_init(&iterator, embedded->hosts);
    while (g_hash_table_iter_next(&iterator, &name, &value)) {
        const Host *host = value;
        g_autofree char *key = g_strdup_printf("%s|%s", component, (const char *)name);

        json_object_del(host->fact, "rank");
        okse_facts_add(collection->facts, "embedded", key, json_incref(host->fact));
    }
    g_hash_table_remove_all(embedded->hosts);
}
