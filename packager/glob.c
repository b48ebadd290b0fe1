#include "packager/glob.h"

#include "core/limits.h"

#include <string.h>

struct OkseGlob {
    GStrv elements;
    unsigned count;
};

void okse_glob_free(OkseGlob *glob)
{
    if (glob == NULL)
        return;
    g_strfreev(glob->elements);
    g_free(glob);
}

static const char *next_char(const char *text)
{
    return text + g_utf8_skip[*(const guchar *)text];
}

/* Behind the set that begins at `[`, or NULL when it does not end. */
static const char *set_end(const char *set)
{
    const char *p = set + 1;

    if (*p == '!' || *p == '^')
        p++;
    if (*p == ']')
        p++;
    for (; *p != ']'; p = next_char(p)) {
        if (*p == '\\')
            p++;
        if (*p == '\0')
            return NULL;
    }
    return p + 1;
}

static gunichar take_plain(const char **p)
{
    gunichar c;

    if (**p == '\\')
        (*p)++;
    c = g_utf8_get_char(*p);
    *p = next_char(*p);
    return c;
}

static bool in_set(const char *set, const char *end, gunichar c)
{
    const char *p = set + 1;
    bool negated = *p == '!' || *p == '^', found = false;

    if (negated)
        p++;
    while (p < end - 1) {
        gunichar low = take_plain(&p), high = low;

        if (*p == '-' && p + 1 < end - 1) {
            p++;
            high = take_plain(&p);
        }
        found = found || (c >= low && c <= high);
    }
    return found != negated;
}

/* One character of the text against one item of the pattern; *next: the pattern behind that item. */
static bool matches_one(const char *pattern, const char *text, const char **next)
{
    gunichar c = g_utf8_get_char(text);

    if (*pattern == '?') {
        *next = pattern + 1;
        return true;
    }
    if (*pattern == '[') {
        *next = set_end(pattern);
        return in_set(pattern, *next, c);
    }
    *next = pattern;
    return *pattern != '\0' && take_plain(next) == c;
}

/* Only the last `*` need be tried again. */
static bool element_matches(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL, *next;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (matches_one(pattern, text, &next)) {
            pattern = next;
            text = next_char(text);
        } else if (star != NULL) {
            pattern = star;
            text = retry = next_char(retry);
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static bool check_element(const char *element, GError **error)
{
    if (*element == '\0' || strcmp(element, ".") == 0 || strcmp(element, "..") == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "an element is empty, '.' or '..'");
    for (const char *p = element; *p != '\0';) {
        const char *end = *p == '[' ? set_end(p) : NULL, *named = *p == '[' ? strstr(p, "[:") : NULL;

        if (*p == '[' && end == NULL)
            return okse_fail(error, OKSE_ERROR_INVALID, "a set '[' without its ']'");
        if (named != NULL && named < end)
            return okse_fail(error, OKSE_ERROR_INVALID, "named classes such as [:alpha:] are not known here");
        if (*p == '\\' && *++p == '\0')
            return okse_fail(error, OKSE_ERROR_INVALID, "a '\\' with nothing behind it");
        p = end != NULL ? end : next_char(p);
    }
    return true;
}

OkseGlob *okse_glob_new(const char *pattern, GError **error)
{
    g_autoptr(OkseGlob) glob = g_new0(OkseGlob, 1);

    if (strlen(pattern) > OKSE_LIMIT_PATH || !g_utf8_validate(pattern, -1, NULL)) {
        okse_fail(error, OKSE_ERROR_INVALID, "a pattern is not UTF-8 or over %u bytes", OKSE_LIMIT_PATH);
        return NULL;
    }
    glob->elements = g_strsplit(pattern, "/", -1);
    glob->count = g_strv_length(glob->elements);
    for (unsigned i = 0; i < glob->count; i++)
        if (!check_element(glob->elements[i], error))
            return NULL;
    return glob->count > 0 ? g_steal_pointer(&glob) : (okse_fail(error, OKSE_ERROR_INVALID, "an empty pattern"), NULL);
}

static bool is_any(const OkseGlob *glob, unsigned index)
{
    return strcmp(glob->elements[index], "**") == 0;
}

/* A `**` that is not the last may also stand for nothing. */
static void skip_any(const OkseGlob *glob, bool *reached)
{
    for (unsigned i = 0; i + 1 < glob->count; i++)
        if (reached[i] && is_any(glob, i))
            reached[i + 1] = true;
}

/* reached[i]: the path so far used up the pattern's first i elements. The caller frees. */
static bool *reach(const OkseGlob *glob, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    bool *reached = g_new0(bool, glob->count + 1);

    reached[0] = true;
    for (char **name = names; *name != NULL; name++) {
        bool *next = g_new0(bool, glob->count + 1);

        skip_any(glob, reached);
        for (unsigned i = 0; i < glob->count; i++) {
            if (!reached[i])
                continue;
            if (is_any(glob, i)) {
                next[i] = true;
                next[i + 1] = next[i + 1] || i + 1 == glob->count;
            } else if (element_matches(glob->elements[i], *name)) {
                next[i + 1] = true;
            }
        }
        g_free(reached);
        reached = next;
    }
    return reached;
}

bool okse_glob_matches(const OkseGlob *glob, const char *path)
{
    g_autofree bool *reached = reach(glob, path);

    return reached[glob->count];
}

bool okse_glob_reaches_below(const OkseGlob *glob, const char *directory)
{
    g_autofree bool *reached = reach(glob, directory);

    for (unsigned i = 0; i < glob->count; i++)
        if (reached[i])
            return true;
    return false;
}
