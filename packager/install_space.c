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

/* Which of the bundle's files can share blocks with the root: tried once a file. */
typedef struct {
    const OkseStaging *staging;
    int dir_fd;
    GHashTable *known; /* fd → can */
} Asking;

static bool try_share(const Asking *asking, const OkseBytesPlace *place, bool *can, GError **error)
{
    okse_autofd fd = openat(asking->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    const OkseSpan span = {place->fd, fd, place->offset, 0, place->length};
    int why = errno;

    *can = false;
    if (fd >= 0 && !okse_file_copy_try(&span, can, &why, error))
        return false;
    return *can || asking->staging->way != OKSE_COPY_REFLINK ||
           okse_fail(error, OKSE_ERROR_REFUSED, "--copy reflink: the bundle and the root cannot share blocks (%s)",
                     g_strerror(why));
}

static bool can_share(const Asking *asking, const OkseBytesPlace *place, bool *can, GError **error)
{
    gpointer known;

    *can = false;
    if (place->fd < 0 || place->offset % OKSE_SHARE_BLOCK != 0)
        return true;
    if (g_hash_table_lookup_extended(asking->known, GINT_TO_POINTER(place->fd), NULL, &known)) {
        *can = GPOINTER_TO_INT(known) != 0;
        return true;
    }
    if (!try_share(asking, place, can, error))
        return false;
    g_hash_table_insert(asking->known, GINT_TO_POINTER(place->fd), GINT_TO_POINTER((int)*can));
    return true;
}

/* How much of the blob's front okse_file_copy() will share: file by file, until one does not end on a block. */
static bool front_shared(const Asking *asking, const OkseBlob *blob, uint64_t *shared, GError **error)
{
    const OkseBytes *bytes = okse_bundle_bytes(asking->staging->bundle);
    bool can = true;

    for (uint64_t at = 0; can && at < blob->size;) {
        OkseBytesPlace place = okse_bytes_place(bytes, blob->offset + at);

        place.length = MIN(place.length, blob->size - at);
        if (!can_share(asking, &place, &can, error))
            return false;
        *shared += can ? place.length / OKSE_SHARE_BLOCK * OKSE_SHARE_BLOCK : 0;
        can = can && place.length % OKSE_SHARE_BLOCK == 0;
        at += place.length;
    }
    return true;
}

bool okse_space_share(OkseSpace *space, const GPtrArray *parts, const OkseStaging *staging, int dir_fd, GError **error)
{
    g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);
    const Asking asking = {staging, dir_fd, known};
    uint64_t shared = 0;

    for (guint i = 0; i < parts->len; i++) {
        const OksePart *part = g_ptr_array_index(parts, i);

        for (unsigned k = 0; k < okse_tree_count(part->tree); k++) {
            const OkseBlob *blob = shareable(staging, part, okse_tree_entry(part->tree, k));

            if (blob != NULL && !front_shared(&asking, blob, &shared, error))
                return false;
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
