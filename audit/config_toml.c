/* TOML 1.0 as programs' configuration uses it: tables, arrays of tables, dotted and quoted keys, all strings, arrays
 * and inline tables. Numbers, dates and flags are texts. Source: toml.io/en/v1.0.0. */
#include "audit/config_build.h"

#include <string.h>

static char peek(const OkseConfigText *text, gsize ahead)
{
    return (gsize)(text->end - text->at) > ahead ? text->at[ahead] : '\0';
}

static void skip_space(OkseConfigText *text, bool lines)
{
    while (text->at < text->end && ((lines ? g_ascii_isspace(*text->at) : *text->at == ' ' || *text->at == '\t') ||
                                    (*text->at == '#' && lines))) {
        if (*text->at == '#')
            while (text->at < text->end && *text->at != '\n')
                okse_config_step(text);
        else
            okse_config_step(text);
    }
}

static OkseConfigSpan quoted(OkseConfigText *text)
{
    char quote = *text->at;
    unsigned count = peek(text, 1) == quote && peek(text, 2) == quote ? 3 : 1;
    OkseConfigSpan span;

    for (unsigned i = 0; i < count; i++)
        okse_config_step(text);
    span = okse_config_here(text);
    while (text->at < text->end &&
           !(*text->at == quote && (count == 1 || (peek(text, 1) == quote && peek(text, 2) == quote)))) {
        if (*text->at == '\\' && quote == '"')
            okse_config_step(text);
        okse_config_step(text);
    }
    span.length = (gsize)(text->at - span.text);
    for (unsigned i = 0; i < count; i++)
        okse_config_step(text);
    return span;
}

static OkseConfigSpan bare(OkseConfigText *text, const char *ends)
{
    OkseConfigSpan span = okse_config_here(text);

    while (text->at < text->end && strchr(ends, *text->at) == NULL)
        okse_config_step(text);
    span.length = (gsize)(text->at - span.text);
    return okse_config_strip(span);
}

static OkseConfigSpan key_part(OkseConfigText *text)
{
    OkseConfigSpan part;

    skip_space(text, false);
    part = peek(text, 0) == '"' || peek(text, 0) == '\'' ? quoted(text) : bare(text, ".=] \t\r\n");
    skip_space(text, false);
    return part;
}

/* The last child of that name, or a new one. */
static OkseConfigNode *descend(OkseConfigText *text, OkseConfigNode *node, OkseConfigSpan key)
{
    for (guint i = node->children != NULL ? node->children->len : 0; i > 0; i--) {
        OkseConfigNode *child = g_ptr_array_index(node->children, i - 1);

        if (strlen(child->key) == key.length && memcmp(child->key, key.text, key.length) == 0)
            return child;
    }
    return okse_config_add(text, node, key, NULL);
}

/* "a.b.c": the node of a.b, and c in *last. */
static OkseConfigNode *dotted(OkseConfigText *text, OkseConfigNode *from, OkseConfigSpan *last)
{
    unsigned depth = 0;

    *last = key_part(text);
    while (from != NULL && peek(text, 0) == '.' && depth++ < OKSE_CONFIG_DEPTH) {
        okse_config_step(text);
        from = descend(text, from, *last);
        *last = key_part(text);
    }
    return from;
}

static bool pair(OkseConfigText *text, OkseConfigNode *table, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_CONFIG_DEPTH */
static bool value(OkseConfigText *text, OkseConfigNode *table, OkseConfigSpan key, unsigned depth)
{
    char c = peek(text, 0), end = c == '[' ? ']' : '}';
    OkseConfigNode *node = table;
    OkseConfigSpan span;

    if (depth >= OKSE_CONFIG_DEPTH)
        return false;
    if (c != '[' && c != '{') {
        span = c == '"' || c == '\'' ? quoted(text) : bare(text, ",]}#\n");
        return okse_config_add(text, table, key, &span) != NULL;
    }
    if (c == '{')
        node = okse_config_add(text, table, key, NULL);
    okse_config_step(text);
    skip_space(text, true);
    while (node != NULL && text->at < text->end && *text->at != end) {
        const char *before = text->at;

        if (!(c == '[' ? value(text, node, key, depth + 1) : pair(text, node, depth + 1)))
            return false;
        skip_space(text, true);
        if (peek(text, 0) == ',' || text->at == before)
            okse_config_step(text);
        skip_space(text, true);
    }
    okse_config_step(text);
    return node != NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_CONFIG_DEPTH */
static bool pair(OkseConfigText *text, OkseConfigNode *table, unsigned depth)
{
    OkseConfigSpan key;
    OkseConfigNode *node = dotted(text, table, &key);

    if (node == NULL)
        return false;
    if (peek(text, 0) != '=') /* no pair: what is there is left out, and the line is over */
        return bare(text, ",}\n").text != NULL;
    okse_config_step(text);
    skip_space(text, false);
    return value(text, node, key, depth);
}

static OkseConfigNode *header(OkseConfigText *text, OkseConfigNode *top)
{
    bool repeated = peek(text, 1) == '[';
    OkseConfigNode *node;
    OkseConfigSpan last;

    okse_config_step(text);
    if (repeated)
        okse_config_step(text);
    node = dotted(text, top, &last);
    node = node == NULL ? NULL : repeated ? okse_config_add(text, node, last, NULL) : descend(text, node, last);
    while (peek(text, 0) == ']')
        okse_config_step(text);
    return node;
}

bool okse_config_read_toml(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    OkseConfigNode *table = top;

    for (skip_space(text, true); text->at < text->end; skip_space(text, true)) {
        const char *before = text->at;
        bool good = true;

        if (*text->at == '[')
            table = header(text, top);
        else
            good = pair(text, table, 0);
        if (table == NULL || !good)
            return okse_config_too_much(text, error);
        if (text->at == before)
            okse_config_step(text);
    }
    return true;
}
