/* What servers and other people's files say while something is fetched: challenges, tokens, credentials, redirects,
 * ranges, addresses. The first byte says which; whatever is taken could be sent on without ending a header, and leads
 * to no host but the one that was judged. */
#include "packager/challenge.h"
#include "packager/credentials.h"
#include "packager/git_modules.h"
#include "packager/remote.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header(const char *value, const char *begin)
{
    g_assert(g_str_has_prefix(value, begin) && strpbrk(value, "\r\n") == NULL);
}

static void check_challenge(const char *text)
{
    g_auto(OkseChallenge) challenge = {0};
    g_auto(OkseOrigin) origin = {0};

    if (okse_challenge_read(text, &challenge) && challenge.bearer)
        g_assert(okse_origin_read(challenge.realm, &origin, NULL));
}

static void check_token(const char *text)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    g_autoptr(GError) error = NULL;
    char *token = okse_challenge_token(bytes, "server", &error);

    g_assert((token == NULL) == (error != NULL));
    if (token != NULL)
        check_header(token, "Bearer ");
    okse_secret_free(token);
}

static void check_credentials(const char *text)
{
    static const char *const places[] = {"registry.example/lab/server", "127.0.0.1:5000/a"};
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    g_autoptr(OkseCredentials) credentials = okse_credentials_read(bytes, "auth.json", NULL);

    for (unsigned i = 0; credentials != NULL && i < G_N_ELEMENTS(places); i++) {
        g_autoptr(GError) error = NULL;
        char *value = NULL;
        bool found = okse_credentials_find(credentials, places[i], &value, &error);

        g_assert(found == (error == NULL) && (found || value == NULL));
        if (value != NULL)
            check_header(value, "Basic ");
        okse_secret_free(value);
    }
}

/* GLib reads URLs, too. */
static void check_url(const char *text)
{
    static const char *const bases[] = {"https://registry.example/v2/a/blobs/x?y=z", "http://127.0.0.1:5000/a"};

    for (unsigned i = 0; i < G_N_ELEMENTS(bases); i++) {
        g_autofree char *url = okse_url_resolve(bases[i], text, NULL);
        g_autoptr(GUri) other = url == NULL ? NULL : g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL);
        g_auto(OkseOrigin) origin = {0};

        if (url == NULL)
            continue;
        g_assert(okse_origin_read(url, &origin, NULL));
        g_assert(other == NULL || g_ascii_strcasecmp(g_uri_get_host(other), origin.host) == 0);
        g_assert(other == NULL || g_uri_get_userinfo(other) == NULL);
        g_assert(other == NULL || g_uri_get_port(other) == -1 || g_uri_get_port(other) == (int)origin.port);
    }
}

static void check_image(const char *text)
{
    g_auto(OkseImageName) name = {0}, again = {0};
    g_autofree char *written = NULL;
    char digest[OKSE_SHA256_TEXT] = "";

    if (!okse_image_name_read(text, NULL, &name, NULL))
        return;
    if (name.pinned)
        okse_sha256_text(&name.digest, digest);
    written = g_strdup_printf("docker://%s/%s%s%s%s%s", name.host, name.repository, name.tag != NULL ? ":" : "",
                              name.tag != NULL ? name.tag : "", name.pinned ? "@" : "", digest);
    g_assert(okse_image_name_read(written, NULL, &again, NULL));
    g_assert(strcmp(name.host, again.host) == 0 && strcmp(name.repository, again.repository) == 0);
    g_assert(g_strcmp0(name.tag, again.tag) == 0 && name.pinned == again.pinned);
}

static void check_module(const char *text)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    g_autofree char *name = okse_git_module_name(bytes, "a");
    g_autofree char *url = name == NULL ? NULL : okse_git_module_url(bytes, name);

    g_assert(url == NULL || strchr(url, '\n') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(const char *) = {check_challenge, check_token, check_credentials,
                                                   check_url,       check_image, check_module};
    g_autofree char *text = size == 0 ? NULL : g_strndup((const char *)data + 1, size - 1);

    if (text == NULL)
        return 0;
    if (data[0] % 8 < G_N_ELEMENTS(checks))
        checks[data[0] % 8](text);
    else
        g_assert(!okse_range_is(text, 100, 50));
    return 0;
}
