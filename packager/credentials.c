/* No program is run for a secret: what a helper would say is nobody's to check, and which one runs is decided by a file
 * that other software writes. */
#include "packager/credentials.h"

#include "core/json.h"
#include "core/limits.h"
#include "core/text.h"

#include <openssl/crypto.h>
#include <string.h>

#define SECRET_LIMIT 16384u

struct OkseCredentials {
    char *origin;
    json_t *json;
};

void okse_secret_free(char *secret)
{
    if (secret != NULL)
        OPENSSL_cleanse(secret, strlen(secret));
    g_free(secret);
}

void okse_credentials_free(OkseCredentials *credentials)
{
    if (credentials == NULL)
        return;
    g_free(credentials->origin);
    json_decref(credentials->json);
    g_free(credentials);
}

OkseCredentials *okse_credentials_read(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(OkseCredentials) credentials = g_new0(OkseCredentials, 1);
    const json_t *auths;

    credentials->origin = g_strdup(origin);
    credentials->json = okse_json_read(bytes, OKSE_LIMIT_METADATA, origin, error);
    if (credentials->json == NULL)
        return NULL;
    auths = json_object_get(credentials->json, "auths");
    if (!json_is_object(credentials->json) || (auths != NULL && !json_is_object(auths))) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is no credential file: {\"auths\": {HOST: {\"auth\": …}}}", origin);
        return NULL;
    }
    return g_steal_pointer(&credentials);
}

/* How an entry names its place: old ones are URLs, of which the host alone was ever meant. */
static char *place_of(const char *key)
{
    const char *rest = strstr(key, "://");

    if (rest == NULL)
        return g_strndup(key, strlen(key) - g_str_has_suffix(key, "/"));
    rest += strlen("://");
    return g_strndup(rest, strcspn(rest, "/"));
}

static bool covers(const char *above, const char *place)
{
    size_t length = strlen(above);

    return length > 0 && strncmp(above, place, length) == 0 && (place[length] == '\0' || place[length] == '/');
}

static const json_t *most_specific(const json_t *object, const char *place)
{
    const json_t *found = NULL, *value;
    const char *key;
    size_t longest = 0;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        g_autofree char *named = place_of(key);

        if (covers(named, place) && strlen(named) > longest) {
            longest = strlen(named);
            found = value;
        }
    }
    return found;
}

/* base64 of "user:password", as it goes over the wire. */
static char *basic_of(const char *auth)
{
    gsize length = 0;
    guchar *plain = strlen(auth) > SECRET_LIMIT ? NULL : g_base64_decode(auth, &length);
    bool good = plain != NULL && length > 0 && memchr(plain, ':', length) != NULL && plain[0] != ':' &&
                memchr(plain, '\0', length) == NULL && memchr(plain, '\n', length) == NULL &&
                memchr(plain, '\r', length) == NULL;
    char *again = good ? g_base64_encode(plain, length) : NULL;
    char *value = again == NULL ? NULL : g_strconcat("Basic ", again, NULL);

    if (plain != NULL)
        OPENSSL_cleanse(plain, length);
    g_free(plain);
    okse_secret_free(again);
    return value;
}

/* Without an entry, is there a program that would know? */
static bool refuse_helper(const OkseCredentials *credentials, const char *place, GError **error)
{
    const json_t *helper = most_specific(json_object_get(credentials->json, "credHelpers"), place);
    const char *name = json_string_value(helper);
    g_autofree char *shown = NULL;

    if (name == NULL)
        name = okse_json_peek_text(credentials->json, "credsStore");
    if (name == NULL || *name == '\0')
        return true;
    shown = okse_text_show(name, -1, false);
    return okse_fail(error, OKSE_ERROR_REFUSED,
                     "%s: the credentials for %s are with the credential helper '%s', and no program is run for them; "
                     "give a file that has them under 'auths' (" OKSE_CREDENTIALS_HINT ")",
                     credentials->origin, place, shown);
}

bool okse_credentials_find(const OkseCredentials *credentials, const char *place, char **value, GError **error)
{
    const json_t *entry;
    const char *auth;

    *value = NULL;
    if (credentials == NULL)
        return true;
    entry = most_specific(json_object_get(credentials->json, "auths"), place);
    auth = okse_json_peek_text(entry, "auth");
    if (auth == NULL || *auth == '\0') {
        if (okse_json_peek_text(entry, "identitytoken") != NULL)
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "%s: the entry for %s is an identity token; give one with 'auth' (" OKSE_CREDENTIALS_HINT
                             ")",
                             credentials->origin, place);
        return refuse_helper(credentials, place, error);
    }
    *value = basic_of(auth);
    return *value != NULL || okse_fail(error, OKSE_ERROR_INVALID, "%s: 'auth' for %s is not base64 of USER:PASSWORD",
                                       credentials->origin, place);
}
