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

static const char *const operators[] = {">=", "<=", "==", ">", "<"};

/* The comparison of one part, "" when none is written; *at: behind it and the blanks. */
static const char *take_operator(const char **at)
{
    const char *found = "";

    *at += strspn(*at, " ");
    for (size_t i = 0; i < G_N_ELEMENTS(operators) && *found == '\0'; i++)
        if (g_str_has_prefix(*at, operators[i])) {
            found = operators[i];
            *at += strlen(operators[i]);
        }
    *at += strspn(*at, " ");
    return found;
}

/* Numbers joined by single points. */
static size_t numbers(const char *text)
{
    size_t length = 0;

    while (g_ascii_isdigit(text[length]) || (text[length] == '.' && length > 0 && g_ascii_isdigit(text[length - 1]) &&
                                             g_ascii_isdigit(text[length + 1])))
        length++;
    return length;
}

bool okse_version_range_is_good(const char *range)
{
    for (;;) {
        size_t length;

        take_operator(&range);
        length = numbers(range);
        if (length == 0)
            return false;
        range += length + strspn(range + length, " ");
        if (*range == '\0')
            return true;
        if (*range++ != ',')
            return false;
    }
}

/* "22.04" begins with "22", "6.30" does not begin with "6.3". */
static bool begins_with(const char *version, const char *first)
{
    size_t length = strlen(first);

    return g_str_has_prefix(version, first) && (version[length] == '\0' || version[length] == '.');
}

static bool holds(const char *version, const char *operator, const char * limit)
{
    int order = okse_version_compare(version, limit);

    if (*operator== '\0' || * operator== '=')
        return order == 0 || begins_with(version, limit);
    if (*operator== '>')
        return order > 0 || (order == 0 && operator[1] == '=');
    return order < 0 || (order == 0 && operator[1] == '=');
}

bool okse_version_is_in(const char *version, const char *range)
{
    g_autofree char *plain = g_strndup(version, numbers(version));

    if (*plain == '\0')
        return false;
    for (;;) {
        const char *operator= take_operator(&range);
        g_autofree char *limit = g_strndup(range, numbers(range));

        if (!holds(plain, operator, limit))
            return false;
        range = strchr(range, ',');
        if (range == NULL)
            return true;
        range++;
    }
}
