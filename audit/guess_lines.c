/* Comments, keys and blocks of a text whose form nobody knows. */
#include "audit/guess_lines.h"

#include "audit/guess_words.h"
#include "core/regex.h"

#include <string.h>

#define DEPTH 32u
#define NEAR 12u /* lines between a host and its port */
#define FAR 80u  /* the same where both have a word in common: "server_hostname", "server_port" */

/* How the file writes comments, by what its lines begin with. */
typedef struct {
    bool sections, slashes, dashes, bangs, markup;
    bool inside;        /* a comment over lines is open */
    const char *closes; /* how it ends */
} Style;

typedef struct {
    unsigned line;
    size_t indent;
} Above;

static const char *skip(const char *at, const char *end)
{
    while (at < end && g_ascii_isspace(*at))
        at++;
    return at;
}

static bool starts(const char *at, const char *end, const char *with)
{
    return (size_t)(end - at) >= strlen(with) && strncmp(at, with, strlen(with)) == 0;
}

static Style style_of(const char *text, size_t length)
{
    Style style = {0};
    unsigned dashes = 0, bangs = 0;

    for (const char *at = text, *end = text + length, *next; at < end; at = next) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline != NULL ? newline : end;
        const char *first = skip(at, stop);

        next = stop + 1;
        style.sections =
            style.sections || (first < stop && *first == '[' && memchr(first, ']', (size_t)(stop - first)) != NULL);
        style.slashes = style.slashes || starts(first, stop, "//") || starts(first, stop, "/*");
        style.markup = style.markup || starts(first, stop, "<?xml") || starts(first, stop, "<!--");
        bangs += starts(first, stop, "!");
        dashes += starts(first, stop, "-- ") || starts(first, stop, "--[");
    }
    style.dashes = dashes > 1;
    style.bangs = bangs > 1;
    return style;
}

static bool is_comment(const Style *style, const char *at)
{
    return *at == '#' || *at == ';' || *at == '%' || (style->slashes && g_str_has_prefix(at, "//")) ||
           (style->dashes && g_str_has_prefix(at, "--")) ||
           (*at == '!' && (style->bangs || at[1] == ' ' || at[1] == '\0')) || g_str_has_prefix(at, "dnl ") ||
           g_str_has_prefix(at, "REM ");
}

/* Cut what stands in comments over lines; true when nothing is left. */
static void cut_blocks(Style *style, char *line)
{
    static const char *const pairs[][2] = {{"<!--", "-->"}, {"/*", "*/"}, {"--[[", "]]"}};
    char *at = line;

    for (;;) {
        char *start = at, *close;
        size_t opened = 0;

        for (unsigned i = 0; i < G_N_ELEMENTS(pairs) && !style->inside; i++) {
            bool used = i == 0 ? style->markup : i == 1 ? style->slashes : style->dashes;
            char *open = used ? strstr(at, pairs[i][0]) : NULL;

            if (open == NULL || (i == 1 && open > line && !g_ascii_isspace(open[-1])))
                continue;
            style->inside = true;
            style->closes = pairs[i][1];
            start = open;
            opened = strlen(pairs[i][0]);
        }
        if (!style->inside)
            return;
        close = strstr(start + opened, style->closes);
        if (close == NULL) {
            *start = '\0';
            return;
        }
        style->inside = false;
        memset(start, ' ', (size_t)(close - start) + strlen(style->closes));
        at = close + strlen(style->closes);
    }
}

/* Cut a comment behind a value. */
static void cut_tail(const Style *style, char *line)
{
    char quote = '\0', before = ' ';

    for (char *at = line; *at != '\0'; before = *at++) {
        if (quote != '\0') {
            quote = *at == quote ? '\0' : quote;
            continue;
        }
        if ((*at == '"' || *at == '\'') && strchr(" \t=:,[{(>", before) != NULL && strchr(at + 1, *at) != NULL)
            quote = *at;
        else if (g_ascii_isspace(before) &&
                 (*at == '#' || (style->sections && *at == ';') || (style->slashes && g_str_has_prefix(at, "//")) ||
                  (style->dashes && g_str_has_prefix(at, "-- ")))) {
            *at = '\0';
            return;
        }
    }
}

static void line_free(gpointer data)
{
    OkseGuessLine *line = data;

    g_free(line->text);
    g_free(line->code);
    g_free(line->key);
    g_free(line);
}

void okse_guess_lines_free(OkseGuessLines *lines)
{
    if (lines == NULL)
        return;
    g_ptr_array_unref(lines->lines);
    g_ptr_array_unref(lines->sections);
    g_free(lines);
}

/* Group 1 of the expression as the line's key. */
static bool take_key(OkseGuessLine *line, const GRegex *regex, bool *gave_up)
{
    g_autoptr(GMatchInfo) match = NULL;
    gint end = 0;

    if (!okse_regex_first(regex, line->code, &match, gave_up))
        return false;
    line->key = g_strstrip(g_match_info_fetch(match, 1));
    g_match_info_fetch_pos(match, 0, NULL, &end);
    line->value = (size_t)end;
    return true;
}

static void find_key(const OkseGuess *guess, OkseGuessLine *line, bool *gave_up)
{
    if (take_key(line, guess->tag, gave_up))
        return;
    line->assigned = take_key(line, guess->assignment, gave_up);
    if (!line->assigned)
        take_key(line, guess->directive, gave_up);
}

/* "[name]" alone in its line. */
static char *section_of(const char *code)
{
    const char *first = code + strspn(code, " \t"), *close = strrchr(first, ']');

    if (*first != '[' || close == NULL || close[1 + strspn(close + 1, " \t")] != '\0' || strchr(first, '=') != NULL ||
        strchr(first, ',') != NULL || strchr(first, '"') != NULL)
        return NULL;
    return g_strndup(first + 1, (gsize)(close - first - 1));
}

/* A line that opens or closes a block, or one of the two only. */
static bool turns(const char *code)
{
    int depth = 0;
    const char *first = code + strspn(code, " \t");
    const char *close = *first == '<' ? strchr(first, '>') : NULL;
    bool tag = close != NULL && strchr(close, '<') == NULL && strstr(first, "/>") == NULL && strchr(first, '=') == NULL;

    for (const char *at = code; *at != '\0'; at++)
        depth += *at == '{' ? 1 : *at == '}' ? -1 : 0;
    return depth != 0 || tag;
}

static void add_line(const OkseGuess *guess, OkseGuessLines *lines, Style *style, const char *raw, size_t size)
{
    OkseGuessLine *line = g_new0(OkseGuessLine, 1);
    const OkseGuessLine *before = lines->lines->len > 0 ? g_ptr_array_index(lines->lines, lines->lines->len - 1) : NULL;
    g_autofree char *whole = g_strndup(raw, MIN(size, OKSE_GUESS_LINE));
    char *section;
    bool gave_up = false;

    line->text = g_utf8_make_valid(whole, -1);
    line->code = g_strdup(line->text);
    lines->whole = lines->whole && size <= OKSE_GUESS_LINE;
    cut_blocks(style, line->code);
    g_strchomp(line->code);
    if (is_comment(style, line->code + strspn(line->code, " \t")))
        *line->code = '\0';
    cut_tail(style, line->code);
    g_strchomp(line->code);
    section = section_of(line->code);
    if (section != NULL)
        g_ptr_array_add(lines->sections, section);
    line->section = lines->sections->len > 0 ? g_ptr_array_index(lines->sections, lines->sections->len - 1) : NULL;
    line->block =
        before == NULL ? 0 : before->block + (section != NULL || turns(line->code) || turns(before->code) ? 1 : 0);
    line->parent = -1;
    if (section == NULL && *line->code != '\0')
        find_key(guess, line, &gave_up);
    lines->whole = lines->whole && !gave_up;
    g_ptr_array_add(lines->lines, line);
}

/* What stands above a line, by indentation; an item of a list may stand at its key's own. */
static void find_parents(OkseGuessLines *lines)
{
    Above above[DEPTH];
    unsigned depth = 0;

    for (guint i = 0; i < lines->lines->len; i++) {
        OkseGuessLine *line = g_ptr_array_index(lines->lines, i);
        size_t indent = strspn(line->code, " \t");
        bool item = line->code[indent] == '-' && g_ascii_isspace(line->code[indent + 1]);

        item = item || (line->code[indent] != '\0' && strchr("([{", line->code[indent]) != NULL);
        if (line->code[indent] == '\0')
            continue;
        while (depth > 0 && above[depth - 1].indent >= indent + (item ? 1 : 0))
            depth--;
        line->parent = depth > 0 ? (int)above[depth - 1].line : -1;
        if (line->key != NULL && !(item && !line->assigned) && depth < DEPTH)
            above[depth++] = (Above){i, indent};
    }
}

OkseGuessLines *okse_guess_lines_read(const OkseGuess *guess, const char *text, size_t length)
{
    OkseGuessLines *lines = g_new0(OkseGuessLines, 1);
    Style style = style_of(text, length);

    lines->lines = g_ptr_array_new_with_free_func(line_free);
    lines->sections = g_ptr_array_new_with_free_func(g_free);
    lines->script = starts(text, text + length, "#!");
    lines->whole = true;
    for (size_t at = 0; at < length;) {
        const char *newline = memchr(text + at, '\n', length - at);
        size_t size = newline != NULL ? (size_t)(newline - text) - at : length - at;

        add_line(guess, lines, &style, text + at, size);
        at += size + 1;
    }
    find_parents(lines);
    return lines;
}

/* Letters and digits of a key in lower case. Owned. */
static char *bare(const char *key)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (; *key != '\0'; key++)
        if (g_ascii_isalnum(*key))
            g_string_append_c(text, g_ascii_tolower(*key));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* A number that is the whole value. */
static unsigned number_at(const char *text)
{
    guint64 port = 0;
    const char *at = text + strspn(text, " \t\"'=>:");
    g_autofree char *digits = g_strndup(at, strspn(at, "0123456789"));
    const char *rest = at + strlen(digits);

    rest += strspn(rest, " \t\"';,)");
    if (*rest != '\0' && *rest != '<' && *rest != '}')
        return 0;
    return g_ascii_string_to_unsigned(digits, 10, 1, 65535, &port, NULL) ? (unsigned)port : 0;
}

/* The port that the line names under a key that goes with the host's; 0: none. */
static unsigned port_in(const OkseGuessLine *line, const char *const *stems)
{
    g_autofree char *key = line->key == NULL ? NULL : bare(line->key), *tag = NULL;
    const char *code = line->code, *first = code + strspn(code, " \t"), *value = code + line->value;

    if (*first == '<') {
        tag = g_strndup(first + 1, strcspn(first + 1, "> \t"));
        g_free(key);
        key = bare(tag);
        value = strchr(first, '>') != NULL ? strchr(first, '>') + 1 : "";
    }
    for (const char *const *stem = stems; key != NULL && *stem != NULL; stem++) {
        g_autofree char *wanted = g_strconcat(*stem, "port", NULL);

        if (strcmp(key, wanted) == 0)
            return number_at(value);
    }
    return 0;
}

unsigned okse_guess_port_beside(const OkseGuessLines *lines, unsigned line, const char *key)
{
    g_autofree char *stem = okse_guess_stem(key), *all = bare(key);
    const char *const near[] = {stem, all, NULL}, *const plain[] = {"", NULL};
    const OkseGuessLine *own = g_ptr_array_index(lines->lines, line);

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned distance = 0; distance <= (round == 0 && *stem != '\0' ? FAR : NEAR); distance++) {
            for (int side = 1; side >= -1; side -= 2) {
                gint64 at = (gint64)line + side * (gint64)distance;
                const OkseGuessLine *other =
                    at < 0 || at >= (gint64)lines->lines->len ? NULL : g_ptr_array_index(lines->lines, at);
                unsigned port =
                    other == NULL || other->block != own->block ? 0 : port_in(other, round == 0 ? near : plain);

                if (port > 0)
                    return port;
            }
        }
    }
    return 0;
}
