#include "packager/install_space.h"

#include "core/fd.h"
#include "core/text.h"
#include "packager/file_copy.h"

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

/* Where the blob of a file lies in the bundle, if the file's blocks could be the blob's. */
static const OkseBlob *shareable(const OkseStaging *staging, const OksePart *part, const OkseTreeEntry *entry)
{
    const OkseBlob *blob = NULL;

    if (part->form != OKSE_FORM_TAR && entry->type == OKSE_TREE_FILE &&
        okse_file_copy_shares(staging->way, entry->size))
        blob = okse_bundle_find(staging->bundle, &entry->digest);
    return blob != NULL && blob->size == entry->size ? blob : NULL;
}

static bool try_share(const OkseStaging *staging, const OkseBlob *blob, int dir_fd, bool *can, GError **error)
{
    okse_autofd fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    const OkseSpan span = {staging->bundle_fd, fd, blob->offset, 0, blob->size};
    int why = errno;

    *can = false;
    if (fd >= 0 && !okse_file_copy_try(&span, can, &why, error))
        return false;
    return *can || staging->way != OKSE_COPY_REFLINK ||
           okse_fail(error, OKSE_ERROR_REFUSED, "--copy reflink: the bundle and the root cannot share blocks (%s)",
                     g_strerror(why));
}

bool okse_space_share(OkseSpace *space, const GPtrArray *parts, const OkseStaging *staging, int dir_fd, GError **error)
{
    bool known = false, can = false;
    uint64_t shared = 0;

    for (guint i = 0; i < parts->len; i++) {
        const OksePart *part = g_ptr_array_index(parts, i);

        for (unsigned k = 0; k < okse_tree_count(part->tree); k++) {
            const OkseBlob *blob = shareable(staging, part, okse_tree_entry(part->tree, k));

            if (blob == NULL)
                continue;
            if (!known && !try_share(staging, blob, dir_fd, &can, error))
                return false;
            known = true;
            if (can)
                shared += blob->size / OKSE_SHARE_BLOCK * OKSE_SHARE_BLOCK;
        }
    }
    space->needed -= shared;
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
