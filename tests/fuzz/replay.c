/* Runs a fuzz target over files and directories of files, whole, in sorted order: every corpus is an ordinary test
 * under any compiler and sanitizer. */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int compare(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

static unsigned replay(const char *path)
{
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    unsigned count = 0;

    if (directory == NULL) {
        g_autofree char *text = NULL;
        gsize length = 0;

        if (!g_file_get_contents(path, &text, &length, NULL))
            g_error("cannot read %s", path);
        LLVMFuzzerTestOneInput((const uint8_t *)text, length);
        return 1;
    }
    for (const char *name = g_dir_read_name(directory); name != NULL; name = g_dir_read_name(directory))
        g_ptr_array_add(names, g_build_filename(path, name, NULL));
    g_ptr_array_sort(names, compare);
    for (guint i = 0; i < names->len; i++)
        count += replay(g_ptr_array_index(names, i));
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;

    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("%u inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
