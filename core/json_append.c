/* jansson looks at every character by itself and hands over every piece through a function. */
#include "core/json_append.h"

#include <stdlib.h>
#include <string.h>

/* Source: RFC 8259, section 7; the short forms and capital digits are jansson's. */
static void append_escaped(GString *text, unsigned char byte)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *known = byte != '\0' ? strchr(from, byte) : NULL;

    if (known != NULL) {
        g_string_append_c(text, '\\');
        g_string_append_c(text, to[known - from]);
    } else {
        g_string_append_printf(text, "\\u%04X", byte);
    }
}

/* Compared at once by what the processor has for it. */
typedef unsigned char Block __attribute__((vector_size(16)));

static bool is_plain(const char *bytes)
{
    Block block;
    guint64 halves[2];

    memcpy(&block, bytes, sizeof block);
    block = (Block)((block < 0x20) | (block == '"') | (block == '\\'));
    memcpy(halves, &block, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

static void append_text(GString *text, const char *bytes, size_t length)
{
    size_t written = 0;

    g_string_append_c(text, '"');
    for (size_t i = 0; i < length; i++) {
        unsigned char byte;

        while (i + sizeof(Block) <= length && is_plain(bytes + i))
            i += sizeof(Block);
        if (i == length)
            break;
        byte = (unsigned char)bytes[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        g_string_append_len(text, bytes + written, (gssize)(i - written));
        append_escaped(text, byte);
        written = i + 1;
    }
    g_string_append_len(text, bytes + written, (gssize)(length - written));
    g_string_append_c(text, '"');
}

static int compare_members(const void *a, const void *b)
{
    return strcmp(((const OkseJsonMember *)a)->key, ((const OkseJsonMember *)b)->key);
}

OkseJsonMember *okse_json_members(const json_t *object)
{
    OkseJsonMember *members = g_new(OkseJsonMember, json_object_size(object));
    bool in_order = true;
    size_t count = 0;

    for (void *at = json_object_iter((json_t *)(guintptr)object); at != NULL;
         at = json_object_iter_next((json_t *)(guintptr)object, at)) {
        members[count++] =
            (OkseJsonMember){json_object_iter_key(at), json_object_iter_key_len(at), json_object_iter_value(at)};
        in_order = in_order && (count == 1 || strcmp(members[count - 2].key, members[count - 1].key) < 0);
    }
    if (!in_order)
        qsort(members, count, sizeof *members, compare_members);
    return members;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH of what is read, and by what we build */
static void append_object(GString *text, const json_t *object)
{
    g_autofree OkseJsonMember *members = okse_json_members(object);
    size_t count = json_object_size(object);

    g_string_append_c(text, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            g_string_append_c(text, ',');
        append_text(text, members[i].key, members[i].length);
        g_string_append_c(text, ':');
        okse_json_append(text, members[i].value);
    }
    g_string_append_c(text, '}');
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static void append_array(GString *text, const json_t *array)
{
    g_string_append_c(text, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            g_string_append_c(text, ',');
        okse_json_append(text, json_array_get(array, i));
    }
    g_string_append_c(text, ']');
}

static void append_real(GString *text, const json_t *real)
{
    char *digits = json_dumps(real, JSON_ENCODE_ANY);

    g_assert(digits != NULL);
    g_string_append(text, digits);
    free(digits);
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
void okse_json_append(GString *text, const json_t *value)
{
    g_assert(value != NULL);
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        append_object(text, value);
        break;
    case JSON_ARRAY:
        append_array(text, value);
        break;
    case JSON_STRING:
        append_text(text, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        g_string_append_printf(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        append_real(text, value);
        break;
    case JSON_TRUE:
        g_string_append(text, "true");
        break;
    case JSON_FALSE:
        g_string_append(text, "false");
        break;
    case JSON_NULL:
        g_string_append(text, "null");
        break;
    }
}

typedef struct {
    GString *text; /* what is not written yet */
    FILE *file;
    bool failed;
} Print;

#define PRINT_BYTES 65536u

static void print_flush(Print *print, size_t least)
{
    if (print->text->len < least)
        return;
    print->failed = print->failed || fwrite(print->text->str, 1, print->text->len, print->file) != print->text->len;
    g_string_truncate(print->text, 0);
}

static void print_line(Print *print, unsigned depth)
{
    static const char spaces[] = "                                ";

    g_string_append_c(print->text, '\n');
    for (unsigned left = depth * 2; left > 0; left -= MIN(left, (unsigned)sizeof spaces - 1))
        g_string_append_len(print->text, spaces, (gssize)MIN(left, sizeof spaces - 1));
}

static void print_value(Print *print, const json_t *value, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static void print_object(Print *print, const json_t *object, unsigned depth)
{
    g_autofree OkseJsonMember *members = okse_json_members(object);
    size_t count = json_object_size(object);

    g_string_append_c(print->text, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            g_string_append_c(print->text, ',');
        print_line(print, depth + 1);
        append_text(print->text, members[i].key, members[i].length);
        g_string_append(print->text, ": ");
        print_value(print, members[i].value, depth + 1);
    }
    if (count > 0)
        print_line(print, depth);
    g_string_append_c(print->text, '}');
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static void print_array(Print *print, const json_t *array, unsigned depth)
{
    size_t count = json_array_size(array);

    g_string_append_c(print->text, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            g_string_append_c(print->text, ',');
        print_line(print, depth + 1);
        print_value(print, json_array_get(array, i), depth + 1);
    }
    if (count > 0)
        print_line(print, depth);
    g_string_append_c(print->text, ']');
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static void print_value(Print *print, const json_t *value, unsigned depth)
{
    if (json_is_object(value))
        print_object(print, value, depth);
    else if (json_is_array(value))
        print_array(print, value, depth);
    else
        okse_json_append(print->text, value);
    print_flush(print, PRINT_BYTES);
}

bool okse_json_print(FILE *file, const json_t *value)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Print print = {.text = text, .file = file};

    print_value(&print, value, 0);
    print_flush(&print, 0);
    return !print.failed;
}
