/* A file and a pipe must give the same answer about the same bytes, and neither may crash. Whatever was accepted lists
 * its files, or says why not: a listing is payload. */
#include "core/fd.h"
#include "packager/bundle_tree.h"

#include <stdint.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    okse_autofd fd = memfd_create("bundle", MFD_CLOEXEC);
    g_autoptr(GError) file_error = NULL, stream_error = NULL;
    g_autoptr(OkseBundle) file = NULL, stream = NULL;
    const OkseChecking both = {.threads = 1, .both = true}, either = {.threads = 1};
    g_auto(OkseChecked) checked = OKSE_CHECKED_INIT;
    bool good;

    if (fd < 0 || !okse_write_all(fd, data, size, "fuzz", NULL) || lseek(fd, 0, SEEK_SET) < 0)
        g_error("no memory file");
    file = okse_bundle_open(fd, "fuzz", &file_error);
    good = file != NULL && okse_bundle_check(file, &either, NULL, &file_error);
    stream = okse_bundle_read_stream(fd, "fuzz", &either, &checked, &stream_error);
    g_assert((file != NULL && good) == (file_error == NULL));
    g_assert((stream != NULL) == (stream_error == NULL));
    g_assert(good == (stream != NULL));
    if (file != NULL && !good)
        g_assert(!okse_bundle_check(file, &both, NULL, NULL)); /* more is checked, never less */
    for (unsigned i = 0; good && i < okse_bundle_components(file); i++) {
        g_autoptr(GError) tree_error = NULL;
        g_autoptr(OkseTree) tree = okse_bundle_tree(file, okse_bundle_component(file, i), &tree_error);

        g_assert((tree == NULL) == (tree_error != NULL));
        g_assert(tree != NULL || okse_bundle_component(file, i)->form == OKSE_FORM_TAR);
    }
    return 0;
}
