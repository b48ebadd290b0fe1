/* Everything is in memory: an archive is a facts document and some lines of text. */
#include "audit/evidence.h"

#include "core/fd.h"
#include "core/limits.h"
#include "packager/tar_header.h"

#include <string.h>

static void member_free(gpointer data)
{
    OkseEvidenceMember *member = data;

    g_free(member->name);
    g_bytes_unref(member->bytes);
    g_free(member);
}

static void add(GPtrArray *members, const char *name, GBytes *bytes)
{
    OkseEvidenceMember *member = g_new(OkseEvidenceMember, 1);

    *member = (OkseEvidenceMember){g_strdup(name), bytes};
    g_ptr_array_add(members, member);
}

GBytes *okse_evidence_manifest(const GPtrArray *members)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < members->len; i++) {
        const OkseEvidenceMember *member = g_ptr_array_index(members, i);
        OkseSha256 digest = okse_sha256_of_bytes(member->bytes);
        char hex[OKSE_SHA256_HEX];

        g_string_append_printf(text, "%s  %s\n", okse_sha256_hex(&digest, hex), member->name);
    }
    return g_string_free_to_bytes(text);
}

#define NAME_MOST 99u /* bytes that a tar header has for a name */

/* Names in an archive that anybody unpacks: as on the target where that is safe and short, else the digest of the path.
 */
static char *member_name(const char *path, GHashTable *directories, GHashTable *files)
{
    const char *relative = path + strspn(path, "/");
    g_autofree char *name = g_strconcat(OKSE_EVIDENCE_RAW, relative, NULL);
    OkseSha256 digest;
    char hex[OKSE_SHA256_HEX];

    if (strlen(name) <= NAME_MOST && okse_path_check(name, NULL) && !g_hash_table_contains(directories, name) &&
        !g_hash_table_contains(files, name)) {
        bool free = true;

        for (char *slash = strchr(name, '/'); slash != NULL && free; slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            free = !g_hash_table_contains(files, name);
            *slash = '/';
        }
        if (free)
            return g_steal_pointer(&name);
    }
    digest = okse_sha256_of(path, strlen(path));
    return g_strdup_printf(OKSE_EVIDENCE_RAW "sha256-%s", okse_sha256_hex(&digest, hex));
}

static void remember(const char *name, GHashTable *directories, GHashTable *files)
{
    g_hash_table_add(files, g_strdup(name));
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
        g_hash_table_add(directories, g_strndup(name, (gsize)(slash - name)));
}

typedef struct {
    GPtrArray *raw;   /* OkseEvidenceMember */
    json_t *excerpts; /* of the head */
    json_t *hashes;   /* of redacted.json */
} Raw;

static void add_excerpt(Raw *raw, const json_t *row, const char *name)
{
    const char *text = okse_json_peek_text(row, "text");
    GBytes *bytes = g_bytes_new(text, strlen(text));
    OkseSha256 stored = okse_sha256_of_bytes(bytes);
    const json_t *hash;
    char digest[OKSE_SHA256_TEXT];
    size_t i;

    json_array_append_new(raw->excerpts,
                          json_pack("{s:s,s:O,s:O,s:O,s:s}", "member", name, "path", json_object_get(row, "path"),
                                    "digest", json_object_get(row, "digest"), "size", json_object_get(row, "size"),
                                    "stored", okse_sha256_text(&stored, digest)));
    add(raw->raw, name, bytes);
    json_array_foreach(json_object_get(row, "hashes"), i, hash)
    {
        json_t *copy = json_deep_copy(hash);

        json_object_set_new(copy, "member", json_string(name));
        json_array_append_new(raw->hashes, copy);
    }
}

static int compare_members(gconstpointer a, gconstpointer b)
{
    const OkseEvidenceMember *first = *(OkseEvidenceMember *const *)a, *second = *(OkseEvidenceMember *const *)b;

    return strcmp(first->name, second->name);
}

static void raw_make(Raw *raw, const json_t *excerpts)
{
    g_autoptr(GHashTable) directories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(excerpts, "kept"), i, row)
    {
        g_autofree char *name = member_name(okse_json_peek_text(row, "path"), directories, files);

        remember(name, directories, files);
        add_excerpt(raw, row, name);
    }
    g_ptr_array_sort(raw->raw, compare_members);
}

static json_t *collectors_of(const json_t *facts)
{
    json_t *list = json_array();
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(facts, "collectors"), i, row)
        json_array_append_new(list, json_pack("{s:O,s:s,s:O}", "collector", json_object_get(row, "collector"),
                                              "version", OKSE_VERSION, "status", json_object_get(row, "status")));
    return list;
}

static json_t *head_of(const OkseEvidenceParts *parts, const Raw *raw)
{
    json_t *previous = NULL, *head;
    char digest[OKSE_SHA256_TEXT];

    if (parts->previous != NULL)
        previous = json_pack("{s:s,s:s}", "digest", okse_sha256_text(parts->previous, digest), "collected_at",
                             parts->previous_at);
    head = json_pack("{s:s,s:O,s:o?,s:{s:b,s:b},s:o,s:O}", "schema", "okse.evidence.v1", "collected_at",
                     json_object_get(parts->facts, "collected_at"), "previous", previous, "confined", "filter", 1,
                     "landlock", (int)parts->landlock, "collectors", collectors_of(parts->facts), "excerpts",
                     raw->excerpts);
    json_object_set(head, "tool", json_object_get(parts->facts, "tool"));
    json_object_set(head, "missing", json_object_get(parts->excerpts, "missing"));
    return head;
}

/* The member's bytes are dropped: large ones are not kept twice. */
static void put(GByteArray *tar, OkseEvidenceMember *member)
{
    static const uint8_t zeros[OKSE_TAR_BLOCK];
    gsize size, length;
    const void *data = g_bytes_get_data(member->bytes, &size);
    g_autoptr(GBytes) header = okse_tar_entry(member->name, '0', 0644, size, NULL);
    const void *head = g_bytes_get_data(header, &length);

    g_byte_array_append(tar, head, (guint)length);
    g_byte_array_append(tar, data, (guint)size);
    g_byte_array_append(tar, zeros, (guint)(okse_tar_padded(size) - size));
    g_clear_pointer(&member->bytes, g_bytes_unref);
}

/* *sum: at least as many bytes as the archive has. */
static bool fits(const GPtrArray *members, uint64_t *sum, GError **error)
{
    *sum = 2 * OKSE_TAR_BLOCK;
    for (guint i = 0; i < members->len; i++)
        *sum += g_bytes_get_size(((const OkseEvidenceMember *)g_ptr_array_index(members, i))->bytes) +
                4 * (uint64_t)OKSE_TAR_BLOCK + 2 * OKSE_LIMIT_PATH;
    return *sum <= OKSE_LIMIT_EVIDENCE ||
           okse_fail(error, OKSE_ERROR_INVALID, "the evidence is larger than the limit of %u MiB",
                     OKSE_LIMIT_EVIDENCE >> 20);
}

GBytes *okse_evidence_write(const OkseEvidenceParts *parts, GError **error)
{
    static const uint8_t end[2 * OKSE_TAR_BLOCK];
    g_autoptr(GPtrArray) raws = g_ptr_array_new(), members = g_ptr_array_new_with_free_func(member_free);
    g_autoptr(json_t) excerpts = json_array(), hashes = json_array(), head = NULL, redacted = NULL;
    Raw raw = {raws, excerpts, hashes};
    g_autoptr(GByteArray) tar = NULL;
    uint64_t sum = 0;
    OkseEvidenceMember *manifest = g_new0(OkseEvidenceMember, 1);

    raw_make(&raw, parts->excerpts);
    head = head_of(parts, &raw);
    redacted = json_pack("{s:s,s:s,s:O}", "schema", "okse.redacted.v1", "key", parts->key_kept ? "kept" : "discarded",
                         "hashes", hashes);
    add(members, OKSE_EVIDENCE_HEAD, okse_json_write(head));
    add(members, OKSE_EVIDENCE_FACTS, okse_json_write(parts->facts));
    for (guint i = 0; i < raws->len; i++)
        g_ptr_array_add(members, g_ptr_array_index(raws, i));
    add(members, OKSE_EVIDENCE_REDACTED, okse_json_write(redacted));
    *manifest = (OkseEvidenceMember){g_strdup(OKSE_EVIDENCE_MANIFEST), okse_evidence_manifest(members)};
    g_ptr_array_insert(members, 0, manifest);
    if (!fits(members, &sum, error))
        return NULL;
    tar = g_byte_array_sized_new((guint)sum); /* at most OKSE_LIMIT_EVIDENCE */
    for (guint i = 0; i < members->len; i++)
        put(tar, g_ptr_array_index(members, i));
    g_byte_array_append(tar, end, sizeof end);
    return g_byte_array_free_to_bytes(g_steal_pointer(&tar));
}
