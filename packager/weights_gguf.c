/* GGUF 2 and 3: counts and lengths are bounded by the file before anything is believed.
 * Source: ggml-org/ggml, docs/gguf.md; block sizes: gguf-py, GGML_QUANT_SIZES. */
#include "core/text.h"
#include "packager/weights_internal.h"

#include <string.h>

#define KEY_LIMIT 65535u /* gguf.md: a key is at most 2^16-1 bytes */
#define NAME_LIMIT 1024u /* of a tensor; ggml itself takes 64 */
#define DIMENSIONS 4u    /* GGML_MAX_DIMS */
#define ARRAY_DEPTH 4u   /* arrays of arrays */
#define TENSORS 1000000u

typedef struct {
    uint32_t type;
    const char *name;
    uint32_t block, bytes; /* values in a block, its size */
} GgmlType;

static const GgmlType types[] = {
    {0, "F32", 1, 4},         {1, "F16", 1, 2},         {2, "Q4_0", 32, 18},     {3, "Q4_1", 32, 20},
    {6, "Q5_0", 32, 22},      {7, "Q5_1", 32, 24},      {8, "Q8_0", 32, 34},     {10, "Q2_K", 256, 84},
    {11, "Q3_K", 256, 110},   {12, "Q4_K", 256, 144},   {13, "Q5_K", 256, 176},  {14, "Q6_K", 256, 210},
    {15, "Q8_K", 256, 292},   {16, "IQ2_XXS", 256, 66}, {17, "IQ2_XS", 256, 74}, {18, "IQ3_XXS", 256, 98},
    {19, "IQ1_S", 256, 50},   {20, "IQ4_NL", 32, 18},   {21, "IQ3_S", 256, 110}, {22, "IQ2_S", 256, 82},
    {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},         {25, "I16", 1, 2},       {26, "I32", 1, 4},
    {27, "I64", 1, 8},        {28, "F64", 1, 8},        {29, "IQ1_M", 256, 56},  {30, "BF16", 1, 2},
    {34, "TQ1_0", 256, 54},   {35, "TQ2_0", 256, 66},   {39, "MXFP4", 32, 17},   {40, "NVFP4", 64, 36},
};

enum { VALUE_STRING = 8, VALUE_ARRAY = 9, VALUE_TYPES = 13 };
/* u8 i8 u16 i16 u32 i32 f32 bool string array u64 i64 f64 */
static const uint8_t value_sizes[VALUE_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

typedef struct {
    WeightsScan *scan;
    const WeightsFile *file;
    json_t *row, *metadata;
    WeightsCursor cursor;
    uint64_t alignment;
    uint64_t tensors;
    uint64_t tokens, embedded; /* of the tokenizer, and rows of the table of embeddings; 0: not in this file */
} Gguf;

typedef struct {
    char *name;
    size_t name_length;
    uint64_t at, size;
    const GgmlType *type;
    uint64_t shape[DIMENSIONS]; /* the first is the innermost */
    unsigned dimensions;
} Tensor;

static void tensor_clear(gpointer data)
{
    g_free(((Tensor *)data)->name);
}

static int compare_tensors(gconstpointer a, gconstpointer b)
{
    const Tensor *left = a, *right = b;

    if (left->at != right->at)
        return left->at < right->at ? -1 : 1;
    return left->size < right->size ? -1 : left->size > right->size;
}

static bool broken(Gguf *gguf, const char *why)
{
    weights_finding(gguf->scan, gguf->file, WEIGHTS_CRITICAL, "gguf.header", gguf->cursor.at, "%s", why);
    return false;
}

static char *take_string(Gguf *gguf, uint64_t limit)
{
    uint64_t length;

    return weights_take_number(&gguf->cursor, 8, &length) ? weights_take_text(&gguf->cursor, length, limit) : NULL;
}

static bool skip_string(Gguf *gguf)
{
    uint64_t length;

    return weights_take_number(&gguf->cursor, 8, &length) && weights_skip(&gguf->cursor, length);
}

static bool skip_value(Gguf *gguf, uint64_t type, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by ARRAY_DEPTH */
static bool skip_array(Gguf *gguf, unsigned depth)
{
    uint64_t type, count, bytes;

    if (depth >= ARRAY_DEPTH || !weights_take_number(&gguf->cursor, 4, &type) ||
        !weights_take_number(&gguf->cursor, 8, &count) || type >= VALUE_TYPES)
        return false;
    if (value_sizes[type] > 0)
        return !__builtin_mul_overflow(count, (uint64_t)value_sizes[type], &bytes) &&
               weights_skip(&gguf->cursor, bytes);
    if (count > weights_left(&gguf->cursor) / 8)
        return false;
    for (uint64_t i = 0; i < count; i++)
        if (!skip_value(gguf, type, depth + 1))
            return false;
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by ARRAY_DEPTH */
static bool skip_value(Gguf *gguf, uint64_t type, unsigned depth)
{
    if (type >= VALUE_TYPES)
        return false;
    if (type == VALUE_ARRAY)
        return skip_array(gguf, depth);
    return type == VALUE_STRING ? skip_string(gguf) : weights_skip(&gguf->cursor, value_sizes[type]);
}

static bool is_kept(const char *key)
{
    return strcmp(key, "general.architecture") == 0 || strcmp(key, "general.name") == 0 ||
           strcmp(key, "tokenizer.ggml.model") == 0 || g_str_has_prefix(key, "general.license") ||
           g_str_has_prefix(key, "general.base_model.");
}

static bool read_text_value(Gguf *gguf, const char *key)
{
    bool is_template = g_str_has_prefix(key, "tokenizer.chat_template");
    g_autofree char *text = NULL;
    uint64_t start = gguf->cursor.at;

    if (!is_template && !is_kept(key))
        return skip_string(gguf);
    text = take_string(gguf, is_template ? WEIGHTS_TEMPLATE_LIMIT : KEY_LIMIT);
    if (text == NULL)
        return false;
    if (is_template)
        weights_chat_template(gguf->scan, gguf->file, text, (size_t)(gguf->cursor.at - start - 8));
    else
        weights_note(gguf->metadata, key, text);
    if (strcmp(key, "general.architecture") == 0 && gguf->scan->architecture == NULL)
        gguf->scan->architecture = okse_text_show(text, -1, false);
    return true;
}

/* The cursor stands before the list. */
static void note_tokens(Gguf *gguf)
{
    g_auto(WeightsCursor) list = {0};

    weights_cursor_open(&list, gguf->file, gguf->cursor.at, gguf->cursor.end);
    if (!weights_skip(&list, 4) || !weights_take_number(&list, 8, &gguf->tokens))
        gguf->tokens = 0;
    weights_failed(gguf->scan, g_steal_pointer(&list.error));
}

static bool read_pair(Gguf *gguf)
{
    g_autofree char *key = take_string(gguf, KEY_LIMIT);
    uint64_t type, number;

    if (key == NULL || !weights_take_number(&gguf->cursor, 4, &type))
        return broken(gguf, "a metadata key ends outside the file or is over 65535 bytes");
    if (type == VALUE_STRING)
        return read_text_value(gguf, key) || broken(gguf, "a metadata text ends outside the file or is too long");
    if (strcmp(key, "tokenizer.ggml.tokens") == 0 && type == VALUE_ARRAY)
        note_tokens(gguf);
    if (strcmp(key, "general.alignment") != 0 || type != 4)
        return skip_value(gguf, type, 0) ||
               broken(gguf, "a metadata value is of no known type or ends outside the file");
    if (!weights_take_number(&gguf->cursor, 4, &number) || number == 0 || number % 8 != 0 || number > 1u << 20)
        return broken(gguf, "general.alignment is no multiple of 8 up to 1 MiB");
    gguf->alignment = number;
    return true;
}

static const GgmlType *find_type(uint64_t type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
        if (types[i].type == type)
            return &types[i];
    return NULL;
}

/* Elements and bytes of a tensor, checked. */
static const char *measure(const uint64_t *dimensions, uint64_t count, const GgmlType *type, uint64_t *elements,
                           uint64_t *bytes)
{
    uint64_t product = 1, blocks;

    for (uint64_t i = 0; i < count; i++)
        if (__builtin_mul_overflow(product, dimensions[i], &product))
            return "the product of its dimensions overflows";
    if (dimensions[0] % type->block != 0)
        return "its rows are no whole blocks of its type";
    blocks = product / type->block;
    if (__builtin_mul_overflow(blocks, (uint64_t)type->bytes, bytes))
        return "its size overflows";
    *elements = product;
    return NULL;
}

static bool read_tensor(Gguf *gguf, GArray *tensors)
{
    uint64_t start = gguf->cursor.at;
    g_autofree char *name = take_string(gguf, NAME_LIMIT);
    uint64_t count, dimensions[DIMENSIONS] = {1, 1, 1, 1}, number, elements = 0;
    Tensor tensor = {.name_length = (size_t)(gguf->cursor.at - start - 8)};
    const GgmlType *type;
    const char *why;

    if (name == NULL || !weights_take_number(&gguf->cursor, 4, &count) || count > DIMENSIONS)
        return broken(gguf, "a tensor's name ends outside the file, or it has more than 4 dimensions");
    for (uint64_t i = 0; i < count; i++)
        if (!weights_take_number(&gguf->cursor, 8, &dimensions[i]))
            return broken(gguf, "the tensor table ends outside the file");
    if (!weights_take_number(&gguf->cursor, 4, &number) || !weights_take_number(&gguf->cursor, 8, &tensor.at))
        return broken(gguf, "the tensor table ends outside the file");
    type = find_type(number);
    why = type == NULL ? "is of no known type" : measure(dimensions, count, type, &elements, &tensor.size);
    if (why == NULL && tensor.at % gguf->alignment != 0)
        why = "its offset is not aligned";
    if (why != NULL) {
        weights_finding(gguf->scan, gguf->file, WEIGHTS_CRITICAL, "gguf.tensor", gguf->cursor.at, "tensor '%s': %s",
                        name, why);
        return true;
    }
    if (strcmp(name, "token_embd.weight") == 0)
        gguf->embedded = dimensions[1];
    weights_count(gguf->scan, gguf->row, type->name, elements);
    tensor.name = g_steal_pointer(&name);
    tensor.type = type;
    tensor.dimensions = (unsigned)count;
    memcpy(tensor.shape, dimensions, sizeof tensor.shape);
    g_array_append_val(tensors, tensor);
    return true;
}

static void list_tensor(Gguf *gguf, const Tensor *tensor, uint64_t start)
{
    OkseTensor listed = {.name = tensor->name,
                         .dtype = tensor->type->name,
                         .dimensions = tensor->dimensions,
                         .offset = start + tensor->at,
                         .length = tensor->size};

    if (strlen(tensor->name) != tensor->name_length)
        listed.name = ""; /* a NUL in it: it cannot be listed */
    memcpy(listed.shape, tensor->shape, sizeof tensor->shape);
    weights_list(gguf->scan, &listed);
}

static void check_places(Gguf *gguf, GArray *tensors)
{
    uint64_t start = 0, data, at = 0;

    if (__builtin_add_overflow(gguf->cursor.at, gguf->alignment - 1, &start))
        return;
    start -= start % gguf->alignment;
    data = start > gguf->file->size ? 0 : gguf->file->size - start;
    g_array_sort(tensors, compare_tensors);
    for (guint i = 0; i < tensors->len; i++) {
        const Tensor *tensor = &g_array_index(tensors, Tensor, i);
        const char *why = NULL;

        if (tensor->at > data || tensor->size > data - tensor->at)
            why = "lies outside the file";
        else if (tensor->at < at)
            why = "overlaps the one before it";
        else if (tensor->at - at >= gguf->alignment)
            why = "leaves a hole before it";
        if (why != NULL)
            weights_finding(gguf->scan, gguf->file, WEIGHTS_CRITICAL, "gguf.tensor", WEIGHTS_NO_OFFSET,
                            "tensor '%s': %s", tensor->name, why);
        if (tensor->at <= data && tensor->size <= data - tensor->at) {
            at = MAX(at, tensor->at + tensor->size);
            list_tensor(gguf, tensor, start);
        }
    }
    if (data > at && data - at >= gguf->alignment)
        weights_finding(gguf->scan, gguf->file, WEIGHTS_CRITICAL, "gguf.size", start + at,
                        "%" G_GUINT64_FORMAT " bytes behind the last tensor belong to none", data - at);
}

static bool read_all(Gguf *gguf, GArray *tensors)
{
    uint64_t version, pairs;

    if (!weights_skip(&gguf->cursor, 4) || !weights_take_number(&gguf->cursor, 4, &version))
        return broken(gguf, "ends before its version");
    json_object_set_new(gguf->row, "version", json_integer((json_int_t)version));
    if (version != 2 && version != 3)
        return broken(gguf, "neither version 2 nor 3 in little-endian order; other GGUF is not understood");
    if (!weights_take_number(&gguf->cursor, 8, &gguf->tensors) || !weights_take_number(&gguf->cursor, 8, &pairs))
        return broken(gguf, "ends inside its header");
    if (gguf->tensors > TENSORS || gguf->tensors > weights_left(&gguf->cursor) / 24 ||
        pairs > weights_left(&gguf->cursor) / 13)
        return broken(gguf, "says more tensors or metadata than the file could hold");
    for (uint64_t i = 0; i < pairs; i++)
        if (!read_pair(gguf))
            return false;
    for (uint64_t i = 0; i < gguf->tensors; i++)
        if (!read_tensor(gguf, tensors))
            return false;
    return true;
}

/* Loaders take the number of tokens for the number of rows. */
static void check_tokens(const Gguf *gguf)
{
    if (gguf->tokens > 0 && gguf->embedded > 0 && gguf->tokens != gguf->embedded)
        weights_finding(gguf->scan, gguf->file, WEIGHTS_CRITICAL, "gguf.vocabulary", WEIGHTS_NO_OFFSET,
                        "its tokenizer has %" G_GUINT64_FORMAT " tokens, but %" G_GUINT64_FORMAT " are embedded",
                        gguf->tokens, gguf->embedded);
}

void weights_gguf(WeightsScan *scan, const WeightsFile *file, json_t *row)
{
    Gguf gguf = {.scan = scan, .file = file, .row = row, .metadata = json_object(), .alignment = 32};
    g_autoptr(GArray) tensors = g_array_new(FALSE, FALSE, sizeof(Tensor));

    g_array_set_clear_func(tensors, tensor_clear);
    weights_cursor_open(&gguf.cursor, file, 0, file->size);
    json_object_set_new(row, "metadata", gguf.metadata);
    if (read_all(&gguf, tensors)) {
        json_object_set_new(row, "tensors", json_integer((json_int_t)gguf.tensors));
        check_places(&gguf, tensors);
        check_tokens(&gguf);
    }
    weights_failed(scan, g_steal_pointer(&gguf.cursor.error));
    weights_cursor_clear(&gguf.cursor);
}
