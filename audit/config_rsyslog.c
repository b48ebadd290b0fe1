/* rsyslog's three languages in one file: "$Directive value", "selector @@host:port", and RainerScript objects, of which
 * action(), module(), input() … become nodes with their parameters wherever they stand (in `if`, in rulesets).
 * Source: rsyslog.conf(5), docs of rsyslog 8, "RainerScript" and "sysklogd format". */
#include "audit/config_build.h"

#include <string.h>

static const char *const objects[] = {"action",   "module",     "input",   "ruleset", "template",
                                      "global",   "main_queue", "include", "parser",  "lookup_table",
                                      "timezone", "dyn_stats",  NULL};

static char peek(const OkseConfigText *text, gsize ahead)
{
    return (gsize)(text->end - text->at) > ahead ? text->at[ahead] : '\0';
}

static void skip_comment(OkseConfigText *text)
{
    bool block = peek(text, 0) == '/';

    while (text->at < text->end &&
           !(block ? peek(text, 0) == '*' && peek(text, 1) == '/' && text->at > text->line_start : *text->at == '\n'))
        okse_config_step(text);
    if (block) {
        okse_config_step(text);
        okse_config_step(text);
    }
}

static bool at_comment(const OkseConfigText *text)
{
    return peek(text, 0) == '#' || (peek(text, 0) == '/' && peek(text, 1) == '*');
}

static void skip_space(OkseConfigText *text)
{
    while (text->at < text->end && (g_ascii_isspace(*text->at) || *text->at == ',' || at_comment(text))) {
        if (at_comment(text))
            skip_comment(text);
        else
            okse_config_step(text);
    }
}

static OkseConfigSpan quoted(OkseConfigText *text)
{
    char quote = *text->at;
    OkseConfigSpan span;

    okse_config_step(text);
    span = okse_config_here(text);
    while (text->at < text->end && *text->at != quote) {
        if (*text->at == '\\')
            okse_config_step(text);
        okse_config_step(text);
    }
    span.length = (gsize)(text->at - span.text);
    okse_config_step(text);
    return span;
}

static bool is_name(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '.' || c == '-';
}

static OkseConfigSpan name(OkseConfigText *text)
{
    OkseConfigSpan span = okse_config_here(text);

    while (text->at < text->end && is_name(*text->at))
        okse_config_step(text);
    span.length = (gsize)(text->at - span.text);
    return span;
}

/* ["a", "b"]: values of one key. */
static bool parameter_list(OkseConfigText *text, OkseConfigNode *object, OkseConfigSpan key)
{
    okse_config_step(text);
    skip_space(text);
    while (text->at < text->end && *text->at != ']') {
        if (*text->at == '"' || *text->at == '\'') {
            OkseConfigSpan value = quoted(text);

            if (okse_config_add(text, object, key, &value) == NULL)
                return false;
        } else {
            okse_config_step(text);
        }
        skip_space(text);
    }
    okse_config_step(text);
    return true;
}

static bool parameter(OkseConfigText *text, OkseConfigNode *object)
{
    OkseConfigSpan key = name(text), value;

    skip_space(text);
    if (key.length == 0 || peek(text, 0) != '=') {
        if (key.length == 0)
            okse_config_step(text);
        return true;
    }
    okse_config_step(text);
    skip_space(text);
    if (peek(text, 0) == '[')
        return parameter_list(text, object, key);
    value = peek(text, 0) == '"' || peek(text, 0) == '\'' ? quoted(text) : name(text);
    return okse_config_add(text, object, key, &value) != NULL;
}

/* From '(' to ')'. */
static bool parameters(OkseConfigText *text, OkseConfigNode *object)
{
    okse_config_step(text);
    skip_space(text);
    while (text->at < text->end && *text->at != ')') {
        if (!parameter(text, object))
            return false;
        skip_space(text);
    }
    okse_config_step(text);
    return true;
}

/* "@@(z9)host:port;template" or "@[v6]:port" */
static bool forward(OkseConfigText *text, OkseConfigNode *top)
{
    OkseConfigSpan key = okse_config_here(text), protocol = {"udp", 3, key.line, key.column}, host, port;
    OkseConfigSpan names[3] = {{"host", 4, 0, 0}, {"port", 4, 0, 0}, {"protocol", 8, 0, 0}};
    OkseConfigNode *node;
    char bracket;

    okse_config_step(text);
    if (peek(text, 0) == '@') {
        protocol.text = "tcp";
        okse_config_step(text);
    }
    if (peek(text, 0) == '(')
        while (text->at < text->end && *text->at != '\n' && *text->at++ != ')')
            continue;
    bracket = peek(text, 0) == '[' ? ']' : '\0';
    if (bracket != '\0')
        okse_config_step(text);
    host = okse_config_here(text);
    while (text->at < text->end && (is_name(*text->at) || (bracket != '\0' && *text->at == ':')))
        okse_config_step(text);
    host.length = (gsize)(text->at - host.text);
    if (bracket != '\0' && peek(text, 0) == bracket)
        okse_config_step(text);
    if (host.length == 0)
        return true;
    if (peek(text, 0) == ':')
        okse_config_step(text);
    port = okse_config_here(text);
    while (text->at < text->end && g_ascii_isdigit(*text->at))
        okse_config_step(text);
    port.length = (gsize)(text->at - port.text);
    key.text = "forward";
    key.length = 7;
    node = okse_config_add(text, top, key, NULL);
    return node != NULL && okse_config_add(text, node, names[0], &host) != NULL &&
           (port.length == 0 || okse_config_add(text, node, names[1], &port) != NULL) &&
           okse_config_add(text, node, names[2], &protocol) != NULL;
}

static bool legacy_directive(OkseConfigText *text, OkseConfigNode *top)
{
    OkseConfigSpan line, key, value;

    okse_config_line(text, &line);
    key = line;
    for (key.length = 0; key.length < line.length && !g_ascii_isspace(line.text[key.length]); key.length++)
        continue;
    value = okse_config_strip(okse_config_from(line, key.length));
    return okse_config_add(text, top, key, &value) != NULL;
}

static bool is_object(OkseConfigSpan word)
{
    for (const char *const *object = objects; *object != NULL; object++)
        if (strlen(*object) == word.length && g_ascii_strncasecmp(*object, word.text, word.length) == 0)
            return true;
    return false;
}

static bool word_or_object(OkseConfigText *text, OkseConfigNode *top)
{
    OkseConfigSpan word = name(text);
    OkseConfigText before = *text;
    OkseConfigNode *node;

    skip_space(text);
    if (!is_object(word) || peek(text, 0) != '(') {
        *text = before;
        return true;
    }
    node = okse_config_add(text, top, word, NULL);
    return node != NULL && parameters(text, node);
}

bool okse_config_read_rsyslog(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    bool good = true, begins = true; /* nothing but white space before this in the line */

    while (good && text->at < text->end) {
        char c = *text->at, before = text->at > text->line_start ? text->at[-1] : '\n';

        if (at_comment(text))
            skip_comment(text);
        else if (c == '"' || c == '\'')
            quoted(text);
        else if (c == '@' && (g_ascii_isspace(before) || before == ';' || before == '&' || before == '{'))
            good = forward(text, top);
        else if (c == '$' && begins && g_ascii_isupper(peek(text, 1)))
            good = legacy_directive(text, top);
        else if (is_name(c))
            good = word_or_object(text, top);
        else
            okse_config_step(text);
        begins = text->at <= text->line_start || (begins && g_ascii_isspace(c));
    }
    return good || okse_config_too_much(text, error);
}
