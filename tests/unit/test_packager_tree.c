#include "packager/listing.h"

#include <string.h>

static void links_that_stay(void)
{
    static const char *const good[][2] = {{"lib64", "lib"},    {"a/b/c", "../../x/y"}, {"a/b", ".."}, {"a/b", "./c"},
                                          {"a/b", "../a/./b"}, {"l", "dir/"},          {"l", "."},    {"a/l", "../."}};
    static const char *const bad[][2] = {
        {"lib64", "../lib"}, {"a/b", "../../x"}, {"l", "/etc"}, {"l", ""},     {"a/b/c", "x/../../y"}, {"l", "a/../b"},
        {"l", ".."},         {"a/b", "../.."},   {"l", "a\nb"}, {"l", "\xff"}, {"a/b", "./../.."}};

    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) error = NULL;

        okse_link_check(good[i][0], good[i][1], &error);
        g_assert_no_error(error);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(okse_link_check(bad[i][0], bad[i][1], &error));
        g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    }
}

static OkseTree *tree_of(const OkseTreeEntry *entries, unsigned count, GError **error)
{
    g_autoptr(OkseTree) tree = okse_tree_new();

    for (unsigned i = 0; i < count; i++)
        if (!okse_tree_add(tree, &entries[i], error))
            return NULL;
    return okse_tree_finish(tree, error) ? g_steal_pointer(&tree) : NULL;
}

static void directories_are_implied_and_sorted(void)
{
    static const OkseTreeEntry entries[] = {
        {.path = "b/c/d", .size = 5000}, {.path = "a-b", .size = 1}, {.path = "a/x"}};
    static const char *const sorted[] = {"a", "a-b", "a/x", "b", "b/c", "b/c/d"};
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseTree) tree = tree_of(entries, G_N_ELEMENTS(entries), &error);

    g_assert_no_error(error);
    g_assert_cmpuint(okse_tree_count(tree), ==, G_N_ELEMENTS(sorted));
    for (unsigned i = 0; i < G_N_ELEMENTS(sorted); i++) {
        g_assert_cmpstr(okse_tree_entry(tree, i)->path, ==, sorted[i]);
        g_assert_cmpint(okse_tree_find(tree, sorted[i]), ==, i);
    }
    g_assert_cmpint(okse_tree_find(tree, "a/y"), ==, -1);
    g_assert_cmpuint(okse_tree_files(tree), ==, 3);
    g_assert_cmpuint(okse_tree_bytes(tree), ==, 5001);
    g_assert_cmpuint(okse_tree_space(tree, 4096), ==, 3 * 4096 + 8192 + 4096);
}

static void contradictions_are_refused(void)
{
    static const OkseTreeEntry twice[] = {{.path = "a"}, {.path = "a"}};
    static const OkseTreeEntry below_file[] = {{.path = "a"}, {.path = "a/b"}};
    static const OkseTreeEntry below_link[] = {{.path = "l", .link = "d", .type = OKSE_TREE_LINK}, {.path = "l/b"}};
    static const OkseTreeEntry same[] = {{.path = "d", .type = OKSE_TREE_DIRECTORY}, {.path = "d"}};
    g_autoptr(GError) error = NULL;

    g_assert_null(tree_of(twice, 2, &error));
    g_assert_cmpstr(error->message, ==, "'a' is listed twice");
    g_clear_error(&error);
    g_assert_null(tree_of(below_file, 2, &error));
    g_assert_cmpstr(error->message, ==, "'a' is a directory and something else at once");
    g_clear_error(&error);
    g_assert_null(tree_of(below_link, 2, &error));
    g_clear_error(&error);
    g_assert_null(tree_of(same, 2, &error));
}

static OkseTree *listing_of(const char *text, GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

    return okse_listing_read(bytes, "x.mtree", error);
}

/* printf '' | sha256sum */
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void listing_reads(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseTree) tree = listing_of("#mtree\n# a comment\n./d type=dir mode=0755\n"
                                          "./d/a\\040b type=file mode=0755 size=0 sha256digest=" EMPTY "\n"
                                          "./l type=link mode=0777 link=d/a\\040b\n",
                                          &error);

    g_assert_no_error(error);
    g_assert_cmpuint(okse_tree_count(tree), ==, 3);
    g_assert_cmpstr(okse_tree_entry(tree, 1)->path, ==, "d/a b");
    g_assert_true(okse_tree_entry(tree, 1)->executable);
    g_assert_cmpstr(okse_tree_entry(tree, 2)->link, ==, "d/a b");
}

static void listing_refuses(void)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "#mtree",
                                      "./a type=file mode=0644 size=0 sha256digest=" EMPTY "\n",
                                      "#mtree\n./a type=file mode=0644 size=0\n",
                                      "#mtree\n./a type=file size=0 sha256digest=" EMPTY "\n",
                                      "#mtree\n./a type=file mode=4755 size=0 sha256digest=" EMPTY "\n",
                                      "#mtree\n./a type=file mode=0644 size=-1 sha256digest=" EMPTY "\n",
                                      "#mtree\n./a type=file mode=0644 size=99999999999999999999 sha256digest=" EMPTY
                                      "\n",
                                      "#mtree\n./a type=file mode=0644 size=0 size=0 sha256digest=" EMPTY "\n",
                                      "#mtree\n./a type=file mode=0644 size=0 sha256digest=" EMPTY " link=b\n",
                                      "#mtree\n./a type=file mode=0644 size=0 sha256digest=" EMPTY " uid=1\n",
                                      "#mtree\n./a type=file mode=0644 size=0 sha256digest=" EMPTY " flags=x\n",
                                      "#mtree\n./a type=block mode=0644\n",
                                      "#mtree\n./a type=link mode=0777 link=/etc\n",
                                      "#mtree\n../a type=dir mode=0755\n",
                                      "#mtree\n./a\\057b type=dir mode=0755\n",
                                      "#mtree\n./a\\000b type=dir mode=0755\n",
                                      "#mtree\n./a\\9 type=dir mode=0755\n",
                                      "#mtree\n./a type=dir mode=0755",
                                      "#mtree\n./a/b type=dir mode=0755\n",
                                      "#mtree\n/set type=dir mode=0755\n"};

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(OkseTree) tree = listing_of(bad[i], &error);

        g_test_message("%s", bad[i]);
        g_assert_null(tree);
        g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
        g_assert_true(g_str_has_prefix(error->message, "x.mtree:"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/packager/tree/links-that-stay", links_that_stay);
    g_test_add_func("/packager/tree/directories-are-implied-and-sorted", directories_are_implied_and_sorted);
    g_test_add_func("/packager/tree/contradictions-are-refused", contradictions_are_refused);
    g_test_add_func("/packager/listing/reads", listing_reads);
    g_test_add_func("/packager/listing/refuses", listing_refuses);
    return g_test_run();
}
