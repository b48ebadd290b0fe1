#include "audit/unit_file.h"

#include <string.h>

#define LONGEST 65536u

typedef struct {
    OkseUnitLine tell;
    void *context;
    GString *section, *whole; /* the line with its continuations */
    unsigned first;
} Reader;

static void finish_line(Reader *reader)
{
    char *text = g_strstrip(reader->whole->str), *equals = strchr(text, '=');

    if (*text == '[' && strchr(text, ']') != NULL) {
        g_string_assign(reader->section, text + 1);
        g_string_truncate(reader->section, strcspn(reader->section->str, "]"));
    } else if (*text != '\0' && equals != NULL) {
        *equals = '\0';
        reader->tell(reader->context, reader->section->str, g_strstrip(text), g_strstrip(equals + 1), reader->first);
    }
    g_string_truncate(reader->whole, 0);
}

bool okse_unit_read(const char *text, gsize length, OkseUnitLine tell, void *context)
{
    g_autoptr(GString) section = g_string_new(NULL), whole = g_string_new(NULL);
    Reader reader = {tell, context, section, whole, 1};
    const char *at = text != NULL ? text : "", *end = at + length; /* an empty file has no bytes to point to */
    bool good = true, goes_on = false;

    for (unsigned number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline != NULL ? newline : end;
        g_autofree char *line = g_strndup(at, MIN((size_t)(stop - at), LONGEST));
        g_autofree char *valid = g_utf8_make_valid(line, -1), *start = g_strchug(g_strdup(valid));
        size_t size;

        good = good && (size_t)(stop - at) <= LONGEST && whole->len <= LONGEST;
        at = stop + 1;
        if (*start == '#' || *start == ';') /* also between continuations */
            continue;
        if (!goes_on)
            reader.first = number;
        g_strchomp(valid);
        size = strlen(valid);
        goes_on = size > 0 && valid[size - 1] == '\\';
        if (goes_on)
            valid[size - 1] = ' ';
        if (whole->len <= LONGEST)
            g_string_append(whole, valid);
        if (!goes_on)
            finish_line(&reader);
    }
    finish_line(&reader);
    return good;
}

GStrv okse_unit_words(const char *value)
{
    char **words = NULL;

    return *value != '\0' && g_shell_parse_argv(value, NULL, &words, NULL) ? words : NULL;
}
