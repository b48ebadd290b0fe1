/* A blob is hashed while it arrives. After a broken connection the hash goes on where it was; a new process hashes what
 * lies there and asks for the rest. */
#include "core/fd.h"
#include "core/limits.h"
#include "core/worker.h"
#include "packager/challenge.h"
#include "packager/registry_internal.h"

#include <sys/stat.h>

#define CHUNK (1u << 20)
#define PROGRESS_BYTES (1u << 20) /* so many new bytes make a broken connection no failed try */

/* A blob on its way into a file. */
typedef struct {
    OkseRegistry *registry;
    const OkseRegistryBlob *blob;
    const char *origin;
    const OkseRegistryPlace *place;
    uint64_t at; /* bytes of it in the file, all of them hashed */
    OkseSha256Stream *hash;
    OkseProgress *progress;
    uint64_t *fetched;
    const OkseHttpAnswer *answer;
    bool checked; /* the answer's range */
} Arrival;

static bool start_over(Arrival *arrival, GError **error)
{
    (void)okse_sha256_stream_end(arrival->hash); /* makes it ready for another */
    arrival->at = 0;
    return ftruncate(arrival->place->fd, (off_t)arrival->place->at) == 0 ||
           okse_fail_errno(error, "%s", arrival->origin);
}

static bool arrive(void *context, const void *data, size_t length, GError **error)
{
    Arrival *arrival = context;

    if (!arrival->checked) {
        arrival->checked = true;
        if (arrival->answer->status == 200 && arrival->at > 0 && !start_over(arrival, error))
            return false; /* it cannot go on in the middle */
        if (arrival->answer->status == 206 &&
            (arrival->answer->range == NULL ||
             !okse_range_is(arrival->answer->range, arrival->at, arrival->blob->size)))
            return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the registry sends another part than was asked for",
                             arrival->origin);
    }
    if (length > arrival->blob->size - arrival->at)
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: the registry sends more than the %" G_GUINT64_FORMAT " bytes it has", arrival->origin,
                         arrival->blob->size);
    if (!okse_pwrite_all(arrival->place->fd, data, length, arrival->place->at + arrival->at, arrival->origin, error))
        return false;
    okse_sha256_stream_update(arrival->hash, data, length);
    arrival->at += length;
    *arrival->fetched += length;
    okse_progress_add(arrival->progress, length);
    return true;
}

/* What is there already. */
static bool take_up(Arrival *arrival, GError **error)
{
    g_autofree void *buffer = g_malloc(CHUNK);
    const OkseRegistryPlace *place = arrival->place;
    uint64_t there;
    struct stat info;

    if (fstat(place->fd, &info) < 0)
        return okse_fail_errno(error, "%s", arrival->origin);
    there = (uint64_t)info.st_size > place->at ? (uint64_t)info.st_size - place->at : 0;
    if (there > arrival->blob->size && !place->followed)
        return start_over(arrival, error);
    there = MIN(there, arrival->blob->size);
    while (arrival->at < there) {
        size_t part = (size_t)MIN(CHUNK, there - arrival->at);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!okse_pread_exact(place->fd, buffer, part, place->at + arrival->at, arrival->origin, error))
            return false;
        okse_sha256_stream_update(arrival->hash, buffer, part);
        arrival->at += part;
    }
    okse_progress_skip(arrival->progress, arrival->at);
    return true;
}

static bool ask(Arrival *arrival, const char *url, OkseHttpAnswer *answer, GError **error)
{
    const OkseHttpRequest request = {.url = url,
                                     .from = arrival->at,
                                     .limit = arrival->blob->size - arrival->at,
                                     .elsewhere = true,
                                     .large = true,
                                     .sink = arrive,
                                     .context = arrival};

    arrival->answer = answer;
    arrival->checked = false;
    return registry_ask(arrival->registry, &request, answer, arrival->origin, error);
}

/* A whole answer, and less than the blob: the rest will not come later. */
static bool refuse_short(Arrival *arrival, GError **error)
{
    uint64_t at = arrival->at;

    return start_over(arrival, error) &&
           okse_fail(error, OKSE_ERROR_REFUSED, "%s: ends after %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes",
                     arrival->origin, at, arrival->blob->size);
}

/* Until all bytes are there, or no further try makes sense. */
static bool receive(Arrival *arrival, const char *url, GError **error)
{
    unsigned tries = 0;

    while (arrival->at < arrival->blob->size) {
        uint64_t before = arrival->at;
        g_auto(OkseHttpAnswer) answer = {0};
        g_autoptr(GError) cause = NULL;
        bool done = ask(arrival, url, &answer, &cause);

        if (done && (answer.status == 200 || answer.status == 206))
            return arrival->at == arrival->blob->size || refuse_short(arrival, error);
        if (arrival->at >= before + PROGRESS_BYTES)
            tries = 0;
        if (okse_http_wait(arrival->registry->access.http, &answer, &tries))
            continue;
        if (done)
            return okse_http_fail_status(&answer, arrival->origin, error);
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    return true;
}

/* *good: they have the digest; if not, none of them is kept. */
static bool check_digest(Arrival *arrival, bool *good, GError **error)
{
    OkseSha256 actual = okse_sha256_stream_end(arrival->hash);

    *good = okse_sha256_equal(&actual, &arrival->blob->digest);
    return *good || start_over(arrival, error);
}

bool okse_registry_blob(OkseRegistry *registry, const OkseRegistryBlob *blob, const OkseRegistryPlace *place,
                        OkseProgress *progress, uint64_t *fetched, GError **error)
{
    char text[OKSE_SHA256_TEXT];
    g_autofree char *url = g_strdup_printf("%s/blobs/%s", registry->base, okse_sha256_text(&blob->digest, text));
    g_autofree char *origin = g_strdup_printf("%s, blob %s", registry->name, text);
    g_autoptr(OkseSha256Stream) hash = okse_sha256_stream_new();
    Arrival arrival = {.registry = registry,
                       .blob = blob,
                       .origin = origin,
                       .place = place,
                       .hash = hash,
                       .progress = progress,
                       .fetched = fetched};
    bool good = false, left;

    if (!take_up(&arrival, error))
        return false;
    left = arrival.at > 0;
    if (!receive(&arrival, url, error) || !check_digest(&arrival, &good, error))
        return false;
    /* what an earlier try left may have been at fault */
    if (!good && left && (!receive(&arrival, url, error) || !check_digest(&arrival, &good, error)))
        return false;
    return good ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s: the registry sends other bytes than that digest names", origin);
}

GBytes *okse_registry_blob_bytes(OkseRegistry *registry, const OkseRegistryBlob *blob, GError **error)
{
    char text[OKSE_SHA256_TEXT];
    g_autofree char *url = g_strdup_printf("%s/blobs/%s", registry->base, okse_sha256_text(&blob->digest, text));
    g_autofree char *origin = g_strdup_printf("%s, blob %s", registry->name, text);
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {
        .url = url, .limit = blob->size, .elsewhere = true, .large = true, .sink = registry_append, .context = body};
    g_autoptr(GBytes) bytes = NULL;
    OkseSha256 actual;

    if (blob->size > OKSE_LIMIT_METADATA) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: metadata larger than the limit of 4 MiB", origin);
        return NULL;
    }
    if (!registry_ask_again(registry, &request, &answer, origin, error))
        return NULL;
    if (answer.status != 200) {
        okse_http_fail_status(&answer, origin, error);
        return NULL;
    }
    bytes = g_byte_array_free_to_bytes(g_steal_pointer(&body));
    actual = okse_sha256_of_bytes(bytes);
    if (g_bytes_get_size(bytes) == blob->size && okse_sha256_equal(&actual, &blob->digest))
        return g_steal_pointer(&bytes);
    okse_fail(error, OKSE_ERROR_REFUSED, "%s: the registry sends other bytes than that digest names", origin);
    return NULL;
}
