/* How a program shows: by the repository of an image, by a word of its command, by a package beside its interpreter, by
 * the path of its configuration. Mirrors keep the end of a repository's name, so patterns are held against ends. */
#include "audit/telemetry.h"

#include <string.h>

#define FIRST_WORDS 24u /* of a command in which the program's name may stand */

static bool path_ends_like(const char *pattern, const char *path)
{
    for (const char *at = path; at != NULL; at = strchr(at, '/') != NULL ? strchr(at, '/') + 1 : NULL)
        if (g_pattern_match_simple(pattern, at))
            return true;
    return false;
}

static bool image_shows(const json_t *program, const char *image, char **what, char **version)
{
    g_autofree char *path = g_strdup(image);
    char *digest = strchr(path, '@'), *colon;
    const json_t *pattern;
    size_t i;

    if (digest != NULL)
        *digest = '\0';
    colon = strrchr(path, ':');
    if (colon != NULL && strchr(colon, '/') == NULL)
        *colon++ = '\0';
    else
        colon = NULL;
    json_array_foreach(json_object_get(program, "images"), i, pattern)
    {
        if (!path_ends_like(json_string_value(pattern), path))
            continue;
        *what = g_strdup(image);
        if (colon != NULL)
            *version = g_strdup(*colon == 'v' ? colon + 1 : colon);
        return true;
    }
    return false;
}

/* A program's name is the first word, or what an interpreter or shell is given: -m NAME, -c "NAME …", exec NAME. */
static bool command_shows(const json_t *program, const json_t *command, char **what)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_auto(GStrv) words = NULL;
    const json_t *pattern;
    size_t i;

    for (i = 0; i < MIN(json_array_size(command), FIRST_WORDS); i++)
        g_string_append_printf(line, "%s ", json_string_value(json_array_get(command, i)));
    words = g_strsplit_set(line->str, " \t;&|\"'", -1);
    for (char **word = words; *word != NULL && (gsize)(word - words) < FIRST_WORDS; word++) {
        g_autofree char *name = g_path_get_basename(**word != '\0' ? *word : ".");
        bool flag = **word == '-', led = strcmp(*word, "-m") == 0 || g_str_has_suffix(*word, "c");

        if (flag && !led && word != words)
            break; /* what follows a flag is its value */
        json_array_foreach(json_object_get(program, "commands"), i,
                           pattern) if (!flag && g_pattern_match_simple(json_string_value(pattern), name))
        {
            *what = g_strdup(*word);
            return true;
        }
    }
    return false;
}

static bool package_shows(const json_t *program, const json_t *packages, char **what, char **version)
{
    const json_t *package, *name;
    size_t i, k;

    json_array_foreach(packages, i, package) json_array_foreach(json_object_get(program, "packages"), k, name)
    {
        const char *text = okse_json_peek_text(package, "name");

        if (text == NULL || g_ascii_strcasecmp(text, json_string_value(name)) != 0)
            continue;
        *version = g_strdup(okse_json_peek_text(package, "version"));
        *what = g_strdup_printf("%s %s", text, *version != NULL ? *version : "?");
        return true;
    }
    return false;
}

const char *okse_telemetry_sign(const json_t *program, const char *image, const json_t *command, const json_t *packages,
                                char **what, char **version)
{
    char *other = NULL;
    const char *sign = NULL;

    *what = NULL;
    *version = NULL;
    if (image != NULL && image_shows(program, image, what, version))
        return "image";
    if (command_shows(program, command, what))
        sign = "command";
    if (package_shows(program, packages, &other, version) && sign == NULL) {
        *what = g_steal_pointer(&other);
        sign = "package";
    }
    g_free(other);
    return sign;
}
