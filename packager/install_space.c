#include "packager/install_space.h"

#include "core/text.h"
#include "packager/part.h"

#include <sys/statvfs.h>
#include <unistd.h>

/* The config repository's objects, state.json, directories: more than they ever took. */
#define RESERVE (2u << 20)

bool okse_space_ask(int fd, const GPtrArray *parts, uint64_t metadata, OkseSpace *space, GError **error)
{
    OkseSpace asked = {.needed = metadata + RESERVE, .files = 64};
    struct statvfs info;

    if (fstatvfs(fd, &info) < 0)
        return okse_fail_errno(error, "ask for free space");
    for (guint i = 0; i < parts->len; i++) {
        const OksePart *part = g_ptr_array_index(parts, i);

        asked.needed += okse_tree_space(part->tree, MAX(info.f_frsize, 512));
        asked.files += okse_tree_count(part->tree) + 2;
    }
    asked.available = (uint64_t)info.f_frsize * (geteuid() == 0 ? info.f_bfree : info.f_bavail);
    asked.files_available = info.f_files == 0 ? G_MAXUINT64 : info.f_favail;
    *space = asked;
    return true;
}

bool okse_space_check(const OkseSpace *space, const char *root, GError **error)
{
    g_autofree char *needed = okse_text_size(space->needed), *available = okse_text_size(space->available);

    if (space->needed > space->available)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "%s: the install needs %s and %s are free; nothing was written",
                         root, needed, available);
    if (space->files > space->files_available)
        return okse_fail(error, OKSE_ERROR_SYSTEM,
                         "%s: the install needs %" G_GUINT64_FORMAT " inodes and %" G_GUINT64_FORMAT
                         " are free; nothing was written",
                         root, space->files, space->files_available);
    return true;
}
