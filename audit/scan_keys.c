#include "audit/scan_keys.h"

#include <stdint.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *okse_scan_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

static bool is_comment(const char *at, const char *end)
{
    return at < end && (*at == '#' || *at == ';' ||
                        (at + 1 < end && ((*at == '/' && at[1] == '/') || (*at == '!' && at[1] == ' '))));
}

/* "- export NAME = …", "\"name\": …": the name, and where it stands; "http://" is none. */
static bool key_of(const char *at, const char *end, OkseScanKey *key)
{
    const char *start = at, *more;

    at = okse_scan_blanks(at, end);
    while (at + 1 < end && *at == '-' && is_blank(at[1]))
        at = okse_scan_blanks(at + 1, end);
    key->indent = (size_t)(at - start);
    more = end - at > 7 && strncmp(at, "export", 6) == 0 && is_blank(at[6]) ? okse_scan_blanks(at + 6, end) : at;
    if (more < end && (g_ascii_isalpha(*more) || *more == '_' || *more == '"' || *more == '\''))
        at = more;
    at += at < end && (*at == '"' || *at == '\'');
    key->name = at;
    if (at >= end || !(g_ascii_isalpha(*at) || *at == '_'))
        return false;
    while (at < end && (g_ascii_isalnum(*at) || *at == '_' || *at == '.' || *at == '/' || *at == '-'))
        at++;
    key->length = (size_t)(at - key->name);
    at += at < end && (*at == '"' || *at == '\'');
    at = okse_scan_blanks(at, end);
    return at < end && (*at == ':' || *at == '=') && !(at + 2 < end && at[1] == '/' && at[2] == '/');
}

/* A line without a key stands under the key at its own indentation only as an item of its list. */
OkseScanKeyed okse_scan_key(const char *begin, const char *end)
{
    const char *first = okse_scan_blanks(begin, end);
    bool item = first + 1 < end && first[0] == '-' && first[1] == ' ';
    OkseScanKeyed line = {0};

    line.part = first < end && !is_comment(first, end);
    if (!line.part)
        return line;
    line.own = key_of(begin, end, &line.key);
    if (!line.own)
        line.key.indent = (size_t)(first - begin);
    line.closes = line.key.indent + (item && !line.own ? 1 : 0);
    return line;
}

static void close_from(OkseScanKeys *keys, size_t indent)
{
    while (keys->depth > 0 && keys->parents[keys->depth - 1].indent >= indent)
        keys->depth--;
}

void okse_scan_keys_follow(OkseScanKeys *keys, const OkseScanKeyed *line)
{
    if (!line->part)
        return;
    close_from(keys, line->closes);
    if (line->own && keys->depth < OKSE_SCAN_DEPTH)
        keys->parents[keys->depth++] = line->key;
}

size_t okse_scan_keys_pass(OkseScanKeys *keys, const char *from, const char *to, bool all)
{
    OkseScanKey kept[OKSE_SCAN_DEPTH]; /* the outermost so far: the last in a ring */
    size_t count = 0, closes = SIZE_MAX, smallest = SIZE_MAX;

    while (to > from && (all || closes > 0)) {
        const char *newline = memrchr(from, '\n', (size_t)(to - 1 - from)),
                   *begin = newline != NULL ? newline + 1 : from;
        OkseScanKeyed line = okse_scan_key(begin, begin + MIN((size_t)(to - 1 - begin), OKSE_SCAN_LINE));

        to = begin;
        if (!line.part)
            continue;
        if (line.own)
            smallest = MIN(smallest, line.key.indent);
        if (line.own && line.key.indent < closes)
            kept[count++ % OKSE_SCAN_DEPTH] = line.key;
        closes = MIN(closes, line.closes);
    }
    close_from(keys, closes);
    for (size_t first = count > OKSE_SCAN_DEPTH ? count - OKSE_SCAN_DEPTH : 0;
         count > first && keys->depth < OKSE_SCAN_DEPTH; count--)
        keys->parents[keys->depth++] = kept[(count - 1) % OKSE_SCAN_DEPTH];
    return smallest;
}

char *okse_scan_keys_path(const OkseScanKeys *keys)
{
    g_autoptr(GString) path = g_string_new(NULL);

    for (unsigned i = 0; i < keys->depth; i++) {
        if (i > 0)
            g_string_append_c(path, '.');
        g_string_append_len(path, keys->parents[i].name, (gssize)keys->parents[i].length);
    }
    return path->len > 0 ? g_string_free(g_steal_pointer(&path), FALSE) : NULL;
}
