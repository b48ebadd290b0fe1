#include "audit/target.h"

#include <glib.h>
#include <string.h>

#define HOST_LIMIT 253u /* bytes of a name, RFC 1035 */

int okse_scheme_tls(const char *scheme)
{
    static const char *const encrypted[] = {"https", "ldaps", "rediss", "amqps", "smtps", "wss",
                                            "grpcs", "mqtts", "tls",    "ssl",   NULL};
    static const char *const plain[] = {"http", "ldap", "redis", "amqp", "smtp", "ws", "grpc", "ftp", "mqtt", NULL};

    if (scheme == NULL)
        return -1;
    return g_strv_contains(encrypted, scheme) ? 1 : g_strv_contains(plain, scheme) ? 0 : -1;
}

unsigned okse_scheme_port(const char *scheme)
{
    static const struct {
        const char *scheme;
        unsigned port;
    } ports[] = {{"https", 443}, {"http", 80}, {"ldaps", 636}, {"ldap", 389}};

    for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++)
        if (g_strcmp0(scheme, ports[i].scheme) == 0)
            return ports[i].port;
    return 0;
}

void okse_target_clear(OkseTarget *target)
{
    g_clear_pointer(&target->scheme, g_free);
    g_clear_pointer(&target->host, g_free);
}

/* Behind "scheme://", which is kept; "unix" and "file" lead nowhere. */
static const char *skip_scheme(const char *text, char **scheme)
{
    const char *end = strstr(text, "://"), *start = end;

    if (end == NULL || end == text || end - text > 64)
        return text;
    while (start > text && (g_ascii_isalnum(start[-1]) || strchr("+.-", start[-1]) != NULL))
        start--;
    *scheme = g_ascii_strdown(start, end - start);
    return end + 3;
}

/* Behind the last '@' of the authority. */
static const char *skip_user(const char *text)
{
    size_t length = strcspn(text, "/?#");
    const char *at = NULL;

    for (size_t i = 0; i < length; i++)
        at = text[i] == '@' ? text + i : at;
    return at != NULL ? at + 1 : text;
}

static bool is_name(const char *host)
{
    size_t length = strlen(host);

    return length > 0 && length <= HOST_LIMIT &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length &&
           g_ascii_isalnum(host[0]);
}

static unsigned port_of(const char *text)
{
    guint64 port = 0;
    g_autofree char *digits = g_strndup(text, strspn(text, "0123456789"));

    return g_ascii_string_to_unsigned(digits, 10, 1, 65535, &port, NULL) ? (unsigned)port : 0;
}

static bool is_flag(const char *text)
{
    static const char *const words[] = {"true", "false", "on",      "off",  "yes", "no",
                                        "none", "null",  "default", "auto", NULL};
    g_autofree char *lower = g_ascii_strdown(text, -1);

    return g_strv_contains(words, lower) || strspn(text, "0123456789") == strlen(text);
}

static OkseTargetKind read_host(const char *text, OkseTarget *target)
{
    const char *colon = strchr(text, ':'), *end;

    if (*text == '[') {
        end = strchr(text, ']');
        if (end == NULL || end - text > 64)
            return OKSE_TARGET_NONE;
        target->host = g_strndup(text + 1, (gsize)(end - text - 1));
        target->port = end[1] == ':' ? port_of(end + 2) : 0;
        return OKSE_TARGET_READ;
    }
    if (colon != NULL && strchr(colon + 1, ':') != NULL && target->scheme == NULL) { /* bare IPv6 */
        target->host = g_strndup(text, strspn(text, "0123456789abcdefABCDEF:."));
        return g_hostname_is_ip_address(target->host) ? OKSE_TARGET_READ : OKSE_TARGET_NONE;
    }
    target->host = g_strndup(text, strcspn(text, ":/?# \t,;"));
    target->port = colon != NULL && colon == text + strlen(target->host) ? port_of(colon + 1) : 0;
    return is_name(target->host) && !is_flag(target->host) ? OKSE_TARGET_READ : OKSE_TARGET_NONE;
}

OkseTargetKind okse_target_read(const char *text, OkseTarget *target)
{
    g_autofree char *trimmed = g_strstrip(g_strdup(text));
    const char *authority;
    OkseTargetKind kind;

    *target = (OkseTarget){0};
    if (strlen(trimmed) > 4096 || *trimmed == '/' || *trimmed == '\0')
        return OKSE_TARGET_NONE;
    authority = skip_user(skip_scheme(trimmed, &target->scheme));
    if (strcspn(authority, "$%{<") < strcspn(authority, "/?#"))
        kind = OKSE_TARGET_VARIABLE;
    else if (g_strcmp0(target->scheme, "unix") == 0 || g_strcmp0(target->scheme, "file") == 0 ||
             g_str_has_prefix(authority, "unix:"))
        kind = OKSE_TARGET_NONE;
    else
        kind = read_host(authority, target);
    if (kind != OKSE_TARGET_READ)
        okse_target_clear(target);
    return kind;
}
