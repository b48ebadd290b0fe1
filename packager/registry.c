/* A blob is hashed while it arrives. After a broken connection the hash goes on where it was; a new process hashes what
 * lies there and asks for the rest. The registry's own headers about digests are not looked at. */
#include "packager/registry.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/challenge.h"
#include "packager/remote.h"

#include <string.h>
#include <sys/stat.h>

#define ACCEPT                                                                                                         \
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "                            \
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
#define TOKEN_ANSWER_LIMIT 65536u
#define CHUNK (1u << 20)
#define PROGRESS_BYTES (1u << 20) /* so many new bytes make a broken connection no failed try */

struct OkseRegistry {
    OkseRegistryAccess access;
    char *host, *repository, *base; /* base: "https://HOST/v2/REPOSITORY" */
    char *authorization;            /* once it was asked for; or NULL */
};

void okse_registry_free(OkseRegistry *registry)
{
    if (registry == NULL)
        return;
    g_free(registry->host);
    g_free(registry->repository);
    g_free(registry->base);
    okse_secret_free(registry->authorization);
    g_free(registry);
}

OkseRegistry *okse_registry_new(const OkseRegistryAccess *access, const char *host, const char *repository,
                                GError **error)
{
    g_autoptr(OkseRegistry) registry = g_new0(OkseRegistry, 1);
    g_auto(OkseOrigin) origin = {0};

    registry->access = *access;
    registry->host = g_strdup(host);
    registry->repository = g_strdup(repository);
    if (access->plain) {
        registry->base = g_strdup_printf("http://%s/v2/%s", host, repository);
        if (okse_origin_read(registry->base, &origin, NULL))
            return g_steal_pointer(&registry);
        g_free(registry->base); /* not this machine: as ever */
    }
    registry->base = g_strdup_printf("https://%s/v2/%s", host, repository);
    return okse_origin_read(registry->base, &origin, error) ? g_steal_pointer(&registry) : NULL;
}

static bool append(void *context, const void *data, size_t length, GError **error)
{
    (void)error;
    g_byte_array_append(context, data, (guint)length); /* bounded by the request's limit */
    return true;
}

/* Exchange, and again after a failure that may pass. bytes: emptied before each try. */
static bool exchange_small(OkseHttp *http, const OkseHttpRequest *request, OkseHttpAnswer *answer, GError **error)
{
    unsigned tries = 0;

    for (;;) {
        g_autoptr(GError) cause = NULL;
        bool done;

        okse_http_answer_clear(answer);
        g_byte_array_set_size(request->context, 0);
        done = okse_http_exchange(http, request, answer, &cause);
        if (done && !answer->again)
            return true;
        if (okse_http_wait(http, answer, &tries))
            continue;
        if (!done)
            g_propagate_error(error, g_steal_pointer(&cause));
        return done;
    }
}

static char *secret_of(const OkseRegistry *registry, GError **error)
{
    g_autofree char *place = g_strconcat(registry->host, "/", registry->repository, NULL);
    char *secret = NULL;

    return okse_credentials_find(registry->access.credentials, place, &secret, error) ? secret : NULL;
}

/* A token for pulling from this repository, for whoever the credentials say one is, or for nobody. */
static char *fetch_token(const OkseRegistry *registry, const OkseChallenge *challenge, const char *secret,
                         GError **error)
{
    g_autofree char *service = challenge->service == NULL ? NULL : g_uri_escape_string(challenge->service, NULL, false);
    g_autofree char *url =
        g_strdup_printf("%s%s%s%s%sscope=repository%%3A%s%%3Apull", challenge->realm,
                        strchr(challenge->realm, '?') == NULL ? "?" : "&", service != NULL ? "service=" : "",
                        service != NULL ? service : "", service != NULL ? "&" : "", registry->repository);
    g_autofree char *origin = g_strdup_printf("token server of %s", registry->host);
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {
        .url = url, .authorization = secret, .limit = TOKEN_ANSWER_LIMIT, .sink = append, .context = body};
    g_autoptr(GBytes) bytes = NULL;

    if (!exchange_small(registry->access.http, &request, &answer, error))
        return NULL;
    if (answer.status != 200) {
        okse_http_fail_status(&answer, origin, error);
        return NULL;
    }
    bytes = g_byte_array_free_to_bytes(g_steal_pointer(&body));
    return okse_challenge_token(bytes, origin, error);
}

/* What the registry wants to see, after it said 401. False when there is nothing (new) to show. */
static bool log_in(OkseRegistry *registry, const OkseHttpAnswer *answer, const char *origin, GError **error)
{
    g_auto(OkseChallenge) challenge = {0};
    g_autoptr(GError) cause = NULL;
    char *secret, *shown;
    bool found = false;

    for (guint i = 0; i < answer->challenges->len && !found; i++)
        found = okse_challenge_read(g_ptr_array_index(answer->challenges, i), &challenge);
    if (!found)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: access denied, and the registry says no way to ask for it",
                         origin);
    secret = secret_of(registry, &cause);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (!challenge.bearer && secret == NULL)
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: access denied, and there are no credentials for %s (okse fetch --auth FILE)", origin,
                         registry->host);
    shown = challenge.bearer ? fetch_token(registry, &challenge, secret, error) : g_strdup(secret);
    okse_secret_free(secret);
    okse_secret_free(registry->authorization);
    registry->authorization = shown;
    return shown != NULL;
}

GBytes *okse_registry_manifest(OkseRegistry *registry, const char *reference, GError **error)
{
    g_autofree char *url = g_strdup_printf("%s/manifests/%s", registry->base, reference);
    g_autofree char *origin = g_strdup_printf("%s/%s, %s", registry->host, registry->repository, reference);
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_autoptr(GBytes) bytes = NULL;
    OkseSha256 named, actual;

    for (unsigned i = 0;; i++) {
        g_auto(OkseHttpAnswer) answer = {0};
        const OkseHttpRequest request = {.url = url,
                                         .accept = ACCEPT,
                                         .authorization = registry->authorization,
                                         .limit = OKSE_LIMIT_METADATA,
                                         .elsewhere = true,
                                         .sink = append,
                                         .context = body};

        if (!exchange_small(registry->access.http, &request, &answer, error))
            return NULL;
        if (answer.status == 200)
            break;
        if (answer.status != 401 || i > 0) {
            okse_http_fail_status(&answer, origin, error);
            return NULL;
        }
        if (!log_in(registry, &answer, origin, error))
            return NULL;
    }
    bytes = g_byte_array_free_to_bytes(g_steal_pointer(&body));
    actual = okse_sha256_of_bytes(bytes);
    if (okse_sha256_parse(reference, &named, NULL) && !okse_sha256_equal(&named, &actual)) {
        okse_fail(error, OKSE_ERROR_REFUSED, "%s: the registry sends something else", origin);
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

/* A blob on its way into a file. */
typedef struct {
    OkseRegistry *registry;
    const OkseRegistryBlob *blob;
    const char *origin;
    int fd;
    uint64_t at; /* bytes in the file, all of them hashed */
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
    return ftruncate(arrival->fd, 0) == 0 || okse_fail_errno(error, "%s", arrival->origin);
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
    if (!okse_pwrite_all(arrival->fd, data, length, arrival->at, arrival->origin, error))
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
    struct stat info;

    if (fstat(arrival->fd, &info) < 0)
        return okse_fail_errno(error, "%s", arrival->origin);
    if ((uint64_t)info.st_size > arrival->blob->size)
        return start_over(arrival, error);
    while (arrival->at < (uint64_t)info.st_size) {
        size_t part = MIN(CHUNK, (uint64_t)info.st_size - arrival->at);

        if (!okse_pread_exact(arrival->fd, buffer, part, arrival->at, arrival->origin, error))
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
                                     .authorization = arrival->registry->authorization,
                                     .from = arrival->at,
                                     .limit = arrival->blob->size - arrival->at,
                                     .elsewhere = true,
                                     .large = true,
                                     .sink = arrive,
                                     .context = arrival};

    arrival->answer = answer;
    arrival->checked = false;
    return okse_http_exchange(arrival->registry->access.http, &request, answer, error);
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
    bool logged_in = false;
    unsigned tries = 0;

    while (arrival->at < arrival->blob->size) {
        uint64_t before = arrival->at;
        g_auto(OkseHttpAnswer) answer = {0};
        g_autoptr(GError) cause = NULL;
        bool done = ask(arrival, url, &answer, &cause);

        if (done && (answer.status == 200 || answer.status == 206))
            return arrival->at == arrival->blob->size || refuse_short(arrival, error);
        if (done && answer.status == 401 && !logged_in) {
            if (!log_in(arrival->registry, &answer, arrival->origin, error))
                return false;
            logged_in = true;
            continue;
        }
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

bool okse_registry_blob(OkseRegistry *registry, const OkseRegistryBlob *blob, int fd, OkseProgress *progress,
                        uint64_t *fetched, GError **error)
{
    char text[OKSE_SHA256_TEXT];
    g_autofree char *url = g_strdup_printf("%s/blobs/%s", registry->base, okse_sha256_text(&blob->digest, text));
    g_autofree char *origin = g_strdup_printf("%s/%s, blob %s", registry->host, registry->repository, text);
    g_autoptr(OkseSha256Stream) hash = okse_sha256_stream_new();
    Arrival arrival = {.registry = registry,
                       .blob = blob,
                       .origin = origin,
                       .fd = fd,
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
