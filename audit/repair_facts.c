/* Only lines are offered whose facts go away with them: a destination, a route, a mount, a job. Where something else
 * stands on the line as well (a workload that begins there, what a program says about TLS), taking it away would hide
 * a fact rather than mend it. */
#include "audit/repair_facts.h"

#include "audit/fact_kinds.h"
#include "audit/facts.h"
#include "core/digest.h"

#include <string.h>

static const char *const goes_away[] = {"endpoints", "schedules", "routes", "mounts", NULL};
static const char *const comes_along[] = {"settings", "mentions", "fetches", NULL};
static const char *const read_from_files[] = {"structured", "sweep", "guessed", NULL};

/* What stands on one line. */
typedef struct {
    const json_t *source; /* one of them, borrowed */
    json_t *hosts;        /* host → true */
    bool fits;
} Standing;

void okse_repair_line_free(gpointer data)
{
    OkseRepairLine *line = data;

    g_free(line->path);
    g_free(line->excerpt);
    g_free(line->digest);
    g_free(line->component);
    json_decref(line->hosts);
    json_decref(line->replaced);
    g_free(line);
}

static void standing_free(gpointer data)
{
    Standing *standing = data;

    json_decref(standing->hosts);
    g_free(standing);
}

static char *key_of(const char *path, json_int_t number)
{
    return path == NULL || number <= 0 ? NULL : g_strdup_printf("%s\n%" JSON_INTEGER_FORMAT, path, number);
}

static char *key_of_source(const json_t *source)
{
    return key_of(okse_json_peek_text(source, "path"), json_integer_value(json_object_get(source, "line")));
}

static bool is_in(const char *const *list, const char *word)
{
    return word != NULL && g_strv_contains(list, word);
}

/* A line of a file as it stood there, not of an answer of the kernel or of a log. */
static bool is_of_a_file(const json_t *source)
{
    return is_in(read_from_files, okse_json_peek_text(source, "via")) &&
           okse_json_peek_text(source, "digest") != NULL && okse_json_peek_text(source, "excerpt") != NULL;
}

static void stand(GHashTable *table, const char *list, const json_t *fact, const json_t *source)
{
    g_autofree char *key = key_of_source(source);
    const char *host = okse_json_peek_text(fact, "host"), *state = okse_json_peek_text(fact, "state");
    bool said = is_of_a_file(source) && g_strcmp0(state, "default") != 0;
    Standing *standing;

    if (key == NULL)
        return;
    standing = g_hash_table_lookup(table, key);
    if (standing == NULL) {
        standing = g_new0(Standing, 1);
        *standing = (Standing){source, json_object(), true};
        g_hash_table_insert(table, g_steal_pointer(&key), standing);
    }
    standing->fits = standing->fits && said && (is_in(goes_away, list) || is_in(comes_along, list));
    if (strcmp(list, "endpoints") == 0 && host != NULL)
        json_object_set_new(standing->hosts, host, json_true());
}

static GHashTable *standing_on_lines(const json_t *facts)
{
    GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, standing_free);

    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++) {
        const json_t *fact, *source;
        size_t i, k;

        if (strcmp(kind->list, "disagreements") == 0) /* they follow from the others */
            continue;
        json_array_foreach(json_object_get(facts, kind->list), i, fact)
        {
            if (json_is_object(json_object_get(fact, "source")))
                stand(table, kind->list, fact, json_object_get(fact, "source"));
            json_array_foreach(json_object_get(fact, "sources"), k, source) stand(table, kind->list, fact, source);
        }
    }
    return table;
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *sorted_keys(const json_t *object)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    json_t *list = json_array();
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value) g_ptr_array_add(keys, (gpointer)(uintptr_t)key);
    g_ptr_array_sort(keys, compare_texts);
    for (guint i = 0; i < keys->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(keys, i)));
    return list;
}

static OkseRepairLine *line_of(const Standing *standing, const json_t *replacements)
{
    OkseRepairLine *line = g_new0(OkseRepairLine, 1);
    const json_t *source = standing->source, *host;
    size_t i;

    line->path = g_strdup(okse_json_peek_text(source, "path"));
    line->excerpt = g_strdup(okse_json_peek_text(source, "excerpt"));
    line->digest = g_strdup(okse_json_peek_text(source, "digest"));
    line->component = g_strdup(okse_json_peek_text(source, "component"));
    line->number = (unsigned)json_integer_value(json_object_get(source, "line"));
    line->hosts = sorted_keys(standing->hosts);
    line->replaced = json_object();
    json_array_foreach(line->hosts, i, host)
    {
        json_t *other = json_object_get(replacements, json_string_value(host));

        if (other != NULL)
            json_object_set(line->replaced, json_string_value(host), other);
    }
    return line;
}

int okse_repair_line_compare(gconstpointer a, gconstpointer b)
{
    const OkseRepairLine *first = *(OkseRepairLine *const *)a, *second = *(OkseRepairLine *const *)b;
    int order = strcmp(first->path, second->path);

    return order != 0 ? order : (first->number > second->number) - (first->number < second->number);
}

static bool is_open(const json_t *finding)
{
    static const char *const open[] = {"fail", "inconclusive", NULL};

    return is_in(open, okse_json_peek_text(finding, "status")) &&
           g_strcmp0(okse_json_peek_text(finding, "severity"), "mandatory") == 0;
}

GPtrArray *okse_repair_lines(const json_t *facts, const json_t *findings, const json_t *replacements)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(okse_repair_line_free);
    g_autoptr(GHashTable) table = standing_on_lines(facts);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const json_t *finding, *evidence;
    size_t i, k;

    json_array_foreach(findings, i, finding)
    {
        if (!is_open(finding))
            continue;
        json_array_foreach(json_object_get(finding, "evidence"), k, evidence)
        {
            char *key =
                key_of(okse_json_peek_text(evidence, "file"), json_integer_value(json_object_get(evidence, "line")));
            const Standing *standing = key != NULL ? g_hash_table_lookup(table, key) : NULL;

            if (standing != NULL && standing->fits && !g_hash_table_contains(seen, key)) {
                g_ptr_array_add(lines, line_of(standing, replacements));
                g_hash_table_add(seen, key);
            } else {
                g_free(key);
            }
        }
    }
    g_ptr_array_sort(lines, okse_repair_line_compare);
    return lines;
}

/* site.yaml again, as far as it decides where a host is. */
static GBytes *site_text(const json_t *site)
{
    g_autoptr(json_t) text = json_pack("{s:s, s:O, s:O}", "okse", "site/v1", "name", json_object_get(site, "name"),
                                       "country", json_object_get(site, "country"));
    json_t *networks = json_array(), *hosts = json_array();
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(site, "networks"), i, row)
        json_array_append_new(networks, json_pack("{s:O, s:O}", "cidr", json_object_get(row, "cidr"), "country",
                                                  json_object_get(row, "country")));
    json_array_foreach(json_object_get(site, "hosts"), i, row)
        json_array_append_new(hosts, json_pack("{s:O, s:O}", "name", json_object_get(row, "name"), "country",
                                               json_object_get(row, "country")));
    json_object_set_new(text, "networks", networks);
    json_object_set_new(text, "hosts", hosts);
    if (json_array_size(json_object_get(site, "allowed_endpoints")) > 0)
        json_object_set(text, "allowed_endpoints", json_object_get(site, "allowed_endpoints"));
    return okse_json_write(text);
}

bool okse_repair_places_open(const json_t *site, const OkseResources *resources, OkseRepairPlaces *places,
                             GError **error)
{
    if (json_is_object(site)) {
        g_autoptr(GBytes) text = site_text(site); /* JSON is YAML */

        places->site = okse_site_read(text, "site", error);
        if (places->site == NULL)
            return false;
    }
    places->atlas = okse_atlas_open(resources, places->site, NULL, error);
    return places->atlas != NULL;
}

void okse_repair_places_clear(OkseRepairPlaces *places)
{
    okse_atlas_free(places->atlas);
    okse_site_free(places->site);
    *places = (OkseRepairPlaces){0};
}

typedef struct {
    const json_t *facts;
    GHashTable *taken; /* key → OkseRepairLine */
    const OkseRepairPlaces *places;
} Change;

static const OkseRepairLine *line_at(const Change *change, const json_t *source)
{
    g_autofree char *key = key_of_source(source);

    return key != NULL ? g_hash_table_lookup(change->taken, key) : NULL;
}

/* The endpoint that the line names when it names another host. */
static json_t *moved(const Change *change, const json_t *fact, const json_t *source, const char *host)
{
    const json_t *flows =
        json_object_get(json_object_get(json_object_get(change->facts, "install"), "compliance"), "flows");
    json_t *other = json_copy((json_t *)(uintptr_t)fact);
    g_autofree char *address = NULL, *id = NULL, *text = NULL;
    char hex[OKSE_SHA256_HEX];
    OkseSha256 digest;

    okse_atlas_address(host, &address);
    text = g_strdup_printf("%s\n%s", okse_json_peek_text(fact, "id"), host);
    digest = okse_sha256_of(text, strlen(text));
    id = g_strdup_printf("ep:%.16s", okse_sha256_hex(&digest, hex));
    json_object_set_new(other, "id", json_string(id));
    json_object_set_new(other, "host", json_string(host));
    json_object_set_new(other, "address", address != NULL ? json_string(address) : json_null());
    json_object_set_new(other, "observed", json_false());
    json_object_set_new(other, "process", json_null());
    json_object_set_new(other, "resolved", json_null());
    json_object_set_new(other, "sources", json_pack("[O]", source));
    okse_facts_place_endpoint(other, flows, change->places->atlas, change->places->site);
    return other;
}

static bool is_seen_only(const json_t *sources)
{
    const json_t *source;
    size_t i;

    json_array_foreach(sources, i,
                       source) if (g_strcmp0(okse_json_peek_text(source, "collector"), "sockets") != 0) return false;
    return true;
}

/* An endpoint stays where something else names it, too; one that was only seen in use besides is that from now on. */
static void change_endpoint(const Change *change, json_t *fact, json_t *list)
{
    json_t *kept = json_array(), *sources = json_object_get(fact, "sources"), *source, *copy;
    const char *host = okse_json_peek_text(fact, "host");
    size_t i;

    json_array_foreach(sources, i, source)
    {
        const OkseRepairLine *line = line_at(change, source);
        const char *other = line == NULL || host == NULL ? NULL : okse_json_peek_text(line->replaced, host);

        if (line == NULL)
            json_array_append(kept, source);
        else if (other != NULL)
            json_array_append_new(list, moved(change, fact, source, other));
    }
    if (json_array_size(kept) == json_array_size(sources)) {
        json_array_append(list, fact);
    } else if (json_array_size(kept) > 0) {
        copy = json_copy(fact);
        json_object_set(copy, "sources", kept);
        if (is_seen_only(kept))
            json_object_set_new(copy, "state", json_string("observed"));
        json_array_append_new(list, copy);
    }
    json_decref(kept);
}

static void change_list(const Change *change, const char *name, json_t *document)
{
    json_t *list = json_array(), *fact;
    size_t i;

    json_array_foreach(json_object_get(change->facts, name), i, fact)
    {
        const OkseRepairLine *line = line_at(change, json_object_get(fact, "source"));

        if (json_is_array(json_object_get(fact, "sources")))
            change_endpoint(change, fact, list);
        else if (line == NULL || json_object_size(line->replaced) > 0)
            json_array_append(list, fact);
    }
    json_object_set_new(document, name, list);
}

json_t *okse_repair_without(const json_t *facts, const GPtrArray *lines, const bool *taken,
                            const OkseRepairPlaces *places)
{
    g_autoptr(GHashTable) table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_t *document = json_copy((json_t *)(uintptr_t)facts);
    Change change = {facts, table, places};

    for (guint i = 0; i < lines->len; i++) {
        OkseRepairLine *line = g_ptr_array_index(lines, i);

        if (taken[i])
            g_hash_table_insert(table, key_of(line->path, line->number), line);
    }
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++)
        if (is_in(goes_away, kind->list) || is_in(comes_along, kind->list))
            if (json_is_array(json_object_get(facts, kind->list)))
                change_list(&change, kind->list, document);
    if (json_is_array(json_object_get(facts, "disagreements")))
        okse_facts_compare_again(document);
    return document;
}
