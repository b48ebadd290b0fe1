#include "packager/evaluations.h"

#include "core/text.h"
#include "core/vocabulary.h"
#include "packager/evaluation_index.h"
#include "packager/evaluation_read.h"

#include <string.h>

typedef struct {
    const OkseContents *contents;
    const OkseIndices *indices;
    const OkseVocabulary *countries;
    const char *root;
    unsigned component; /* that is being read */
    json_t *records, *incomplete;
    GHashTable *digests; /* "component\npath" → digest as text, or "" for nothing there */
} Reading;

static char *shown_path(const Reading *reading, const char *path)
{
    const char *component = okse_contents_name(reading->contents, reading->component);
    g_autofree char *name = *path != '\0' ? g_strconcat(component, "/", path, NULL) : g_strdup(component);
    g_autofree char *whole =
        reading->root != NULL ? g_strdup_printf("%s/current/%s", reading->root, name) : g_steal_pointer(&name);

    return okse_text_show(whole, -1, false);
}

static void partial(const Reading *reading, const char *path, const char *why)
{
    g_autofree char *shown = shown_path(reading, path);

    json_array_append_new(reading->incomplete, json_sprintf("%s: %s", shown, why));
}

static bool wants(void *context, const char *path, uint64_t size)
{
    const Reading *reading = context;

    if (!okse_evaluation_is_candidate(okse_contents_kind(reading->contents, reading->component), path))
        return false;
    if (size > OKSE_LIMIT_EVALUATION)
        partial(reading, path, "is larger than 8 MiB and was not read");
    return size <= OKSE_LIMIT_EVALUATION;
}

static void use(void *context, const char *path, GBytes *bytes)
{
    const Reading *reading = context;
    json_t *record = okse_evaluation_read(path, bytes);
    g_autofree char *shown = shown_path(reading, path), *valid = g_utf8_make_valid(path, -1);
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    char text[OKSE_SHA256_TEXT];

    if (record == NULL)
        return;
    json_object_update_new(record,
                           json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:[]}", "component",
                                     okse_contents_name(reading->contents, reading->component), "kind",
                                     okse_contents_kind(reading->contents, reading->component), "path", shown, "file",
                                     valid, "digest", okse_sha256_text(&digest, text), "covered", 0, "about"));
    json_array_append_new(reading->records, record);
}

static bool visit(Reading *reading, GError **error)
{
    OkseContentsVisitor visitor = {wants, use, reading};
    g_autoptr(GError) cause = NULL;

    if (okse_contents_visit(reading->contents, reading->component, &visitor, &cause))
        return true;
    if (reading->root == NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    partial(reading, "", cause->message);
    return true;
}

/* What is here under this name; each file is hashed once. */
static bool find_shipped(const Reading *reading, const char *component, const char *path, json_t *row, GError **error)
{
    g_autofree char *key = g_strdup_printf("%s\n%s\n%s", component, path != NULL ? path : "",
                                           path != NULL ? "" : okse_json_peek_text(row, "digest"));
    const char *known = g_hash_table_lookup(reading->digests, key);
    OkseContentsFile file = {.component = component, .path = path};
    char text[OKSE_SHA256_TEXT] = "";

    okse_sha256_parse(okse_json_peek_text(row, "digest"), &file.wanted, NULL);
    if (known == NULL && !okse_contents_digest(reading->contents, &file, error))
        return false;
    if (known == NULL && file.found)
        okse_sha256_text(&file.digest, text);
    if (known == NULL) {
        known = g_strdup(text);
        g_hash_table_insert(reading->digests, g_steal_pointer(&key), (gpointer)(uintptr_t)known);
    }
    json_object_set_new(row, "shipped", *known != '\0' ? json_string(known) : json_null());
    return true;
}

static bool match_subjects(const Reading *reading, const json_t *record, GError **error)
{
    const char *own = okse_json_peek_text(record, "component");
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(record, "subjects"), i, row)
    {
        if (!find_shipped(reading, okse_json_peek_text(row, "component"), okse_json_peek_text(row, "path"), row, error))
            return false;
    }
    json_array_foreach(json_object_get(record, "outputs"), i, row)
    {
        const char *path = okse_json_peek_text(row, "path");

        if (path == NULL)
            json_object_set_new(row, "shipped", json_null());
        else if (!find_shipped(reading, own, path, row, error))
            return false;
    }
    return true;
}

/* A score of an index is a claim of one. */
static void move_claims(const Reading *reading, json_t *record)
{
    json_t *scores = json_object_get(record, "scores");

    for (size_t i = 0; i < json_array_size(scores);) {
        const json_t *score = json_array_get(scores, i);
        const char *name = okse_json_peek_text(score, "dataset"), *revision = okse_json_peek_text(score, "revision");
        g_autofree char *version = NULL;

        if (!okse_indices_is_index(reading->indices, name, &version)) {
            i++;
            continue;
        }
        json_array_append_new(json_object_get(record, "indices"),
                              json_pack("{s:s,s:s?,s:O,s:O}", "name", name, "version",
                                        version != NULL ? version : revision, "value", json_object_get(score, "value"),
                                        "line", json_object_get(score, "line")));
        json_array_remove(scores, i);
    }
}

static void judge_scores(const Reading *reading, const json_t *record)
{
    const json_t *scores = json_object_get(record, "scores");
    json_t *row;
    size_t i;

    json_array_foreach(scores, i, row)
    {
        bool judged = okse_indices_is_judged(reading->indices, okse_json_peek_text(row, "dataset"),
                                             okse_json_peek_text(row, "metric"));

        json_object_set_new(row, "judged", json_boolean(judged));
    }
    json_array_foreach(json_object_get(record, "indices"), i, row)
        okse_indices_recompute(reading->indices, scores, row);
}

/* A place that is no country is none. */
static void locate_judges(const Reading *reading, const json_t *record)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(record, "judges"), i, row)
    {
        const char *place = okse_json_peek_text(row, "location");

        if (place == NULL || okse_vocabulary_find(reading->countries, place) != NULL)
            continue;
        json_array_append_new(json_object_get(record, "faults"),
                              json_pack("{s:o,s:O}", "text",
                                        json_sprintf("'%s' is no country (ISO 3166-1 alpha-2)", place), "line",
                                        json_object_get(row, "line")));
        json_object_set_new(row, "location", json_null());
    }
}

static bool is_weights(const Reading *reading, const char *name)
{
    for (unsigned i = 0; i < okse_contents_count(reading->contents); i++)
        if (strcmp(okse_contents_name(reading->contents, i), name) == 0)
            return strcmp(okse_contents_kind(reading->contents, i), "weights") == 0;
    return false;
}

bool okse_evaluation_is_about(const json_t *record, const char *component)
{
    const json_t *about = json_object_get(record, "about");

    for (size_t i = 0; i < json_array_size(about); i++)
        if (g_strcmp0(json_string_value(json_array_get(about, i)), component) == 0)
            return true;
    return false;
}

static void add_about(const json_t *record, const char *name)
{
    if (!okse_evaluation_is_about(record, name))
        json_array_append_new(json_object_get(record, "about"), json_string(name));
}

/* The only weights there are, or NULL. */
static const char *only_weights(const Reading *reading)
{
    const char *only = NULL;

    for (unsigned i = 0; i < okse_contents_count(reading->contents); i++) {
        if (strcmp(okse_contents_kind(reading->contents, i), "weights") != 0)
            continue;
        if (only != NULL)
            return NULL;
        only = okse_contents_name(reading->contents, i);
    }
    return only;
}

/* Those named as measured; else those in which the file lies; else the only ones there are. */
static void say_about(const Reading *reading, const json_t *record)
{
    const json_t *about = json_object_get(record, "about"), *subjects = json_object_get(record, "subjects");
    const char *own = okse_json_peek_text(record, "component"), *only = only_weights(reading);

    for (size_t i = 0; i < json_array_size(subjects); i++) {
        const char *name = okse_json_peek_text(json_array_get(subjects, i), "component");

        if (is_weights(reading, name))
            add_about(record, name);
    }
    if (json_array_size(about) > 0 || json_array_size(subjects) > 0)
        return;
    if (is_weights(reading, own))
        add_about(record, own);
    else if (only != NULL)
        add_about(record, only);
}

/* A record of ours may bind the harness's own file to what was measured. */
static void cover(const Reading *reading, const json_t *record)
{
    const json_t *outputs = json_object_get(record, "outputs");

    for (size_t i = 0; json_array_size(json_object_get(record, "subjects")) > 0 && i < json_array_size(outputs); i++) {
        const char *path = okse_json_peek_text(json_array_get(outputs, i), "path");
        json_t *other;
        size_t k;

        json_array_foreach(reading->records, k, other)
        {
            if (g_strcmp0(path, okse_json_peek_text(other, "file")) != 0 ||
                !json_equal(json_object_get(other, "component"), json_object_get(record, "component")))
                continue;
            json_object_set_new(other, "covered", json_true());
            json_object_set(other, "about", json_object_get(record, "about"));
        }
    }
}

static bool complete(const Reading *reading, GError **error)
{
    json_t *record;
    size_t i;

    json_array_foreach(reading->records, i, record)
    {
        move_claims(reading, record);
        judge_scores(reading, record);
        locate_judges(reading, record);
        say_about(reading, record);
        if (!match_subjects(reading, record, error))
            return false;
    }
    json_array_foreach(reading->records, i, record) cover(reading, record);
    json_array_foreach(reading->records, i, record) json_object_del(record, "file");
    return true;
}

json_t *okse_evaluations_of(const OkseResources *resources, const OkseContents *contents, const char *root,
                            GError **error)
{
    g_autoptr(OkseIndices) indices = okse_indices_read(resources, error);
    g_autoptr(OkseVocabulary) countries = indices == NULL ? NULL : okse_vocabulary_read(resources, "countries", error);
    g_autoptr(GHashTable) digests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(json_t) records = json_array(), incomplete = json_array();
    Reading reading = {.contents = contents,
                       .indices = indices,
                       .countries = countries,
                       .root = root,
                       .records = records,
                       .incomplete = incomplete,
                       .digests = digests};

    if (countries == NULL)
        return NULL;
    for (reading.component = 0; reading.component < okse_contents_count(contents); reading.component++)
        if (!visit(&reading, error))
            return NULL;
    if (!complete(&reading, error))
        return NULL;
    return json_pack("{s:O,s:O}", "records", records, "incomplete", incomplete);
}
