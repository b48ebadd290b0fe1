/* Sources as the builder sees them: sorted, checked, and never a mixture of two states of a file. */
#include "core/fd.h"
#include "packager/source.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    char *path;
    int fd;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    (void)data;
    place->path = g_dir_make_tmp("okse-source-XXXXXX", NULL);
    place->fd = okse_open_directory(place->path, NULL);
    g_assert_cmpint(place->fd, >=, 0);
}

static void tear_down(Place *place, gconstpointer data)
{
    (void)data;
    g_assert_true(okse_remove_tree(AT_FDCWD, place->path, NULL));
    okse_fd_clear(&place->fd);
    g_free(place->path);
}

static void put(const Place *place, const char *path, const char *text)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    g_autofree char *parent = g_path_get_dirname(path);

    g_assert_true(okse_make_directories(place->fd, parent, NULL));
    g_assert_true(okse_write_beneath(place->fd, path, bytes, 0644, NULL));
}

static void refused(const Place *place, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseSource) source = okse_source_open_directory(place->fd, "d", "d", &error);

    g_assert_null(source);
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    if (strstr(error->message, expected) == NULL)
        g_error("'%s' does not contain '%s'", error->message, expected);
}

static void sorted_by_bytes_with_links_and_empty_directories(Place *place, gconstpointer data)
{
    static const char *const paths[] = {"B", "a-b", "a/b", "a/l", "empty", "é"};
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseSource) source = NULL;

    (void)data;
    put(place, "d/é", "1");
    put(place, "d/a/b", "22");
    put(place, "d/a-b", "");
    put(place, "d/B", "333");
    g_assert_cmpint(mkdirat(place->fd, "d/empty", 0700), ==, 0);
    g_assert_cmpint(symlinkat("../B", place->fd, "d/a/l"), ==, 0);
    g_assert_cmpint(fchmodat(place->fd, "d/B", 0501, 0), ==, 0);
    source = okse_source_open_directory(place->fd, "d", "d", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(okse_source_count(source), ==, G_N_ELEMENTS(paths));
    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
        g_assert_cmpstr(okse_source_entry(source, i)->path, ==, paths[i]);
    g_assert_true(okse_source_entry(source, 0)->executable);
    g_assert_false(okse_source_entry(source, 1)->executable);
    g_assert_cmpuint(okse_source_entry(source, 2)->size, ==, 2);
    g_assert_cmpint(okse_source_entry(source, 3)->kind, ==, OKSE_ENTRY_LINK);
    g_assert_cmpstr(okse_source_entry(source, 3)->target, ==, "../B");
    g_assert_cmpint(okse_source_entry(source, 4)->kind, ==, OKSE_ENTRY_DIRECTORY);
}

static void link_is(const Place *place, const char *target, bool good)
{
    g_autoptr(OkseSource) source = NULL;

    g_assert_cmpint(symlinkat(target, place->fd, "d/a/l"), ==, 0);
    source = okse_source_open_directory(place->fd, "d", "d", NULL);
    if ((source != NULL) != good)
        g_error("a link to '%s' is %s", target, source != NULL ? "accepted" : "refused");
    g_assert_cmpint(unlinkat(place->fd, "d/a/l", 0), ==, 0);
}

static void links_stay_inside(Place *place, gconstpointer data)
{
    (void)data;
    put(place, "d/a/f", "1");
    link_is(place, "f", true);
    link_is(place, "../a/f", true);
    link_is(place, "./../a/./f", true);
    link_is(place, "nowhere", true);
    link_is(place, "/etc/passwd", false);
    link_is(place, "../../x", false);
    link_is(place, "f/../../a", false); /* when f is a link itself, nobody can say where this ends */
    link_is(place, "b/..", false);
    link_is(place, "\xff", false);
}

static void refuses_what_is_no_file(Place *place, gconstpointer data)
{
    (void)data;
    g_assert_cmpint(mkdirat(place->fd, "d", 0755), ==, 0);
    refused(place, "d: an empty directory cannot be a component");
    g_assert_cmpint(mkfifoat(place->fd, "d/p", 0644), ==, 0);
    refused(place, "d/p: a device, socket or FIFO");
    g_assert_cmpint(unlinkat(place->fd, "d/p", 0), ==, 0);
    put(place, "d/x\\y", "1");
    refused(place, "d/x\\y: path has the forbidden character U+005C");
}

static bool count(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    (void)entry;
    (void)data;
    (void)error;
    *(size_t *)context += length;
    return true;
}

static void sees_a_change(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseSource) source = NULL;
    size_t got = 0;

    (void)data;
    put(place, "d/f", "before");
    source = okse_source_open_directory(place->fd, "d", "d", NULL);
    g_assert_true(okse_source_copy(source, NULL, count, &got, NULL));
    g_assert_cmpuint(got, ==, 6);
    put(place, "d/f", "after!"); /* same size, another inode */
    g_assert_false(okse_source_copy(source, NULL, count, &got, &error));
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "d/f: changed while it was being packed"));
}

static void one_file_is_a_component(Place *place, gconstpointer data)
{
    g_autoptr(OkseSource) source = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GError) error = NULL;

    (void)data;
    put(place, "d/model.gguf", "weights");
    source = okse_source_open_directory(place->fd, "d/model.gguf", "d/model.gguf", NULL);
    g_assert_cmpuint(okse_source_count(source), ==, 1);
    g_assert_cmpstr(okse_source_entry(source, 0)->path, ==, "model.gguf");
    bytes = okse_source_read(source, "model.gguf", 7, NULL);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), (int)g_bytes_get_size(bytes), "weights", 7);
    g_assert_null(okse_source_read(source, "model.gguf", 6, &error));
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/packager/source/sorted", Place, NULL, set_up, sorted_by_bytes_with_links_and_empty_directories,
               tear_down);
    g_test_add("/packager/source/links", Place, NULL, set_up, links_stay_inside, tear_down);
    g_test_add("/packager/source/no-file", Place, NULL, set_up, refuses_what_is_no_file, tear_down);
    g_test_add("/packager/source/change", Place, NULL, set_up, sees_a_change, tear_down);
    g_test_add("/packager/source/one-file", Place, NULL, set_up, one_file_is_a_component, tear_down);
    return g_test_run();
}
