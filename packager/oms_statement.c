#include "packager/oms_statement.h"

#include "core/digest.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/statement.h"

#include <string.h>

#define ORIGIN "model signature"
#define PAYLOAD_LIMIT (512u << 20) /* one line for each file or shard */
#define SHARD_SIZE_DEFAULT 1000000000u

/* hash_type → OpenSSL's name and digits of the hex digest. blake3 is not in OpenSSL. */
static const struct {
    const char *type, *name;
    size_t digits;
} hashes[] = {{"sha256", "SHA256", 64}, {"blake2", "BLAKE2B-512", 128}, {"blake2b", "BLAKE2B-512", 128}};

void okse_oms_statement_free(OkseOmsStatement *statement)
{
    if (statement == NULL)
        return;
    g_free(statement->model);
    g_hash_table_unref(statement->expected);
    g_ptr_array_unref(statement->ignored);
    g_free(statement);
}

static bool hash_find(OkseOmsStatement *statement, const char *type, size_t *digits, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(hashes); i++)
        if (strcmp(hashes[i].type, type) == 0) {
            statement->hash = hashes[i].name;
            *digits = hashes[i].digits;
            return true;
        }
    g_autofree char *shown = okse_text_show(type, -1, false);

    return okse_fail(error, OKSE_ERROR_INVALID, ORIGIN ": hash type '%s' is not supported (sha256, blake2)", shown);
}

static bool digest_check(const char *hex, size_t digits)
{
    return strlen(hex) == digits && strspn(hex, "0123456789abcdef") == digits;
}

static bool expect(OkseOmsStatement *statement, const char *name, const char *hex, size_t digits, GError **error)
{
    g_autofree char *shown = okse_text_show(name, -1, false);

    if (!digest_check(hex, digits))
        return okse_fail(error, OKSE_ERROR_INVALID, ORIGIN ": the digest of '%s' is not %zu lower-case hex digits",
                         shown, digits);
    if (strcmp(name, ".") != 0 && !okse_path_check(name, error)) {
        g_prefix_error(error, ORIGIN ": ");
        return false;
    }
    if (!g_hash_table_insert(statement->expected, g_strdup(name), g_strdup(hex)))
        return okse_fail(error, OKSE_ERROR_INVALID, ORIGIN ": '%s' is listed twice", shown);
    return true;
}

static void digest_append(OkseSha256Stream *stream, const char *hex)
{
    for (size_t i = 0; hex[i] != '\0'; i += 2) {
        guint8 byte = (guint8)(g_ascii_xdigit_value(hex[i]) << 4 | g_ascii_xdigit_value(hex[i + 1]));

        okse_sha256_stream_update(stream, &byte, 1);
    }
}

static bool resources_read(OkseOmsStatement *statement, const json_t *resources, size_t digits, const char *root,
                           GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    OkseSha256 sum;
    char hex[OKSE_SHA256_HEX];

    for (size_t i = 0; i < json_array_size(resources); i++) {
        const json_t *resource = json_array_get(resources, i);
        const char *name = okse_json_text(resource, "name", ORIGIN, error);
        const char *digest = name != NULL ? okse_json_text(resource, "digest", ORIGIN, error) : NULL;

        if (digest == NULL || !expect(statement, name, digest, digits, error))
            return false;
        digest_append(stream, digest);
    }
    sum = okse_sha256_stream_end(stream);
    return strcmp(okse_sha256_hex(&sum, hex), root) == 0 ||
           okse_fail(error, OKSE_ERROR_REFUSED, ORIGIN ": the subject's digest is not that of the listed files");
}

static bool ignored_read(OkseOmsStatement *statement, const json_t *list, GError **error)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *path = json_string_value(json_array_get(list, i));

        if (path == NULL)
            return okse_fail(error, OKSE_ERROR_INVALID, ORIGIN ": an ignored path is no text");
        if (!okse_path_check(path, error)) {
            g_prefix_error(error, ORIGIN ": an ignored path: ");
            return false;
        }
        g_ptr_array_add(statement->ignored, g_strdup(path));
    }
    return true;
}

static bool method_read(OkseOmsStatement *statement, const json_t *serialization, GError **error)
{
    const char *method = okse_json_text(serialization, "method", ORIGIN, error);
    uint64_t size = SHARD_SIZE_DEFAULT;

    if (method == NULL)
        return false;
    if (strcmp(method, "files") == 0)
        return true;
    if (strcmp(method, "shards") != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, ORIGIN ": serialization method is neither 'files' nor 'shards'");
    if (json_object_get(serialization, "shard_size") != NULL &&
        !okse_json_unsigned(serialization, "shard_size", &size, ORIGIN, error))
        return false;
    if (size == 0 || size > OKSE_LIMIT_FILE_SIZE)
        return okse_fail(error, OKSE_ERROR_INVALID, ORIGIN ": the shard size is out of range");
    statement->shard_size = size;
    return true;
}

static bool current_read(OkseOmsStatement *statement, const json_t *predicate, const char *root, GError **error)
{
    const json_t *serialization = okse_json_object(predicate, "serialization", ORIGIN, error);
    const json_t *resources = serialization != NULL ? okse_json_array(predicate, "resources", ORIGIN, error) : NULL;
    const char *type = resources != NULL ? okse_json_text(serialization, "hash_type", ORIGIN, error) : NULL;
    size_t digits = 0;

    return type != NULL && hash_find(statement, type, &digits, error) && method_read(statement, serialization, error) &&
           ignored_read(statement, json_object_get(serialization, "ignore_paths"), error) &&
           resources_read(statement, resources, digits, root, error);
}

/* Digests/v0.1: every file is a subject. */
static bool old_read(OkseOmsStatement *statement, const json_t *subjects, GError **error)
{
    statement->hash = "SHA256";
    for (size_t i = 0; i < json_array_size(subjects); i++) {
        const json_t *subject = json_array_get(subjects, i);
        const char *name = okse_json_text(subject, "name", ORIGIN, error);
        const json_t *digest = name != NULL ? okse_json_object(subject, "digest", ORIGIN, error) : NULL;
        const char *hex = digest != NULL ? okse_json_text(digest, "sha256", ORIGIN, error) : NULL;

        if (hex == NULL || !expect(statement, name, hex, 64, error))
            return false;
    }
    return true;
}

static bool statement_fill(OkseOmsStatement *statement, const json_t *value, GError **error)
{
    const char *type = okse_json_text(value, "_type", ORIGIN, error);
    const char *predicate_type = type != NULL ? okse_json_text(value, "predicateType", ORIGIN, error) : NULL;
    const json_t *subjects = predicate_type != NULL ? okse_json_array(value, "subject", ORIGIN, error) : NULL;
    const json_t *subject = json_array_get(subjects, 0);
    const json_t *predicate, *digest;
    const char *name, *root;

    if (subjects == NULL)
        return false;
    if (strcmp(type, OKSE_STATEMENT_TYPE) != 0)
        return okse_fail(error, OKSE_ERROR_REFUSED, ORIGIN ": '_type' is not " OKSE_STATEMENT_TYPE);
    if (strcmp(predicate_type, OKSE_OMS_PREDICATE_OLD) == 0)
        return old_read(statement, subjects, error);
    if (strcmp(predicate_type, OKSE_OMS_PREDICATE) != 0)
        return okse_fail(error, OKSE_ERROR_REFUSED, ORIGIN ": 'predicateType' is not " OKSE_OMS_PREDICATE);
    if (json_array_size(subjects) != 1)
        return okse_fail(error, OKSE_ERROR_INVALID, ORIGIN ": needs exactly one subject");
    name = okse_json_text(subject, "name", ORIGIN, error);
    digest = name != NULL ? okse_json_object(subject, "digest", ORIGIN, error) : NULL;
    root = digest != NULL ? okse_json_text(digest, "sha256", ORIGIN, error) : NULL;
    predicate = root != NULL ? okse_json_object(value, "predicate", ORIGIN, error) : NULL;
    if (predicate == NULL)
        return false;
    statement->model = g_strdup(name);
    return current_read(statement, predicate, root, error);
}

OkseOmsStatement *okse_oms_statement_read(GBytes *payload, GError **error)
{
    g_autoptr(json_t) value = okse_json_read(payload, PAYLOAD_LIMIT, ORIGIN, error);
    g_autoptr(OkseOmsStatement) statement = g_new0(OkseOmsStatement, 1);

    statement->expected = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    statement->ignored = g_ptr_array_new_with_free_func(g_free);
    return value != NULL && statement_fill(statement, value, error) ? g_steal_pointer(&statement) : NULL;
}
