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

static void append_text(GString *text, const char *bytes, size_t length)
{
    size_t written = 0;

    g_string_append_c(text, '"');
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        g_string_append_len(text, bytes + written, (gssize)(i - written));
        append_escaped(text, byte);
        written = i + 1;
    }
    g_string_append_len(text, bytes + written, (gssize)(length - written));
    g_string_append_c(text, '"');
}

typedef struct {
    const char *key;
    json_t *value;
} Member;

static int compare_members(const void *a, const void *b)
{
    return strcmp(((const Member *)a)->key, ((const Member *)b)->key);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH of what is read, and by what we build */
static void append_object(GString *text, const json_t *object)
{
    g_autofree Member *members = g_new(Member, json_object_size(object));
    size_t count = 0;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(guintptr)object, key, value) members[count++] = (Member){key, value};
    if (count > 1) /* an empty object has no array at all */
        qsort(members, count, sizeof *members, compare_members);
    g_string_append_c(text, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            g_string_append_c(text, ',');
        append_text(text, members[i].key, strlen(members[i].key));
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
