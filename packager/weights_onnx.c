/* ONNX is a protobuf message of up to terabytes. Only the structure is walked, tensor bytes are skipped: generated
 * readers would first hold the whole of it in memory.
 * Source: onnx/onnx.proto3; protobuf.dev/programming-guides/encoding. */
#include "packager/weights_internal.h"

#include "core/fd.h"
#include "core/text.h"

#include <string.h>

#define DEPTH 24u /* graphs in nodes in graphs */
#define TEXT_LIMIT 4096u
#define DIMENSIONS 64u

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

typedef struct {
    WeightsScan *scan;
    const WeightsFile *file;
    json_t *row;
    GHashTable *domains;
    uint64_t tensors;
    bool broken;
} Onnx;

typedef struct {
    uint64_t number, wire;
    uint64_t value;      /* VARINT */
    uint64_t at, length; /* BYTES */
} Field;

static bool broken(Onnx *onnx, uint64_t at, const char *why)
{
    if (!onnx->broken)
        weights_finding(onnx->scan, onnx->file, WEIGHTS_CRITICAL, "onnx.structure", at, "%s", why);
    onnx->broken = true;
    return false;
}

static bool take_varint(WeightsCursor *cursor, uint64_t *value)
{
    uint64_t number = 0, byte;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (!weights_take_number(cursor, 1, &byte) || (shift == 63 && byte > 1))
            return false;
        number |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = number;
            return true;
        }
    }
    return false;
}

/* The next field, its bytes skipped. False at the end, too; then nothing is left. */
static bool next_field(Onnx *onnx, WeightsCursor *cursor, Field *field)
{
    uint64_t key, at = cursor->at;
    bool fine;

    if (weights_left(cursor) == 0 || onnx->broken)
        return false;
    if (!take_varint(cursor, &key) || key >> 3 == 0)
        return broken(onnx, at, "is no protobuf message: a field without a number");
    *field = (Field){.number = key >> 3, .wire = key & 7};
    switch (field->wire) {
    case WIRE_VARINT:
        fine = take_varint(cursor, &field->value);
        break;
    case WIRE_FIXED64:
        fine = weights_skip(cursor, 8);
        break;
    case WIRE_FIXED32:
        fine = weights_skip(cursor, 4);
        break;
    case WIRE_BYTES:
        fine = take_varint(cursor, &field->length);
        field->at = cursor->at;
        fine = fine && weights_skip(cursor, field->length);
        break;
    default:
        fine = false;
    }
    return fine || broken(onnx, at, "is no protobuf message: a field ends outside its message");
}

static char *field_text(Onnx *onnx, const Field *field)
{
    g_auto(WeightsCursor) cursor = {0};
    char *text;

    if (field->wire != WIRE_BYTES)
        return NULL;
    weights_cursor_open(&cursor, onnx->file, field->at, field->at + field->length);
    text = weights_take_text(&cursor, field->length, TEXT_LIMIT);
    weights_failed(onnx->scan, g_steal_pointer(&cursor.error));
    return text;
}

typedef void (*FieldVisit)(Onnx *onnx, const Field *field, void *context, unsigned depth);

/* Every field of a message that is itself a field (or, for length 0 fields, nothing). */
static void walk(Onnx *onnx, uint64_t at, uint64_t length, FieldVisit visit, void *context, unsigned depth)
{
    g_auto(WeightsCursor) cursor = {0};
    Field field;

    if (depth > DEPTH) {
        broken(onnx, at, "nests deeper than the limit");
        return;
    }
    weights_cursor_open(&cursor, onnx->file, at, at + length);
    while (next_field(onnx, &cursor, &field))
        visit(onnx, &field, context, depth);
    weights_failed(onnx->scan, g_steal_pointer(&cursor.error));
}

static void walk_field(Onnx *onnx, const Field *field, FieldVisit visit, void *context, unsigned depth)
{
    if (field->wire == WIRE_BYTES)
        walk(onnx, field->at, field->length, visit, context, depth + 1);
    else
        broken(onnx, field->at, "a message is expected where a number stands");
}

typedef struct {
    char *key, *value;
} Pair;

static void visit_pair(Onnx *onnx, const Field *field, void *context, unsigned depth)
{
    Pair *pair = context;
    char **text = field->number == 1 ? &pair->key : &pair->value;

    (void)depth;
    if (field->number > 2)
        return;
    g_free(*text);
    *text = field_text(onnx, field);
}

typedef struct {
    uint64_t elements, type, raw_at, raw_length, dimensions;
    char *name, *location;
    uint64_t offset, length;
    bool overflow, external;
} Tensor;

static void tensor_clear(Tensor *tensor)
{
    g_free(tensor->name);
    g_free(tensor->location);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Tensor, tensor_clear)

static void multiply(Tensor *tensor, uint64_t size)
{
    tensor->dimensions++;
    if (size > G_MAXINT64 || __builtin_mul_overflow(tensor->elements, size, &tensor->elements))
        tensor->overflow = true;
}

static void visit_dimensions(Onnx *onnx, Tensor *tensor, const Field *field)
{
    g_auto(WeightsCursor) cursor = {0};
    uint64_t size;

    if (field->wire == WIRE_VARINT) {
        multiply(tensor, field->value);
        return;
    }
    weights_cursor_open(&cursor, onnx->file, field->at, field->at + field->length);
    while (weights_left(&cursor) > 0 && tensor->dimensions <= DIMENSIONS && take_varint(&cursor, &size))
        multiply(tensor, size);
    weights_failed(onnx->scan, g_steal_pointer(&cursor.error));
}

static void visit_external(Onnx *onnx, Tensor *tensor, const Field *field, unsigned depth)
{
    Pair pair = {0};

    walk_field(onnx, field, visit_pair, &pair, depth);
    if (g_strcmp0(pair.key, "location") == 0) {
        g_free(tensor->location);
        tensor->location = g_steal_pointer(&pair.value);
    } else if (pair.value != NULL && (g_strcmp0(pair.key, "offset") == 0 || g_strcmp0(pair.key, "length") == 0)) {
        if (!g_ascii_string_to_unsigned(pair.value, 10, 0, G_MAXINT64,
                                        *pair.key == 'o' ? &tensor->offset : &tensor->length, NULL))
            tensor->overflow = true;
    }
    g_free(pair.key);
    g_free(pair.value);
}

static void visit_tensor(Onnx *onnx, const Field *field, void *context, unsigned depth)
{
    Tensor *tensor = context;

    switch (field->number) {
    case 1:
        visit_dimensions(onnx, tensor, field);
        break;
    case 2:
        tensor->type = field->value;
        break;
    case 8:
        g_free(tensor->name);
        tensor->name = field_text(onnx, field);
        break;
    case 9:
        tensor->raw_at = field->at;
        tensor->raw_length = field->length;
        break;
    case 13:
        visit_external(onnx, tensor, field, depth);
        break;
    case 14:
        tensor->external = field->value == 1;
        break;
    default:
        break;
    }
}

/* Source: TensorProto.DataType. bits 0: not of one size. */
static const struct {
    const char *name;
    unsigned bits;
} types[] = {
    {NULL, 0},   {"F32", 32},   {"U8", 8},    {"I8", 8},      {"U16", 16},        {"I16", 16},    {"I32", 32},
    {"I64", 64}, {"STRING", 0}, {"BOOL", 8},  {"F16", 16},    {"F64", 64},        {"U32", 32},    {"U64", 64},
    {"C64", 64}, {"C128", 128}, {"BF16", 16}, {"F8_E4M3", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2", 8}, {"F8_E5M2FNUZ", 8},
    {"U4", 4},   {"I4", 4},     {"F4", 4},    {"F8_E8M0", 8}, {"U2", 2},          {"I2", 2},
};

static void tensor_finding(Onnx *onnx, const Tensor *tensor, uint64_t at, const char *rule, const char *why)
{
    weights_finding(onnx->scan, onnx->file, WEIGHTS_CRITICAL, rule, at, "tensor '%s': %s",
                    tensor->name != NULL ? tensor->name : "", why);
}

static void check_external(Onnx *onnx, const Tensor *tensor, uint64_t at)
{
    g_autofree char *directory = g_path_get_dirname(onnx->file->path), *path = NULL;
    const uint64_t *size;
    uint64_t end;

    if (tensor->location == NULL || !okse_path_check(tensor->location, NULL)) {
        tensor_finding(onnx, tensor, at, "onnx.external", "its data lies outside the component");
        return;
    }
    if (onnx->scan->sizes == NULL)
        return;
    path =
        strcmp(directory, ".") == 0 ? g_strdup(tensor->location) : g_build_filename(directory, tensor->location, NULL);
    size = g_hash_table_lookup(onnx->scan->sizes, path);
    if (size == NULL)
        tensor_finding(onnx, tensor, at, "onnx.external", "its data file is missing");
    else if (__builtin_add_overflow(tensor->offset, tensor->length, &end) || end > *size)
        tensor_finding(onnx, tensor, at, "onnx.external", "its data lies outside its data file");
}

static void read_tensor(Onnx *onnx, const Field *field, unsigned depth)
{
    g_auto(Tensor) tensor = {.elements = 1};
    uint64_t bits;

    walk_field(onnx, field, visit_tensor, &tensor, depth);
    if (onnx->broken)
        return;
    onnx->tensors++;
    if (tensor.overflow || tensor.dimensions > DIMENSIONS) {
        tensor_finding(onnx, &tensor, field->at, "onnx.tensor", "its dimensions overflow or are negative");
        return;
    }
    if (tensor.type == 0 || tensor.type >= G_N_ELEMENTS(types)) {
        tensor_finding(onnx, &tensor, field->at, "onnx.tensor", "is of no known type");
        return;
    }
    if (tensor.external || tensor.location != NULL)
        check_external(onnx, &tensor, field->at);
    if (types[tensor.type].bits > 0 && tensor.raw_at > 0 &&
        (__builtin_mul_overflow(tensor.elements, (uint64_t)types[tensor.type].bits, &bits) ||
         bits / 8 + (bits % 8 > 0) != tensor.raw_length))
        tensor_finding(onnx, &tensor, field->at, "onnx.tensor", "its dimensions and type do not give its size");
    weights_count(onnx->scan, onnx->row, types[tensor.type].name, tensor.elements);
}

static void see_domain(Onnx *onnx, const char *domain, uint64_t at)
{
    const json_t *known = json_object_get(onnx->scan->rules->words, "onnx-domains");

    if (domain == NULL || !g_hash_table_add(onnx->domains, g_strdup(domain)))
        return;
    for (size_t i = 0; i < json_array_size(known); i++)
        if (g_strcmp0(json_string_value(json_array_get(known, i)), domain) == 0)
            return;
    weights_finding(onnx->scan, onnx->file, WEIGHTS_WARNING, "onnx.custom-operators", at,
                    "operators of the domain '%s' need a library that is loaded beside the model", domain);
}

static void visit_graph(Onnx *onnx, const Field *field, void *context, unsigned depth);

static void visit_sparse(Onnx *onnx, const Field *field, void *context, unsigned depth)
{
    (void)context;
    if (field->number == 1 || field->number == 2)
        read_tensor(onnx, field, depth);
}

static void visit_attribute(Onnx *onnx, const Field *field, void *context, unsigned depth)
{
    if (field->number == 5 || field->number == 10)
        read_tensor(onnx, field, depth);
    else if (field->number == 6 || field->number == 11)
        walk_field(onnx, field, visit_graph, context, depth);
    else if (field->number == 22 || field->number == 23)
        walk_field(onnx, field, visit_sparse, context, depth);
}

static void visit_node(Onnx *onnx, const Field *field, void *context, unsigned depth)
{
    if (field->number == 7) {
        g_autofree char *domain = field_text(onnx, field);

        see_domain(onnx, domain, field->at);
    } else if (field->number == 5) {
        walk_field(onnx, field, visit_attribute, context, depth);
    }
}

static void visit_graph(Onnx *onnx, const Field *field, void *context, unsigned depth)
{
    if (field->number == 1)
        walk_field(onnx, field, visit_node, context, depth);
    else if (field->number == 5)
        read_tensor(onnx, field, depth);
    else if (field->number == 15)
        walk_field(onnx, field, visit_sparse, context, depth);
}

static void visit_opset(Onnx *onnx, const Field *field, void *context, unsigned depth)
{
    (void)context;
    (void)depth;
    if (field->number == 1) {
        g_autofree char *domain = field_text(onnx, field);

        see_domain(onnx, domain, field->at);
    }
}

static void visit_function(Onnx *onnx, const Field *field, void *context, unsigned depth)
{
    if (field->number == 7)
        walk_field(onnx, field, visit_node, context, depth);
}

static void visit_model(Onnx *onnx, const Field *field, void *context, unsigned depth)
{
    bool *has_graph = context;

    if (field->number == 7) {
        *has_graph = true;
        walk_field(onnx, field, visit_graph, NULL, depth);
    } else if (field->number == 8) {
        walk_field(onnx, field, visit_opset, NULL, depth);
    } else if (field->number == 25) {
        walk_field(onnx, field, visit_function, NULL, depth);
    } else if (field->number == 2) {
        g_autofree char *producer = field_text(onnx, field);

        weights_note(onnx->row, "producer", producer);
    } else if (field->number == 1 && field->wire == WIRE_VARINT && field->value <= G_MAXINT32) {
        json_object_set_new(onnx->row, "version", json_integer((json_int_t)field->value));
    }
}

void weights_onnx(WeightsScan *scan, const WeightsFile *file, json_t *row)
{
    g_autoptr(GHashTable) domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Onnx onnx = {.scan = scan, .file = file, .row = row, .domains = domains};
    bool has_graph = false;

    walk(&onnx, 0, file->size, visit_model, &has_graph, 0);
    if (!has_graph)
        broken(&onnx, 0, "has no graph");
    if (!onnx.broken)
        json_object_set_new(row, "tensors", json_integer((json_int_t)onnx.tensors));
}
