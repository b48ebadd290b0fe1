#include "core/json.h"

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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/json/refusals", refusals);
    g_test_add_func("/core/json/canonical-form", canonical_form);
    return g_test_run();
}
