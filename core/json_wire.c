/* A byte that says what follows, then: an integer or real, 8 bytes; a text's length, 4 bytes, and its bytes; the number
 * of a text that stood there before, 4 bytes; how many items or members there are, 4 bytes, and these. Numbers are as
 * the processor has them. A member is the length of its key, the key and a value. */
#include "core/json_wire.h"

#include "core/fd.h"
#include "core/json.h"
#include "core/json_append.h"
#include "core/limits.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DEPTH 2048u       /* as many as jansson reads */
#define PIECE (64u << 10) /* bytes of one write */
#define RECENT 4096u      /* texts that the writer remembers: the last one of each hash */
#define LONGEST 512u      /* bytes of a text that is worth it */
#define MEMBER_LEAST 5u   /* bytes: the length of an empty key, and what its value is */

enum {
    IS_NULL = 'n',
    IS_TRUE = 't',
    IS_FALSE = 'f',
    IS_INTEGER = 'i',
    IS_REAL = 'd',
    IS_TEXT = 's',
    IS_TEXT_AGAIN = 'r',
    IS_ARRAY = 'a',
    IS_OBJECT = 'o'
};

typedef struct {
    GString *bytes;
    int fd;        /* where they go piece by piece; -1: they stay */
    bool failed;   /* to write there */
    guint32 count; /* texts so far */
    struct {
        const char *text;
        size_t length;
        guint32 number;
    } recent[RECENT];
} Writer;

static void flush(Writer *writer)
{
    writer->failed =
        writer->failed || !okse_write_all(writer->fd, writer->bytes->str, writer->bytes->len, "pipe", NULL);
    g_string_truncate(writer->bytes, 0);
}

static void write_bytes(Writer *writer, const void *bytes, size_t length)
{
    g_string_append_len(writer->bytes, bytes, (gssize)length);
    if (writer->fd >= 0 && writer->bytes->len >= PIECE)
        flush(writer);
}

static void write_byte(Writer *writer, char byte)
{
    write_bytes(writer, &byte, 1);
}

static void write_number(Writer *writer, size_t number)
{
    guint32 narrow = (guint32)number;

    g_assert(number <= G_MAXUINT32);
    write_bytes(writer, &narrow, sizeof narrow);
}

/* By the length and the last eight bytes, in which names and digests differ. */
static unsigned slot_of(const char *text, size_t length)
{
    guint64 end = 0;

    memcpy(&end, text + length - MIN(length, sizeof end), MIN(length, sizeof end));
    return (unsigned)(((end ^ length) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)) >> 52);
}

G_STATIC_ASSERT(RECENT == 1u << (64 - 52));

static void write_text(Writer *writer, const char *text, size_t length)
{
    unsigned slot = slot_of(text, length);

    if (length <= LONGEST) {
        if (writer->recent[slot].text != NULL && writer->recent[slot].length == length &&
            memcmp(writer->recent[slot].text, text, length) == 0) {
            write_byte(writer, IS_TEXT_AGAIN);
            write_number(writer, writer->recent[slot].number);
            return;
        }
        writer->recent[slot].text = text;
        writer->recent[slot].length = length;
        writer->recent[slot].number = writer->count;
    }
    writer->count++;
    write_byte(writer, IS_TEXT);
    write_number(writer, length);
    write_bytes(writer, text, length);
}

static void write_value(Writer *writer, const json_t *value);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by what we build */
static void write_object(Writer *writer, const json_t *object)
{
    g_autofree OkseJsonMember *members = okse_json_members(object);

    write_byte(writer, IS_OBJECT);
    write_number(writer, json_object_size(object));
    for (size_t i = 0; i < json_object_size(object); i++) {
        write_number(writer, members[i].length);
        write_bytes(writer, members[i].key, members[i].length);
        write_value(writer, members[i].value);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static void write_array(Writer *writer, const json_t *array)
{
    write_byte(writer, IS_ARRAY);
    write_number(writer, json_array_size(array));
    for (size_t i = 0; i < json_array_size(array); i++)
        write_value(writer, json_array_get(array, i));
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static void write_value(Writer *writer, const json_t *value)
{
    gint64 integer;
    double real;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(writer, value);
        break;
    case JSON_ARRAY:
        write_array(writer, value);
        break;
    case JSON_STRING:
        write_text(writer, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        integer = json_integer_value(value);
        write_byte(writer, IS_INTEGER);
        write_bytes(writer, &integer, sizeof integer);
        break;
    case JSON_REAL:
        real = json_real_value(value);
        write_byte(writer, IS_REAL);
        write_bytes(writer, &real, sizeof real);
        break;
    case JSON_TRUE:
        write_byte(writer, IS_TRUE);
        break;
    case JSON_FALSE:
        write_byte(writer, IS_FALSE);
        break;
    case JSON_NULL:
        write_byte(writer, IS_NULL);
        break;
    }
}

GBytes *okse_json_wire_write(const json_t *value)
{
    Writer *writer = g_new0(Writer, 1);
    GBytes *bytes;

    writer->fd = -1;
    writer->bytes = g_string_new(NULL);
    write_value(writer, value);
    bytes = g_string_free_to_bytes(writer->bytes);
    g_free(writer);
    return bytes;
}

/* Whoever listens has the bytes, and here they would be there once more. */
bool okse_json_wire_send(const json_t *value, int fd)
{
    g_autofree Writer *writer = g_new0(Writer, 1);

    writer->fd = fd;
    writer->bytes = g_string_sized_new(PIECE);
    write_value(writer, value);
    flush(writer);
    g_string_free(writer->bytes, TRUE);
    return !writer->failed;
}

typedef struct {
    const char *at, *end;
    GPtrArray *texts; /* json_t, borrowed from what is being made */
    guint64 again;    /* bytes of texts that were named by their number */
} Reader;

static bool read_bytes(Reader *reader, void *into, size_t length)
{
    if ((size_t)(reader->end - reader->at) < length)
        return false;
    memcpy(into, reader->at, length);
    reader->at += length;
    return true;
}

/* How many of `least` bytes each follow, or a length: no more than there are bytes. */
static bool read_count(Reader *reader, size_t least, guint32 *count)
{
    return read_bytes(reader, count, sizeof *count) && *count <= (size_t)(reader->end - reader->at) / least;
}

/* Bytes of UTF-8 without NUL. */
static const char *read_chars(Reader *reader, guint32 *length)
{
    const char *chars;

    if (!read_count(reader, 1, length))
        return NULL;
    chars = reader->at;
    reader->at += *length;
    return g_utf8_validate_len(chars, *length, NULL) ? chars : NULL;
}

static json_t *read_text(Reader *reader)
{
    guint32 length;
    const char *chars = read_chars(reader, &length);
    json_t *text = chars == NULL ? NULL : json_stringn_nocheck(chars, length);

    if (text != NULL)
        g_ptr_array_add(reader->texts, text);
    return text;
}

/* Written out, a few bytes would else be as many as somebody likes. */
static json_t *read_text_again(Reader *reader, guint32 number)
{
    json_t *text = number < reader->texts->len ? g_ptr_array_index(reader->texts, number) : NULL;

    if (text == NULL || json_string_length(text) > LONGEST)
        return NULL;
    reader->again += json_string_length(text);
    return reader->again <= OKSE_LIMIT_EVIDENCE ? json_incref(text) : NULL;
}

/* In the order of keys. One that came twice would also let go of a text that others may name. */
static bool comes_before(const char *key, size_t length, const char *other, size_t other_length)
{
    int order = memcmp(key, other, MIN(length, other_length));

    return order < 0 || (order == 0 && length < other_length);
}

static json_t *read_value(Reader *reader, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by DEPTH */
static json_t *read_object(Reader *reader, unsigned depth)
{
    g_autoptr(json_t) object = json_object();
    guint32 count, length, length_before = 0;
    const char *before = NULL;

    if (!read_count(reader, MEMBER_LEAST, &count))
        return NULL;
    for (guint32 i = 0; i < count; i++) {
        const char *key = read_chars(reader, &length);
        json_t *value;

        if (key == NULL || (before != NULL && !comes_before(before, length_before, key, length)))
            return NULL;
        value = read_value(reader, depth);
        if (value == NULL || json_object_setn_new_nocheck(object, key, length, value) < 0)
            return NULL;
        before = key;
        length_before = length;
    }
    return g_steal_pointer(&object);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by DEPTH */
static json_t *read_array(Reader *reader, unsigned depth)
{
    g_autoptr(json_t) array = json_array();
    guint32 count;

    if (!read_count(reader, 1, &count))
        return NULL;
    for (guint32 i = 0; i < count; i++) {
        json_t *value = read_value(reader, depth);

        if (value == NULL || json_array_append_new(array, value) < 0)
            return NULL;
    }
    return g_steal_pointer(&array);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by DEPTH */
static json_t *read_value(Reader *reader, unsigned depth)
{
    gint64 integer;
    guint32 number;
    double real;
    char what;

    if (depth == 0 || !read_bytes(reader, &what, 1))
        return NULL;
    switch (what) {
    case IS_OBJECT:
        return read_object(reader, depth - 1);
    case IS_ARRAY:
        return read_array(reader, depth - 1);
    case IS_TEXT:
        return read_text(reader);
    case IS_TEXT_AGAIN:
        return read_bytes(reader, &number, sizeof number) ? read_text_again(reader, number) : NULL;
    case IS_INTEGER:
        return read_bytes(reader, &integer, sizeof integer) ? json_integer(integer) : NULL;
    case IS_REAL: /* jansson makes none of what is no number */
        return read_bytes(reader, &real, sizeof real) ? json_real(real) : NULL;
    case IS_TRUE:
        return json_true();
    case IS_FALSE:
        return json_false();
    case IS_NULL:
        return json_null();
    default:
        return NULL;
    }
}

json_t *okse_json_wire_read(const void *data, size_t length)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    Reader reader = {data, length > 0 ? (const char *)data + length : data, texts, 0};
    g_autoptr(json_t) value = length > 0 ? read_value(&reader, DEPTH) : NULL;

    return reader.at == reader.end ? g_steal_pointer(&value) : NULL;
}
