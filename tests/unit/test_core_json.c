#include "core/json.h"

#include "core/json_wire.h"
#include "core/limits.h"

#include <string.h>

static void refuses(const char *text, gsize length, const char *expected)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, length);
    g_autoptr(GError) error = NULL;
    json_t *value = okse_json_read(bytes, 1000, "x.json", &error);

    g_assert_null(value);
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    if (strstr(error->message, expected) == NULL)
        g_error("'%s' does not contain '%s'", error->message, expected);
}

static void refusals(void)
{
    g_autoptr(GString) deep = g_string_new(NULL);

    for (unsigned i = 0; i <= OKSE_LIMIT_DEPTH; i++)
        g_string_append_c(deep, '[');
    refuses(deep->str, deep->len, "deeper");
    refuses("", 0, "empty");
    refuses("{\"a\":1,\"a\":2}", 13, "x.json:1:");
    refuses("{} x", 4, "x.json:1:");
    refuses("{}{}", 4, "x.json:1:");
    refuses("\"a\\u0000\"", 9, "x.json:1:");
    refuses("\"\xff\"", 3, "x.json");
    refuses("{\"a\":\n 01}", 10, "x.json:2:");
}

static void canonical_form(void)
{
    const char *text = "{ \"b\" : [1, 2.0, \"\\u00e9/\"], \"a\" : {\"z\":null,\"y\":true} }\n";
    g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
    g_autoptr(json_t) value = okse_json_read(bytes, 1000, "x", NULL);
    g_autoptr(GBytes) written = okse_json_write(value);
    g_autofree char *out = g_strndup(g_bytes_get_data(written, NULL), g_bytes_get_size(written));

    /* jq -cS . prints the same (but 2.0 as 2.0) */
    g_assert_cmpstr(out, ==, "{\"a\":{\"y\":true,\"z\":null},\"b\":[1,2.0,\"\xc3\xa9/\"]}");
}

static bool wire_takes(const char *bytes, size_t length)
{
    g_autoptr(json_t) value = okse_json_wire_read(bytes, length);

    return value != NULL;
}

#define TAKES(bytes) wire_takes(bytes, sizeof(bytes) - 1)

static void wire(void)
{
    const char *text = "{\"a\":[true,false,null,-9007199254740993,0.1],\"b\":\"same\",\"c\":{\"\":\"same\","
                       "\"\xc3\xa9\":[{},[],\"\"]}}";
    g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
    g_autoptr(json_t) value = okse_json_read(bytes, 1000, "x", NULL);
    g_autoptr(GBytes) sent = okse_json_wire_write(value);
    g_autoptr(json_t) got = okse_json_wire_read(g_bytes_get_data(sent, NULL), g_bytes_get_size(sent));
    g_autoptr(GBytes) written = okse_json_write(got), expected = okse_json_write(value);

    g_assert_true(g_bytes_equal(written, expected));
    for (size_t i = 0; i < g_bytes_get_size(sent); i++) /* every part of it is needed */
        g_assert_false(wire_takes(g_bytes_get_data(sent, NULL), i));
}

static void wire_refusals(void)
{
    g_autoptr(GString) deep = g_string_new(NULL);

    g_assert_true(TAKES("n"));
    g_assert_false(TAKES("nn"));
    g_assert_false(TAKES("x"));
    g_assert_false(TAKES("s\2\0\0\0\xff\xff"));
    g_assert_false(TAKES("s\1\0\0\0\0"));
    g_assert_false(TAKES("r\0\0\0\0"));
    g_assert_false(TAKES("a\xff\xff\xff\xff"));
    g_assert_false(TAKES("d\0\0\0\0\0\0\xf8\x7f")); /* NaN */
    g_assert_true(TAKES("o\2\0\0\0\1\0\0\0an\1\0\0\0bn"));
    g_assert_false(TAKES("o\2\0\0\0\1\0\0\0an\1\0\0\0an"));
    g_assert_false(TAKES("o\2\0\0\0\1\0\0\0bn\1\0\0\0an"));
    for (unsigned i = 0; i < 2048; i++)
        g_string_append_len(deep, "a\1\0\0\0", 5);
    g_string_append_c(deep, 'n');
    g_assert_false(wire_takes(deep->str, deep->len));
    g_assert_true(wire_takes(deep->str + 5, deep->len - 5));
}

static bool wire_takes_again(guint32 length, guint32 times)
{
    g_autoptr(GString) bytes = g_string_new("a");
    g_autofree char *text = g_strnfill(length, 'x');
    guint32 count = times + 1;

    g_string_append_len(bytes, (const char *)&count, sizeof count);
    g_string_append_c(bytes, 's');
    g_string_append_len(bytes, (const char *)&length, sizeof length);
    g_string_append_len(bytes, text, length);
    for (guint32 i = 0; i < times; i++)
        g_string_append_len(bytes, "r\0\0\0\0", 5);
    return wire_takes(bytes->str, bytes->len);
}

/* Texts that are named by their number: those that are worth it, and not without end. */
static void wire_again(void)
{
    g_assert_true(wire_takes_again(512, 1));
    g_assert_false(wire_takes_again(513, 1));
    g_assert_true(wire_takes_again(512, OKSE_LIMIT_EVIDENCE / 512));
    g_assert_false(wire_takes_again(512, OKSE_LIMIT_EVIDENCE / 512 + 1));
    g_assert_false(wire_takes(NULL, 0));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/json/refusals", refusals);
    g_test_add_func("/core/json/canonical-form", canonical_form);
    g_test_add_func("/core/json/wire", wire);
    g_test_add_func("/core/json/wire-refusals", wire_refusals);
    g_test_add_func("/core/json/wire-again", wire_again);
    return g_test_run();
}
