/* Encrypted parts. What a part says of the set stands in front of its data, so the bundle is read once for the digests
 * and once more to be encrypted, or what was compressed is kept meanwhile (split_veil.c); nothing plain is written but
 * the digests of blocks, into a file without a name. */
#include "core/fd.h"
#include "core/limits.h"
#include "core/worker.h"
#include "packager/cms_encrypt.h"
#include "packager/cms_recipient.h"
#include "packager/split_internal.h"
#include "packager/volume_header.h"

#include <string.h>

#define CHUNK (256u << 10)

/* One part on its way to its file. */
typedef struct {
    int fd;
    OkseCmsWriter *writer;
    OkseSha256Stream *digest; /* of the file */
    uint64_t written;
} Sealed;

typedef struct {
    OkseSha256 digest;
    uint64_t size;
} SealedFile;

struct SplitSealing {
    const SplitOutput *output;
    const OkseCertificates *recipients;
    Sealed *parts;     /* of each volume */
    SealedFile *files; /* of each volume */
};

uint64_t split_table_slot(const OkseVolumeSet *set, const OkseVolume *volume)
{
    uint64_t at = 0;

    for (const OkseVolume *before = set->volumes; before < volume; before++)
        at += okse_volume_table_size(before);
    return at;
}

bool split_sealed_prepare(SplitOutput *output, GError **error)
{
    output->tables_fd = openat(output->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (output->tables_fd >= 0)
        return true;
    g_autofree char *name = g_strdup_printf(".okse-split-%jd.unfinished", (intmax_t)getpid()); /* no O_TMPFILE here */
    output->tables_fd = openat(output->dir_fd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (output->tables_fd < 0)
        return okse_fail_errno(error, "write into %s", output->directory);
    unlinkat(output->dir_fd, name, 0);
    return true;
}

static Sealed *sealed_of(SplitSealing *sealing, const OkseVolume *volume)
{
    return &sealing->parts[volume - sealing->output->set->volumes];
}

static void sealed_clear(Sealed *sealed)
{
    g_clear_pointer(&sealed->writer, okse_cms_writer_free);
    g_clear_pointer(&sealed->digest, okse_sha256_stream_free);
    okse_fd_clear(&sealed->fd);
}

typedef struct {
    SplitSealing *sealing;
    Sealed *sealed;
} Sink;

static bool write_out(void *context, const void *data, size_t length, GError **error)
{
    Sink *sink = context;

    okse_sha256_stream_update(sink->sealed->digest, data, length);
    sink->sealed->written += length;
    return okse_write_all(sink->sealed->fd, data, length, sink->sealing->output->directory, error);
}

bool split_sealing_data(SplitSealing *sealing, const OkseVolume *volume, const void *data, size_t length,
                        GError **error)
{
    Sealed *sealed = sealed_of(sealing, volume);
    Sink sink = {sealing, sealed};

    return okse_cms_writer_write(sealed->writer, data, length, write_out, &sink, error);
}

static bool write_bytes(SplitSealing *sealing, const OkseVolume *volume, GBytes *bytes, GError **error)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    return split_sealing_data(sealing, volume, data, length, error);
}

static bool write_table(SplitSealing *sealing, const OkseVolume *volume, GError **error)
{
    const SplitOutput *output = sealing->output;
    g_autofree uint8_t *chunk = g_malloc(CHUNK);
    uint64_t at = split_table_slot(output->set, volume), left = okse_volume_table_size(volume);

    while (left > 0) {
        size_t now = (size_t)MIN(left, (uint64_t)CHUNK);

        if (!okse_pread_exact(output->tables_fd, chunk, now, at, output->directory, error) ||
            !split_sealing_data(sealing, volume, chunk, now, error))
            return false;
        at += now;
        left -= now;
    }
    return true;
}

bool split_sealing_begin(SplitSealing *sealing, const OkseVolume *volume, GError **error)
{
    const SplitOutput *output = sealing->output;
    Sealed *sealed = sealed_of(sealing, volume);
    bool kept = output->veil != NULL && volume->kind == OKSE_VOLUME_DATA; /* `data` is in that file already */
    g_autoptr(GBytes) head = okse_volume_head(output->set, volume), neck = okse_volume_neck(output->set, volume);

    sealed->fd = split_part_open(output, volume, kept ? 0 : O_CREAT | O_TRUNC, error);
    if (sealed->fd < 0)
        return false;
    sealed->digest = okse_sha256_stream_new();
    sealed->writer = okse_cms_writer_new(sealing->recipients, okse_volume_file_size(volume), error);
    g_assert(!kept || output->overhead + volume->at <= split_veil_at(output->veil)); /* or it would be written over */
    return sealed->writer != NULL && write_bytes(sealing, volume, head, error) && write_table(sealing, volume, error) &&
           write_bytes(sealing, volume, neck, error);
}

bool split_sealing_end(SplitSealing *sealing, const OkseVolume *volume, GError **error)
{
    static const uint8_t zeros[OKSE_VOLUME_TAIL + OKSE_TAR_BLOCK];
    Sealed *sealed = sealed_of(sealing, volume);
    SealedFile *file = &sealing->files[volume - sealing->output->set->volumes];
    Sink sink = {sealing, sealed};

    if (!split_sealing_data(sealing, volume, zeros, (size_t)(okse_volume_file_size(volume) - volume->at - volume->size),
                            error) ||
        !okse_cms_writer_end(sealed->writer, write_out, &sink, error))
        return false;
    if (ftruncate(sealed->fd, (off_t)sealed->written) < 0 || fsync(sealed->fd) < 0)
        return okse_fail_errno(error, "finish a part in %s", sealing->output->directory);
    *file = (SealedFile){okse_sha256_stream_end(sealed->digest), sealed->written};
    sealed_clear(sealed);
    return true;
}

bool split_sealed_read(const SplitOutput *output, const OkseVolume *volume, uint64_t at, void *buffer, size_t length,
                       GError **error)
{
    return output->veil != NULL
               ? split_veil_read(output, volume, at, buffer, length, error)
               : okse_bytes_read(output->bytes, volume->offset + at, buffer, length, output->origin, error);
}

/* A data part, by one worker. */
static bool seal_part(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    SplitSealing *sealing = context;
    const SplitOutput *output = sealing->output;
    const OkseVolume *volume = &output->set->volumes[index];
    g_autofree uint8_t *block = g_malloc(OKSE_VOLUME_BLOCK);

    if (!split_sealing_begin(sealing, volume, error))
        return false;
    for (uint64_t at = 0; at < volume->size; at += OKSE_VOLUME_BLOCK) {
        size_t length = (size_t)MIN(volume->size - at, OKSE_VOLUME_BLOCK);

        if (okse_jobs_stopped(jobs))
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!split_sealed_read(output, volume, at, block, length, error) ||
            !split_sealing_data(sealing, volume, block, length, error))
            return false;
        okse_progress_add(output->progress, length);
    }
    return split_sealing_end(sealing, volume, error);
}

static json_t *list_json(const SplitSealing *sealing)
{
    const OkseVolumeSet *set = sealing->output->set;
    json_t *files = json_array(), *recipients = json_array(), *document;
    char identity[OKSE_SHA256_TEXT], id[OKSE_SHA256_TEXT], text[OKSE_SHA256_TEXT];

    for (unsigned i = 0; i < set->data + set->parity; i++) {
        const OkseVolume *volume = &set->volumes[i];
        g_autofree char *name = okse_volume_name(set, volume), *file = g_strconcat(name, ".cms", NULL);

        json_array_append_new(files, json_pack("{s:s,s:s,s:i,s:I,s:s}", "file", file, "kind",
                                               volume->kind == OKSE_VOLUME_DATA ? "data" : "parity", "number",
                                               (int)volume->number, "size", (json_int_t)sealing->files[i].size,
                                               "sha256", okse_sha256_text(&sealing->files[i].digest, text)));
    }
    for (unsigned i = 0; i < okse_certificates_count(sealing->recipients); i++) {
        g_autofree char *words = okse_cms_recipient_describe(okse_certificates_get(sealing->recipients, i));

        json_array_append_new(recipients, json_string(words));
    }
    document = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:o,s:o}", "schema", "okse.encrypted-set.v1", "set",
                         okse_sha256_text(&set->id, id), "identity", okse_sha256_text(&set->bundle.identity, identity),
                         "name", set->bundle.name, "version", set->bundle.version, "country", set->bundle.country,
                         "sequence", (json_int_t)set->bundle.sequence, "files", files, "recipients", recipients);
    if (set->encoding != NULL)
        json_object_set_new(document, "encoding", json_string(set->encoding));
    return document;
}

/* What a guard without any key can check: what it is, which files, and `sha256sum -c`. */
static void make_lists(const SplitSealing *sealing, SplitOutput *output)
{
    g_autoptr(json_t) document = list_json(sealing);
    char *text = okse_json_write_pretty(document);
    GString *lines = g_string_new(NULL);

    for (unsigned i = 0; i < output->set->data + output->set->parity; i++) {
        g_autofree char *part = okse_volume_name(output->set, &output->set->volumes[i]);
        char hex[OKSE_SHA256_HEX];

        g_string_append_printf(lines, "%s  %s.cms\n", okse_sha256_hex(&sealing->files[i].digest, hex), part);
    }
    output->list = g_bytes_new_take(text, strlen(text));
    output->sums = g_string_free_to_bytes(lines);
}

bool split_sealed_lists(const SplitOutput *output, const char *name, GError **error)
{
    g_autofree char *list = g_strconcat(name, ".set.json", NULL), *sums = g_strconcat(name, ".sha256", NULL);

    return okse_write_beneath(output->dir_fd, list, output->list, 0644, error) &&
           okse_write_beneath(output->dir_fd, sums, output->sums, 0644, error);
}

char *split_sealed_hint(void)
{
    return g_strdup("THESE PARTS ARE ENCRYPTED, each file is NAME.part.cms\n"
                    "  Put the bundle together  okse join DIRECTORY... --key KEY.pem\n"
                    "  Or open a part alone     openssl cms -decrypt -inform DER -binary -in PART.cms\n"
                    "                             -inkey KEY.pem -recip CERT.pem -out PART\n\n");
}

bool split_sealed_write(SplitOutput *output, const OkseCertificates *recipients, GError **error)
{
    unsigned count = output->set->data + output->set->parity;
    SplitSealing sealing = {
        .output = output, .recipients = recipients, .parts = g_new0(Sealed, count), .files = g_new0(SealedFile, count)};
    bool good;

    for (unsigned i = 0; i < count; i++)
        sealing.parts[i].fd = -1;
    output->sealing = &sealing;
    good = output->set->parity == 0 || split_parity(output, error); /* first: sealing uses up what is kept */
    output->sealing = NULL;
    good = good && okse_jobs_run(output->set->data, 0, seal_part, &sealing, error);
    if (good)
        make_lists(&sealing, output);
    for (unsigned i = 0; i < count; i++)
        sealed_clear(&sealing.parts[i]);
    g_free(sealing.parts);
    g_free(sealing.files);
    return good;
}

uint64_t split_sealed_overhead(const OkseCertificates *recipients, GError **error)
{
    g_autoptr(OkseCmsWriter) writer = okse_cms_writer_new(recipients, OKSE_LIMIT_CMS_PART, error);

    return writer != NULL ? okse_cms_writer_length(writer) - OKSE_LIMIT_CMS_PART : 0;
}
