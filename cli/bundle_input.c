#include "cli/bundle_input.h"

#include "cli/parts_input.h"
#include "core/fd.h"

#include <sys/stat.h>

static OkseBytes *file_open(const char *path, GError **error)
{
    okse_autofd fd = okse_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);
    g_autoptr(OkseBytes) bytes = NULL;
    struct stat info;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", path,
                  S_ISDIR(info.st_mode) ? "is a directory where a bundle belongs"
                                        : "a bundle is read from a file, not a pipe or device (copy it first)");
        return NULL;
    }
    bytes = okse_bytes_of_file(fd, path, error);
    if (bytes == NULL)
        return NULL;
    okse_bytes_keep_fd(bytes, &fd);
    return g_steal_pointer(&bytes);
}

OkseBytes *okse_bundle_input_open(const char *path, GError **error)
{
    return okse_bundle_input_open_with(path, NULL, error);
}

OkseBytes *okse_bundle_input_open_with(const char *path, char *const *parts, GError **error)
{
    return okse_parts_input_is(path) ? okse_parts_input_open(path, parts, error) : file_open(path, error);
}

OkseBundle *okse_bundle_input_read(const char *path, GError **error)
{
    g_autoptr(OkseBytes) bytes = okse_bundle_input_open(path, error);

    return bytes == NULL ? NULL : okse_bundle_of(bytes, path, error);
}
