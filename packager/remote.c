/* A URL is read by one strict grammar, a part of what URLs may be, so that whoever reads it next (libcurl) cannot see
 * another host in it than was judged here. */
#include "packager/remote.h"

#include "core/text.h"

#include <gio/gio.h>
#include <string.h>

#define URL_LIMIT 8192u
#define URL_SHOWN 200u
#define REPOSITORY_LIMIT 255u /* what registries take, with the host */
#define TAG_LIMIT 128u

bool okse_remote_is(const OkseStackSource *source)
{
    const char *colon = strchr(source->location, ':'), *at = strchr(source->location, '@');
    const char *slash = strchr(source->location, '/');

    if (colon == NULL || g_str_has_prefix(source->location, "file://"))
        return false;
    if (g_str_has_prefix(colon, "://"))
        return slash == colon + 1;
    return source->form == OKSE_SOURCE_GIT && at != NULL && at < colon && (slash == NULL || colon < slash);
}

void okse_image_name_clear(OkseImageName *name)
{
    g_clear_pointer(&name->host, g_free);
    g_clear_pointer(&name->repository, g_free);
    g_clear_pointer(&name->tag, g_free);
    name->pinned = false;
}

/* [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* between slashes. */
bool okse_image_repository_is_good(const char *text)
{
    bool after_letter = false;

    if (strlen(text) > REPOSITORY_LIMIT)
        return false;
    for (const char *p = text; *p != '\0'; p++) {
        bool letter = g_ascii_islower(*p) || g_ascii_isdigit(*p);

        if (letter) {
            after_letter = true;
            continue;
        }
        if (!after_letter || strchr("/._-", *p) == NULL)
            return false;
        if (p[0] == '_' && p[1] == '_')
            p++;
        while (p[0] == '-' && p[1] == '-')
            p++;
        after_letter = false;
    }
    return after_letter;
}

bool okse_image_tag_is_good(const char *text)
{
    if (*text == '\0' || strlen(text) > TAG_LIMIT || *text == '.' || *text == '-')
        return false;
    for (const char *p = text; *p != '\0'; p++)
        if (!g_ascii_isalnum(*p) && strchr("._-", *p) == NULL)
            return false;
    return true;
}

/* "TAG", "sha256:…" or "TAG@sha256:…". */
static bool read_reference(const char *text, OkseImageName *name, GError **error)
{
    const char *at = strchr(text, '@');
    const char *digest = at != NULL ? at + 1 : g_str_has_prefix(text, "sha256:") ? text : NULL;
    g_autofree char *tag = at != NULL ? g_strndup(text, (size_t)(at - text)) : digest == NULL ? g_strdup(text) : NULL;

    if (digest != NULL && (!g_str_has_prefix(digest, "sha256:") || !okse_sha256_parse(digest, &name->digest, NULL)))
        return okse_fail(error, OKSE_ERROR_INVALID, "a digest is sha256: and 64 lower-case hex digits");
    name->pinned = digest != NULL;
    if (tag == NULL || (at == text && at != NULL))
        return true;
    if (!okse_image_tag_is_good(tag))
        return okse_fail(error, OKSE_ERROR_INVALID, "a tag is letters, digits, '.', '_' and '-', at most %u",
                         TAG_LIMIT);
    name->tag = g_steal_pointer(&tag);
    return true;
}

static bool host_is_good(const char *host)
{
    g_autofree char *url = g_strdup_printf("https://%s/", host);
    g_auto(OkseOrigin) origin = {0};

    /* "server:1.4" without a host would be looked for on the network as a host called "server" */
    return (strpbrk(host, ".:") != NULL || strcmp(host, "localhost") == 0) && okse_origin_read(url, &origin, NULL);
}

static bool read_parts(const char *location, const char *reference, OkseImageName *name, GError **error)
{
    const char *rest = strstr(location, "://"), *slash, *end;

    if (rest == NULL || (!g_str_has_prefix(location, "docker://") && !g_str_has_prefix(location, "oci://")))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "an address in a registry is docker://HOST/REPOSITORY or oci://HOST/REPOSITORY");
    rest += strlen("://");
    slash = strchr(rest, '/');
    if (slash == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "names no host: docker://HOST/REPOSITORY");
    name->host = g_strndup(rest, (size_t)(slash - rest));
    end = slash + 1 + strcspn(slash + 1, ":@");
    name->repository = g_strndup(slash + 1, (size_t)(end - slash - 1));
    if (!host_is_good(name->host))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "the host must be that of the registry itself, such as registry.example or localhost:5000");
    if (!okse_image_repository_is_good(name->repository))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "a repository is lower-case letters and digits, joined by '.', '_', '-' and '/'");
    if (*end != '\0' && reference != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "tag and digest stand in the address or in 'ref', not in both");
    if (*end != '\0')
        return read_reference(*end == ':' ? end + 1 : end, name, error);
    return reference == NULL || read_reference(reference, name, error);
}

bool okse_image_name_read(const char *location, const char *reference, OkseImageName *name, GError **error)
{
    g_auto(OkseImageName) read = {0};

    if (!read_parts(location, reference, &read, error))
        return false;
    *name = read;
    read = (OkseImageName){0};
    return true;
}

void okse_origin_clear(OkseOrigin *origin)
{
    g_clear_pointer(&origin->host, g_free);
}

bool okse_origin_equal(const OkseOrigin *a, const OkseOrigin *b)
{
    return a->secure == b->secure && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool is_this_machine(const char *host)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);

    return strcmp(host, "localhost") == 0 || (address != NULL && g_inet_address_get_is_loopback(address));
}

static bool host_characters_are_good(const char *host, bool bracketed)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789.-", address[] = "abcdef0123456789:.";

    return *host != '\0' && *host != '-' && *host != '.' && strspn(host, bracketed ? address : name) == strlen(host);
}

/* "HOST", "HOST:PORT", "[ADDRESS]" or "[ADDRESS]:PORT". */
static bool read_authority(const char *text, OkseOrigin *origin)
{
    bool bracketed = *text == '[';
    const char *end = bracketed ? strchr(text, ']') : text + strcspn(text, ":");
    guint64 port = origin->secure ? 443 : 80;

    if (end == NULL)
        return false;
    g_free(origin->host);
    origin->host = g_ascii_strdown(bracketed ? text + 1 : text, bracketed ? end - text - 1 : end - text);
    end += bracketed;
    if (*end == ':' && !g_ascii_string_to_unsigned(end + 1, 10, 1, 65535, &port, NULL))
        return false;
    origin->port = (unsigned)port;
    return (*end == '\0' || *end == ':') && host_characters_are_good(origin->host, bracketed);
}

/* What may stand in a URL (RFC 3986), without '#'. */
static bool characters_are_good(const char *url)
{
    for (const char *p = url; *p != '\0'; p++)
        if (!g_ascii_isalnum(*p) && strchr("-._~:/?[]@!$&'()*+,;=%", *p) == NULL)
            return false;
    return strlen(url) <= URL_LIMIT;
}

char *okse_url_shown(const char *url)
{
    return okse_text_show(url, (gssize)MIN(strcspn(url, "?"), URL_SHOWN), false);
}

bool okse_origin_read(const char *url, OkseOrigin *origin, GError **error)
{
    g_autofree char *shown = okse_url_shown(url), *authority = NULL;
    g_auto(OkseOrigin) read = {.secure = g_str_has_prefix(url, "https://")};
    const char *rest = url + strlen(read.secure ? "https://" : "http://");

    if ((!read.secure && !g_str_has_prefix(url, "http://")) || !characters_are_good(url))
        return okse_fail(error, OKSE_ERROR_INVALID, "'%s' is no https:// address", shown);
    authority = g_strndup(rest, strcspn(rest, "/?"));
    if (strchr(authority, '@') != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "an address must not hold a user or a password; credentials are in a file of their own");
    if (!read_authority(authority, &read))
        return okse_fail(error, OKSE_ERROR_INVALID, "'%s' names no host", shown);
    if (!read.secure && !is_this_machine(read.host))
        return okse_fail(error, OKSE_ERROR_INVALID, "'%s': http is for this machine itself only; use https", shown);
    *origin = read;
    read = (OkseOrigin){0};
    return true;
}

char *okse_url_resolve(const char *base, const char *reference, GError **error)
{
    g_autofree char *url = NULL;
    g_auto(OkseOrigin) origin = {0};
    char *fragment;

    if (strlen(reference) <= URL_LIMIT && g_utf8_validate(reference, -1, NULL))
        url = g_uri_resolve_relative(base, reference, G_URI_FLAGS_ENCODED, NULL);
    if (url == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "is no address");
        return NULL;
    }
    fragment = strchr(url, '#');
    if (fragment != NULL)
        *fragment = '\0';
    return okse_origin_read(url, &origin, error) ? g_steal_pointer(&url) : NULL;
}
