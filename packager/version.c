#include "packager/version.h"

#include <glib.h>
#include <string.h>

/* A version taken apart from left to right. */
typedef struct {
    const char *at;
} Cursor;

static void skip_epoch(Cursor *cursor)
{
    size_t digits = strspn(cursor->at, "0123456789");

    if (*cursor->at == 'v' || *cursor->at == 'V')
        cursor->at++;
    if (digits > 0 && (cursor->at[digits] == ':' || cursor->at[digits] == '!'))
        cursor->at += digits + 1;
}

/* The next number of the release, 0 behind its end. */
static guint64 take_number(Cursor *cursor)
{
    char *end = NULL;
    guint64 value;

    if (!g_ascii_isdigit(*cursor->at))
        return 0;
    value = g_ascii_strtoull(cursor->at, &end, 10);
    cursor->at = end;
    if (*cursor->at == '.' && g_ascii_isdigit(cursor->at[1]))
        cursor->at++;
    return value;
}

/* dev < a < b < rc < nothing < post */
static int stage_of(Cursor *cursor)
{
    static const struct {
        const char *word;
        int rank;
    } stages[] = {{"dev", -4}, {"alpha", -3}, {"a", -3},   {"beta", -2}, {"b", -2},
                  {"rc", -1},  {"c", -1},     {"pre", -1}, {"post", 1},  {"r", 1}};

    cursor->at += strspn(cursor->at, ".-_");
    for (size_t i = 0; i < G_N_ELEMENTS(stages); i++)
        if (g_ascii_strncasecmp(cursor->at, stages[i].word, strlen(stages[i].word)) == 0) {
            cursor->at += strlen(stages[i].word);
            cursor->at += strspn(cursor->at, ".-_");
            return stages[i].rank;
        }
    return 0;
}

static int compare_numbers(guint64 first, guint64 second)
{
    return (first > second) - (first < second);
}

int okse_version_compare(const char *first, const char *second)
{
    Cursor a = {first}, b = {second};
    int order = 0;

    skip_epoch(&a);
    skip_epoch(&b);
    while (order == 0 && (g_ascii_isdigit(*a.at) || g_ascii_isdigit(*b.at)))
        order = compare_numbers(take_number(&a), take_number(&b));
    if (order != 0)
        return order;
    order = stage_of(&a) - stage_of(&b);
    return order != 0 ? order : compare_numbers(take_number(&a), take_number(&b));
}
