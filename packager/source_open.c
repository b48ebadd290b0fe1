#include "packager/source_open.h"

#include "core/fd.h"
#include "packager/source_internal.h"

/* An image may be a directory or an archive of either kind; the file system knows which. */
static OkseSource *open_image(const OkseStackSource *wanted, int dir_fd, const char *origin, GError **error)
{
    okse_autofd probe = openat(dir_fd, wanted->location, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (probe < 0 && errno != ENOTDIR) {
        okse_fail_errno(error, "%s", origin);
        return NULL;
    }
    return probe >= 0 ? okse_source_open_directory(dir_fd, wanted->location, origin, error)
                      : okse_source_open_archive(dir_fd, wanted->location, origin, error);
}

OkseSource *okse_source_open_stack(const OkseStackSource *wanted, int dir_fd, const char *origin, GError **error)
{
    switch (wanted->form) {
    case OKSE_SOURCE_ARCHIVE:
        return okse_source_open_archive(dir_fd, wanted->location, origin, error);
    case OKSE_SOURCE_OCI:
        return open_image(wanted, dir_fd, origin, error);
    case OKSE_SOURCE_GIT:
        return okse_source_open_git(dir_fd, wanted, origin, error);
    case OKSE_SOURCE_HUGGINGFACE:
        return okse_source_open_hub(dir_fd, wanted, origin, error);
    case OKSE_SOURCE_FILES:
        return okse_source_open_files(dir_fd, wanted, origin, error);
    case OKSE_SOURCE_PATH:
    case OKSE_SOURCE_TEMPLATE: /* needs the rest of the plan: okse_source_open_template() */
        break;
    }
    return okse_source_open_path(dir_fd, wanted, origin, error);
}
