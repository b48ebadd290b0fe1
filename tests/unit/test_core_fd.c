#include "core/fd.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    char *path;
    int fd;
} Scratch;

static void scratch_set_up(Scratch *scratch, gconstpointer data)
{
    (void)data;
    scratch->path = g_dir_make_tmp("okse-XXXXXX", NULL);
    scratch->fd = okse_open_directory(scratch->path, NULL);
    g_assert_cmpint(scratch->fd, >=, 0);
}

static void scratch_tear_down(Scratch *scratch, gconstpointer data)
{
    g_autofree char *parent = g_path_get_dirname(scratch->path), *name = g_path_get_basename(scratch->path);
    okse_autofd fd = okse_open_directory(parent, NULL);

    (void)data;
    okse_fd_clear(&scratch->fd);
    g_assert_true(okse_remove_tree(fd, name, NULL));
    g_assert_false(g_file_test(scratch->path, G_FILE_TEST_EXISTS));
    g_free(scratch->path);
}

static void beneath_never_leaves(Scratch *scratch, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_cmpint(symlinkat("/etc", scratch->fd, "out"), ==, 0);
    g_assert_cmpint(okse_open_beneath(scratch->fd, "out/passwd", O_RDONLY, 0, &error), ==, -1);
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_REFUSED);
    g_clear_error(&error);
    g_assert_cmpint(okse_open_beneath(scratch->fd, "../x", O_RDONLY, 0, &error), ==, -1);
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_REFUSED);
    g_clear_error(&error);
    g_assert_cmpint(okse_open_beneath(scratch->fd, "/etc/passwd", O_RDONLY, 0, &error), ==, -1);
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_REFUSED);
    g_clear_error(&error);
    g_assert_cmpint(okse_open_beneath(scratch->fd, "none", O_RDONLY, 0, &error), ==, -1);
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
}

static void output_appears_when_complete(Scratch *scratch, gconstpointer data)
{
    g_autofree char *path = g_build_filename(scratch->path, "out", NULL);
    g_auto(OkseOutput) output = OKSE_OUTPUT_INIT;

    (void)data;
    g_assert_true(okse_output_open(&output, path, NULL));
    g_assert_true(okse_write_all(output.fd, "x", 1, path, NULL));
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_true(okse_output_finish(&output, NULL));
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void path_rules(void)
{
    static const char *const good[] = {"a", "a/b.c", "\xea\xb0\x80/x", "..a", "a..", NULL};
    static const char *const bad[] = {"",
                                      "/a",
                                      "a/",
                                      "a//b",
                                      ".",
                                      "a/../b",
                                      "..",
                                      "a\\b",
                                      "a\nb",
                                      "\xff",
                                      "a\xe2\x80\xae"
                                      "b",
                                      NULL};

    for (const char *const *path = good; *path != NULL; path++)
        g_assert_true(okse_path_check(*path, NULL));
    for (const char *const *path = bad; *path != NULL; path++)
        g_assert_false(okse_path_check(*path, NULL));
}

static GBytes *read_again(const Scratch *scratch, const char *name, char byte, gsize size, GByteArray **spare)
{
    g_autofree char *path = g_build_filename(scratch->path, name, NULL), *text = g_malloc(size);
    okse_autofd fd = -1;
    GBytes *bytes;

    memset(text, byte, size);
    g_assert_true(g_file_set_contents(path, text, (gssize)size, NULL));
    fd = okse_open(path, O_RDONLY, 0, NULL);
    bytes = okse_read_fd_again(fd, 1u << 20, name, spare, NULL);
    g_assert_true(bytes != NULL && g_bytes_get_size(bytes) == size &&
                  memcmp(g_bytes_get_data(bytes, NULL), text, size) == 0);
    return bytes;
}

/* Memory goes from one file to the next, but never while somebody has it. */
static void read_one_after_the_other(Scratch *scratch, gconstpointer data)
{
    g_autoptr(GByteArray) spare = NULL;
    GBytes *first = read_again(scratch, "a", 'a', 300000, &spare), *second, *third;
    const char *place = g_bytes_get_data(first, NULL);
    g_autoptr(GError) error = NULL;

    (void)data;
    second = read_again(scratch, "b", 'b', 200000, &spare);
    g_assert_cmpint(*place, ==, 'a');
    g_bytes_unref(first);
    g_assert_nonnull(spare);
    third = read_again(scratch, "c", 'c', 250000, &spare);
    g_assert_true(g_bytes_get_data(third, NULL) == place && spare == NULL);
    g_bytes_unref(second);
    g_bytes_unref(third); /* one is kept */
    g_assert_nonnull(spare);
    g_bytes_unref(read_again(scratch, "d", 'd', 10, &spare));
    g_assert_null(okse_read_fd_again(scratch->fd, 1u << 20, "directory", &spare, &error));
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/core/fd/beneath-never-leaves", Scratch, NULL, scratch_set_up, beneath_never_leaves, scratch_tear_down);
    g_test_add("/core/fd/output", Scratch, NULL, scratch_set_up, output_appears_when_complete, scratch_tear_down);
    g_test_add("/core/fd/read-one-after-the-other", Scratch, NULL, scratch_set_up, read_one_after_the_other,
               scratch_tear_down);
    g_test_add_func("/core/fd/path-rules", path_rules);
    return g_test_run();
}
