/* Chat templates are programs in Jinja that the server runs for every request. Inside their tags, whatever reaches for
 * Python's own insides, or loads something else, is refused; text between tags may say anything.
 * Words: manifests/weights.yaml, template. */
#include "packager/weights_internal.h"

#include <string.h>

static bool is_word(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

static bool listed(const json_t *words, const char *word, size_t length)
{
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *known = json_string_value(json_array_get(words, i));

        if (known != NULL && strlen(known) == length && strncmp(known, word, length) == 0)
            return true;
    }
    return false;
}

static void found(WeightsScan *scan, const WeightsFile *file, size_t at, const char *word, size_t length,
                  const char *why)
{
    g_autofree char *text = g_strndup(word, MIN(length, 80));

    weights_finding(scan, file, WEIGHTS_CRITICAL, "template.injection", WEIGHTS_NO_OFFSET,
                    "chat template, character %zu: '%s' %s", at, text, why);
}

static size_t string_end(const char *text, size_t at, size_t end)
{
    char quote = text[at];

    for (at++; at < end && text[at] != quote; at++)
        at += text[at] == '\\';
    return MIN(at + 1, end);
}

/* Names of Python's insides may be put together from texts, so their parts are enough. text: with its quotes. */
static bool suspicious_string(const char *text, size_t length)
{
    return (length > 2 && strspn(text + 1, "_") >= length - 2) || memmem(text, length, "__", 2) != NULL ||
           memmem(text, length, "\\x5f", 4) != NULL || memmem(text, length, "\\x5F", 4) != NULL ||
           memmem(text, length, "\\u005", 5) != NULL || memmem(text, length, "\\U0000005", 9) != NULL ||
           memmem(text, length, "\\137", 4) != NULL || memmem(text, length, "\\N{", 3) != NULL;
}

/* One tag's inside: text[at, end). */
static void check_tag(WeightsScan *scan, const WeightsFile *file, const char *text, size_t at, size_t end)
{
    const json_t *words = json_object_get(json_object_get(scan->rules->words, "template"), "refused");

    while (at < end) {
        size_t from = at;

        if (text[at] == '\'' || text[at] == '"') {
            at = string_end(text, at, end);
            if (suspicious_string(text + from, at - from))
                found(scan, file, from, text + from, at - from, "spells a name of Python's own");
            continue;
        }
        if (!is_word(text[at])) {
            at++;
            continue;
        }
        while (at < end && is_word(text[at]))
            at++;
        if (memmem(text + from, at - from, "__", 2) != NULL)
            found(scan, file, from, text + from, at - from, "is a name of Python's own");
        else if (listed(words, text + from, at - from))
            found(scan, file, from, text + from, at - from, "has no place in a chat template");
    }
}

/* The end of a tag whose inside starts at `at`: closing brackets inside texts do not count. */
static size_t tag_end(const char *text, size_t at, size_t length, char close)
{
    while (at + 1 < length && !(text[at] == close && text[at + 1] == '}')) {
        if (close != '#' && (text[at] == '\'' || text[at] == '"'))
            at = string_end(text, at, length);
        else
            at++;
    }
    return MIN(at, length);
}

void weights_chat_template(WeightsScan *scan, const WeightsFile *file, const char *text, size_t length)
{
    size_t at = 0;

    while (at + 1 < length) {
        char kind = text[at] == '{' ? text[at + 1] : '\0';
        size_t end;

        if (kind != '{' && kind != '%' && kind != '#') {
            at++;
            continue;
        }
        end = tag_end(text, at + 2, length, kind == '{' ? '}' : kind);
        if (kind != '#')
            check_tag(scan, file, text, at + 2, end);
        at = end + 2;
    }
}
