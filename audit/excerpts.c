/* Taken after the facts, from the facts: whatever collector named a line, its line is here, and nothing is here that no
 * fact names. The file is read again and must still have the digest that the fact has. */
#include "audit/excerpts.h"

#include "core/digest.h"
#include "core/fd.h"
#include "core/text_decode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define MASK "***"
#define HASH_LENGTH 8u /* bytes of the hash that are shown */

typedef struct {
    const char *path;   /* borrowed from the facts, as the lines' texts */
    const char *digest; /* of the whole file */
    GHashTable *lines;  /* line number → const char *: its masked text, or "" when no fact has one */
} Cited;

static void cited_free(gpointer data)
{
    Cited *cited = data;

    g_hash_table_unref(cited->lines);
    g_free(cited);
}

/* Of two texts of one line that is hidden as a whole, else the one with more masked in it, else the first by bytes: the
 * order of facts is no matter. */
static const char *stricter(const char *a, const char *b)
{
    unsigned in_a = 0, in_b = 0;

    if (*a == '\0' || *b == '\0')
        return *a == '\0' ? b : a;
    if (strcmp(a, MASK) == 0 || strcmp(b, MASK) == 0)
        return MASK;
    for (const char *at = a; (at = strstr(at, MASK)) != NULL; at += strlen(MASK))
        in_a++;
    for (const char *at = b; (at = strstr(at, MASK)) != NULL; at += strlen(MASK))
        in_b++;
    if (in_a != in_b)
        return in_a > in_b ? a : b;
    return strcmp(a, b) <= 0 ? a : b;
}

static void cite(GHashTable *files, const json_t *source)
{
    const char *path = okse_json_peek_text(source, "path"), *digest = okse_json_peek_text(source, "digest");
    const char *excerpt = okse_json_peek_text(source, "excerpt"), *before;
    json_int_t line = json_integer_value(json_object_get(source, "line"));
    g_autofree char *key = NULL;
    Cited *cited;

    if (path == NULL || digest == NULL || line <= 0 || line > G_MAXINT)
        return;
    key = g_strconcat(path, "\n", digest, NULL);
    cited = g_hash_table_lookup(files, key);
    if (cited == NULL) {
        cited = g_new0(Cited, 1);
        *cited = (Cited){path, digest, g_hash_table_new(NULL, NULL)};
        g_hash_table_insert(files, g_steal_pointer(&key), cited);
    }
    before = g_hash_table_lookup(cited->lines, GINT_TO_POINTER((int)line));
    g_hash_table_insert(cited->lines, GINT_TO_POINTER((int)line),
                        (gpointer)(uintptr_t)stricter(before != NULL ? before : "", excerpt != NULL ? excerpt : ""));
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by the depth of the document that was built */
static void cite_all(GHashTable *files, const json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_object(value) && json_object_get(value, "collector") != NULL && json_object_get(value, "path") != NULL)
        cite(files, value);
    json_object_foreach((json_t *)(uintptr_t)value, key, item) cite_all(files, item);
    json_array_foreach(value, i, item) cite_all(files, item);
}

/* A source's path is as seen from the sysroot; that of an installed file begins with the root as the user named it. */
static GBytes *read_again(const OkseCollection *collection, const char *path, GError **error)
{
    const char *generation = okse_json_peek_text(collection->install, "generation");
    g_autofree char *current = g_strconcat(collection->root != NULL ? collection->root : "", "/current/", NULL);
    g_autofree char *inside = NULL;
    GBytes *answered = okse_cluster_find(collection->cluster, path);
    okse_autofd fd = -1;

    if (answered != NULL)
        return g_bytes_ref(answered);
    if (collection->root == NULL || generation == NULL || !g_str_has_prefix(path, current))
        return okse_collect_read(collection, path, OKSE_COLLECT_FILE_LIMIT, error);
    inside = g_strconcat("generations/", generation, "/", path + strlen(current), NULL);
    fd = okse_open_beneath(collection->root_fd, inside, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);
    return fd < 0 ? NULL : okse_read_fd(fd, OKSE_COLLECT_FILE_LIMIT, path, error);
}

static json_t *hash_part(const char *part, size_t length, unsigned number, GBytes *key)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    gsize key_length;
    const void *secret = g_bytes_get_data(key, &key_length);
    GString *text = g_string_new("hmac:");
    json_t *row;

    g_assert(HMAC(EVP_sha256(), secret, (int)key_length, (const unsigned char *)part, length, digest, NULL) != NULL);
    for (unsigned i = 0; i < HASH_LENGTH; i++)
        g_string_append_printf(text, "%02x", digest[i]);
    row = json_pack("{s:i,s:s,s:I}", "line", (int)number, "redacted", text->str, "len", (json_int_t)length);
    g_string_free(text, TRUE);
    return row;
}

void okse_excerpts_hash(const char *line, const char *masked, unsigned number, GBytes *key, json_t *hashes)
{
    g_auto(GStrv) kept = g_strsplit(masked, MASK, -1);
    const char *at = line;

    if (g_str_has_prefix(at, kept[0]))
        at += strlen(kept[0]);
    for (char **piece = kept + (kept[0] != NULL); *piece != NULL; piece++) {
        const char *end = **piece == '\0' && piece[1] == NULL ? at + strlen(at) : strstr(at, *piece);

        if (**piece == '\0' && piece[1] != NULL)
            continue; /* two masks side by side hide one part */
        if (piece[1] == NULL && **piece != '\0' && g_str_has_suffix(at, *piece))
            end = at + strlen(at) - strlen(*piece);
        if (end == NULL)
            end = at + strlen(at);
        json_array_append_new(hashes, hash_part(at, (size_t)(end - at), number, key));
        at = *end == '\0' ? end : end + strlen(*piece);
    }
}

static int compare_numbers(gconstpointer a, gconstpointer b)
{
    return GPOINTER_TO_INT(*(const gpointer *)a) - GPOINTER_TO_INT(*(const gpointer *)b);
}

static GPtrArray *keys_sorted(GHashTable *table, GCompareFunc compare)
{
    GPtrArray *keys = g_ptr_array_new();
    GHashTableIter iterator;
    gpointer key;

    g_hash_table_iter_init(&iterator, table);
    while (g_hash_table_iter_next(&iterator, &key, NULL))
        g_ptr_array_add(keys, key);
    g_ptr_array_sort(keys, compare);
    return keys;
}

static json_t *excerpt_of(const OkseCollection *collection, const Cited *cited, GBytes *bytes, GBytes *key)
{
    g_autoptr(GPtrArray) numbers = keys_sorted(cited->lines, compare_numbers);
    bool whole;
    g_autoptr(GBytes) plain = okse_text_decode(bytes, &whole);
    g_autofree char *text = g_strndup(g_bytes_get_data(plain, NULL), g_bytes_get_size(plain));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    int count = (int)g_strv_length(lines);
    GString *kept = g_string_new(NULL);
    json_t *hashes = json_array(), *row;

    for (guint i = 0; i < numbers->len; i++) {
        int number = GPOINTER_TO_INT(g_ptr_array_index(numbers, i));
        const char *said = g_hash_table_lookup(cited->lines, GINT_TO_POINTER(number));
        g_autofree char *valid = number <= count ? g_utf8_make_valid(g_strstrip(lines[number - 1]), -1) : NULL;
        g_autofree char *masked = NULL;

        if (valid == NULL) /* a line that only its collector counts */
            continue;
        masked = okse_collect_mask(collection, *said != '\0' ? said : valid); /* never more than the fact shows */
        g_string_append_printf(kept, "%d: %s\n", number, masked);
        okse_excerpts_hash(valid, masked, (unsigned)number, key, hashes);
    }
    row = json_pack("{s:s,s:s,s:I,s:s,s:o}", "path", cited->path, "digest", cited->digest, "size",
                    (json_int_t)g_bytes_get_size(bytes), "text", kept->str, "hashes", hashes);
    g_string_free(kept, TRUE);
    return row;
}

static void take(const OkseCollection *collection, const Cited *cited, GBytes *key, json_t *kept, json_t *missing)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = read_again(collection, cited->path, &error);
    const char *why = error != NULL ? error->message : NULL;
    char text[OKSE_SHA256_TEXT];

    if (bytes != NULL) {
        OkseSha256 digest = okse_sha256_of_bytes(bytes);

        if (strcmp(okse_sha256_text(&digest, text), cited->digest) != 0)
            why = "changed while it was collected";
    }
    if (why == NULL)
        json_array_append_new(kept, excerpt_of(collection, cited, bytes, key));
    else
        json_array_append_new(missing,
                              json_pack("{s:s,s:s,s:s}", "path", cited->path, "digest", cited->digest, "reason", why));
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

json_t *okse_excerpts_take(const OkseCollection *collection, const json_t *facts, GBytes *key)
{
    g_autoptr(GHashTable) files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, cited_free);
    g_autoptr(GPtrArray) names = NULL;
    json_t *kept = json_array(), *missing = json_array();

    cite_all(files, facts);
    names = keys_sorted(files, compare_texts);
    for (guint i = 0; i < names->len; i++)
        take(collection, g_hash_table_lookup(files, g_ptr_array_index(names, i)), key, kept, missing);
    return json_pack("{s:o,s:o}", "kept", kept, "missing", missing);
}
