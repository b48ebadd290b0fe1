/* A pattern whose last character is no wildcard matches only what ends with it. */
#include "core/globs.h"

#include <string.h>

typedef struct {
    GPatternSpec *spec;
    gpointer value;
    guint number; /* in the order of adding */
    bool name;    /* it is held against what stands behind the last slash */
} Row;

struct OkseGlobs {
    GArray *rows[256]; /* by the last byte; of 0: those that end with a wildcard */
    guint count;
};

/* A text with its reverse, which GLib wants for some patterns and else makes for each of them. */
typedef struct {
    const char *text;
    gsize length;
    char *reverse;
} Subject;

static void row_clear(gpointer data)
{
    g_pattern_spec_free(((Row *)data)->spec);
}

OkseGlobs *okse_globs_new(void)
{
    OkseGlobs *globs = g_new0(OkseGlobs, 1);

    for (unsigned i = 0; i < G_N_ELEMENTS(globs->rows); i++) {
        globs->rows[i] = g_array_new(FALSE, FALSE, sizeof(Row));
        g_array_set_clear_func(globs->rows[i], row_clear);
    }
    return globs;
}

void okse_globs_free(OkseGlobs *globs)
{
    if (globs == NULL)
        return;
    for (unsigned i = 0; i < G_N_ELEMENTS(globs->rows); i++)
        g_array_unref(globs->rows[i]);
    g_free(globs);
}

static unsigned last_byte(const char *text, gsize length)
{
    return length > 0 ? (unsigned char)text[length - 1] : 0;
}

static void add_row(OkseGlobs *globs, const char *pattern, bool name, gpointer value)
{
    unsigned last = last_byte(pattern, strlen(pattern));
    Row row = {g_pattern_spec_new(pattern), value, globs->count++, name};

    g_array_append_val(globs->rows[last == '*' || last == '?' ? 0 : last], row);
}

void okse_globs_add(OkseGlobs *globs, const char *pattern, OkseGlobPart part, gpointer value)
{
    g_autofree char *behind = part == OKSE_GLOB_END ? g_strconcat("*/", pattern, NULL) : NULL;

    add_row(globs, pattern, part == OKSE_GLOB_NAME, value);
    if (behind != NULL)
        add_row(globs, behind, false, value);
}

static void try_row(const Row *row, const Subject *path, const Subject *name, GPtrArray **values)
{
    const Subject *subject = row->name ? name : path;

    if (!g_pattern_spec_match(row->spec, subject->length, subject->text, subject->reverse))
        return;
    if (*values == NULL)
        *values = g_ptr_array_new();
    if ((*values)->len == 0 || g_ptr_array_index(*values, (*values)->len - 1) != row->value)
        g_ptr_array_add(*values, row->value);
}

static const Row *row_at(const GArray *rows, guint index)
{
    return index < rows->len ? &g_array_index(rows, Row, index) : NULL;
}

static Subject subject_of(const char *text)
{
    gsize length = strlen(text);

    return (Subject){text, length, g_utf8_strreverse(text, (gssize)length)};
}

GPtrArray *okse_globs_match(const OkseGlobs *globs, const char *path)
{
    const char *slash = strrchr(path, '/');
    Subject whole = subject_of(path), name = subject_of(slash != NULL ? slash + 1 : path);
    const GArray *any = globs->rows[0], *own = globs->rows[last_byte(path, whole.length)];
    GPtrArray *values = NULL;
    guint i = 0, k = own == any ? own->len : 0;

    for (;;) {
        const Row *first = row_at(any, i), *second = row_at(own, k), *row = first;

        if (row == NULL || (second != NULL && second->number < row->number))
            row = second;
        if (row == NULL)
            break;
        try_row(row, &whole, &name, &values);
        i += row == first;
        k += row == second;
    }
    g_free(whole.reverse);
    g_free(name.reverse);
    return values;
}
