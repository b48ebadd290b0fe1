/* YAML folds lines and doubles quotes, but it leaves alone what is no space. So the text and the file are walked side
 * by side from one such byte to the next, and compared on the way. */
#include "audit/expression_place.h"

#include <string.h>

typedef struct {
    const char *at, *end;
    unsigned line, column;
    char quote; /* '\'', '"' or 0 */
} Walk;

static void step(Walk *walk)
{
    walk->column = *walk->at == '\n' ? 1 : walk->column + 1;
    walk->line += *walk->at == '\n';
    walk->at++;
}

static bool go_to(Walk *walk, const OksePlace *start)
{
    while (walk->at < walk->end && (walk->line < start->line || walk->column < start->column))
        step(walk);
    return walk->at < walk->end && walk->line == start->line;
}

static void open_scalar(Walk *walk)
{
    char first = *walk->at;

    if (first == '\'' || first == '"') {
        walk->quote = first;
        step(walk);
    } else if (first == '|' || first == '>') {
        while (walk->at < walk->end && *walk->at != '\n')
            step(walk);
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* An escape that stands for a space: n, t, a line that goes on. */
static bool is_escaped_space(const Walk *walk)
{
    return walk->quote == '"' && walk->at + 1 < walk->end && walk->at[0] == '\\' &&
           strchr("nrt \n", walk->at[1]) != NULL;
}

/* To the next byte of the text that is no space; an escape's first byte is skipped. */
static void settle(Walk *walk)
{
    while (walk->at < walk->end && (is_space(*walk->at) || is_escaped_space(walk))) {
        if (is_escaped_space(walk))
            step(walk);
        step(walk);
    }
    if (walk->at + 1 < walk->end && ((walk->quote == '\'' && walk->at[0] == '\'' && walk->at[1] == '\'') ||
                                     (walk->quote == '"' && walk->at[0] == '\\')))
        step(walk);
}

bool okse_scalar_place(GBytes *file, const OksePlace *start, const char *text, size_t offset, OksePlace *found)
{
    gsize size;
    const char *data = g_bytes_get_data(file, &size);
    Walk walk = {data, data + size, 1, 1, 0};

    if (size == 0 || start->line == 0 || !go_to(&walk, start))
        return false;
    open_scalar(&walk);
    for (size_t i = 0; i < offset; i++) {
        if (is_space(text[i]))
            continue;
        settle(&walk);
        if (walk.at >= walk.end || *walk.at != text[i])
            return false;
        step(&walk);
    }
    if (text[offset] != '\0' && !is_space(text[offset])) {
        settle(&walk);
        if (walk.at >= walk.end || *walk.at != text[offset])
            return false;
    }
    *found = (OksePlace){start->origin, walk.line, walk.column};
    return true;
}
