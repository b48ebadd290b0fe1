#include "packager/tensor_list.h"

#include "core/json.h"
#include "core/json_append.h"
#include "core/limits.h"
#include "packager/stack.h"

#include <string.h>

#define SCHEMA "okse.tensors.v1"

static json_t *tensor_json(const OkseTensor *tensor)
{
    json_t *shape = json_array();
    char text[OKSE_SHA256_TEXT];

    for (unsigned i = 0; i < tensor->dimensions; i++)
        json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]));
    return json_pack("{s:s,s:s,s:I,s:s,s:I,s:o}", "dtype", tensor->dtype, "fsverity",
                     okse_sha256_text(&tensor->digest, text), "length", (json_int_t)tensor->length, "name",
                     tensor->name, "offset", (json_int_t)tensor->offset, "shape", shape);
}

static json_t *file_json(const OkseTensorFile *file)
{
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s,s:s,s:s,s:I,s:[]}", "digest", okse_sha256_text(&file->digest, text), "format", file->format,
                     "path", file->path, "size", (json_int_t)file->size, "tensors");
}

/* The front of a value whose last members are an empty list: up to behind its '['. */
static void append_open(GString *text, json_t *value, const char *end)
{
    okse_json_append(text, value);
    g_assert(g_str_has_suffix(text->str, end));
    g_string_truncate(text, text->len - strlen(end) + 1);
    json_decref(value);
}

/* Tensors of the cursor's file, as many as there is room for; at least one, so that every document gets on. */
static void append_file(GString *text, const OkseTensorFile *file, OkseTensorCursor *cursor)
{
    bool first = true;

    append_open(text, file_json(file), "[]}");
    while (cursor->tensor < file->tensors->len && (first || text->len < OKSE_TENSOR_DOCUMENT)) {
        g_autoptr(json_t) row = tensor_json(okse_tensor(file, cursor->tensor++));

        if (!first)
            g_string_append_c(text, ',');
        okse_json_append(text, row);
        first = false;
    }
    g_string_append(text, "]}");
    if (cursor->tensor == file->tensors->len)
        *cursor = (OkseTensorCursor){cursor->file + 1, 0};
}

GBytes *okse_tensor_list_write(const char *component, const GPtrArray *files, OkseTensorCursor *cursor)
{
    GString *text = g_string_new(NULL);
    bool first = true;

    g_string_append_printf(text, "{\"component\":\"%s\",\"files\":[", component);
    while (cursor->file < files->len && (first || text->len < OKSE_TENSOR_DOCUMENT)) {
        if (!first)
            g_string_append_c(text, ',');
        append_file(text, g_ptr_array_index(files, cursor->file), cursor);
        first = false;
    }
    g_string_append(text, "],\"schema\":\"" SCHEMA "\"}");
    return g_string_free_to_bytes(text);
}

typedef struct {
    const char *origin;
    const char *component;
    GPtrArray *files;
} Reading;

static bool refuse(const Reading *reading, const char *why, GError **error)
{
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", reading->origin, why);
}

static bool read_number(const json_t *object, const char *key, uint64_t *value)
{
    const json_t *member = json_object_get(object, key);

    if (!json_is_integer(member) || json_integer_value(member) < 0)
        return false;
    *value = (uint64_t)json_integer_value(member);
    return true;
}

/* "sha256:…" only. */
static bool read_digest(const json_t *object, const char *key, OkseSha256 *digest)
{
    const char *text = okse_json_peek_text(object, key);

    return text != NULL && g_str_has_prefix(text, "sha256:") && okse_sha256_parse(text, digest, NULL);
}

static bool read_shape(const json_t *shape, OkseTensor *tensor)
{
    if (!json_is_array(shape) || json_array_size(shape) > OKSE_TENSOR_DIMENSIONS)
        return false;
    tensor->dimensions = (unsigned)json_array_size(shape);
    for (unsigned i = 0; i < tensor->dimensions; i++) {
        const json_t *size = json_array_get(shape, i);

        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return false;
        tensor->shape[i] = (uint64_t)json_integer_value(size);
    }
    return true;
}

static bool read_tensor(const Reading *reading, OkseTensorFile *file, const json_t *row, GError **error)
{
    const OkseTensor *before = file->tensors->len == 0 ? NULL : okse_tensor(file, file->tensors->len - 1);
    OkseTensor tensor = {.name = okse_json_peek_text(row, "name"), .dtype = okse_json_peek_text(row, "dtype")};

    if (json_object_size(row) != 6 || tensor.name == NULL || tensor.dtype == NULL ||
        !read_digest(row, "fsverity", &tensor.digest) || !read_number(row, "length", &tensor.length) ||
        !read_number(row, "offset", &tensor.offset) || !read_shape(json_object_get(row, "shape"), &tensor))
        return refuse(reading, "a tensor lacks a member, has one too many or of another kind", error);
    if (before != NULL && (tensor.offset < before->offset + before->length ||
                           (tensor.offset == before->offset && strcmp(tensor.name, before->name) <= 0 &&
                            tensor.length == before->length)))
        return refuse(reading, "tensors are out of order or lie over each other", error);
    return okse_tensor_file_add(file, &tensor) ||
           refuse(reading, "a tensor's name, dtype, shape or place is none that a list may have", error);
}

static const char *read_format(const json_t *row)
{
    static const char *const formats[] = {"gguf", "safetensors"};
    const char *format = okse_json_peek_text(row, "format");

    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
        if (g_strcmp0(format, formats[i]) == 0)
            return formats[i];
    return NULL;
}

/* The file that a row is about: a new one, or the last one, which goes on. */
static OkseTensorFile *take_file(const Reading *reading, const json_t *row, bool first, GError **error)
{
    OkseTensorFile *last = reading->files->len == 0 ? NULL : g_ptr_array_index(reading->files, reading->files->len - 1);
    const char *path = okse_json_peek_text(row, "path"), *format = read_format(row);
    OkseTensorFile *file;
    OkseSha256 digest;
    uint64_t size;

    if (json_object_size(row) != 5 || path == NULL || format == NULL || !read_digest(row, "digest", &digest) ||
        !read_number(row, "size", &size) || size > OKSE_LIMIT_FILE_SIZE ||
        json_array_size(json_object_get(row, "tensors")) == 0) {
        refuse(reading, "a file lacks a member, has one too many or of another kind", error);
        return NULL;
    }
    if (last != NULL && strcmp(last->component, reading->component) == 0 && strcmp(last->path, path) == 0) {
        if (first && last->size == size && last->format == format && okse_sha256_equal(&last->digest, &digest))
            return last;
        refuse(reading, "a file is listed twice", error);
        return NULL;
    }
    file = okse_tensor_file_new(reading->component, path, size);
    file->format = format;
    file->digest = digest;
    g_ptr_array_add(reading->files, file);
    return file;
}

static bool read_files(const Reading *reading, const json_t *rows, GError **error)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *tensors = json_object_get(row, "tensors");
        OkseTensorFile *file = take_file(reading, row, i == 0, error);

        for (size_t k = 0; file != NULL && k < json_array_size(tensors); k++)
            if (!read_tensor(reading, file, json_array_get(tensors, k), error))
                return false;
        if (file == NULL)
            return false;
    }
    return json_array_size(rows) > 0 || refuse(reading, "lists no file", error);
}

bool okse_tensor_list_read(GBytes *document, const char *origin, GPtrArray *files, GError **error)
{
    g_autoptr(json_t) value = okse_json_read(document, OKSE_LIMIT_METADATA, origin, error);
    g_autoptr(GBytes) again = value == NULL ? NULL : okse_json_write(value);
    const Reading reading = {origin, okse_json_peek_text(value, "component"), files};

    if (value == NULL)
        return false;
    if (!g_bytes_equal(document, again))
        return refuse(&reading, "is not canonical JSON", error);
    if (json_object_size(value) != 3 || g_strcmp0(okse_json_peek_text(value, "schema"), SCHEMA) != 0 ||
        reading.component == NULL || !okse_stack_name_is_good(reading.component) ||
        !json_is_array(json_object_get(value, "files")))
        return refuse(&reading, "is no list of tensors (" SCHEMA ")", error);
    return read_files(&reading, json_object_get(value, "files"), error);
}
