#include "packager/challenge.h"

#include "core/json.h"
#include "core/limits.h"
#include "packager/remote.h"

#include <string.h>

#define VALUE_LIMIT 8192u
#define TOKEN_LIMIT 16384u

void okse_challenge_clear(OkseChallenge *challenge)
{
    g_clear_pointer(&challenge->realm, g_free);
    g_clear_pointer(&challenge->service, g_free);
}

static bool is_token_character(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static const char *skip(const char *p, const char *set)
{
    return p + strspn(p, set);
}

static char *take_token(const char **at)
{
    const char *begin = *at;

    while (is_token_character(**at))
        (*at)++;
    return *at == begin ? NULL : g_strndup(begin, (size_t)(*at - begin));
}

/* A token or a quoted string behind '='; NULL when it is neither. */
static char *take_value(const char **at)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (**at != '"')
        return take_token(at);
    for ((*at)++; **at != '"'; (*at)++) {
        if (**at == '\\')
            (*at)++;
        if (**at == '\0')
            return NULL;
        g_string_append_c(text, **at);
    }
    (*at)++;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void set_member(OkseChallenge *challenge, const char *name, char **value)
{
    char **member = g_ascii_strcasecmp(name, "realm") == 0     ? &challenge->realm
                    : g_ascii_strcasecmp(name, "service") == 0 ? &challenge->service
                                                               : NULL;

    if (member != NULL && *member == NULL)
        *member = g_steal_pointer(value);
}

/* The parameters of one challenge; stops before the next scheme. */
static bool take_parameters(const char **at, OkseChallenge *challenge)
{
    for (;;) {
        const char *before;
        g_autofree char *name = NULL, *value = NULL;

        *at = before = skip(*at, " \t,");
        name = take_token(at);
        if (name == NULL)
            return **at == '\0';
        *at = skip(*at, " \t");
        if (**at != '=') {
            *at = before; /* a scheme */
            return true;
        }
        *at = skip(*at + 1, " \t");
        value = take_value(at);
        if (value != NULL)
            set_member(challenge, name, &value);
        else
            *at = skip(*at, "="); /* what seemed a name was a token68, "abc==" */
        if (**at != '\0' && strchr(" \t,", **at) == NULL)
            return false;
    }
}

static bool is_usable(const OkseChallenge *challenge)
{
    g_auto(OkseOrigin) origin = {0};

    return !challenge->bearer || (challenge->realm != NULL && okse_origin_read(challenge->realm, &origin, NULL));
}

bool okse_challenge_read(const char *value, OkseChallenge *challenge)
{
    bool has_basic = false;

    if (strlen(value) > VALUE_LIMIT)
        return false;
    for (const char *at = skip(value, " \t,"); *at != '\0'; at = skip(at, " \t,")) {
        g_auto(OkseChallenge) read = {0};
        g_autofree char *scheme = take_token(&at);

        if (scheme == NULL || !take_parameters(&at, &read))
            break;
        read.bearer = g_ascii_strcasecmp(scheme, "Bearer") == 0;
        if (read.bearer && is_usable(&read)) {
            *challenge = read;
            read = (OkseChallenge){0};
            return true;
        }
        has_basic = has_basic || g_ascii_strcasecmp(scheme, "Basic") == 0;
    }
    if (has_basic)
        *challenge = (OkseChallenge){0};
    return has_basic;
}

/* Anything else could end the header and begin another. */
static bool is_graphic(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (!g_ascii_isgraph(*p))
            return false;
    return true;
}

char *okse_challenge_token(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(json_t) json = okse_json_read(bytes, OKSE_LIMIT_METADATA, origin, error);
    const char *token = okse_json_peek_text(json, "token");

    if (json == NULL)
        return NULL;
    if (token == NULL)
        token = okse_json_peek_text(json, "access_token");
    if (token == NULL || *token == '\0' || strlen(token) > TOKEN_LIMIT || !is_graphic(token)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: gives no token that could be sent", origin);
        return NULL;
    }
    return g_strconcat("Bearer ", token, NULL);
}

static bool take_number(const char **at, uint64_t *value)
{
    const char *begin = *at;
    g_autofree char *digits = NULL;
    guint64 number = 0;

    *at = skip(begin, "0123456789");
    digits = g_strndup(begin, (size_t)(*at - begin));
    if (!g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT64, &number, NULL))
        return false;
    *value = number;
    return true;
}

bool okse_range_is(const char *value, uint64_t from, uint64_t size)
{
    uint64_t first = 0, last = 0, total = size;

    if (g_ascii_strncasecmp(value, "bytes ", strlen("bytes ")) != 0)
        return false;
    value = skip(value + strlen("bytes "), " ");
    if (!take_number(&value, &first) || *value++ != '-' || !take_number(&value, &last) || *value++ != '/')
        return false;
    if (strcmp(value, "*") != 0 && (!take_number(&value, &total) || *value != '\0'))
        return false;
    return first == from && last >= first && last < size && total == size;
}

bool okse_range_received(const char *value, uint64_t *length)
{
    uint64_t first = 0, last = 0;

    if (g_ascii_strncasecmp(value, "bytes", strlen("bytes")) == 0 && strchr("= ", value[strlen("bytes")]) != NULL)
        value = skip(value + strlen("bytes"), "= ");
    if (!take_number(&value, &first) || *value++ != '-' || !take_number(&value, &last) || *value != '\0' ||
        first != 0 || last >= OKSE_LIMIT_FILE_SIZE)
        return false;
    *length = last == 0 ? 0 : last + 1;
    return true;
}

bool okse_chunk_minimum(const char *value, uint64_t *length)
{
    uint64_t read = 0;

    if (!take_number(&value, &read) || *value != '\0' || read > OKSE_LIMIT_FILE_SIZE)
        return false;
    *length = read;
    return true;
}

char *okse_link_next(const char *value)
{
    for (const char *at = value; (at = strchr(at, '<')) != NULL;) {
        const char *end = strchr(at, '>');
        const char *parameters = end == NULL ? NULL : end + 1;
        g_autofree char *rest = parameters == NULL ? NULL : g_strndup(parameters, strcspn(parameters, ",<"));

        if (end == NULL)
            return NULL;
        if (strstr(rest, "rel=\"next\"") != NULL || strstr(rest, "rel=next") != NULL)
            return g_strndup(at + 1, (gsize)(end - at - 1));
        at = parameters;
    }
    return NULL;
}
