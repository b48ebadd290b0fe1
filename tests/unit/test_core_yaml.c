#include "core/yaml.h"

#include <string.h>

static OkseYaml *read_text(const char *text, GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));

    return okse_yaml_read(bytes, "x.yaml", error);
}

static void refuses(const char *text, const char *expected)
{
    g_autoptr(GError) error = NULL;
    OkseYaml *yaml = read_text(text, &error);

    g_assert_null(yaml);
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    if (strstr(error->message, expected) == NULL)
        g_error("'%s' does not contain '%s'", error->message, expected);
}

static void refusals(void)
{
    g_autoptr(GString) laughs = g_string_new("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");

    refuses("a: 1\nb: 2\na: 3\n", "x.yaml:3:1: duplicate key 'a'");
    refuses("a: 1\n b: 2\n", "x.yaml:2:");
    refuses("", "empty document");
    refuses("a: 1\n---\nb: 1\n", "second document");
    refuses("a: !!str 1\n", "x.yaml:1:4: tags");
    refuses("a: *b\n", "alias");
    refuses("a: &a [*a]\n", "alias");
    refuses("[a]: 1\n", "key must be a text");
    refuses("a: 99999999999999999999\n", "64 bits");
    refuses("a: 9e999\n", "64 bits");
    for (int i = 1; i < 9; i++)
        g_string_append_printf(laughs, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1,
                               i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    refuses(laughs->str, "aliases add more");
}

static void core_schema_of_yaml_1_2(void)
{
    g_autoptr(OkseYaml) yaml =
        read_text("[no, on, yes, true, False, ~, '', 012, 0o17, 0x1f, -3, 1.5, 1e3, .5, 12:30, 1_000, '5', "
                  "2026-10-01]",
                  NULL);
    static const OkseNodeKind kinds[] = {
        OKSE_NODE_TEXT, OKSE_NODE_TEXT,    OKSE_NODE_TEXT,    OKSE_NODE_FLAG,    OKSE_NODE_FLAG,    OKSE_NODE_NULL,
        OKSE_NODE_TEXT, OKSE_NODE_INTEGER, OKSE_NODE_INTEGER, OKSE_NODE_INTEGER, OKSE_NODE_INTEGER, OKSE_NODE_REAL,
        OKSE_NODE_REAL, OKSE_NODE_REAL,    OKSE_NODE_TEXT,    OKSE_NODE_TEXT,    OKSE_NODE_TEXT,    OKSE_NODE_TEXT};
    const OkseNode *root = okse_yaml_root(yaml);

    g_assert_cmpuint(okse_node_count(root), ==, G_N_ELEMENTS(kinds));
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++)
        g_assert_cmpint(okse_node_kind(okse_node_item(root, i)), ==, kinds[i]);
    g_assert_cmpint(okse_node_integer(okse_node_item(root, 7)), ==, 12);
    g_assert_cmpint(okse_node_integer(okse_node_item(root, 8)), ==, 15);
    g_assert_cmpint(okse_node_integer(okse_node_item(root, 9)), ==, 31);
    g_assert_cmpint(okse_node_integer(okse_node_item(root, 10)), ==, -3);
}

static void strict_map_names_the_nearest_key(void)
{
    g_autoptr(OkseYaml) yaml = read_text("name: x\nwieghts: 3\nvendor: 1\n", NULL);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    OkseMap *map = okse_map_open(okse_yaml_root(yaml), "stack", issues);
    const char *name = NULL, *vendor = "untouched";
    guint64 weights = 0;

    g_assert_true(okse_map_take_text(map, "name", OKSE_REQUIRED, &name));
    g_assert_false(okse_map_take_unsigned(map, "weights", OKSE_REQUIRED, &weights));
    g_assert_false(okse_map_take_text(map, "vendor", OKSE_OPTIONAL, &vendor));
    okse_map_end(map);
    g_assert_cmpstr(name, ==, "x");
    g_assert_cmpstr(vendor, ==, "untouched");
    g_assert_cmpuint(okse_issues_count(issues), ==, 3);
    g_assert_cmpstr(okse_issues_get(issues, 0), ==, "x.yaml:1:1: stack needs the key 'weights'");
    g_assert_cmpstr(okse_issues_get(issues, 1), ==, "x.yaml:3:9: 'vendor' must be a text, not a whole number");
    g_assert_cmpstr(okse_issues_get(issues, 2), ==, "x.yaml:2:1: unknown key 'wieghts' (did you mean 'weights'?)");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/yaml/refusals", refusals);
    g_test_add_func("/core/yaml/core-schema", core_schema_of_yaml_1_2);
    g_test_add_func("/core/yaml/nearest-key", strict_map_names_the_nearest_key);
    return g_test_run();
}
