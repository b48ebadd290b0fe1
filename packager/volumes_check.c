/* What is in a part besides data follows from set.json, so it is compared, not read. */
#include "core/fd.h"
#include "packager/volume_header.h"
#include "packager/volumes_internal.h"

#include <string.h>
#include <sys/stat.h>

#define CHUNK (64u << 10)

static void fault(VolumeFile *file, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void fault(VolumeFile *file, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(file->faults, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

VolumeFile *volume_file_new(const char *path, int fd)
{
    VolumeFile *file = g_new0(VolumeFile, 1);

    file->path = g_strdup(path);
    file->fd = fd;
    file->table.fd = -1;
    file->faults = g_ptr_array_new_with_free_func(g_free);
    file->damaged = g_array_new(FALSE, FALSE, sizeof(BlockRun));
    file->unreadable = g_array_new(FALSE, FALSE, sizeof(BlockRun));
    return file;
}

void volume_file_free(gpointer data)
{
    VolumeFile *file = data;

    g_free(file->path);
    okse_sealed_part_free(file->sealed);
    okse_fd_clear(&file->fd);
    okse_spool_clear(&file->table);
    g_ptr_array_unref(file->faults);
    g_array_unref(file->damaged);
    g_array_unref(file->unreadable);
    g_free(file);
}

/* The first byte of the file that is not as expected; `length` when all are. *unreadable: it could not be read. */
static uint64_t compare(const VolumeFile *file, const uint8_t *expected, uint64_t length, uint64_t at, int *unreadable)
{
    g_autofree uint8_t *chunk = g_malloc(CHUNK);

    *unreadable = 0;
    for (uint64_t done = 0; done < length;) {
        size_t now = (size_t)MIN(length - done, CHUNK);
        ssize_t got = okse_part_pread(file->fd, file->sealed, chunk, now, at + done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            *unreadable = errno;
        if (got <= 0)
            return done;
        for (ssize_t i = 0; i < got; i++)
            if (chunk[i] != expected[done + (uint64_t)i])
                return done + (uint64_t)i;
        done += (uint64_t)got;
    }
    return length;
}

static void check_run(const OkseVolumes *volumes, const OkseVolume *volume, VolumeFile *file, GBytes *expected,
                      uint64_t at)
{
    gsize length;
    const uint8_t *bytes = g_bytes_get_data(expected, &length);
    int unreadable;
    uint64_t differs = compare(file, bytes, length, at, &unreadable);

    if (differs == length)
        return;
    if (unreadable != 0)
        fault(file, "byte %" G_GUINT64_FORMAT " (%s) cannot be read: %s", at + differs,
              okse_volume_member_at(volumes->set, volume, at + differs), g_strerror(unreadable));
    else
        fault(file, "byte %" G_GUINT64_FORMAT " (%s) is not what it was", at + differs,
              okse_volume_member_at(volumes->set, volume, at + differs));
}

static void check_size(const OkseVolume *volume, VolumeFile *file)
{
    uint64_t expected = okse_volume_file_size(volume);
    struct stat info;

    if (fstat(file->fd, &info) < 0)
        return;
    if (file->sealed != NULL)
        info.st_size = (off_t)okse_sealed_part_size(file->sealed);
    if ((uint64_t)info.st_size == expected)
        return;
    if ((uint64_t)info.st_size < expected)
        fault(file, "it ends early: %jd of %" G_GUINT64_FORMAT " bytes", (intmax_t)info.st_size, expected);
    else
        fault(file, "%" G_GUINT64_FORMAT " bytes stand behind its end", (uint64_t)info.st_size - expected);
}

/* The digests of all blocks, from the table in the file (at 0: none). */
static bool hash_table(const VolumeFile *file, const OkseVolume *volume, uint64_t at, OkseSha256 *digest)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree uint8_t *chunk = g_malloc(CHUNK);
    uint64_t length = okse_volume_table_size(volume);

    for (uint64_t done = 0; done < length;) {
        size_t now = (size_t)MIN(length - done, CHUNK);

        if (!okse_part_pread_exact(file->fd, file->sealed, chunk, now, at + done, file->path, NULL))
            return false;
        okse_sha256_stream_update(stream, chunk, now);
        done += now;
    }
    *digest = okse_sha256_stream_end(stream);
    return true;
}

/* The table again from the data; true when it is the one that the set promises. */
static bool work_out_table(const OkseVolume *volume, VolumeFile *file)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree uint8_t *block = g_malloc(OKSE_VOLUME_BLOCK);
    char line[OKSE_VOLUME_LINE];
    OkseSha256 digest;

    for (uint64_t i = 0; i < okse_volume_blocks(volume); i++) {
        size_t size = okse_volume_block_size(volume, i);

        if (okse_interrupted() || !okse_part_pread_exact(file->fd, file->sealed, block, size,
                                                         volume->at + i * OKSE_VOLUME_BLOCK, file->path, NULL))
            return false;
        digest = okse_sha256_of(block, size);
        okse_sha256_hex(&digest, line);
        line[OKSE_VOLUME_LINE - 1] = '\n';
        okse_sha256_stream_update(stream, line, sizeof line);
        if (!okse_spool_write(&file->table, line, sizeof line, NULL))
            return false;
    }
    digest = okse_sha256_stream_end(stream);
    return okse_sha256_equal(&digest, &volume->blocks);
}

/* A table that is damaged: where all data is whole the data says it again. Where data is damaged as well, its lines are
 * still worth something: a block that has the digest in its line is taken for good, in a file that is surely this part,
 * and the digest of the whole is checked in the end. */
static void check_table(const OkseVolumes *volumes, const OkseVolume *volume, VolumeFile *file, bool certain)
{
    OkseSha256 digest;
    bool read = hash_table(file, volume, okse_volume_table_at(volumes->set, volume), &digest);

    file->has_own_table = read && okse_sha256_equal(&digest, &volume->blocks);
    file->has_table = file->trusted = file->has_own_table;
    if (file->trusted)
        return;
    fault(file, OKSE_VOLUME_TABLE " is not what it was");
    file->has_table = file->trusted = work_out_table(volume, file);
    if (file->trusted)
        return;
    okse_spool_reset(&file->table, NULL);
    file->has_own_table = file->has_table = certain && read;
    if (!certain)
        fault(file, "nothing in it but its name says that it is this part: it is not used");
}

void volumes_check_file(const OkseVolumes *volumes, const OkseVolume *volume, VolumeFile *file, bool certain)
{
    g_autoptr(GBytes) head = okse_volume_head(volumes->set, volume), neck = okse_volume_neck(volumes->set, volume);
    uint64_t end = okse_tar_padded(volume->size) - volume->size + OKSE_VOLUME_TAIL;
    g_autoptr(GBytes) tail = g_bytes_new_take(g_malloc0((gsize)end), (gsize)end);

    check_size(volume, file);
    check_run(volumes, volume, file, head, 0);
    check_run(volumes, volume, file, neck, g_bytes_get_size(head) + okse_volume_table_size(volume));
    check_run(volumes, volume, file, tail, volume->at + volume->size);
    check_table(volumes, volume, file, certain);
}

bool volumes_line(const OkseVolumes *volumes, const OkseVolume *volume, const VolumeFile *file, uint64_t block,
                  OkseSha256 *digest)
{
    char line[OKSE_VOLUME_LINE];
    uint64_t at = block * OKSE_VOLUME_LINE;

    if (!file->has_table)
        return false;
    if (file->has_own_table) {
        if (!okse_part_pread_exact(file->fd, file->sealed, line, sizeof line,
                                   okse_volume_table_at(volumes->set, volume) + at, file->path, NULL))
            return false;
    } else if (!okse_spool_read(&file->table, at, line, sizeof line, NULL)) {
        return false;
    }
    if (line[OKSE_VOLUME_LINE - 1] != '\n')
        return false;
    line[OKSE_VOLUME_LINE - 1] = '\0';
    return okse_sha256_parse(line, digest, NULL);
}

void volumes_note(GArray *runs, uint64_t block)
{
    for (guint i = runs->len; i > 0; i--) {
        BlockRun *run = &g_array_index(runs, BlockRun, i - 1);

        if (block >= run->first && block < run->first + run->count)
            return;
        if (block == run->first + run->count) {
            run->count++;
            return;
        }
    }
    BlockRun run = {block, 1};
    g_array_append_val(runs, run);
}
