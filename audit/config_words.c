/* Formats of directives: a word and its arguments on one line (sshd, chrony, Redis, dnsmasq, HAProxy, OpenVPN,
 * fluent-bit). Lines below a "[SECTION]" or indented below a line are its children; "<ca>" to "</ca>" is a text that is
 * no directive. */
#include "audit/config_build.h"

#include <string.h>

/* Where the quote at `start` ends; two of them are one that stands inside (PostgreSQL). */
static gsize closing(OkseConfigSpan line, gsize start, char quote)
{
    gsize at = start + 1;

    while (at < line.length && (line.text[at] != quote || (at > start + 1 && quote == '\'' && at + 1 < line.length &&
                                                           line.text[at + 1] == quote)))
        at += line.text[at] == quote ? 2 : 1;
    return at;
}

/* The next word from *at: quoted, or up to white space. False at the end or at a comment. */
static bool next_word(OkseConfigSpan line, gsize *at, OkseConfigSpan *word)
{
    gsize start;
    char quote;

    while (*at < line.length && g_ascii_isspace(line.text[*at]))
        (*at)++;
    if (*at >= line.length || line.text[*at] == '#')
        return false;
    start = *at;
    quote = line.text[start] == '"' || line.text[start] == '\'' ? line.text[start] : '\0';
    if (quote != '\0' && closing(line, start, quote) < line.length) {
        *at = closing(line, start, quote) + 1;
    } else {
        while (*at < line.length && !g_ascii_isspace(line.text[*at]))
            (*at)++;
    }
    *word = okse_config_head(okse_config_from(line, start), *at - start);
    return true;
}

/* The key ends at white space, or at the first '=' (dnsmasq, PostgreSQL): "server=/lan/10.0.0.1" */
static OkseConfigSpan key_of(OkseConfigSpan line, gsize *at)
{
    OkseConfigSpan key = line;

    for (*at = 0; *at < line.length && !g_ascii_isspace(line.text[*at]) && line.text[*at] != '='; (*at)++)
        continue;
    key = okse_config_head(line, *at);
    while (*at < line.length && g_ascii_isspace(line.text[*at]))
        (*at)++;
    *at += *at < line.length && line.text[*at] == '=' ? 1 : 0;
    return key;
}

static OkseConfigNode *add_directive(OkseConfigText *text, OkseConfigNode *parent, OkseConfigSpan line)
{
    g_autoptr(GArray) words = g_array_new(FALSE, FALSE, sizeof(OkseConfigSpan));
    gsize at;
    OkseConfigSpan key = key_of(line, &at), word;
    OkseConfigNode *node = okse_config_add(text, parent, key, NULL);

    while (next_word(line, &at, &word))
        g_array_append_val(words, word);
    return node != NULL && okse_config_arguments(text, node, words) ? node : NULL;
}

/* The name of "<ca>", or an empty span. */
static OkseConfigSpan inline_tag(OkseConfigSpan line)
{
    if (line.length > 2 && line.text[0] == '<' && line.text[1] != '/' && line.text[line.length - 1] == '>')
        return okse_config_head(okse_config_from(line, 1), line.length - 2);
    return okse_config_head(line, 0);
}

static void skip_inline(OkseConfigText *text, OkseConfigSpan tag)
{
    OkseConfigSpan line;

    while (okse_config_line(text, &line)) {
        line = okse_config_strip(line);
        if (line.length == tag.length + 3 && strncmp(line.text, "</", 2) == 0 &&
            strncmp(line.text + 2, tag.text, tag.length) == 0)
            return;
    }
}

bool okse_config_read_words(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    OkseConfigNode *section = top, *outer = NULL, *node;
    OkseConfigSpan line;

    while (okse_config_line(text, &line)) {
        OkseConfigSpan stripped = okse_config_strip(line), tag = inline_tag(stripped);
        bool indented = line.length > 0 && g_ascii_isspace(line.text[0]);

        if (stripped.length == 0 || strchr("#;!%", stripped.text[0]) != NULL)
            continue;
        if (tag.length > 0 && memchr(tag.text, ' ', tag.length) == NULL) {
            skip_inline(text, tag);
            continue;
        }
        if (stripped.text[0] == '[' && stripped.text[stripped.length - 1] == ']') {
            section = okse_config_add(
                text, top, okse_config_strip(okse_config_head(okse_config_from(stripped, 1), stripped.length - 2)),
                NULL);
            outer = NULL;
            if (section == NULL)
                return okse_config_too_much(text, error);
            continue;
        }
        node = add_directive(text, indented && outer != NULL && section == top ? outer : section, stripped);
        if (node == NULL)
            return okse_config_too_much(text, error);
        outer = indented ? outer : node;
    }
    return true;
}

/* "deb [arch=amd64 signed-by=…] URI suite component…" (sources.list(5)): the options are no arguments. */
bool okse_config_read_apt(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    OkseConfigSpan line;

    while (okse_config_line(text, &line)) {
        g_autoptr(GArray) words = g_array_new(FALSE, FALSE, sizeof(OkseConfigSpan));
        OkseConfigSpan stripped = okse_config_strip(line), word;
        OkseConfigNode *node;
        gsize at;

        if (stripped.length == 0 || stripped.text[0] == '#')
            continue;
        node = okse_config_add(text, top, key_of(stripped, &at), NULL);
        if (at < stripped.length && stripped.text[at] == '[') {
            const char *end = memchr(stripped.text + at, ']', stripped.length - at);

            at = end != NULL ? (gsize)(end - stripped.text) + 1 : stripped.length;
        }
        while (next_word(stripped, &at, &word))
            g_array_append_val(words, word);
        if (node == NULL || !okse_config_arguments(text, node, words))
            return okse_config_too_much(text, error);
    }
    return true;
}

/* What stands in a continued line: more arguments, each numbered on. */
static OkseConfigNode *add_more(OkseConfigText *text, OkseConfigNode *node, OkseConfigSpan line)
{
    gsize at = 0;
    OkseConfigSpan word;

    while (next_word(line, &at, &word)) {
        g_autofree char *name = g_strdup_printf("%u", node->children != NULL ? node->children->len + 1 : 1);
        OkseConfigSpan key = {name, strlen(name), word.line, word.column}, bare = okse_config_unquote(word);

        if (okse_config_add(text, node, key, &bare) == NULL)
            return NULL;
    }
    return node;
}

/* "<match app.**>" … "</match>": blocks of Apache, Fluentd and collectd; the tag's arguments are the block's. A line
 * that ends with '\' goes on. */
bool okse_config_read_sections(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    OkseConfigNode *open[OKSE_CONFIG_DEPTH] = {top}, *node, *before = NULL;
    unsigned depth = 0;
    OkseConfigSpan line;

    while (okse_config_line(text, &line)) {
        OkseConfigSpan stripped = okse_config_strip(line);
        bool begins, ends, continues = stripped.length > 1 && stripped.text[stripped.length - 1] == '\\';

        if (stripped.length == 0 || (stripped.text[0] == '#' && before == NULL))
            continue;
        stripped = okse_config_strip(okse_config_head(stripped, stripped.length - continues));
        begins = before == NULL && stripped.text[0] == '<' && stripped.text[stripped.length - 1] == '>';
        ends = begins && stripped.text[1] == '/';
        if (ends) {
            depth -= depth > 0;
            continue;
        }
        if (begins)
            stripped = okse_config_strip(okse_config_head(okse_config_from(stripped, 1), stripped.length - 2));
        node = before != NULL ? add_more(text, before, stripped) : add_directive(text, open[depth], stripped);
        if (node == NULL || (begins && depth + 1 >= OKSE_CONFIG_DEPTH))
            return okse_config_too_much(text, error);
        if (begins)
            open[++depth] = node;
        before = continues ? node : NULL;
    }
    return true;
}
