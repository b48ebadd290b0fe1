#include "packager/shard_record.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/bundle_internal.h"

#include <string.h>
#include <sys/stat.h>

#define SCHEMA "okse.verification-shard.v1"
#define CLOCK_LENGTH 64u
#define FIRST_SECOND (-62135596800) /* of year 1, and the last of year 9999: what RFC 3339 can say */
#define LAST_SECOND 253402300799
#define REASONS 1000u /* --all of a medium that is gone */

static void blob_free(gpointer data)
{
    OkseShardBlob *blob = data;

    g_clear_pointer(&blob->pieces, g_array_unref);
    g_free(blob);
}

OkseShardRecord *okse_shard_record_new(const OkseShard *shard)
{
    OkseShardRecord *record = g_new0(OkseShardRecord, 1);

    record->shard = *shard;
    record->reasons = g_ptr_array_new_with_free_func(g_free);
    record->blobs = g_ptr_array_new_with_free_func(blob_free);
    return record;
}

void okse_shard_record_free(OkseShardRecord *record)
{
    if (record == NULL)
        return;
    g_free(record->clock);
    g_ptr_array_unref(record->reasons);
    g_ptr_array_unref(record->blobs);
    g_free(record);
}

OkseShardBlob *okse_shard_record_add(OkseShardRecord *record, const OkseSha256 *digest, bool divided)
{
    OkseShardBlob *blob = g_new0(OkseShardBlob, 1);

    *blob = (OkseShardBlob){*digest, divided ? g_array_new(FALSE, FALSE, sizeof(OkseShardPiece)) : NULL};
    g_ptr_array_add(record->blobs, blob);
    return blob;
}

/* Of a bundle in several files the newest of their times. */
static void modified_take(const OkseBytes *bytes, OkseShardFile *file)
{
    for (unsigned i = 0; i < okse_bytes_files(bytes); i++) {
        const char *name;
        struct stat status;

        if (fstat(okse_bytes_file(bytes, i, &name), &status) < 0)
            continue; /* whether they are still the same is asked when the check ends */
        if (i > 0 && (status.st_mtim.tv_sec < file->seconds ||
                      (status.st_mtim.tv_sec == file->seconds && status.st_mtim.tv_nsec < file->nanoseconds)))
            continue;
        file->seconds = status.st_mtim.tv_sec;
        file->nanoseconds = status.st_mtim.tv_nsec;
    }
}

static int compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "SIZE SECONDS.NANOSECONDS" of every file, in the order of these lines: whichever part was opened first. */
static OkseSha256 files_digest(const OkseBytes *bytes)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) text = g_string_new(NULL);
    struct stat status;

    for (unsigned i = 0; i < okse_bytes_files(bytes); i++)
        if (fstat(okse_bytes_file(bytes, i, NULL), &status) == 0)
            g_ptr_array_add(lines,
                            g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld\n", (gint64)status.st_size,
                                            (gint64)status.st_mtim.tv_sec, status.st_mtim.tv_nsec));
    g_ptr_array_sort(lines, compare_lines);
    for (guint i = 0; i < lines->len; i++)
        g_string_append(text, g_ptr_array_index(lines, i));
    return okse_sha256_of(text->str, text->len);
}

OkseShardFile okse_shard_file(const OkseBundle *bundle)
{
    g_autoptr(GBytes) index = okse_json_write(okse_bundle_layout_index(bundle));
    OkseShardFile file = {okse_sha256_of_bytes(index), okse_bundle_slots(bundle).file_size, 0, 0,
                          files_digest(bundle->bytes)};

    modified_take(bundle->bytes, &file);
    return file;
}

bool okse_shard_file_equal(const OkseShardFile *a, const OkseShardFile *b)
{
    return okse_sha256_equal(&a->index, &b->index) && a->size == b->size && a->seconds == b->seconds &&
           a->nanoseconds == b->nanoseconds && okse_sha256_equal(&a->files, &b->files);
}

static bool digest_read(const json_t *object, const char *key, OkseSha256 *digest, const char *origin, GError **error)
{
    const char *text = okse_json_text(object, key, origin, error);

    if (text == NULL)
        return false;
    if (okse_sha256_parse(text, digest, error))
        return true;
    g_prefix_error(error, "%s: '%s': ", origin, key);
    return false;
}

static bool time_read(const json_t *object, const char *key, gint64 *time, const char *origin, GError **error)
{
    const char *text = okse_json_text(object, key, origin, error);

    return text != NULL && ((okse_text_time_parse(text, time) && *time >= FIRST_SECOND && *time <= LAST_SECOND) ||
                            okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is no time (RFC 3339)", origin, key));
}

static bool shard_read(const json_t *value, OkseShard *shard, const char *origin, GError **error)
{
    const char *text = okse_json_text(value, "shard", origin, error);

    if (text == NULL)
        return false;
    if (okse_shard_parse(text, shard, error))
        return true;
    g_prefix_error(error, "%s: ", origin);
    return false;
}

static bool file_read(const json_t *value, OkseShardFile *file, OkseSha256 *identity, const char *origin,
                      GError **error)
{
    const json_t *bundle = okse_json_object(value, "bundle", origin, error);
    uint64_t nanoseconds;

    if (bundle == NULL || !digest_read(bundle, "identity", identity, origin, error) ||
        !digest_read(bundle, "index", &file->index, origin, error) ||
        !okse_json_unsigned(bundle, "size", &file->size, origin, error) ||
        !time_read(bundle, "modified", &file->seconds, origin, error) ||
        !okse_json_unsigned(bundle, "nanoseconds", &nanoseconds, origin, error) ||
        !digest_read(bundle, "files", &file->files, origin, error))
        return false;
    file->nanoseconds = (gint64)nanoseconds;
    return nanoseconds < 1000000000 ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: 'nanoseconds' are a second or more", origin);
}

static bool reasons_read(const json_t *value, GPtrArray *reasons, const char *origin, GError **error)
{
    const json_t *list = okse_json_array(value, "reasons", origin, error);

    if (list == NULL)
        return false;
    if (json_array_size(list) > REASONS)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u reasons", origin, REASONS);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *reason = json_array_get(list, i);

        if (!json_is_string(reason))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: a reason is no text", origin);
        g_ptr_array_add(reasons, g_strdup(json_string_value(reason)));
    }
    return true;
}

static bool clock_read(const json_t *value, OkseShardRecord *record, const char *origin, GError **error)
{
    const char *clock = okse_json_text(value, "clock", origin, error);

    if (clock == NULL || !time_read(value, "time", &record->time, origin, error))
        return false;
    record->clock = g_strdup(clock);
    return strlen(clock) <= CLOCK_LENGTH ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: 'clock' is longer than %u bytes", origin, CLOCK_LENGTH);
}

static bool piece_read(OkseShardBlob *blob, const json_t *value, const char *origin, GError **error)
{
    const json_t *number = json_array_get(value, 0), *digest = json_array_get(value, 1);
    OkseShardPiece piece;

    if (json_array_size(value) != 2 || !json_is_integer(number) || json_integer_value(number) < 0 ||
        !json_is_string(digest))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a piece is no [number, digest]", origin);
    piece.piece = (uint64_t)json_integer_value(number);
    if (!okse_sha256_parse(json_string_value(digest), &piece.digest, error)) {
        g_prefix_error(error, "%s: a piece: ", origin);
        return false;
    }
    g_array_append_val(blob->pieces, piece);
    return true;
}

static bool blob_read(OkseShardRecord *record, const json_t *value, const char *origin, GError **error)
{
    const json_t *pieces = json_object_get(value, "pieces");
    OkseShardBlob *blob;
    OkseSha256 digest;

    if (!digest_read(value, "digest", &digest, origin, error))
        return false;
    if (pieces != NULL && json_array_size(pieces) == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: 'pieces' is no list of pieces", origin);
    blob = okse_shard_record_add(record, &digest, pieces != NULL);
    for (size_t i = 0; i < json_array_size(pieces); i++)
        if (!piece_read(blob, json_array_get(pieces, i), origin, error))
            return false;
    return true;
}

static bool record_fill(const json_t *value, OkseShardRecord *record, const char *origin, GError **error)
{
    const json_t *blobs, *both = json_object_get(value, "both");

    if (!file_read(value, &record->file, &record->identity, origin, error) ||
        !digest_read(value, "policy", &record->policy, origin, error) || !clock_read(value, record, origin, error) ||
        !reasons_read(value, record->reasons, origin, error))
        return false;
    if (!json_is_boolean(both))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: 'both' is neither true nor false", origin);
    record->both = json_is_true(both);
    blobs = okse_json_array(value, "blobs", origin, error);
    for (size_t i = 0; i < json_array_size(blobs); i++)
        if (!blob_read(record, json_array_get(blobs, i), origin, error))
            return false;
    return blobs != NULL;
}

OkseShardRecord *okse_shard_record_read(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(json_t) value = okse_json_read(bytes, OKSE_LIMIT_CHECKPOINT, origin, error);
    const char *schema = value != NULL ? okse_json_text(value, "schema", origin, error) : NULL;
    g_autoptr(OkseShardRecord) record = NULL;
    OkseShard shard;

    if (schema == NULL)
        return NULL;
    if (strcmp(schema, SCHEMA) != 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is no record of a shard (%s)", origin, SCHEMA);
        return NULL;
    }
    if (!shard_read(value, &shard, origin, error))
        return NULL;
    record = okse_shard_record_new(&shard);
    return record_fill(value, record, origin, error) ? g_steal_pointer(&record) : NULL;
}

static json_t *blobs_json(const OkseShardRecord *record)
{
    json_t *blobs = json_array();
    char text[OKSE_SHA256_TEXT];

    for (guint i = 0; i < record->blobs->len; i++) {
        const OkseShardBlob *blob = g_ptr_array_index(record->blobs, i);
        json_t *value = json_pack("{s:s}", "digest", okse_sha256_text(&blob->digest, text));
        json_t *pieces = blob->pieces != NULL ? json_array() : NULL;

        for (guint k = 0; pieces != NULL && k < blob->pieces->len; k++) {
            const OkseShardPiece *piece = &g_array_index(blob->pieces, OkseShardPiece, k);

            json_array_append_new(pieces,
                                  json_pack("[I, s]", (json_int_t)piece->piece, okse_sha256_hex(&piece->digest, text)));
        }
        if (pieces != NULL)
            json_object_set_new(value, "pieces", pieces);
        json_array_append_new(blobs, value);
    }
    return blobs;
}

json_t *okse_shard_record_json(const OkseShardRecord *record)
{
    g_autofree char *shard = g_strdup_printf("%u/%u", record->shard.number, record->shard.count);
    g_autofree char *time = okse_text_time(record->time), *modified = okse_text_time(record->file.seconds);
    char identity[OKSE_SHA256_TEXT], index[OKSE_SHA256_TEXT], policy[OKSE_SHA256_TEXT], files[OKSE_SHA256_TEXT];
    json_t *reasons = json_array(), *value;

    for (guint i = 0; i < MIN(record->reasons->len, REASONS); i++)
        json_array_append_new(reasons, json_string(g_ptr_array_index(record->reasons, i)));
    value = json_pack(
        "{s:s, s:s, s:s, s:{s:s, s:s, s:I, s:s, s:I, s:s}, s:s, s:b, s:s, s:s, s:o, s:o}", "schema", SCHEMA, "verifier",
        "okse " OKSE_VERSION, "shard", shard, "bundle", "identity", okse_sha256_text(&record->identity, identity),
        "index", okse_sha256_text(&record->file.index, index), "size", (json_int_t)record->file.size, "modified",
        modified, "nanoseconds", (json_int_t)record->file.nanoseconds, "files",
        okse_sha256_text(&record->file.files, files), "policy", okse_sha256_text(&record->policy, policy), "both",
        (int)record->both, "clock", record->clock, "time", time, "blobs", blobs_json(record), "reasons", reasons);
    g_assert(value != NULL);
    return value;
}
