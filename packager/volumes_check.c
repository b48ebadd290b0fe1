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

/* Room for a table in what is kept; take_lines() fills it. */
static void keep_begin(const OkseVolumes *volumes, VolumeFile *file)
{
    file->is_kept = !volumes->tables_failed;
    file->table_at = volumes->tables.size;
}

static void take_lines(OkseVolumes *volumes, VolumeFile *file, OkseSha256Stream *stream, const void *lines,
                       size_t length)
{
    okse_sha256_stream_update(stream, lines, length);
    if (!file->is_kept || okse_spool_write(&volumes->tables, lines, length, NULL))
        return;
    file->is_kept = false;
    volumes->tables_failed = true; /* where the next one would begin is not known any more */
}

/* *same: the file's table is the one that the set promises. False: it has none that can be read. */
static bool read_table(OkseVolumes *volumes, const OkseVolume *volume, VolumeFile *file, bool *same)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree uint8_t *chunk = g_malloc(CHUNK);
    uint64_t length = okse_volume_table_size(volume), at = okse_volume_table_at(volumes->set, volume);
    OkseSha256 digest;

    *same = false;
    for (uint64_t done = 0; done < length;) {
        size_t now = (size_t)MIN(length - done, CHUNK);

        if (okse_interrupted() ||
            !okse_part_pread_exact(file->fd, file->sealed, chunk, now, at + done, file->path, NULL))
            return false;
        take_lines(volumes, file, stream, chunk, now);
        done += now;
    }
    digest = okse_sha256_stream_end(stream);
    *same = okse_sha256_equal(&digest, &volume->blocks);
    return true;
}

/* The table again from the data; true when it is the one that the set promises. */
static bool work_out_table(OkseVolumes *volumes, const OkseVolume *volume, VolumeFile *file)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree uint8_t *block = g_malloc(OKSE_VOLUME_BLOCK);
    char line[OKSE_VOLUME_LINE];
    OkseSha256 digest;

    keep_begin(volumes, file);
    for (uint64_t i = 0; i < okse_volume_blocks(volume); i++) {
        size_t size = okse_volume_block_size(volume, i);

        if (okse_interrupted() || !okse_part_pread_exact(file->fd, file->sealed, block, size,
                                                         volume->at + i * OKSE_VOLUME_BLOCK, file->path, NULL))
            return false;
        digest = okse_sha256_of(block, size);
        okse_sha256_hex(&digest, line);
        line[OKSE_VOLUME_LINE - 1] = '\n';
        take_lines(volumes, file, stream, line, sizeof line);
    }
    digest = okse_sha256_stream_end(stream);
    return file->is_kept && okse_sha256_equal(&digest, &volume->blocks);
}

/* A table that is damaged: where all data is whole the data says it again. Where data is damaged as well, its lines are
 * still worth something: a block that has the digest in its line is taken for good, in a file that is surely this part,
 * and the digest of the whole is checked in the end. */
static void check_table(OkseVolumes *volumes, const OkseVolume *volume, VolumeFile *file, bool certain)
{
    bool same, read = read_table(volumes, volume, file, &same);

    if (same) { /* only what is right is kept: others may claim to have any length */
        keep_begin(volumes, file);
        read = read_table(volumes, volume, file, &same);
    }
    file->has_table = file->trusted = same;
    if (file->trusted)
        return;
    fault(file, OKSE_VOLUME_TABLE " is not what it was");
    file->has_table = file->trusted = work_out_table(volumes, volume, file);
    if (file->trusted)
        return;
    file->is_kept = false;
    file->has_table = certain && read;
    if (!certain)
        fault(file, "nothing in it but its name says that it is this part: it is not used");
}

void volumes_check_file(OkseVolumes *volumes, const OkseVolume *volume, VolumeFile *file, bool certain)
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
    if (file->is_kept ? !okse_spool_read(&volumes->tables, file->table_at + at, line, sizeof line, NULL)
                      : !okse_part_pread_exact(file->fd, file->sealed, line, sizeof line,
                                               okse_volume_table_at(volumes->set, volume) + at, file->path, NULL))
        return false;
    if (line[OKSE_VOLUME_LINE - 1] != '\n')
        return false;
    line[OKSE_VOLUME_LINE - 1] = '\0';
    return okse_sha256_parse(line, digest, NULL);
}

static uint64_t run_end(const GArray *runs, guint i)
{
    const BlockRun *run = &g_array_index(runs, BlockRun, i);

    return run->first + run->count;
}

/* Mostly behind the last; but threads come out of order. */
void volumes_note(GArray *runs, uint64_t block)
{
    guint i = runs->len; /* the first run behind the block */

    while (i > 0 && g_array_index(runs, BlockRun, i - 1).first > block)
        i--;
    if (i > 0 && block < run_end(runs, i - 1))
        return;
    if (i > 0 && block == run_end(runs, i - 1)) {
        g_array_index(runs, BlockRun, --i).count++;
    } else {
        const BlockRun run = {block, 1};

        g_array_insert_val(runs, i, run);
    }
    if (i + 1 < runs->len && run_end(runs, i) == g_array_index(runs, BlockRun, i + 1).first) {
        g_array_index(runs, BlockRun, i).count += g_array_index(runs, BlockRun, i + 1).count;
        g_array_remove_index(runs, i + 1);
    }
}
