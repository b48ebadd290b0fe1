/* Who one is to a registry, and its manifests. The registry's own headers about digests are not looked at. */
#include "packager/registry_internal.h"

#include "core/limits.h"
#include "packager/challenge.h"
#include "packager/remote.h"

#include <string.h>

#define ACCEPT                                                                                                         \
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "                            \
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
#define TOKEN_ANSWER_LIMIT 65536u
#define ANSWER_LIMIT 65536u /* of what nobody wants to read */

void okse_registry_free(OkseRegistry *registry)
{
    if (registry == NULL)
        return;
    g_free(registry->host);
    g_free(registry->repository);
    g_free(registry->base);
    g_free(registry->name);
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
    registry->name = g_strconcat(host, "/", repository, NULL);
    if (access->plain) {
        registry->base = g_strdup_printf("http://%s/v2/%s", host, repository);
        if (okse_origin_read(registry->base, &origin, NULL))
            return g_steal_pointer(&registry);
        g_free(registry->base); /* not this machine: as ever */
    }
    registry->base = g_strdup_printf("https://%s/v2/%s", host, repository);
    return okse_origin_read(registry->base, &origin, error) ? g_steal_pointer(&registry) : NULL;
}

const char *okse_registry_name(const OkseRegistry *registry)
{
    return registry->name;
}

bool registry_append(void *context, const void *data, size_t length, GError **error)
{
    (void)error;
    g_byte_array_append(context, data, (guint)length); /* bounded by the request's limit */
    return true;
}

typedef bool (*Exchange)(OkseRegistry *registry, const OkseHttpRequest *request, OkseHttpAnswer *answer,
                         const char *origin, GError **error);

/* Ask, and again after a failure that may pass. */
static bool ask_again(OkseRegistry *registry, const OkseHttpRequest *request, OkseHttpAnswer *answer,
                      const char *origin, Exchange exchange, GError **error)
{
    unsigned tries = 0;

    for (;;) {
        g_autoptr(GError) cause = NULL;
        bool done;

        okse_http_answer_clear(answer);
        if (request->sink == registry_append)
            g_byte_array_set_size(request->context, 0);
        done = exchange(registry, request, answer, origin, &cause);
        if (done && !answer->again)
            return true;
        if (okse_http_wait(registry->access.http, answer, &tries))
            continue;
        if (!done)
            g_propagate_error(error, g_steal_pointer(&cause));
        return done;
    }
}

static bool ask_stranger(OkseRegistry *registry, const OkseHttpRequest *request, OkseHttpAnswer *answer,
                         const char *origin, GError **error)
{
    (void)origin;
    return okse_http_exchange(registry->access.http, request, answer, error);
}

static char *secret_of(const OkseRegistry *registry, GError **error)
{
    char *secret = NULL;

    return okse_credentials_find(registry->access.credentials, registry->name, &secret, error) ? secret : NULL;
}

/* Where a token is to be had, and for what. */
static char *token_url(const OkseRegistry *registry, const OkseChallenge *challenge)
{
    g_autoptr(GString) url = g_string_new(challenge->realm);

    g_string_append_c(url, strchr(challenge->realm, '?') == NULL ? '?' : '&');
    if (challenge->service != NULL) {
        g_autofree char *service = g_uri_escape_string(challenge->service, NULL, false);

        g_string_append_printf(url, "service=%s&", service);
    }
    g_string_append_printf(url, "scope=repository%%3A%s%%3Apull%s", registry->repository,
                           registry->access.push ? "%2Cpush" : "");
    if (registry->access.from != NULL)
        g_string_append_printf(url, "&scope=repository%%3A%s%%3Apull", registry->access.from);
    return g_string_free(g_steal_pointer(&url), FALSE);
}

/* A token for this repository, for whoever the credentials say one is, or for nobody. */
static char *fetch_token(OkseRegistry *registry, const OkseChallenge *challenge, const char *secret, GError **error)
{
    g_autofree char *url = token_url(registry, challenge);
    g_autofree char *origin = g_strdup_printf("token server of %s", registry->host);
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {
        .url = url, .authorization = secret, .limit = TOKEN_ANSWER_LIMIT, .sink = registry_append, .context = body};
    g_autoptr(GBytes) bytes = NULL;

    if (!ask_again(registry, &request, &answer, origin, ask_stranger, error))
        return NULL;
    if (answer.status != 200) {
        okse_http_fail_status(&answer, origin, error);
        return NULL;
    }
    bytes = g_byte_array_free_to_bytes(g_steal_pointer(&body));
    return okse_challenge_token(bytes, origin, error);
}

/* What is asked over TLS is answered over TLS. */
static bool find_challenge(const OkseRegistry *registry, const OkseHttpAnswer *answer, OkseChallenge *challenge)
{
    bool secure = g_str_has_prefix(registry->base, "https://");

    for (guint i = 0; i < answer->challenges->len; i++) {
        okse_challenge_clear(challenge);
        if (okse_challenge_read(g_ptr_array_index(answer->challenges, i), challenge) &&
            (!challenge->bearer || !secure || g_str_has_prefix(challenge->realm, "https://")))
            return true;
    }
    return false;
}

/* What the registry wants to see, after it said 401. False when there is nothing (new) to show. */
static bool log_in(OkseRegistry *registry, const OkseHttpAnswer *answer, const char *origin, GError **error)
{
    g_auto(OkseChallenge) challenge = {0};
    g_autoptr(GError) cause = NULL;
    char *secret, *shown;

    if (!find_challenge(registry, answer, &challenge))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: access denied, and the registry says no way to ask for it",
                         origin);
    secret = secret_of(registry, &cause);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (!challenge.bearer && secret == NULL)
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: access denied, and there are no credentials for %s (" OKSE_CREDENTIALS_HINT ")", origin,
                         registry->host);
    shown = challenge.bearer ? fetch_token(registry, &challenge, secret, error) : g_strdup(secret);
    okse_secret_free(secret);
    okse_secret_free(registry->authorization);
    registry->authorization = shown;
    return shown != NULL;
}

bool registry_ask(OkseRegistry *registry, const OkseHttpRequest *request, OkseHttpAnswer *answer, const char *origin,
                  GError **error)
{
    OkseHttpRequest asked = *request;
    g_auto(OkseOrigin) home = {0}, there = {0};
    bool at_home;

    if (!okse_origin_read(registry->base, &home, error) || !okse_origin_read(request->url, &there, error))
        return false;
    at_home = okse_origin_equal(&home, &there);
    for (bool logged_in = false;; logged_in = true) {
        asked.authorization = at_home ? registry->authorization : NULL;
        if (!okse_http_exchange(registry->access.http, &asked, answer, error))
            return false;
        /* a host that redirects led to does not say where the password goes */
        if (answer->status != 401 || logged_in || !at_home || answer->away)
            return true;
        if (!log_in(registry, answer, origin, error))
            return false;
        okse_http_answer_clear(answer);
    }
}

bool registry_ask_again(OkseRegistry *registry, const OkseHttpRequest *request, OkseHttpAnswer *answer,
                        const char *origin, GError **error)
{
    return ask_again(registry, request, answer, origin, registry_ask, error);
}

GBytes *okse_registry_manifest(OkseRegistry *registry, const char *reference, GError **error)
{
    g_autofree char *url = g_strdup_printf("%s/manifests/%s", registry->base, reference);
    g_autofree char *origin = g_strdup_printf("%s, %s", registry->name, reference);
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {.url = url,
                                     .accept = ACCEPT,
                                     .limit = OKSE_LIMIT_METADATA,
                                     .elsewhere = true,
                                     .sink = registry_append,
                                     .context = body};
    g_autoptr(GBytes) bytes = NULL;
    OkseSha256 named, actual;

    if (!registry_ask_again(registry, &request, &answer, origin, error))
        return NULL;
    if (answer.status != 200) {
        okse_http_fail_status(&answer, origin, error);
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

bool okse_registry_put_manifest(OkseRegistry *registry, const OkseRegistryManifest *manifest, bool *linked,
                                GError **error)
{
    g_autofree char *url = g_strdup_printf("%s/manifests/%s", registry->base, manifest->reference);
    g_autofree char *origin = g_strdup_printf("%s, %s", registry->name, manifest->reference);
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {
        .url = url, .method = "PUT", .body = manifest->bytes, .body_type = manifest->type, .limit = ANSWER_LIMIT};

    if (!registry_ask_again(registry, &request, &answer, origin, error))
        return false;
    if (answer.status != 201 && answer.status != 200 && answer.status != 202)
        return okse_http_fail_status(&answer, origin, error);
    *linked = answer.subject != NULL;
    return true;
}
