#include "packager/git_modules.h"

#include "core/text.h"

#include <string.h>

/* A quoted text from its opening quote on, or NULL; *end: behind the closing one. */
static char *unquote(const char *text, const char **end)
{
    g_autoptr(GString) plain = g_string_new(NULL);

    for (text++; *text != '"'; text++) {
        if (*text == '\\')
            text++;
        if (*text == '\0')
            return NULL;
        g_string_append_c(plain, *text);
    }
    *end = text + 1;
    return g_string_free(g_steal_pointer(&plain), FALSE);
}

/* The name in [submodule "NAME"], or NULL. */
static char *section_name(const char *line)
{
    static const char begin[] = "[submodule";
    const char *end = NULL;
    g_autofree char *name = NULL;

    if (g_ascii_strncasecmp(line, begin, strlen(begin)) != 0)
        return NULL;
    line += strlen(begin);
    line += strspn(line, " \t");
    name = *line == '"' ? unquote(line, &end) : NULL;
    return name != NULL && *end == ']' ? g_steal_pointer(&name) : NULL;
}

/* What `KEY = …` says, or NULL for another line. */
static char *value_of(const char *line, const char *key)
{
    const char *end = NULL;
    g_autofree char *value = NULL;

    if (g_ascii_strncasecmp(line, key, strlen(key)) != 0)
        return NULL;
    line += strlen(key);
    line += strspn(line, " \t");
    if (*line != '=')
        return NULL;
    line += 1 + strspn(line + 1, " \t");
    if (*line == '"')
        return unquote(line, &end);
    value = g_strndup(line, strcspn(line, "#;"));
    return g_strdup(g_strchomp(value));
}

char *okse_git_module_name(GBytes *bytes, const char *path)
{
    g_autofree char *text = okse_text_of_bytes(bytes);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *section = NULL;

    for (unsigned i = 0; lines[i] != NULL; i++) {
        const char *line = g_strstrip(lines[i]);
        g_autofree char *value = NULL;

        if (*line == '[') {
            g_free(section);
            section = section_name(line);
            continue;
        }
        value = section == NULL ? NULL : value_of(line, "path");
        if (g_strcmp0(value, path) == 0)
            return g_steal_pointer(&section);
    }
    return NULL;
}

char *okse_git_module_url(GBytes *bytes, const char *name)
{
    g_autofree char *text = okse_text_of_bytes(bytes);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *section = NULL, *url = NULL;

    for (unsigned i = 0; lines[i] != NULL; i++) {
        const char *line = g_strstrip(lines[i]);
        g_autofree char *value = NULL;

        if (*line == '[') {
            g_free(section);
            section = section_name(line);
            continue;
        }
        value = g_strcmp0(section, name) != 0 ? NULL : value_of(line, "url");
        if (value == NULL)
            continue;
        g_free(url); /* the last one counts */
        url = g_steal_pointer(&value);
    }
    return g_steal_pointer(&url);
}
