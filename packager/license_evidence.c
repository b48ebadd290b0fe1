/* Licenses of what would be installed: texts by their fingerprints, and what cards, configurations and GGUF headers
 * say. Every claim is a fact of its own, so that a finding can name the file and line of the one that is wrong. */
#include "core/text.h"
#include "packager/inventory.h"
#include "packager/license_internal.h"
#include "packager/license_read.h"
#include "packager/license_text.h"
#include "packager/licenses.h"
#include "packager/patterns.h"
#include "packager/spdx.h"
#include "packager/weights.h"

#include <string.h>

#define CARD_LIMIT (1u << 20)  /* bytes of a model card or configuration */
#define HEAD_LIMIT (32u << 20) /* bytes in which a GGUF's metadata is looked for */
#define FILES_LIMIT 500u       /* files of one component that are read */
#define ALL_LIMIT 20000u       /* of all components */
#define CLAIMS_LIMIT 1000u     /* what they say of licenses, and … */
#define REASONS_LIMIT 16u      /* why something is not known */
#define BASES_LIMIT 64u        /* … of models */

struct OkseLicenses {
    OkseLicenseTable *table;
    OkseLicenseTexts *texts;
    OkseWeightsRules *rules;
    json_t *names; /* manifests/license-files.yaml */
};

void okse_licenses_free(OkseLicenses *licenses)
{
    if (licenses == NULL)
        return;
    okse_license_table_free(licenses->table);
    okse_license_texts_free(licenses->texts);
    okse_weights_rules_free(licenses->rules);
    json_decref(licenses->names);
    g_free(licenses);
}

OkseLicenses *okse_licenses_read(const OkseResources *resources, GError **error)
{
    g_autoptr(OkseLicenses) licenses = g_new0(OkseLicenses, 1);

    licenses->table = okse_license_table_read(resources, error);
    if (licenses->table == NULL)
        return NULL;
    licenses->texts = okse_license_texts_read(resources, error);
    if (licenses->texts == NULL)
        return NULL;
    licenses->rules = okse_weights_rules_read(resources, error);
    if (licenses->rules == NULL)
        return NULL;
    licenses->names = okse_patterns_read(resources, "manifests/license-files.yaml", error);
    return licenses->names == NULL ? NULL : g_steal_pointer(&licenses);
}

typedef struct {
    const OkseLicenses *licenses;
    const char *root; /* of an install, or NULL */
    OkseLicenseEvidence *evidence;
    json_t *incomplete;
    json_t *unit;      /* of the component that is read */
    const char *shown; /* how sources call where its files lie */
    bool examined;     /* its GGUF headers are known already */
    unsigned files, all_files;
} Reading;

static void partial(const Reading *reading, const char *path, const char *why)
{
    g_autofree char *shown = okse_text_show(path, -1, false);
    g_autofree char *reason = g_strdup_printf("%s%s%s: %s", reading->shown, *shown != '\0' ? "/" : "", shown, why);

    if (json_array_size(reading->incomplete) < REASONS_LIMIT)
        json_array_append_new(reading->incomplete, json_string(reason));
}

static bool is_gguf(const char *path)
{
    g_autofree char *lower = g_ascii_strdown(path, -1);

    return g_str_has_suffix(lower, ".gguf");
}

static bool wants(void *context, const char *path, uint64_t size)
{
    Reading *reading = context;
    bool gguf = is_gguf(path), text = okse_patterns_find(reading->licenses->names, path) != NULL;
    uint64_t limit = text ? OKSE_LIMIT_LICENSE : CARD_LIMIT;

    if (gguf ? reading->examined : !text && !okse_license_is_card(path))
        return false;
    if (!gguf && size > limit) {
        partial(reading, path, "is too large for what it is called, and was not read");
        return false;
    }
    if (reading->files++ < FILES_LIMIT && reading->all_files++ < ALL_LIMIT)
        return true;
    partial(reading, path, "is one of more files about licenses than are read");
    return false;
}

static char *shown_path(const Reading *reading, const char *path)
{
    g_autofree char *valid = g_utf8_make_valid(path, -1);

    return g_strconcat(reading->shown, "/", valid, NULL);
}

/* Another of them, or none where there are too many to be honest; steals it. */
static void append(const Reading *reading, const char *list, size_t limit, json_t *one)
{
    json_t *all = json_object_get(reading->unit, list);

    if (json_array_size(all) < limit) {
        json_array_append_new(all, one);
        return;
    }
    json_decref(one);
    partial(reading, "", "says more about licenses and models than is read");
}

/* id: NULL for what is not known. */
static void add_claim(const Reading *reading, const char *method, const char *text, const char *id, const char *path,
                      json_int_t line)
{
    append(reading, "claims", CLAIMS_LIMIT,
           json_pack("{s:s,s:s?,s:s?,s:s,s:I,s:n,s:n}", "method", method, "said", text, "id", id, "path", path, "line",
                     line, "score", "digest"));
}

static void add_base(const Reading *reading, const char *model, const char *method, const char *path, json_int_t line)
{
    append(reading, "bases", BASES_LIMIT,
           json_pack("{s:s,s:s,s:s,s:I}", "model", model, "method", method, "path", path, "line", line));
}

/* A card's name before a header's, then that of the first path: files come in no order of their own. */
static void set_name(const Reading *reading, const char *name, const char *method, const char *path)
{
    g_autofree char *from = g_strconcat(method, " ", path, NULL);
    const char *before = okse_json_peek_text(reading->unit, "name_from");

    if (before != NULL && strcmp(before, from) <= 0)
        return;
    json_object_set_new(reading->unit, "name", json_string(name));
    json_object_set_new(reading->unit, "name_from", json_string(from)); /* "front-matter …" is before "gguf …" */
}

/* An attribution that a text holds, word for word, has been given. */
static void note_attributions(const Reading *reading, GBytes *bytes)
{
    g_autofree char *words = okse_license_words(bytes), *padded = g_strconcat(" ", words, " ", NULL);
    const json_t *rows = okse_license_rows(reading->licenses->table);
    const char *id;
    json_t *row, *text;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)rows, id, row)
    {
        json_array_foreach(json_object_get(row, "attribution"), i, text)
        {
            g_autoptr(GBytes) wanted = g_bytes_new_static(json_string_value(text), json_string_length(text));
            g_autofree char *plain = okse_license_words(wanted), *run = g_strconcat(" ", plain, " ", NULL);

            if (strstr(padded, run) != NULL)
                g_hash_table_add(reading->evidence->attributed, g_strdup(json_string_value(text)));
        }
    }
}

static void read_text(const Reading *reading, const char *path, GBytes *bytes)
{
    OkseFingerprint fingerprint = okse_fingerprint_of(bytes);
    OkseLicenseMatch match = okse_license_match(reading->licenses->texts, &fingerprint);
    json_int_t texts = json_integer_value(json_object_get(reading->unit, "texts"));
    char digest[OKSE_SHA256_TEXT];

    okse_sha256_text(&fingerprint.bytes, digest);
    json_object_set_new(reading->unit, "texts", json_integer(texts + 1));
    append(reading, "claims", CLAIMS_LIMIT,
           json_pack("{s:s,s:s?,s:s?,s:s,s:i,s:i,s:s}", "method", match.method != NULL ? match.method : "unknown-text",
                     "said", match.id, "id", match.method != NULL ? match.id : NULL, "path", path, "line", 1, "score",
                     (int)match.score, "digest", digest));
}

static void use_said(const Reading *reading, const json_t *said, const char *method, const char *base_method,
                     const char *path)
{
    const char *broken = okse_json_peek_text(said, "broken");
    const char *name = okse_json_peek_text(json_object_get(said, "name"), "text");
    json_t *one;
    size_t i;

    if (broken != NULL)
        partial(reading, path + strlen(reading->shown) + 1, broken);
    if (name != NULL)
        set_name(reading, name, method, path);
    json_array_foreach(json_object_get(said, "licenses"), i, one)
    {
        const char *text = okse_json_peek_text(one, "text");

        add_claim(reading, method, text, okse_license_named(reading->licenses->table, text), path,
                  json_integer_value(json_object_get(one, "line")));
    }
    json_array_foreach(json_object_get(said, "bases"), i, one)
    {
        const char *text = okse_json_peek_text(one, "text");

        /* A directory of the maker's own machine says something only when its name does. */
        if (strcmp(base_method, "base") == 0 || okse_license_of_model(reading->licenses->table, text) != NULL)
            add_base(reading, text, base_method, path, json_integer_value(json_object_get(one, "line")));
    }
}

/* The header of this file could not be gone through to its end. */
static bool has_broken_header(const json_t *report, const char *path)
{
    json_t *finding;
    size_t i;

    json_array_foreach(json_object_get(report, "findings"), i, finding)
    {
        if (g_strcmp0(okse_json_peek_text(finding, "rule"), "gguf.header") == 0 &&
            g_strcmp0(okse_json_peek_text(finding, "file"), path) == 0)
            return true;
    }
    return false;
}

static void use_gguf(const Reading *reading, const json_t *report)
{
    const json_t *files = json_object_get(report, "files"), *file;
    size_t i;

    json_array_foreach(files, i, file)
    {
        const char *path = okse_json_peek_text(file, "path");
        g_autoptr(json_t) said = NULL;
        g_autofree char *shown = NULL;

        if (path == NULL || !is_gguf(path) || strchr(path, '!') != NULL)
            continue;
        if (has_broken_header(report, path))
            partial(reading, path, "its header is damaged, or longer than is read");
        shown = shown_path(reading, path);
        said = okse_license_said_by_gguf(json_object_get(file, "metadata"));
        use_said(reading, said, "gguf", "base", shown);
    }
}

/* Its header only: what is behind it is cut off, which the examination says and nobody asks here. */
static void read_gguf(const Reading *reading, const char *path, GBytes *bytes)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(json_t) report = okse_weights_examine_bytes(reading->licenses->rules, path, bytes, &cause);

    if (report == NULL)
        partial(reading, path, cause->message);
    else
        use_gguf(reading, report);
}

static void use(void *context, const char *path, GBytes *bytes)
{
    Reading *reading = context;
    const json_t *row = okse_patterns_find(reading->licenses->names, path);
    g_autofree char *shown = shown_path(reading, path), *name = g_path_get_basename(path);
    g_autoptr(json_t) said = NULL;

    if (is_gguf(path)) {
        read_gguf(reading, path, bytes);
        return;
    }
    if (row != NULL)
        note_attributions(reading, bytes);
    if (row != NULL && !json_is_true(json_object_get(row, "notice")))
        read_text(reading, shown, bytes);
    if (!okse_license_is_card(path))
        return;
    note_attributions(reading, bytes);
    said = okse_license_said(path, bytes);
    use_said(reading, said, "front-matter", strcmp(name, "config.json") == 0 ? "config" : "base", shown);
}

/* What the stack says of a component's license. */
static const char *declared_of(const OkseContents *contents, unsigned component)
{
    const json_t *rows = json_object_get(okse_contents_stack(contents), "components");
    const char *name = okse_contents_name(contents, component);

    for (size_t i = 0; i < json_array_size(rows); i++)
        if (g_strcmp0(okse_json_peek_text(json_array_get(rows, i), "name"), name) == 0)
            return okse_json_peek_text(json_array_get(rows, i), "license");
    return NULL;
}

/* The id of a text or of the stack that begins with this one: a version of it; the first by name. NULL: none. */
static json_t *version_of(const json_t *claims, const char *id)
{
    g_autofree char *start = g_strconcat(id, "-", NULL);
    json_t *claim, *version = NULL;
    size_t i;

    json_array_foreach(claims, i, claim)
    {
        const char *other = okse_json_peek_text(claim, "id"), *method = okse_json_peek_text(claim, "method");

        if (other != NULL && g_str_has_prefix(other, start) && strchr(other, ' ') == NULL &&
            strcmp(method, "front-matter") != 0 && strcmp(method, "gguf") != 0 &&
            (version == NULL || strcmp(other, json_string_value(version)) < 0))
            version = json_object_get(claim, "id");
    }
    return version;
}

/* Cards say "exaone" where the text beside them says which version. */
static void refine_claims(const Reading *reading)
{
    const json_t *claims = json_object_get(reading->unit, "claims");
    json_t *claim;
    size_t i;

    json_array_foreach(claims, i, claim)
    {
        const char *id = okse_json_peek_text(claim, "id");
        json_t *version = id != NULL ? version_of(claims, id) : NULL;

        if (version != NULL)
            json_object_set(claim, "id", version);
    }
}

/* An install may be damaged; a stack or bundle that is ends the collection. */
static bool visit(Reading *reading, const OkseContents *contents, unsigned component, GError **error)
{
    OkseContentsVisitor visitor = {wants, use, reading};
    g_autoptr(GError) cause = NULL;

    if (okse_contents_visit_heads(contents, component, &visitor, HEAD_LIMIT, &cause))
        return true;
    if (reading->root == NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    partial(reading, "", cause->message);
    return true;
}

static char *place_of(const char *root, const char *component)
{
    return root != NULL ? g_strdup_printf("%s/current/%s", root, component) : g_strdup(component);
}

static bool read_component(Reading *reading, const OkseContents *contents, unsigned component, GError **error)
{
    g_autofree char *shown = place_of(reading->root, okse_contents_name(contents, component));
    const char *name = okse_contents_name(contents, component), *kind = okse_contents_kind(contents, component);
    const char *declared = declared_of(contents, component);

    reading->shown = shown;
    reading->examined = okse_contents_weights(contents, component) != NULL;
    reading->files = 0;
    reading->unit = json_pack("{s:s,s:s,s:s,s:s?,s:n,s:i,s:[],s:[]}", "component", name, "kind", kind, "place", shown,
                              "declared", declared, "name", "texts", 0, "claims", "bases");
    json_array_append_new(reading->evidence->units, reading->unit);
    if (declared != NULL)
        add_claim(reading, "declared", declared, declared, "stack.yaml", 0);
    if (reading->examined)
        use_gguf(reading, okse_contents_weights(contents, component));
    if (!visit(reading, contents, component, error))
        return false;
    if (strcmp(kind, "weights") == 0 && okse_license_of_model(reading->licenses->table, name) != NULL)
        add_base(reading, name, "name", shown, 0);
    refine_claims(reading);
    return true;
}

json_t *okse_licenses_of(const OkseLicenses *licenses, const OkseContents *contents, const char *root, GError **error)
{
    g_autoptr(GHashTable) attributed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(json_t) units = json_array(), incomplete = json_array();
    OkseLicenseEvidence evidence = {licenses->table, units, attributed};
    Reading reading = {.licenses = licenses, .root = root, .evidence = &evidence, .incomplete = incomplete};

    for (unsigned i = 0; i < okse_contents_count(contents); i++)
        if (!read_component(&reading, contents, i, error))
            return NULL;
    return json_pack("{s:o,s:O}", "claims", okse_license_rows_of(&evidence), "incomplete", incomplete);
}
