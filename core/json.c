/* Strict JSON over jansson. The depth is checked before the parser runs, because jansson's own limit (2048) is a
 * compile-time constant far above ours. */
#include "core/json.h"

#include "core/json_append.h"

#include "core/limits.h"

#include <string.h>

static bool depth_check(const char *text, size_t length, const char *origin, GError **error)
{
    unsigned depth = 0, line = 1;
    bool quoted = false;

    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        line += c == '\n';
        if (quoted) {
            if (c == '\\')
                i++;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > OKSE_LIMIT_DEPTH)
                return okse_fail(error, OKSE_ERROR_INVALID, "%s:%u: nested deeper than %u levels", origin, line,
                                 OKSE_LIMIT_DEPTH);
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

json_t *okse_json_read(GBytes *bytes, uint64_t limit, const char *origin, GError **error)
{
    gsize length;
    const char *text = g_bytes_get_data(bytes, &length);
    json_error_t where;
    json_t *value;

    if (length > limit) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: larger than the limit of %" G_GUINT64_FORMAT " bytes", origin, limit);
        return NULL;
    }
    if (length == 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: empty, where JSON was expected", origin);
        return NULL;
    }
    if (!depth_check(text, length, origin, error))
        return NULL;
    value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (value == NULL)
        okse_fail(error, OKSE_ERROR_INVALID, "%s:%d:%d: %s", origin, where.line, where.column, where.text);
    return value;
}

GBytes *okse_json_write(const json_t *value)
{
    GString *text = g_string_new(NULL);
    gsize length;

    okse_json_append(text, value);
    length = text->len;
    return g_bytes_new_take(g_string_free(text, FALSE), length);
}

char *okse_json_write_pretty(const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    char *line;

    g_assert(text != NULL);
    line = g_strconcat(text, "\n", NULL);
    free(text);
    return line;
}

const char *okse_json_text(const json_t *object, const char *key, const char *origin, GError **error)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_string(value))
        return json_string_value(value);
    okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is %s", origin, key, value == NULL ? "missing" : "not a text");
    return NULL;
}

bool okse_json_unsigned(const json_t *object, const char *key, uint64_t *value, const char *origin, GError **error)
{
    const json_t *member = json_object_get(object, key);

    if (!json_is_integer(member) || json_integer_value(member) < 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is %s", origin, key,
                         member == NULL ? "missing" : "not a whole number from 0");
    *value = (uint64_t)json_integer_value(member);
    return true;
}

const json_t *okse_json_object(const json_t *object, const char *key, const char *origin, GError **error)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_object(value))
        return value;
    okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is %s", origin, key, value == NULL ? "missing" : "not an object");
    return NULL;
}

const json_t *okse_json_array(const json_t *object, const char *key, const char *origin, GError **error)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_array(value))
        return value;
    okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is %s", origin, key, value == NULL ? "missing" : "not a list");
    return NULL;
}

const char *okse_json_peek_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}
