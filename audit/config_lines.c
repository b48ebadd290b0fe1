/* Formats in which a line says one thing: INI and systemd units, shell assignments, Java properties, Debian's deb822.
 */
#include "audit/config_build.h"

#include <string.h>

static bool is_comment(OkseConfigSpan line, const char *marks)
{
    return line.length == 0 || strchr(marks, line.text[0]) != NULL;
}

static gsize find(OkseConfigSpan span, const char *any)
{
    gsize at = 0;

    while (at < span.length && strchr(any, span.text[at]) == NULL)
        at++;
    return at;
}

/* "key = value" at the first of `separators`; a line without one is a key alone. */
static OkseConfigNode *add_pair(OkseConfigText *text, OkseConfigNode *parent, OkseConfigSpan line,
                                const char *separators)
{
    gsize at = find(line, separators);
    OkseConfigSpan key = okse_config_unquote(okse_config_strip(okse_config_head(line, at)));
    OkseConfigSpan value = okse_config_unquote(okse_config_strip(okse_config_from(line, at + 1)));

    return okse_config_add(text, parent, key, at < line.length ? &value : NULL);
}

/* A line that ends with '\' goes on in the next one: what stands there is one more value of the same key. */
static bool goes_on(OkseConfigSpan *line)
{
    if (line->length == 0 || line->text[line->length - 1] != '\\')
        return false;
    line->length--;
    return true;
}

typedef struct {
    OkseConfigNode *section, *pair;
    bool continued;
} Ini;

static bool add_ini_line(OkseConfigText *text, OkseConfigNode *top, Ini *ini, OkseConfigSpan line)
{
    bool indented = line.length > 0 && g_ascii_isspace(line.text[0]), before = ini->continued;
    OkseConfigSpan stripped = okse_config_strip(line);

    if (is_comment(stripped, "#;")) /* also between the lines of one value */
        return true;
    ini->continued = goes_on(&stripped);
    stripped = okse_config_strip(stripped);
    if (stripped.length > 2 && stripped.text[0] == '[' && stripped.text[stripped.length - 1] == ']' && !before) {
        OkseConfigSpan name = okse_config_strip(okse_config_head(okse_config_from(stripped, 1), stripped.length - 2));

        ini->section = okse_config_add(text, top, name, NULL);
        ini->pair = NULL;
        return ini->section != NULL;
    }
    if (ini->pair != NULL && (before || (indented && find(stripped, "=") == stripped.length))) {
        OkseConfigSpan key = {ini->pair->key, strlen(ini->pair->key), stripped.line, stripped.column};

        return okse_config_add(text, ini->section, key, &stripped) != NULL;
    }
    ini->pair = add_pair(text, ini->section, stripped, find(stripped, "=") < stripped.length ? "=" : ":");
    return ini->pair != NULL;
}

bool okse_config_read_ini(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    Ini ini = {.section = top};
    OkseConfigSpan line;

    while (okse_config_line(text, &line))
        if (!add_ini_line(text, top, &ini, line))
            return okse_config_too_much(text, error);
    return true;
}

/* NAME=value of a shell, an EnvironmentFile or a .env: `export` and quotes are taken off, a comment behind a bare value
 * is none of it. */
bool okse_config_read_env(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    OkseConfigSpan line;

    while (okse_config_line(text, &line)) {
        OkseConfigSpan stripped = okse_config_strip(line);
        gsize at;

        if (stripped.length > 7 && strncmp(stripped.text, "export ", 7) == 0)
            stripped = okse_config_strip(okse_config_from(stripped, 7));
        at = find(stripped, "=");
        if (is_comment(stripped, "#") || at == stripped.length)
            continue;
        if (stripped.text[MIN(at + 1, stripped.length - 1)] != '"' &&
            stripped.text[MIN(at + 1, stripped.length - 1)] != '\'')
            for (gsize i = at + 1; i + 1 < stripped.length; i++)
                if (g_ascii_isspace(stripped.text[i]) && stripped.text[i + 1] == '#')
                    stripped.length = i;
        if (add_pair(text, top, stripped, "=") == NULL)
            return okse_config_too_much(text, error);
    }
    return true;
}

bool okse_config_read_properties(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    OkseConfigNode *pair = NULL;
    bool continued = false;
    OkseConfigSpan line;

    while (okse_config_line(text, &line)) {
        OkseConfigSpan stripped = okse_config_strip(line);
        bool before = continued;

        if (!before && is_comment(stripped, "#!"))
            continue;
        continued = goes_on(&stripped);
        stripped = okse_config_strip(stripped);
        if (before && pair != NULL) {
            OkseConfigSpan key = {pair->key, strlen(pair->key), stripped.line, stripped.column};

            if (okse_config_add(text, top, key, &stripped) == NULL)
                return okse_config_too_much(text, error);
            continue;
        }
        pair = add_pair(text, top, stripped, find(stripped, "=:") < stripped.length ? "=:" : " \t");
        if (pair == NULL)
            return okse_config_too_much(text, error);
    }
    return true;
}

/* Stanzas of "Field: value", a value going on in indented lines (deb822(5)). */
bool okse_config_read_deb822(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    OkseConfigNode *stanza = NULL, *pair = NULL, *added;
    OkseConfigSpan line;

    while (okse_config_line(text, &line)) {
        OkseConfigSpan stripped = okse_config_strip(line), name = {"stanza", 6, line.line, line.column};
        bool indented = line.length > 0 && (line.text[0] == ' ' || line.text[0] == '\t');

        if (stripped.length == 0)
            stanza = pair = NULL;
        if (is_comment(stripped, "#"))
            continue;
        if (stanza == NULL) {
            stanza = okse_config_add(text, top, name, NULL);
            pair = NULL;
        }
        if (stanza == NULL)
            return okse_config_too_much(text, error);
        if (indented && pair != NULL) {
            OkseConfigSpan key = {pair->key, strlen(pair->key), stripped.line, stripped.column};

            added = okse_config_add(text, stanza, key, &stripped);
        } else {
            added = pair = add_pair(text, stanza, stripped, ":");
        }
        if (added == NULL)
            return okse_config_too_much(text, error);
    }
    return true;
}
