/* Blocks of parts, each checked by its digest before anybody sees it. Several files may be the same part (two copies of
 * one medium): each block is taken from whichever has it whole. */
#include "packager/volumes.h"

#include "core/fd.h"
#include "packager/volumes_internal.h"

#include <string.h>
#include <sys/stat.h>

void okse_volumes_free(OkseVolumes *volumes)
{
    if (volumes == NULL)
        return;
    for (unsigned i = 0; i < volumes->set->data + volumes->set->parity; i++)
        g_ptr_array_unref(volumes->files[i]);
    for (unsigned i = 0; i < VOLUMES_CACHE; i++)
        g_free(volumes->cache[i].bytes);
    g_free(volumes->files);
    g_ptr_array_unref(volumes->strangers);
    g_ptr_array_unref(volumes->stranger_paths);
    okse_spool_clear(&volumes->tables);
    volumes_repairer_free(volumes->repairer);
    okse_sealed_pool_free(volumes->pool);
    okse_volume_set_free(volumes->set);
    g_mutex_clear(&volumes->lock);
    g_free(volumes);
}

const OkseVolumeSet *okse_volumes_set(const OkseVolumes *volumes)
{
    return volumes->set;
}

unsigned okse_volumes_found(const OkseVolumes *volumes)
{
    unsigned found = 0;

    for (unsigned i = 0; i < volumes->set->data + volumes->set->parity; i++)
        found += volumes->files[i]->len > 0 ? 1 : 0;
    return found;
}

int okse_volumes_fd(const OkseVolumes *volumes, unsigned index, const char **path)
{
    const VolumeFile *file = volumes->files[index]->len == 0 ? NULL : g_ptr_array_index(volumes->files[index], 0);

    if (path != NULL)
        *path = file == NULL ? NULL : file->path;
    return file == NULL ? -1 : file->fd;
}

bool okse_volumes_has_table(const OkseVolumes *volumes, unsigned index)
{
    const GPtrArray *files = volumes->files[index];
    bool found = false;

    for (guint i = 0; i < files->len; i++)
        found = found || ((const VolumeFile *)g_ptr_array_index(files, i))->trusted;
    return found;
}

/* From a table that is trusted, else from any. */
bool okse_volumes_digest(const OkseVolumes *volumes, unsigned index, uint64_t block, OkseSha256 *digest)
{
    const GPtrArray *files = volumes->files[index];

    for (unsigned pass = 0; pass < 2; pass++)
        for (guint i = 0; i < files->len; i++) {
            const VolumeFile *file = g_ptr_array_index(files, i);

            if (file->trusted == (pass == 0) &&
                volumes_line(volumes, &volumes->set->volumes[index], file, block, digest))
                return true;
        }
    return false;
}

void okse_volumes_use_joined(OkseVolumes *volumes, int fd, const uint8_t *there)
{
    volumes->joined_fd = fd;
    volumes->joined = there;
}

/* errno of reading, 0 when all was read, -1 at an early end. */
static int read_all(int fd, OkseSealedPart *sealed, uint8_t *buffer, size_t length, uint64_t at)
{
    for (size_t done = 0; done < length;) {
        ssize_t got = okse_part_pread(fd, sealed, buffer + done, length - done, at + done);

        if (got == 0)
            return -1;
        if (got < 0 && errno != EINTR)
            return errno;
        done += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static bool is_good(const uint8_t *buffer, size_t size, const OkseSha256 *expected)
{
    OkseSha256 digest = okse_sha256_of(buffer, size);

    return okse_sha256_equal(&digest, expected);
}

static void note(OkseVolumes *volumes, VolumeFile *file, uint64_t block, int number)
{
    g_mutex_lock(&volumes->lock);
    volumes_note(number > 0 ? file->unreadable : file->damaged, block);
    if (number > 0 && __atomic_add_fetch(&file->failures, 1, __ATOMIC_RELAXED) >= VOLUMES_GIVE_UP)
        __atomic_store_n(&file->dead, number, __ATOMIC_RELAXED);
    g_mutex_unlock(&volumes->lock);
}

static OkseBlockState read_from(OkseVolumes *volumes, const OkseVolume *volume, VolumeFile *file, uint64_t block,
                                uint8_t *buffer)
{
    size_t size = okse_volume_block_size(volume, block);
    OkseSha256 expected;
    int number = __atomic_load_n(&file->dead, __ATOMIC_RELAXED);

    if (number != 0) {
        note(volumes, file, block, number);
        return OKSE_BLOCK_UNREADABLE;
    }
    number = read_all(file->fd, file->sealed, buffer, size, volume->at + block * OKSE_VOLUME_BLOCK);
    if (number == 0 && okse_volumes_digest(volumes, (unsigned)(volume - volumes->set->volumes), block, &expected) &&
        is_good(buffer, size, &expected)) {
        __atomic_store_n(&file->failures, 0, __ATOMIC_RELAXED);
        return OKSE_BLOCK_GOOD;
    }
    note(volumes, file, block, number);
    return number > 0 ? OKSE_BLOCK_UNREADABLE : OKSE_BLOCK_DAMAGED;
}

bool volumes_is_joined(const OkseVolumes *volumes, const OkseVolume *volume, uint64_t block)
{
    uint64_t bit = volume->offset / OKSE_VOLUME_BLOCK + block;

    return volumes->joined_fd >= 0 && volume->kind == OKSE_VOLUME_DATA &&
           (__atomic_load_n(&volumes->joined[bit / 8], __ATOMIC_RELAXED) >> bit % 8 & 1) != 0;
}

bool volumes_is_unreadable(OkseVolumes *volumes, unsigned index, uint64_t block)
{
    bool found = false;

    g_mutex_lock(&volumes->lock);
    for (guint i = 0; i < volumes->files[index]->len; i++) {
        const VolumeFile *file = g_ptr_array_index(volumes->files[index], i);

        for (guint j = 0; j < file->unreadable->len; j++) {
            const BlockRun *run = &g_array_index(file->unreadable, BlockRun, j);

            found = found || (block >= run->first && block < run->first + run->count);
        }
    }
    g_mutex_unlock(&volumes->lock);
    return found;
}

static bool read_joined(const OkseVolumes *volumes, const OkseVolume *volume, uint64_t block, uint8_t *buffer)
{
    return volumes_is_joined(volumes, volume, block) &&
           read_all(volumes->joined_fd, NULL, buffer, okse_volume_block_size(volume, block),
                    volume->offset + block * OKSE_VOLUME_BLOCK) == 0;
}

OkseBlockState okse_volumes_read_block(OkseVolumes *volumes, unsigned index, uint64_t block, uint8_t *buffer)
{
    const OkseVolume *volume = &volumes->set->volumes[index];
    size_t size = okse_volume_block_size(volume, block);
    OkseBlockState state = OKSE_BLOCK_MISSING, last;

    if (read_joined(volumes, volume, block, buffer))
        state = OKSE_BLOCK_GOOD;
    for (guint i = 0; state != OKSE_BLOCK_GOOD && i < volumes->files[index]->len; i++) {
        last = read_from(volumes, volume, g_ptr_array_index(volumes->files[index], i), block, buffer);
        state = last == OKSE_BLOCK_GOOD || state != OKSE_BLOCK_UNREADABLE ? last : state;
    }
    memset(buffer + size, 0, OKSE_VOLUME_BLOCK - size);
    return state;
}

bool okse_volumes_block(OkseVolumes *volumes, unsigned index, uint64_t block, uint8_t *buffer, GError **error)
{
    const OkseVolume *volume = &volumes->set->volumes[index];
    unsigned place = okse_volume_place(volumes->set, volume);
    const OkseStripe stripe = {okse_volume_group(volumes->set, volume), block, &place, 1};

    return okse_volumes_read_block(volumes, index, block, buffer) == OKSE_BLOCK_GOOD ||
           okse_volumes_repair(volumes, &stripe, &buffer, error);
}

/* Blocks of which the file has nothing are told at once: a set may speak of more than anybody has. */
static uint64_t blocks_in_file(const OkseVolume *volume, VolumeFile *file)
{
    uint64_t all = okse_volume_blocks(volume), there;
    struct stat info;

    if (fstat(file->fd, &info) < 0 || (uint64_t)info.st_size >= volume->at + volume->size)
        return all;
    there = (uint64_t)info.st_size <= volume->at
                ? 0
                : ((uint64_t)info.st_size - volume->at + OKSE_VOLUME_BLOCK - 1) / OKSE_VOLUME_BLOCK;
    if (there < all) {
        const BlockRun rest = {there, all - there};

        g_array_append_val(file->damaged, rest);
    }
    return MIN(there, all);
}

static bool check_file(OkseVolumes *volumes, const OkseVolume *volume, VolumeFile *file, OkseProgress *progress,
                       GError **error)
{
    g_autofree uint8_t *buffer = g_malloc(OKSE_VOLUME_BLOCK);
    uint64_t blocks = blocks_in_file(volume, file);

    for (uint64_t block = 0; block < blocks; block++) {
        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        read_from(volumes, volume, file, block, buffer);
        okse_progress_add(progress, okse_volume_block_size(volume, block));
    }
    return true;
}

bool okse_volumes_check(OkseVolumes *volumes, unsigned index, OkseProgress *progress, GError **error)
{
    const GPtrArray *files = volumes->files[index];

    for (guint i = 0; i < files->len; i++) {
        VolumeFile *file = g_ptr_array_index(files, i);

        if (file->named && !check_file(volumes, &volumes->set->volumes[index], file, progress, error))
            return false;
    }
    return true;
}

/* The medium works on what comes next while this is hashed. */
static void fetch_next(const OkseVolumes *volumes, unsigned index, uint64_t block)
{
    const OkseVolume *volume = &volumes->set->volumes[index];
    int fd = okse_volumes_fd(volumes, index, NULL);

    if (fd >= 0)
        posix_fadvise(fd, (off_t)(volume->at + (block + 1) * OKSE_VOLUME_BLOCK), 4 * OKSE_VOLUME_BLOCK,
                      POSIX_FADV_WILLNEED);
}

static bool cache_take(OkseVolumes *volumes, unsigned index, uint64_t block, size_t from, void *buffer, size_t length)
{
    bool found = false;

    g_mutex_lock(&volumes->lock);
    for (unsigned i = 0; !found && i < VOLUMES_CACHE; i++) {
        found = volumes->cache[i].bytes != NULL && volumes->cache[i].index == index && volumes->cache[i].block == block;
        if (!found)
            continue;
        memcpy(buffer, volumes->cache[i].bytes + from, length);
        volumes->cache[i].used = ++volumes->clock;
    }
    g_mutex_unlock(&volumes->lock);
    return found;
}

/* bytes: taken over. */
static void cache_put(OkseVolumes *volumes, unsigned index, uint64_t block, uint8_t *bytes)
{
    unsigned oldest = 0;

    g_mutex_lock(&volumes->lock);
    for (unsigned i = 1; i < VOLUMES_CACHE; i++)
        if (volumes->cache[i].used < volumes->cache[oldest].used)
            oldest = i;
    g_free(volumes->cache[oldest].bytes);
    volumes->cache[oldest].bytes = bytes;
    volumes->cache[oldest].index = index;
    volumes->cache[oldest].block = block;
    volumes->cache[oldest].used = ++volumes->clock;
    g_mutex_unlock(&volumes->lock);
}

bool okse_volumes_data(OkseVolumes *volumes, unsigned index, uint64_t offset, void *buffer, size_t length,
                       GError **error)
{
    for (uint8_t *to = buffer; length > 0;) {
        uint64_t block = offset / OKSE_VOLUME_BLOCK;
        size_t from = (size_t)(offset % OKSE_VOLUME_BLOCK), now = MIN(length, OKSE_VOLUME_BLOCK - from);

        if (!cache_take(volumes, index, block, from, to, now)) {
            g_autofree uint8_t *bytes = g_malloc(OKSE_VOLUME_BLOCK);

            fetch_next(volumes, index, block);
            if (!okse_volumes_block(volumes, index, block, bytes, error))
                return false;
            memcpy(to, bytes + from, now);
            cache_put(volumes, index, block, g_steal_pointer(&bytes));
        }
        to += now;
        offset += now;
        length -= now;
    }
    return true;
}
