/* TLS as configuration states it, and the certificates of a host: those that configuration names, and those in the
 * usual places that the distribution did not bring. Of a private key its mode alone; its bytes are read only where
 * they stand in the certificate's own file, and never told. */
#include "audit/collect_tls.h"

#include "audit/collect_host_files.h"
#include "audit/tls_words.h"
#include "core/digest.h"
#include "core/fd.h"
#include "core/worker.h"
#include "core/yaml.h"

#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#define PLACES "manifests/certificates.yaml"
#define FILE_LIMIT (1u << 20)
#define FILES_LIMIT 2000u

/* Names of ciphers and versions look like secrets to a machine that hunts for them; what is written in other letters is
 * masked. */
static char *shown(const OkseCollection *collection, const char *value)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:+!@=.,<>- /";
    g_autofree char *valid = NULL;

    if (strspn(value, letters) == strlen(value))
        return g_strdup(value);
    valid = g_utf8_make_valid(value, -1);
    return okse_collect_mask(collection, valid);
}

void okse_collect_tls_setting(OkseCollection *collection, const OkseTlsSetting *setting)
{
    g_autofree char *value = shown(collection, setting->value);
    g_autofree char *key =
        g_strdup_printf("%s|%s|%u|%s|%s", setting->program, setting->path, setting->line, setting->what, value);

    if (!g_hash_table_add(collection->claims, g_strdup(key))) { /* two walks may come by the same file */
        json_decref(setting->source);
        return;
    }
    okse_facts_add(collection->facts, "tls", key,
                   json_pack("{s:s,s:s,s:s,s:s?,s:o,s:s}", "program", setting->program, "what", setting->what, "value",
                             value, "minimum", okse_tls_minimum(setting->what, setting->value), "source",
                             setting->source, "state", "configured"));
}

/* ---- certificates */

void okse_collect_certificate_named(OkseCollection *collection, const char *program, const char *path,
                                    const char *value)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *whole = *value == '/' ? g_strdup(value) : g_strconcat(directory, "/", value, NULL);
    GPtrArray *programs = g_hash_table_lookup(collection->certificates, whole);

    if (strchr(value, '$') != NULL || strlen(whole) > 4096)
        return;
    if (programs == NULL) {
        programs = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(collection->certificates, g_steal_pointer(&whole), programs);
    }
    if (!g_ptr_array_find_with_equal_func(programs, program, g_str_equal, NULL))
        g_ptr_array_add(programs, g_strdup(program));
}

json_t *okse_certificate_places_read(const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(resources, PLACES, error);
    g_autofree char *origin = okse_resources_name(resources, PLACES);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const OkseNode *places = NULL, *distribution = NULL, *keys = NULL;
    const char *form = NULL;
    OkseMap *map;

    if (yaml == NULL)
        return NULL;
    map = okse_map_open(okse_yaml_root(yaml), "the places of certificates", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &form);
    okse_map_take_list(map, "places", OKSE_REQUIRED, &places);
    okse_map_take_map(map, "distribution", OKSE_REQUIRED, &distribution);
    okse_map_take_list(map, "keys", OKSE_REQUIRED, &keys);
    okse_map_end(map);
    return okse_issues_none(issues, error) ? okse_node_to_json(okse_yaml_root(yaml)) : NULL;
}

typedef struct {
    OkseCollection *collection;
    bool found, complete;
    unsigned files;
} Look;

static void partial(Look *look, const char *path, const char *why)
{
    g_autofree char *reason = g_strdup_printf("%s: %s", path, why);

    look->complete = false;
    okse_facts_coverage(look->collection->facts, "certificates", OKSE_PARTIAL, reason);
}

/* What a link in that directory says, or NULL. */
static char *link_of(const OkseCollection *collection, const char *path)
{
    g_autofree char *directory = g_path_get_dirname(path), *name = g_path_get_basename(path);
    okse_autofd fd = okse_open_in_root(collection->sysroot_fd, directory[1] != '\0' ? directory + 1 : ".",
                                       O_PATH | O_DIRECTORY, NULL);
    char target[4096];
    ssize_t length = fd < 0 ? -1 : readlinkat(fd, name, target, sizeof target);

    return length < 0 ? NULL : g_strndup(target, (gsize)length);
}

static bool is_of_distribution(const OkseCollection *collection, const char *path)
{
    const json_t *rules = json_object_get(collection->certificate_places, "distribution"), *one;
    g_autofree char *name = g_path_get_basename(path), *target = link_of(collection, path);
    size_t i;

    json_array_foreach(json_object_get(rules, "names"), i,
                       one) if (fnmatch(json_string_value(one), name, 0) == 0) return true;
    json_array_foreach(json_object_get(rules, "links"), i,
                       one) if (target != NULL && g_str_has_prefix(target, json_string_value(one))) return true;
    return false;
}

/* {path, mode} when a regular file is there. */
static json_t *key_at(const OkseCollection *collection, const char *path)
{
    okse_autofd fd = okse_open_in_root(collection->sysroot_fd, path + 1, O_PATH, NULL);
    g_autofree char *mode = NULL, *shown = g_utf8_make_valid(path, -1);
    struct stat info;

    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
        return NULL;
    mode = g_strdup_printf("%04o", (unsigned)info.st_mode & 07777);
    return json_pack("{s:s,s:s}", "path", shown, "mode", mode);
}

static char *filled(const char *pattern, const char *directory, const char *stem)
{
    g_autoptr(GString) text = g_string_new(pattern);

    g_string_replace(text, "{directory}", directory, 0);
    g_string_replace(text, "{stem}", stem, 0);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* In the file itself, or where such keys lie; null when none was seen. */
static json_t *key_of(const OkseCollection *collection, const char *path, GBytes *bytes)
{
    g_autofree char *directory = g_path_get_dirname(path), *stem = g_path_get_basename(path);
    char *dot = strrchr(stem, '.');
    const json_t *pattern;
    size_t i;
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);

    if (length > 0 && g_strstr_len(data, (gssize)length, "PRIVATE KEY-----") != NULL)
        return key_at(collection, path);
    if (dot != NULL)
        *dot = '\0';
    json_array_foreach(json_object_get(collection->certificate_places, "keys"), i, pattern)
    {
        g_autofree char *place = filled(json_string_value(pattern), directory, stem);
        json_t *found = strcmp(place, path) == 0 ? NULL : key_at(collection, place);

        if (found != NULL)
            return found;
    }
    return json_null();
}

static json_t *users_of(const OkseCollection *collection, const char *path)
{
    GPtrArray *programs = g_hash_table_lookup(collection->certificates, path);
    json_t *list = json_array();

    for (guint i = 0; programs != NULL && i < programs->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(programs, i)));
    return list;
}

static void add_facts(const Look *look, const char *path, GBytes *bytes, json_t *found)
{
    g_autofree char *shown = g_utf8_make_valid(path, -1);
    OkseSha256 sum = okse_sha256_of_bytes(bytes);
    char digest[OKSE_SHA256_TEXT];
    json_t *fact;
    size_t i;

    okse_sha256_text(&sum, digest);
    json_array_foreach(found, i, fact)
    {
        g_autofree char *key = g_strdup_printf("%s|%zu", shown, i);

        json_object_set_new(fact, "path", json_string(shown));
        /* the first of a file is whose key it is; behind it stand those who vouch for it */
        json_object_set_new(fact, "private_key", i == 0 ? key_of(look->collection, path, bytes) : json_null());
        json_object_set_new(fact, "used_by", users_of(look->collection, path));
        json_object_set_new(fact, "source",
                            okse_facts_source(&(OkseSourceFact){
                                .collector = "certificates", .path = shown, .digest = digest, .via = "structured"}));
        json_object_set_new(fact, "state", json_string("observed"));
        okse_facts_add(look->collection->facts, "certificates", key, json_incref(fact));
    }
}

static void look_at(Look *look, const char *path, bool named)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) found = NULL;
    bool more = false;

    if (okse_collect_on_network(look->collection, path)) {
        partial(look, path, "lies on a network file system and was not touched");
        return;
    }
    if (!okse_collect_is_file(look->collection, path) && !named)
        return; /* a directory, or a link that leads nowhere */
    bytes = okse_collect_read(look->collection, path, FILE_LIMIT, &error);
    found = bytes == NULL ? NULL : okse_certificates_describe(bytes, path, &more, &error);
    if (error != NULL) {
        partial(look, path, error->message);
        return;
    }
    if (more)
        partial(look, path, "holds more certificates than are told");
    look->found = look->found || json_array_size(found) > 0;
    if (found != NULL)
        add_facts(look, path, bytes, found);
}

/* Paths that patterns name and the distribution did not bring. */
static void find_places(Look *look, GHashTable *paths)
{
    const json_t *pattern;
    size_t i;

    json_array_foreach(json_object_get(look->collection->certificate_places, "places"), i, pattern)
    {
        bool readable = true;
        g_autoptr(GPtrArray) matches =
            okse_collect_matches(look->collection, json_string_value(pattern), &readable, NULL);

        if (!readable)
            partial(look, json_string_value(pattern), "not all of it could be looked at (run as root)");
        for (guint k = 0; k < matches->len; k++)
            if (!is_of_distribution(look->collection, g_ptr_array_index(matches, k)))
                g_hash_table_add(paths, g_strdup(g_ptr_array_index(matches, k)));
    }
}

void okse_collect_certificates(OkseCollection *collection)
{
    Look look = {collection, false, true, 0};
    g_autoptr(GHashTable) paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GList) named = g_hash_table_get_keys(collection->certificates), sorted = NULL;

    find_places(&look, paths);
    for (const GList *one = named; one != NULL; one = one->next)
        g_hash_table_add(paths, g_strdup(one->data));
    sorted = g_list_sort(g_hash_table_get_keys(paths), (GCompareFunc)strcmp);
    for (const GList *one = sorted; one != NULL; one = one->next) {
        if (okse_interrupted() || look.files++ >= FILES_LIMIT) {
            partial(&look, one->data, okse_interrupted() ? OKSE_OUT_OF_TIME : "more files than are looked at");
            break;
        }
        look_at(&look, one->data, g_hash_table_contains(collection->certificates, one->data));
    }
    if (look.complete)
        okse_facts_coverage(collection->facts, "certificates", look.found ? OKSE_COMPLETE : OKSE_ABSENT,
                            look.found ? NULL : "no certificate is there that the distribution did not bring");
}
