/* safetensors: u64 length, JSON header, tensor data without holes or overlaps.
 * Source: huggingface/safetensors, README "Format" and safetensors/src/tensor.rs (Metadata::validate). */
#include "packager/weights_internal.h"

#include <string.h>

typedef struct {
    const char *name;
    unsigned bits;
} Dtype;

static const Dtype dtypes[] = {
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6},     {"F6_E3M2", 6},     {"U8", 8},      {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E5M2FNUZ", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E8M0", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},       {"I32", 32},        {"U32", 32},    {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},        {"U64", 64},
};

typedef struct {
    const char *name; /* borrowed from the header */
    uint64_t begin, end;
} Span;

static int compare_spans(gconstpointer a, gconstpointer b)
{
    const Span *left = a, *right = b;

    if (left->begin != right->begin)
        return left->begin < right->begin ? -1 : 1;
    if (left->end != right->end)
        return left->end < right->end ? -1 : 1;
    return strcmp(left->name, right->name);
}

static void broken(WeightsScan *scan, const WeightsFile *file, const char *tensor, const char *why)
{
    weights_finding(scan, file, WEIGHTS_CRITICAL, "safetensors.tensor", 8, "tensor '%s': %s", tensor, why);
}

static const Dtype *find_dtype(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(dtypes); i++)
        if (g_strcmp0(dtypes[i].name, name) == 0)
            return &dtypes[i];
    return NULL;
}

static bool take_unsigned(const json_t *value, uint64_t *number)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *number = (uint64_t)json_integer_value(value);
    return true;
}

static bool count_elements(const json_t *shape, uint64_t *count)
{
    uint64_t product = 1, size;

    if (!json_is_array(shape))
        return false;
    for (size_t i = 0; i < json_array_size(shape); i++)
        if (!take_unsigned(json_array_get(shape, i), &size) || __builtin_mul_overflow(product, size, &product))
            return false;
    *count = product;
    return true;
}

/* What is wrong with a tensor's entry, or NULL with its place and size. */
static const char *read_tensor(const json_t *tensor, uint64_t data, Span *span, const char **dtype, uint64_t *count)
{
    const json_t *offsets = json_object_get(tensor, "data_offsets");
    const Dtype *type = find_dtype(okse_json_peek_text(tensor, "dtype"));
    uint64_t bits;

    if (type == NULL)
        return "unknown dtype";
    if (json_object_size(tensor) != 3)
        return "has other members than dtype, shape and data_offsets";
    if (!count_elements(json_object_get(tensor, "shape"), count))
        return "its shape is no list of sizes, or their product overflows";
    if (json_array_size(offsets) != 2 || !take_unsigned(json_array_get(offsets, 0), &span->begin) ||
        !take_unsigned(json_array_get(offsets, 1), &span->end))
        return "data_offsets are not two whole numbers";
    if (span->begin > span->end || span->end > data)
        return "data_offsets lie outside the file";
    if (__builtin_mul_overflow(*count, (uint64_t)type->bits, &bits) || bits % 8 != 0 ||
        bits / 8 != span->end - span->begin)
        return "its shape and dtype do not give the size that data_offsets say";
    *dtype = type->name;
    return NULL;
}

static void list_tensor(WeightsScan *scan, const Span *span, const char *dtype, const json_t *shape, uint64_t data_at)
{
    OkseTensor tensor = {.name = span->name,
                         .dtype = dtype,
                         .dimensions = (unsigned)MIN(json_array_size(shape), OKSE_TENSOR_DIMENSIONS + 1),
                         .offset = data_at + span->begin,
                         .length = span->end - span->begin};

    for (unsigned i = 0; i < MIN(tensor.dimensions, OKSE_TENSOR_DIMENSIONS); i++)
        tensor.shape[i] = (uint64_t)json_integer_value(json_array_get(shape, i));
    weights_list(scan, &tensor);
}

static void check_spans(WeightsScan *scan, const WeightsFile *file, GArray *spans, uint64_t data)
{
    uint64_t at = 0;

    g_array_sort(spans, compare_spans);
    for (guint i = 0; i < spans->len; i++) {
        const Span *span = &g_array_index(spans, Span, i);

        if (span->begin < at)
            broken(scan, file, span->name, "overlaps the one before it");
        else if (span->begin > at)
            broken(scan, file, span->name, "leaves a hole before it");
        at = MAX(at, span->end);
    }
    if (at != data)
        weights_finding(scan, file, WEIGHTS_CRITICAL, "safetensors.size", WEIGHTS_NO_OFFSET,
                        "%" G_GUINT64_FORMAT " bytes behind the last tensor belong to none", data - at);
}

static json_t *read_header(WeightsScan *scan, const WeightsFile *file, uint64_t *length)
{
    g_auto(WeightsCursor) cursor = {0};
    g_autofree char *text = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GError) error = NULL;
    json_t *header;

    weights_cursor_open(&cursor, file, 0, file->size);
    if (weights_take_number(&cursor, 8, length))
        text = weights_take_text(&cursor, *length, WEIGHTS_HEADER_LIMIT);
    weights_failed(scan, g_steal_pointer(&cursor.error));
    if (text == NULL) {
        weights_finding(scan, file, WEIGHTS_CRITICAL, "safetensors.header", 0,
                        "the header's length lies outside the file or over the limit of %u", WEIGHTS_HEADER_LIMIT);
        return NULL;
    }
    if (*text != '{') {
        weights_finding(scan, file, WEIGHTS_CRITICAL, "safetensors.header", 8, "the header does not begin with '{'");
        return NULL;
    }
    bytes = g_bytes_new_take(g_steal_pointer(&text), (gsize)*length);
    header = okse_json_read(bytes, WEIGHTS_HEADER_LIMIT, "header", &error);
    if (header == NULL)
        weights_finding(scan, file, WEIGHTS_CRITICAL, "safetensors.header", 8, "%s", error->message);
    return header;
}

/* Of the model itself, not of one in a directory below or in an archive. */
static void note_embedding(WeightsScan *scan, const WeightsFile *file, const char *name, const json_t *shape)
{
    if (weights_is_top(file) && json_array_size(shape) == 2 && weights_is_embedding(scan, name))
        scan->embedded = MAX(scan->embedded, (uint64_t)json_integer_value(json_array_get(shape, 0)));
}

static void note_metadata(json_t *row, const json_t *metadata)
{
    const char *const keys[] = {"format", "license", "modelspec.architecture"};

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        weights_note(row, keys[i], okse_json_peek_text(metadata, keys[i]));
}

void weights_safetensors(WeightsScan *scan, const WeightsFile *file, json_t *row)
{
    uint64_t length = 0, data;
    g_autoptr(json_t) header = read_header(scan, file, &length);
    g_autoptr(GArray) spans = g_array_new(FALSE, FALSE, sizeof(Span));
    json_t *names = json_object(), *tensor;
    const char *name;

    g_hash_table_insert(scan->tensors, g_strdup(file->path), names);
    if (header == NULL)
        return;
    data = file->size - 8 - length;
    json_object_foreach(header, name, tensor)
    {
        const char *dtype = NULL, *why;
        Span span = {.name = name};
        uint64_t count = 0;

        if (strcmp(name, "__metadata__") == 0) {
            json_t *metadata = json_object();

            note_metadata(metadata, tensor);
            json_object_set_new(row, "metadata", metadata);
            continue;
        }
        json_object_set_new(names, name, json_true());
        why = read_tensor(tensor, data, &span, &dtype, &count);
        if (why != NULL) {
            broken(scan, file, name, why);
            continue;
        }
        weights_count(scan, row, dtype, count);
        note_embedding(scan, file, name, json_object_get(tensor, "shape"));
        list_tensor(scan, &span, dtype, json_object_get(tensor, "shape"), file->size - data);
        g_array_append_val(spans, span);
    }
    json_object_set_new(row, "tensors", json_integer((json_int_t)json_object_size(names)));
    check_spans(scan, file, spans, data);
}
