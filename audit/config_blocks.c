/* Formats with blocks. "braces": directives that end with ';' (nginx, BIND). "calls": the same, with arguments that are
 * blocks in round brackets (syslog-ng). "blocks": directives that end with the line, "key = value" and lists (HCL,
 * Alloy, Caddy, Logstash, keepalived). */
#include "audit/config_build.h"

#include <string.h>

typedef enum { END, WORD, OPEN, CLOSE, CALL, CALL_END, STOP, EQUALS, LIST, LIST_END } Token;

typedef struct {
    OkseConfigText *text;
    bool lines; /* a directive ends with its line */
    bool calls; /* round brackets are blocks */
    bool first; /* the next word begins a directive */
} Blocks;

static char peek(const OkseConfigText *text, gsize ahead)
{
    return (gsize)(text->end - text->at) > ahead ? text->at[ahead] : '\0';
}

static void skip_to_line_end(OkseConfigText *text)
{
    while (text->at < text->end && *text->at != '\n')
        okse_config_step(text);
}

static void skip_comment(OkseConfigText *text)
{
    okse_config_step(text);
    okse_config_step(text);
    while (text->at < text->end && !(peek(text, 0) == '*' && peek(text, 1) == '/'))
        okse_config_step(text);
    okse_config_step(text);
    okse_config_step(text);
}

/* To the next thing that is no white space and no comment. True when a line that counts ended before it. */
static bool skip_space(const Blocks *blocks)
{
    OkseConfigText *text = blocks->text;
    bool ended = false;

    while (text->at < text->end) {
        char c = *text->at;

        if (c == '#' || (c == '/' && peek(text, 1) == '/') || (c == '!' && blocks->lines && peek(text, 1) == ' ')) {
            skip_to_line_end(text);
        } else if (c == '/' && peek(text, 1) == '*') {
            skip_comment(text);
        } else if (g_ascii_isspace(c) || (c == '\\' && peek(text, 1) == '\n')) {
            ended = ended || c == '\n';
            if (c == '\\')
                okse_config_step(text);
            okse_config_step(text);
        } else {
            break;
        }
    }
    return ended && blocks->lines;
}

static void quoted(OkseConfigText *text)
{
    char quote = *text->at;

    okse_config_step(text);
    while (text->at < text->end && *text->at != quote) {
        if (*text->at == '\\')
            okse_config_step(text);
        okse_config_step(text);
    }
    okse_config_step(text);
}

/* "{$BACKEND}", "${name}": a word, not a block. */
static bool is_placeholder(const OkseConfigText *text)
{
    const char *end;

    if (peek(text, 0) == '$' && peek(text, 1) == '{')
        return true;
    if (peek(text, 0) != '{' || g_ascii_isspace(peek(text, 1)) || peek(text, 1) == '"' || peek(text, 1) == '}')
        return false;
    end = memchr(text->at, '}', (gsize)(text->end - text->at));
    return end != NULL && memchr(text->at, '\n', (gsize)(end - text->at)) == NULL &&
           memchr(text->at, '=', (gsize)(end - text->at)) == NULL &&
           memchr(text->at, ' ', (gsize)(end - text->at)) == NULL;
}

/* "[2001:db8::1]": an address, not a list. */
static bool is_address(const OkseConfigText *text)
{
    gsize length = 1;

    while (g_ascii_isxdigit(peek(text, length)) || strchr(":.", peek(text, length)) != NULL)
        if (peek(text, length++) == '\0')
            return false;
    return peek(text, 0) == '[' && peek(text, length) == ']' && length > 3 && memchr(text->at, ':', length) != NULL;
}

static bool ends_word(const Blocks *blocks, char c)
{
    return g_ascii_isspace(c) || c == '{' || c == '}' || c == ';' || (blocks->calls && (c == '(' || c == ')')) ||
           (blocks->lines && (c == '[' || c == ']' || c == ',' || (c == '=' && blocks->first)));
}

static OkseConfigSpan word(const Blocks *blocks)
{
    OkseConfigText *text = blocks->text;
    OkseConfigSpan span = okse_config_here(text);
    bool moved = false;

    while (text->at < text->end &&
           (!moved || !ends_word(blocks, *text->at) || is_placeholder(text) || is_address(text))) {
        if (is_address(text)) {
            while (peek(text, 0) != ']')
                okse_config_step(text);
            okse_config_step(text);
        } else if (is_placeholder(text)) {
            while (text->at < text->end && *text->at != '}' && *text->at != '\n')
                okse_config_step(text);
            okse_config_step(text);
        } else if (!moved && (*text->at == '"' || *text->at == '\'')) {
            quoted(text);
        } else if (*text->at == '"' && blocks->lines) { /* key="value" of one word */
            quoted(text);
        } else {
            if (*text->at == '\\')
                okse_config_step(text);
            okse_config_step(text);
        }
        moved = true;
    }
    span.length = (gsize)(text->at - span.text);
    return span;
}

static Token token_of(char c)
{
    static const char signs[] = "{}()=[]";
    static const Token tokens[] = {OPEN, CLOSE, CALL, CALL_END, EQUALS, LIST, LIST_END};
    const char *sign = strchr(signs, c);

    return sign != NULL && *sign != '\0' ? tokens[sign - signs] : STOP;
}

/* What stands next; `found` is set for WORD. */
static Token next(const Blocks *blocks, OkseConfigSpan *found)
{
    OkseConfigText *text = blocks->text;
    char c;

    if (skip_space(blocks) && !blocks->first)
        return STOP;
    c = peek(text, 0);
    if (text->at >= text->end)
        return END;
    if (!is_placeholder(text) && !is_address(text) && strchr("{};(),=[]", c) != NULL) {
        bool bracket = blocks->calls && (c == '(' || c == ')'), line = blocks->lines && strchr(",=[]", c) != NULL;

        if (strchr("{};", c) != NULL || bracket || line) {
            okse_config_step(text);
            if (c == '=' && (peek(text, 0) == '>' || peek(text, 0) == '='))
                okse_config_step(text);
            return token_of(c);
        }
    }
    *found = word(blocks);
    return WORD;
}

static bool read_block(Blocks *blocks, OkseConfigNode *parent, unsigned depth);

/* The items of "[a, b]" are values of one key. */
static bool read_list(Blocks *blocks, OkseConfigNode *parent, OkseConfigSpan key, unsigned depth)
{
    OkseConfigSpan found;
    Token token;

    blocks->first = true; /* line ends mean nothing in here */
    while ((token = next(blocks, &found)) != LIST_END && token != END) {
        OkseConfigSpan bare = token == WORD ? okse_config_unquote(found) : key;
        OkseConfigNode *node = NULL;

        if (token == WORD || token == OPEN)
            node = okse_config_add(blocks->text, parent, key, token == WORD ? &bare : NULL);
        if ((token == WORD || token == OPEN) && node == NULL)
            return false;
        if (token == OPEN && !read_block(blocks, node, depth + 1))
            return false;
        blocks->first = true;
    }
    return true;
}

/* Behind "key =": one word, a list or a block. */
static bool read_value(Blocks *blocks, OkseConfigNode *parent, OkseConfigSpan key, unsigned depth)
{
    OkseConfigSpan found, bare;
    OkseConfigNode *node;
    Token token;

    blocks->first = false;
    token = next(blocks, &found);
    if (token == LIST)
        return read_list(blocks, parent, key, depth);
    bare = token == WORD ? okse_config_unquote(found) : key;
    node = okse_config_add(blocks->text, parent, key, token == WORD ? &bare : NULL);
    return node != NULL && (token != OPEN || read_block(blocks, node, depth + 1));
}

/* Between round brackets: words, and words with brackets of their own, which are children.
 * NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_CONFIG_DEPTH */
static bool read_call(Blocks *blocks, OkseConfigNode *parent, unsigned depth)
{
    g_autoptr(GArray) arguments = g_array_new(FALSE, FALSE, sizeof(OkseConfigSpan));
    OkseConfigSpan found, ignored;
    bool good = depth < OKSE_CONFIG_DEPTH;

    for (Token token = next(blocks, &found); good && token != CALL_END && token != END; token = next(blocks, &found)) {
        OkseConfigText before = *blocks->text;

        if (token == WORD && next(blocks, &ignored) == CALL) {
            OkseConfigNode *node = okse_config_add(blocks->text, parent, okse_config_unquote(found), NULL);

            good = node != NULL && read_call(blocks, node, depth + 1);
        } else if (token == WORD) {
            *blocks->text = before;
            g_array_append_val(arguments, found);
        }
    }
    return good && okse_config_arguments(blocks->text, parent, arguments);
}

/* Behind the key of a directive: its arguments up to ';', the end of the line or its block. */
static bool read_directive(Blocks *blocks, OkseConfigNode *parent, OkseConfigSpan key, unsigned depth)
{
    g_autoptr(GArray) arguments = g_array_new(FALSE, FALSE, sizeof(OkseConfigSpan));
    bool colon = blocks->lines && key.length > 1 && key.text[key.length - 1] == ':'; /* "listen: x" (NATS) */
    OkseConfigNode *node =
        okse_config_add(blocks->text, parent, okse_config_unquote(okse_config_head(key, key.length - colon)), NULL);
    OkseConfigSpan found;
    Token token = STOP;
    bool good = node != NULL;

    blocks->first = false;
    while (good && (token = next(blocks, &found)) == WORD)
        g_array_append_val(arguments, found);
    good = good && okse_config_arguments(blocks->text, node, arguments);
    if (good && token == OPEN)
        good = read_block(blocks, node, depth + 1);
    if (good && token == CALL)
        good = read_call(blocks, node, depth + 1);
    if (good && token == CLOSE && depth > 0)
        blocks->text->at--; /* it ends the block around, too */
    return good;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_CONFIG_DEPTH */
static bool read_block(Blocks *blocks, OkseConfigNode *parent, unsigned depth)
{
    OkseConfigSpan key;
    Token token;
    bool good = depth < OKSE_CONFIG_DEPTH;

    while (good) {
        blocks->first = true;
        token = next(blocks, &key);
        if (token == END || (token == CLOSE && depth > 0))
            break;
        if (token == OPEN) { /* a block without a name: Caddy's global options */
            good = read_block(blocks, parent, depth + 1);
        } else if (token == WORD) {
            OkseConfigText before = *blocks->text;
            OkseConfigSpan ignored;

            blocks->first = true;
            if (blocks->lines && next(blocks, &ignored) == EQUALS) {
                good = read_value(blocks, parent, okse_config_unquote(key), depth);
            } else {
                *blocks->text = before;
                good = read_directive(blocks, parent, key, depth);
            }
        }
    }
    return good;
}

static bool read_all(Blocks blocks, OkseConfigNode *top, GError **error)
{
    return read_block(&blocks, top, 0) || okse_config_too_much(blocks.text, error);
}

bool okse_config_read_braces(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    return read_all((Blocks){.text = text}, top, error);
}

bool okse_config_read_calls(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    return read_all((Blocks){.text = text, .calls = true}, top, error);
}

bool okse_config_read_blocks(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    return read_all((Blocks){.text = text, .lines = true}, top, error);
}
