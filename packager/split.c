/* The bundle is read once, block by block; while one block is written, three threads hash the ones before it: the whole
 * bundle, the part, the block. Where the file systems can, the part shares the bundle's blocks and nothing is written.
 * Headers come last, because set.json names the digests of all; their length is known before. */
#include "packager/split.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/worker.h"
#include "packager/parity.h"
#include "packager/split_internal.h"
#include "packager/volume_header.h"

#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define RING (OKSE_LANE_RUNS + 1) /* blocks in memory: those that wait in a lane, and the one being read */
#define LINES_KEPT 4096u          /* lines of a table before they are written */
#define UNFINISHED ".unfinished"

typedef struct {
    const OkseSplit *asked;
    SplitOutput output;
    SplitHashing hashing;
    uint8_t *ring[RING];
    unsigned turn;
    OkseCopied copied;
} Split;

static char *final_name(const SplitOutput *output, const OkseVolume *volume)
{
    g_autofree char *name = okse_volume_name(output->set, volume);

    return g_strconcat(name, output->tables_fd >= 0 ? ".cms" : "", NULL);
}

static char *temporary_name(const SplitOutput *output, const OkseVolume *volume)
{
    g_autofree char *name = final_name(output, volume);

    return g_strdup_printf(".%s" UNFINISHED, name);
}

int split_part_open(const SplitOutput *output, const OkseVolume *volume, int flags, GError **error)
{
    g_autofree char *name = temporary_name(output, volume);
    int fd = openat(output->dir_fd, name, flags | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0)
        okse_fail_errno(error, "write %s/%s", output->directory, name);
    return fd;
}

static bool copy_block(Split *split, const OkseVolume *volume, uint64_t at, bool shared, int fd, GError **error)
{
    size_t length = (size_t)MIN(volume->size - at, OKSE_VOLUME_BLOCK);
    uint8_t *block = split->ring[split->turn++ % RING];

    if (okse_interrupted())
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    if (!okse_bytes_read(split->asked->bytes, volume->offset + at, block, length, split->asked->origin, error))
        return false;
    split_hashing_bundle(&split->hashing, block, length);
    split_hashing_data(&split->hashing, block, length);
    okse_progress_add(split->output.progress, length);
    if (shared)
        return true;
    split->copied.written += length;
    return okse_pwrite_all(fd, block, length, volume->at + at, split->output.directory, error);
}

/* The front of a part shares the bundle's blocks where these lie in one file. */
static bool share_front(const Split *split, const OkseVolume *volume, int fd, uint64_t *shared, GError **error)
{
    OkseBytesPlace place = okse_bytes_place(split->asked->bytes, volume->offset);
    const OkseSpan span = {place.fd, fd, place.offset, volume->at, MIN(place.length, volume->size)};

    *shared = 0;
    return place.fd < 0 || okse_share_blocks(&span, shared, NULL, error);
}

static bool copy_part(Split *split, OkseVolume *volume, GError **error)
{
    bool sealed = split->output.tables_fd >= 0; /* the part is written later, as a whole */
    okse_autofd own = sealed ? -1 : split_part_open(&split->output, volume, O_CREAT | O_TRUNC, error);
    int fd = sealed ? split->output.tables_fd : own;
    uint64_t table_at =
        sealed ? split_table_slot(split->output.set, volume) : okse_volume_table_at(split->output.set, volume);
    uint64_t shared = 0;

    if (fd < 0 || (!sealed && !share_front(split, volume, fd, &shared, error)))
        return false;
    shared = shared / OKSE_VOLUME_BLOCK * OKSE_VOLUME_BLOCK; /* the block that ends in between is written */
    split->copied.reflink += shared;
    for (uint64_t at = 0, block = 0; at < volume->size; at += OKSE_VOLUME_BLOCK, block++) {
        if (!copy_block(split, volume, at, sealed || at < shared, fd, error))
            return false;
        if (block % LINES_KEPT != LINES_KEPT - 1)
            continue;
        if (!split_hashing_flush(&split->hashing, fd, &table_at, split->output.directory, error))
            return false;
    }
    return split_hashing_end(&split->hashing, volume, fd, &table_at, split->output.directory, error);
}

static bool copy_parts(Split *split, GError **error)
{
    OkseVolumeSet *set = split->output.set;
    bool good = true;

    split_hashing_init(&split->hashing);
    for (unsigned i = 0; i < RING; i++)
        split->ring[i] = g_malloc(OKSE_VOLUME_BLOCK);
    for (unsigned i = 0; good && i < set->data; i++)
        good = copy_part(split, &set->volumes[i], error);
    if (good)
        set->bundle.digest = split_hashing_digest(&split->hashing);
    split_hashing_clear(&split->hashing);
    for (unsigned i = 0; i < RING; i++)
        g_clear_pointer(&split->ring[i], g_free);
    return good;
}

static bool write_bytes(int fd, GBytes *bytes, uint64_t at, const char *name, GError **error)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    return okse_pwrite_all(fd, data, length, at, name, error);
}

/* Everything but data and table, and all of it to the disk. */
static bool finish_part(const SplitOutput *output, const OkseVolume *volume, GError **error)
{
    okse_autofd fd = split_part_open(output, volume, 0, error);
    g_autoptr(GBytes) head = okse_volume_head(output->set, volume), neck = okse_volume_neck(output->set, volume);
    uint64_t neck_at = g_bytes_get_size(head) + okse_volume_table_size(volume);

    if (fd < 0 || !write_bytes(fd, head, 0, output->directory, error) ||
        !write_bytes(fd, neck, neck_at, output->directory, error))
        return false;
    if (ftruncate(fd, (off_t)okse_volume_file_size(volume)) < 0 || fsync(fd) < 0)
        return okse_fail_errno(error, "finish a part in %s", output->directory);
    return true;
}

static bool rename_part(const SplitOutput *output, const OkseVolume *volume, GError **error)
{
    g_autofree char *from = temporary_name(output, volume), *to = final_name(output, volume);

    return renameat(output->dir_fd, from, output->dir_fd, to) == 0 ||
           okse_fail_errno(error, "finish %s/%s", output->directory, to);
}

/* *named: how many have their names by now. */
static bool name_parts(const SplitOutput *output, unsigned *named, GError **error)
{
    for (; *named < output->set->data + output->set->parity; (*named)++)
        if (!rename_part(output, &output->set->volumes[*named], error))
            return false;
    return fsync(output->dir_fd) == 0 || okse_fail_errno(error, "finish %s", output->directory);
}

static void remove_parts(const SplitOutput *output, unsigned named)
{
    for (unsigned i = 0; i < output->set->data + output->set->parity; i++) {
        const OkseVolume *volume = &output->set->volumes[i];
        g_autofree char *name = i < named ? final_name(output, volume) : temporary_name(output, volume);

        unlinkat(output->dir_fd, name, 0);
    }
}

static bool write_all_parts(Split *split, GError **error)
{
    SplitOutput *output = &split->output;
    OkseVolumeSet *set;
    const OkseCertificates *recipients = split->asked->recipients;
    G_GNUC_UNUSED gsize planned;

    if (split->asked->compress ? !split_frames(split->asked, output, &split->copied, error) : !copy_parts(split, error))
        return false;
    set = output->set;
    planned = g_bytes_get_size(set->json);
    if (set->parity > 0 && !split_parity(output, error))
        return false;
    okse_volume_set_seal(set);
    g_assert(g_bytes_get_size(set->json) == planned);
    for (unsigned i = 0; recipients == NULL && i < set->data + set->parity; i++)
        if (!finish_part(output, &set->volumes[i], error))
            return false;
    if (recipients != NULL && !split_sealed_write(output, recipients, error))
        return false;
    return okse_bytes_unchanged(split->asked->bytes, error);
}

/* What a run that was killed left: the directory is locked, so nobody writes it now. */
static void remove_left(const SplitOutput *output, const GPtrArray *names, const char *start)
{
    for (guint i = 0; i < names->len; i++) {
        const char *there = g_ptr_array_index(names, i);

        if (there[0] == '.' && g_str_has_prefix(there + 1, start) && g_str_has_suffix(there, UNFINISHED))
            unlinkat(output->dir_fd, there, 0);
    }
}

/* Parts of this bundle that are there would be taken for parts of this set, or be overwritten. */
static bool check_directory(const SplitOutput *output, GError **error)
{
    g_autofree char *name = okse_volume_set_name(output->set), *start = g_strconcat(name, ".", NULL);
    g_autoptr(GPtrArray) names = NULL;
    bool whole;

    names = okse_directory_names(output->dir_fd, &whole);
    if (names == NULL || !whole)
        return okse_fail_errno(error, "%s", output->directory);
    for (guint i = 0; i < names->len; i++) {
        const char *there = g_ptr_array_index(names, i);

        if (g_str_has_prefix(there, start) &&
            (g_str_has_suffix(there, ".part") || g_str_has_suffix(there, ".part.cms")))
            return okse_fail(
                error, OKSE_ERROR_INVALID,
                "%s/%s is there: parts of two sets must not lie together (remove them, or give another -o)",
                output->directory, there);
    }
    remove_left(output, names, start);
    return true;
}

static bool can_share(const Split *split)
{
    const OkseVolume *volume = &split->output.set->volumes[0];
    okse_autofd fd = split_part_open(&split->output, volume, O_CREAT | O_TRUNC, NULL);
    OkseBytesPlace place = okse_bytes_place(split->asked->bytes, 0);
    const OkseSpan span = {place.fd, fd, place.offset, 0, MIN(place.length, OKSE_SHARE_BLOCK)};
    uint64_t shared = 0;

    return fd >= 0 && place.fd >= 0 && okse_share_blocks(&span, &shared, NULL, NULL) && shared > 0;
}

/* An estimate may be wrong; less than nine tenths of it are not enough. */
static bool compressed_size(const Split *split, uint64_t *needed, GError **error)
{
    if (!split_frames_estimate(split->asked, &split->output, needed, error))
        return false;
    *needed -= *needed / 10;
    return true;
}

static uint64_t plain_size(const Split *split)
{
    const OkseVolumeSet *set = split->output.set;
    bool shares = split->asked->recipients == NULL && can_share(split);
    uint64_t size = 0;

    for (unsigned i = 0; i < set->data + set->parity; i++)
        size += okse_volume_file_size(&set->volumes[i]) - (shares && i < set->data ? set->volumes[i].size : 0) +
                split->output.overhead;
    return size;
}

static bool check_space(const Split *split, GError **error)
{
    g_autofree char *want = NULL, *have = NULL;
    struct statvfs info;
    uint64_t needed, available;

    if (fstatvfs(split->output.dir_fd, &info) < 0)
        return okse_fail_errno(error, "%s", split->output.directory);
    available = (uint64_t)info.f_bavail * info.f_frsize;
    if (!split->asked->compress)
        needed = plain_size(split);
    else if (!compressed_size(split, &needed, error))
        return false;
    want = okse_text_size(needed);
    have = okse_text_size(available);
    return available >= needed ||
           okse_fail(error, OKSE_ERROR_SYSTEM, "%s: the parts need %s%s and %s are free", split->output.directory,
                     split->asked->compress ? "at least about " : "", want, have);
}

static bool open_directory(SplitOutput *output, bool *made, GError **error)
{
    *made = mkdir(output->directory, 0755) == 0;
    if (!*made && errno != EEXIST)
        return okse_fail_errno(error, "make directory %s", output->directory);
    output->dir_fd = okse_open_directory(output->directory, error);
    if (output->dir_fd < 0)
        return false;
    return flock(output->dir_fd, LOCK_EX | LOCK_NB) == 0 ||
           okse_fail(error, OKSE_ERROR_SYSTEM, "another okse split writes into %s", output->directory);
}

static bool write_labels(const SplitOutput *output, OkseSplitResult *result, GError **error)
{
    bool sealed = output->tables_fd >= 0;
    g_autofree char *name = okse_volume_set_name(output->set), *file = g_strconcat(name, ".labels.txt", NULL);
    g_autofree char *hint = sealed ? split_sealed_hint() : NULL, *labels = okse_volume_labels(output->set);
    char *text = g_strconcat(sealed ? hint : "", labels, NULL);
    g_autoptr(GBytes) bytes = g_bytes_new_take(text, strlen(text));

    result->labels = g_build_filename(output->directory, file, NULL);
    if (sealed)
        result->list = g_strdup_printf("%s/%s.set.json", output->directory, name);
    return okse_write_beneath(output->dir_fd, file, bytes, 0644, error) &&
           (!sealed || split_sealed_lists(output, name, error));
}

static void remove_lists(const SplitOutput *output)
{
    static const char *const endings[] = {".labels.txt", ".set.json", ".sha256"}; /* the last two of encrypted parts */
    g_autofree char *name = okse_volume_set_name(output->set);

    for (unsigned i = 0; i < (output->tables_fd >= 0 ? G_N_ELEMENTS(endings) : 1); i++) {
        g_autofree char *file = g_strconcat(name, endings[i], NULL);

        unlinkat(output->dir_fd, file, 0);
    }
}

static OkseVolumeBundle describe(const OkseSplit *split)
{
    return (OkseVolumeBundle){.identity = *okse_bundle_identity(split->bundle),
                              .size = okse_bytes_length(split->bytes),
                              .sequence = okse_bundle_sequence(split->bundle),
                              .name = (char *)(uintptr_t)okse_bundle_name(split->bundle),
                              .version = (char *)(uintptr_t)okse_bundle_version(split->bundle),
                              .country = (char *)(uintptr_t)okse_bundle_country(split->bundle)};
}

static bool write_unfinished(Split *split, GError **error)
{
    SplitOutput *output = &split->output;
    unsigned passes = (output->set->parity > 0 ? 2 : 1) * (split->asked->recipients != NULL ? 2 : 1);
    bool good;

    if (!check_space(split, error))
        return false;
    output->progress = okse_progress_new("splitting", okse_bytes_length(split->asked->bytes) * passes);
    good = write_all_parts(split, error);
    okse_progress_free(output->progress);
    return good;
}

static bool split_run(Split *split, OkseSplitResult *result, GError **error)
{
    SplitOutput *output = &split->output;
    unsigned named = 0;

    if (!check_directory(output, error) || (split->asked->recipients != NULL && !split_sealed_prepare(output, error)))
        return false;
    if (write_unfinished(split, error) && name_parts(output, &named, error)) {
        if (write_labels(output, result, error))
            return true;
        remove_lists(output);
    }
    remove_parts(output, named);
    return false;
}

/* The largest message that OpenSSL's own command opens bounds an encrypted part. */
static bool check_sealed_size(const OkseSplit *asked, const OkseVolumeBundle *bundle, GError **error)
{
    g_autoptr(OkseVolumeSet) set = NULL;

    if (asked->file_size <= OKSE_LIMIT_CMS_PART)
        return true;
    set = okse_split_plan(bundle, OKSE_SPLIT_SEALED, &asked->parity, error);
    if (set == NULL)
        return false;
    return okse_fail(error, OKSE_ERROR_INVALID,
                     "encrypted parts of that size would open with okse only: openssl cms -decrypt takes a message "
                     "into memory, and at most %" G_GUINT64_FORMAT " bytes; with --size 1GiB it becomes %s%u parts",
                     (uint64_t)OKSE_LIMIT_CMS_PART, asked->compress ? "at most " : "", set->data + set->parity);
}

static OkseVolumeSet *plan(Split *split, const OkseVolumeBundle *bundle, GError **error)
{
    const OkseSplit *asked = split->asked;
    SplitOutput *output = &split->output;

    if (asked->recipients != NULL) {
        if (!check_sealed_size(asked, bundle, error))
            return NULL;
        output->overhead = split_sealed_overhead(asked->recipients, error);
        if (output->overhead == 0)
            return NULL;
    }
    output->part_size = asked->file_size - MIN(asked->file_size, output->overhead);
    return asked->compress ? split_frames_plan(asked, output->part_size, bundle, error)
                           : okse_split_plan(bundle, output->part_size, &asked->parity, error);
}

/* Tried before anything is written. */
static bool parity_works(const OkseVolumeSet *set, GError **error)
{
    g_autoptr(OkseParity) parity = set->parity == 0 ? NULL : okse_parity_new(1, 1, error);

    return set->parity == 0 || parity != NULL;
}

bool okse_split(const OkseSplit *asked, OkseSplitResult *result, GError **error)
{
    const OkseVolumeBundle bundle = describe(asked);
    Split split = {.asked = asked,
                   .output = {.dir_fd = -1, .directory = asked->directory, .tables_fd = -1, .origin = asked->origin}};
    SplitOutput *output = &split.output;
    bool good, made = false;

    output->set = plan(&split, &bundle, error);
    output->bytes = asked->recipients != NULL ? asked->bytes : NULL;
    good = output->set != NULL && parity_works(output->set, error) && open_directory(output, &made, error) &&
           split_run(&split, result, error);
    if (!good && made)
        rmdir(output->directory);
    okse_fd_clear(&output->dir_fd);
    okse_fd_clear(&output->tables_fd);
    split_veil_free(output->veil);
    g_clear_pointer(&output->list, g_bytes_unref);
    g_clear_pointer(&output->sums, g_bytes_unref);
    if (!good)
        g_clear_pointer(&output->set, okse_volume_set_free);
    result->set = output->set;
    result->copied = split.copied;
    return good;
}

void okse_split_result_clear(OkseSplitResult *result)
{
    g_clear_pointer(&result->set, okse_volume_set_free);
    g_clear_pointer(&result->labels, g_free);
    g_clear_pointer(&result->list, g_free);
}
