/* One blob on its way to a registry. Where it stands is what the registry says, asked again after every failure; only
 * that it goes on is watched here, so that a registry that never does is left in the end. The bytes are hashed as they
 * are read: an upload is closed only when they have the digest it is closed under. */
#include "packager/registry_upload.h"

#include "core/text.h"
#include "core/worker.h"
#include "packager/challenge.h"
#include "packager/registry_internal.h"

#include <string.h>

#define CHUNK (128ull << 20)        /* registries sync and note each, so small ones take long */
#define SMALL (32ull << 20)         /* up to here a blob goes in one request */
#define SMALLEST_CHUNK (1ull << 20) /* what a server that finds chunks too large (413) is offered at least */
#define HASH_BUFFER (1u << 20)
#define RESTARTS 10u             /* answers in a row that bring an upload no further */
#define CLOSE_SECONDS 120u       /* a registry may read all of a blob before it says yes … */
#define CLOSE_RATE (20ull << 20) /* … at so many bytes a second */
#define CLOSE_MOST (4u * 3600)
#define OCTETS "application/octet-stream"

typedef struct {
    OkseRegistry *registry;
    const OkseUpload *upload;
    OkseUploaded *uploaded;
    const char *origin; /* for messages */
    OkseReadable content;
    OkseSha256Stream *hash;
    uint64_t hashed;            /* bytes of the blob, from its front */
    uint64_t counted;           /* as far as progress knows */
    bool checked;               /* the content has its digest */
    char *url;                  /* of the upload, or NULL when none is under way */
    uint64_t at;                /* bytes that the registry has */
    uint64_t further, furthest; /* most that it had in this upload, and in any */
    uint64_t chunk, minimum;
    unsigned tries, restarts, refusals;
    bool done;
} Sending;

bool okse_registry_has_blob(OkseRegistry *registry, const OkseRegistryBlob *blob, bool *there, GError **error)
{
    char text[OKSE_SHA256_TEXT];
    g_autofree char *url = g_strdup_printf("%s/blobs/%s", registry->base, okse_sha256_text(&blob->digest, text));
    g_autofree char *origin = g_strdup_printf("%s, blob %s", registry->name, text);
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {.url = url, .method = "HEAD", .elsewhere = true};
    guint64 size = 0;

    *there = false;
    if (!registry_ask_again(registry, &request, &answer, origin, error))
        return false;
    if (answer.status == 404)
        return true;
    if (answer.status != 200)
        return okse_http_fail_status(&answer, origin, error);
    if (answer.length != NULL &&
        (!g_ascii_string_to_unsigned(answer.length, 10, 0, G_MAXUINT64, &size, NULL) || size != blob->size))
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: the registry says that it has another size than %" G_GUINT64_FORMAT " bytes", origin,
                         blob->size);
    *there = true;
    return true;
}

static bool read_content(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    Sending *sending = (Sending *)(uintptr_t)context; /* a readable is const to whoever reads it */
    const OkseReadable *content = sending->upload->content;

    if (!content->read(content->context, offset, buffer, length, error))
        return false;
    if (offset == sending->hashed) {
        okse_sha256_stream_update(sending->hash, buffer, length);
        sending->hashed += length;
    }
    if (offset + length > sending->counted) {
        okse_progress_add(sending->upload->progress, offset + length - sending->counted);
        sending->counted = offset + length;
    }
    sending->uploaded->sent += length;
    return true;
}

/* Hash what was not read on the way. */
static bool check_content(Sending *sending, GError **error)
{
    const OkseReadable *content = sending->upload->content;
    g_autofree void *buffer = sending->checked ? NULL : g_malloc(HASH_BUFFER);
    OkseSha256 actual;

    if (sending->checked)
        return true;
    while (sending->hashed < content->size) {
        size_t part = (size_t)MIN(HASH_BUFFER, content->size - sending->hashed);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!content->read(content->context, sending->hashed, buffer, part, error))
            return false;
        okse_sha256_stream_update(sending->hash, buffer, part);
        sending->hashed += part;
    }
    actual = okse_sha256_stream_end(sending->hash);
    sending->checked = okse_sha256_equal(&actual, &sending->upload->blob.digest);
    return sending->checked ||
           okse_fail(error, OKSE_ERROR_REFUSED,
                     "%s: has other content than its name says (okse verify tells what else has)", content->path);
}

/* The upload goes on under another address, if the registry says one. */
static void take_location(Sending *sending, OkseHttpAnswer *answer)
{
    if (answer->location == NULL)
        return;
    g_free(sending->url);
    sending->url = g_steal_pointer(&answer->location);
    okse_upload_remember(sending->upload->memory, &sending->upload->blob.digest, sending->url);
}

static void abandon(Sending *sending)
{
    g_clear_pointer(&sending->url, g_free);
    sending->at = sending->further = 0;
    okse_upload_forget(sending->upload->memory);
}

/* Does it go on? In this upload by any new byte; but earlier failures are forgotten only when it is further than ever,
 * or a registry that loses upload after upload would be fed for ever. */
static bool comes_further(Sending *sending)
{
    bool further = sending->at > sending->further;

    sending->further = MAX(sending->further, sending->at);
    if (sending->at > sending->furthest) {
        sending->furthest = sending->at;
        sending->tries = sending->restarts = 0;
    }
    return further;
}

static bool may_restart(Sending *sending, GError **error)
{
    return sending->restarts++ < RESTARTS ||
           okse_fail(error, OKSE_ERROR_REFUSED,
                     "%s: the registry answers %u times and has no more of it than %" G_GUINT64_FORMAT " bytes",
                     sending->origin, RESTARTS, sending->furthest);
}

/* How much of it the registry says it has: never more than was sent. */
static bool take_range(Sending *sending, const OkseHttpAnswer *answer, uint64_t most, GError **error)
{
    uint64_t received = 0;
    g_autofree char *shown = NULL;

    if (answer->received != NULL && okse_range_received(answer->received, &received) && received <= most) {
        sending->at = received;
        return true;
    }
    shown = answer->received == NULL ? g_strdup("nothing") : okse_text_show(answer->received, -1, false);
    return okse_fail(error, OKSE_ERROR_REFUSED,
                     "%s: the registry says '%s' of an upload of which at most %" G_GUINT64_FORMAT " bytes were sent",
                     sending->origin, shown, most);
}

/* A place to send to, or, when another repository has the blob and the registry knows how, the blob itself. */
static bool begin(Sending *sending, GError **error)
{
    const OkseRegistry *registry = sending->registry;
    g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
    char text[OKSE_SHA256_TEXT];
    g_autofree char *mount =
        registry->access.from == NULL
            ? NULL
            : g_strdup_printf("?mount=%s&from=%s", okse_sha256_text(&sending->upload->blob.digest, text),
                              registry->access.from);
    g_autofree char *url = g_strconcat(registry->base, "/blobs/uploads/", mount, NULL);
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {.url = url, .method = "POST", .body = nothing};

    if (!registry_ask_again(sending->registry, &request, &answer, sending->origin, error))
        return false;
    if (answer.status == 201 && mount != NULL) {
        sending->uploaded->mounted = sending->done = true;
        return true;
    }
    if (answer.status != 202)
        return okse_http_fail_status(&answer, sending->origin, error);
    if (answer.location == NULL)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the registry names no place to send the blob to",
                         sending->origin);
    if (answer.chunk_minimum != NULL && okse_chunk_minimum(answer.chunk_minimum, &sending->minimum))
        sending->chunk = MAX(sending->chunk, sending->minimum);
    take_location(sending, &answer);
    return true;
}

/* After a failure, or in a new process: where does it stand? An upload that the registry does not know any more is
 * begun anew; perhaps its end was all that was lost. */
static bool find_place(Sending *sending, GError **error)
{
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {.url = sending->url, .method = "GET"};
    bool there = false;

    if (!registry_ask_again(sending->registry, &request, &answer, sending->origin, error))
        return false;
    if ((answer.status == 204 || answer.status == 202 || answer.status == 200) && answer.received != NULL) {
        if (!take_range(sending, &answer, sending->upload->blob.size, error))
            return false;
        take_location(sending, &answer);
        return true;
    }
    if (answer.status == 401 || answer.status == 403 || answer.again)
        return okse_http_fail_status(&answer, sending->origin, error);
    abandon(sending);
    if (!okse_registry_has_blob(sending->registry, &sending->upload->blob, &there, error))
        return false;
    sending->done = there;
    return there || may_restart(sending, error);
}

/* Some registries take the first chunk of an upload and no second one. */
static bool refuses_chunks(const Sending *sending, const OkseHttpAnswer *answer)
{
    return (answer->status == 400 || answer->status == 405 || answer->status == 501) && sending->at > 0 &&
           sending->at < sending->upload->blob.size && sending->chunk < sending->upload->blob.size;
}

/* The failure may pass: wait, and ask where it stands. */
static bool recover(Sending *sending, const OkseHttpAnswer *answer, GError **cause, GError **error)
{
    if (answer->status == 413 && sending->chunk >= 2 * MAX(SMALLEST_CHUNK, sending->minimum)) {
        sending->chunk /= 2;
        return find_place(sending, error);
    }
    if (refuses_chunks(sending, answer)) { /* then all of it in one */
        sending->chunk = sending->upload->blob.size;
        abandon(sending);
        return true;
    }
    if (answer->status == 404 || answer->status == 416)
        return may_restart(sending, error) && find_place(sending, error);
    if (okse_http_wait(sending->registry->access.http, answer, &sending->tries))
        return find_place(sending, error);
    if (*cause == NULL)
        return okse_http_fail_status(answer, sending->origin, error);
    g_propagate_error(error, g_steal_pointer(cause));
    return false;
}

static bool send_chunk(Sending *sending, GError **error)
{
    uint64_t size = MIN(sending->chunk, sending->upload->blob.size - sending->at);
    g_autofree char *range =
        g_strdup_printf("%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, sending->at, sending->at + size - 1);
    const OkseHttpUpload body = {.content = &sending->content, .from = sending->at, .size = size, .range = range};
    g_autofree char *url = g_strdup(sending->url);
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {
        .url = url, .method = "PATCH", .upload = &body, .body_type = OCTETS, .large = true};
    g_autoptr(GError) cause = NULL;

    if (!registry_ask(sending->registry, &request, &answer, sending->origin, &cause) ||
        (answer.status != 202 && answer.status != 201 && answer.status != 204))
        return recover(sending, &answer, &cause, error);
    sending->at += size;
    if (answer.received != NULL && !take_range(sending, &answer, sending->at, error))
        return false;
    take_location(sending, &answer);
    return comes_further(sending) || may_restart(sending, error);
}

/* The last request, with the rest of the bytes when they fit into it and are all there are. */
static bool close_upload(Sending *sending, GError **error)
{
    const OkseRegistryBlob *blob = &sending->upload->blob;
    char text[OKSE_SHA256_TEXT];
    g_autofree char *url = g_strdup_printf("%s%cdigest=%s", sending->url, strchr(sending->url, '?') == NULL ? '?' : '&',
                                           okse_sha256_text(&blob->digest, text));
    const OkseHttpUpload body = {.content = &sending->content, .from = sending->at, .size = blob->size - sending->at};
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {.url = url,
                                     .method = "PUT",
                                     .upload = &body,
                                     .body_type = OCTETS,
                                     .large = true,
                                     .seconds = (unsigned)MIN(CLOSE_SECONDS + blob->size / CLOSE_RATE, CLOSE_MOST)};
    g_autoptr(GError) cause = NULL;

    if (!check_content(sending, error))
        return false;
    if (registry_ask(sending->registry, &request, &answer, sending->origin, &cause)) {
        if (answer.status == 201 || answer.status == 204) {
            sending->done = true;
            return true;
        }
        if (answer.status == 400 && sending->refusals++ == 0) { /* it has other bytes than were sent */
            abandon(sending);
            return true;
        }
    }
    return recover(sending, &answer, &cause, error);
}

static bool step(Sending *sending, GError **error)
{
    uint64_t size = sending->upload->blob.size;

    if (okse_interrupted())
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    if (sending->url == NULL)
        return begin(sending, error);
    /* small: all of it with the last request */
    if (sending->at == size || (sending->at == 0 && size <= MIN(sending->chunk, SMALL)))
        return close_upload(sending, error);
    return send_chunk(sending, error);
}

static bool take_up(Sending *sending, GError **error)
{
    sending->url = okse_upload_remembered(sending->upload->memory, &sending->upload->blob.digest);
    if (sending->url == NULL)
        return true;
    if (!find_place(sending, error))
        return false;
    sending->restarts = 0;
    sending->further = sending->furthest = sending->at;
    sending->uploaded->resumed = sending->done ? sending->upload->blob.size : sending->at;
    sending->counted = sending->at;
    okse_progress_skip(sending->upload->progress, sending->at);
    return true;
}

/* The registry is told, if it listens, that nobody goes on with what is damaged. */
static void cancel_damaged(Sending *sending)
{
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {.url = sending->url, .method = "DELETE"};

    if (sending->url != NULL && !sending->checked && sending->hashed == sending->upload->blob.size)
        (void)registry_ask(sending->registry, &request, &answer, sending->origin, NULL);
}

bool okse_registry_upload(OkseRegistry *registry, const OkseUpload *upload, OkseUploaded *uploaded, GError **error)
{
    char text[OKSE_SHA256_TEXT];
    g_autofree char *origin =
        g_strdup_printf("%s, blob %s", registry->name, okse_sha256_text(&upload->blob.digest, text));
    g_autoptr(OkseSha256Stream) hash = okse_sha256_stream_new();
    Sending sending = {
        .registry = registry, .upload = upload, .uploaded = uploaded, .origin = origin, .hash = hash, .chunk = CHUNK};
    bool good;

    *uploaded = (OkseUploaded){0};
    sending.content = (OkseReadable){upload->content->path, upload->blob.size, read_content, &sending};
    good = take_up(&sending, error);
    while (good && !sending.done)
        good = step(&sending, error);
    if (good) {
        okse_upload_forget(upload->memory);
    } else {
        cancel_damaged(&sending);
    }
    g_free(sending.url);
    return good;
}
