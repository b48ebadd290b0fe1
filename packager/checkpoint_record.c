#include "packager/checkpoint_record.h"

#include "core/json.h"
#include "core/limits.h"
#include "core/text.h"

#include <string.h>

#define ORIGIN "verify-progress.json"
#define SCHEMA "okse.verify-progress.v1"

static void blob_free(gpointer data)
{
    OkseCheckpointBlob *blob = data;

    g_free(blob->segments);
    g_free(blob->present);
    g_free(blob);
}

OkseCheckpointRecord *okse_checkpoint_record_new(const char *file, const OkseSha256 *identity, bool both,
                                                 const char *since)
{
    OkseCheckpointRecord *record = g_new0(OkseCheckpointRecord, 1);

    *record = (OkseCheckpointRecord){g_strdup(file), *identity, both, g_strdup(since),
                                     g_ptr_array_new_with_free_func(blob_free)};
    return record;
}

void okse_checkpoint_record_free(OkseCheckpointRecord *record)
{
    if (record == NULL)
        return;
    g_free(record->file);
    g_free(record->since);
    g_ptr_array_unref(record->blobs);
    g_free(record);
}

OkseCheckpointBlob *okse_checkpoint_record_add(OkseCheckpointRecord *record, const OkseSha256 *digest, unsigned count)
{
    OkseCheckpointBlob *blob = g_new0(OkseCheckpointBlob, 1);

    *blob = (OkseCheckpointBlob){*digest, count, g_new0(OkseSha256, (gsize)count + 1), g_new0(bool, (gsize)count + 1)};
    g_ptr_array_add(record->blobs, blob);
    return blob;
}

static bool segment_read(OkseCheckpointBlob *blob, size_t index, const json_t *value, GError **error)
{
    if (json_is_null(value))
        return true;
    if (!json_is_string(value))
        return okse_fail(error, OKSE_ERROR_INVALID, ORIGIN ": a segment is no digest");
    blob->present[index] = true;
    return okse_sha256_parse(json_string_value(value), &blob->segments[index], error);
}

static bool blob_read(OkseCheckpointRecord *record, const json_t *entry, GError **error)
{
    const char *text = okse_json_text(entry, "digest", ORIGIN, error);
    const json_t *segments = json_object_get(entry, "segments");
    OkseCheckpointBlob *blob;
    OkseSha256 digest;

    if (text == NULL || !okse_sha256_parse(text, &digest, error))
        return false;
    if (segments != NULL && (!json_is_array(segments) || json_array_size(segments) == 0))
        return okse_fail(error, OKSE_ERROR_INVALID, ORIGIN ": segments are no list");
    blob = okse_checkpoint_record_add(record, &digest, (unsigned)json_array_size(segments));
    for (size_t i = 0; i < json_array_size(segments); i++)
        if (!segment_read(blob, i, json_array_get(segments, i), error))
            return false;
    return true;
}

static bool since_check(const char *since, GError **error)
{
    gint64 time;

    return okse_text_time_parse(since, &time) || okse_fail(error, OKSE_ERROR_INVALID, ORIGIN ": 'since' is no time");
}

OkseCheckpointRecord *okse_checkpoint_record_read(GBytes *bytes, GError **error)
{
    g_autoptr(OkseCheckpointRecord) record = NULL;
    g_autoptr(json_t) value = okse_json_read(bytes, OKSE_LIMIT_CHECKPOINT, ORIGIN, error);
    const char *schema = value != NULL ? okse_json_text(value, "schema", ORIGIN, error) : NULL;
    const char *bundle = schema != NULL ? okse_json_text(value, "bundle", ORIGIN, error) : NULL;
    const char *file = bundle != NULL ? okse_json_text(value, "file", ORIGIN, error) : NULL;
    const char *since = file != NULL ? okse_json_text(value, "since", ORIGIN, error) : NULL;
    const json_t *blobs = since != NULL ? okse_json_array(value, "blobs", ORIGIN, error) : NULL;
    const json_t *both = json_object_get(value, "both");
    OkseSha256 identity;

    if (blobs == NULL || !okse_sha256_parse(bundle, &identity, error) || !since_check(since, error))
        return NULL;
    if (strcmp(schema, SCHEMA) != 0 || !json_is_boolean(both)) {
        okse_fail(error, OKSE_ERROR_INVALID, ORIGIN ": is no " SCHEMA " document");
        return NULL;
    }
    record = okse_checkpoint_record_new(file, &identity, json_is_true(both), since);
    for (size_t i = 0; i < json_array_size(blobs); i++)
        if (!blob_read(record, json_array_get(blobs, i), error))
            return NULL;
    return g_steal_pointer(&record);
}

static json_t *blob_json(const OkseCheckpointBlob *blob)
{
    char text[OKSE_SHA256_TEXT];
    json_t *value = json_pack("{s:s}", "digest", okse_sha256_text(&blob->digest, text));
    json_t *segments;

    if (blob->count == 0)
        return value;
    segments = json_array();
    for (unsigned i = 0; i < blob->count; i++)
        json_array_append_new(segments,
                              blob->present[i] ? json_string(okse_sha256_hex(&blob->segments[i], text)) : json_null());
    json_object_set_new(value, "segments", segments);
    return value;
}

GBytes *okse_checkpoint_record_write(const OkseCheckpointRecord *record)
{
    char identity[OKSE_SHA256_TEXT];
    json_t *blobs = json_array();
    g_autoptr(json_t) value = NULL;

    for (guint i = 0; i < record->blobs->len; i++)
        json_array_append_new(blobs, blob_json(g_ptr_array_index(record->blobs, i)));
    value = json_pack("{s:s, s:s, s:s, s:b, s:s, s:o}", "schema", SCHEMA, "bundle",
                      okse_sha256_text(&record->identity, identity), "file", record->file, "both", (int)record->both,
                      "since", record->since, "blobs", blobs);
    g_assert(value != NULL);
    return okse_json_write(value);
}
