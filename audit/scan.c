/* One pass over the lines of a text. Structure is kept as far as it decides a role: the keys above a line by
 * indentation, the assignment nearest before a destination. Everything that looks like a destination is reported; what
 * is surely none (a comment, a version, a range) is reported as such and not dropped. */
#include "audit/redact.h"
#include "audit/scan_rules.h"

#include <stdlib.h>
#include <string.h>

#define LINE_LIMIT 8192u
#define DEPTH 32u
#define SPANS 256u
#define NEAR 4096u /* bytes around a host in which its port may stand */

typedef struct {
    const OkseScanner *scanner;
    const OkseScanSink *sink;
    const char *file, *text;
    size_t length, start; /* of the text; where the line starts in it */
    const char *line;     /* NUL-terminated copy */
    unsigned number;
    char *key;     /* path of keys; owned */
    bool has_own;  /* the line has a key of its own */
    char *named;   /* the variable whose value the next line has; owned */
    size_t indent; /* of its name */
    unsigned named_number;
    const char *noise;
    size_t comment;       /* where a comment starts in the line */
    gint spans[SPANS][2]; /* bytes already claimed */
    unsigned span_count;
    bool cut;                   /* something was not looked at */
    const char *opens, *closes; /* of comments over lines, or NULL */
    bool inside, commented;     /* such a comment is open; the line is one */
    struct {
        size_t indent, length;
        const char *name; /* in the text */
    } parents[DEPTH];
    unsigned depth;
} Scan;

/* The key that begins a line. */
typedef struct {
    size_t indent, length;
    const char *name;
} Key;

/* A destination as matched, before it is judged. */
typedef struct {
    OkseShape shape;
    char *scheme, *host, *port; /* borrowed, or NULL */
    gint start, end, host_start;
} Match;

/* First match; an engine that gave up (its limits) makes the line cut, for no match is not proven. */
static bool first_match(Scan *scan, GRegex *regex, const char *text, GMatchInfo **match)
{
    g_autoptr(GError) error = NULL;
    bool found = g_regex_match_full(regex, text, -1, 0, 0, match, &error);

    scan->cut = scan->cut || error != NULL;
    return found;
}

static bool next_match(Scan *scan, GMatchInfo *match)
{
    g_autoptr(GError) error = NULL;
    bool found = g_match_info_next(match, &error);

    scan->cut = scan->cut || error != NULL;
    return found;
}

static bool claim(Scan *scan, gint start, gint end)
{
    for (unsigned i = 0; i < scan->span_count; i++)
        if (start < scan->spans[i][1] && end > scan->spans[i][0])
            return false;
    if (scan->span_count == SPANS) {
        scan->cut = true;
        return false;
    }
    scan->spans[scan->span_count][0] = start;
    scan->spans[scan->span_count++][1] = end;
    return true;
}

static const char *last_of(const char *key)
{
    const char *dot = key == NULL ? NULL : strrchr(key, '.');

    return dot != NULL ? dot + 1 : key;
}

/* The name of the assignment nearest before a byte of the line, or NULL; *whole when it needs no path before it (a
 * flag, an environment variable). */
static char *nearest_name(Scan *scan, gint before, bool *whole)
{
    g_autofree char *head = g_strndup(scan->line, (gsize)before), *name = NULL;
    g_autoptr(GMatchInfo) match = NULL;

    *whole = false;
    if (!first_match(scan, scan->scanner->patterns[OKSE_PATTERN_ASSIGNMENT], head, &match))
        return NULL;
    do {
        g_autofree char *flag = g_match_info_fetch(match, 1), *spaced = g_match_info_fetch(match, 2);
        g_autofree char *plain = g_match_info_fetch(match, 3);
        gint end = 0;

        g_match_info_fetch_pos(match, 0, NULL, &end);
        if (spaced != NULL && *spaced != '\0' && end != before)
            continue;
        g_free(name);
        *whole = plain == NULL || *plain == '\0';
        name = g_strdup(!*whole ? plain : flag != NULL && *flag != '\0' ? flag : spaced);
        *whole =
            *whole || (g_ascii_isupper(*name) && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name));
    } while (next_match(scan, match));
    return g_steal_pointer(&name);
}

/* The key of what stands at a byte of the line; owned, or NULL. */
static char *key_at(Scan *scan, gint start)
{
    bool whole = false;
    g_autofree char *name = nearest_name(scan, start, &whole);
    g_autoptr(GMatchInfo) match = NULL;

    if (g_strcmp0(name, "value") == 0 &&
        first_match(scan, scan->scanner->patterns[OKSE_PATTERN_NAMED_FLOW], scan->line, &match))
        return g_match_info_fetch(match, 1);
    if (name == NULL || (scan->has_own && g_strcmp0(last_of(scan->key), last_of(name)) == 0) ||
        (scan->has_own && scan->named != NULL && scan->named_number == scan->number))
        return g_strdup(scan->key);
    return whole || scan->key == NULL ? g_steal_pointer(&name) : g_strconcat(scan->key, ".", name, NULL);
}

static const char *direction_of(const char *key)
{
    static const char *const inward[] = {"ports", "listen", "bind", NULL};
    const char *last = last_of(key);

    return last != NULL && g_strv_contains(inward, last) ? "in" : "out";
}

static bool is_range(const Scan *scan, const Match *found)
{
    const char *tail = scan->line + found->end;
    guint64 bits;

    if (found->shape != OKSE_SHAPE_ADDRESS || *tail != '/' || !g_ascii_isdigit(tail[1]))
        return false;
    bits = g_ascii_strtoull(tail + 1, NULL, 10); /* "/24," ends where the digits do */
    return bits != (strchr(found->host, ':') != NULL ? 128u : 32u);
}

/* Why a match is no destination, or NULL. */
static const char *noise_of(const Scan *scan, const Match *found, const char *key)
{
    const OkseScanner *scanner = scan->scanner;
    const char *last = last_of(key), *dot = strrchr(found->host, '.');
    bool bare = found->shape == OKSE_SHAPE_ADDRESS;

    if (scan->noise != NULL)
        return scan->noise;
    if ((size_t)found->start >= scan->comment)
        return "comment";
    if (okse_scanner_lists(scanner, "namespaces", found->host))
        return "namespace";
    if (last != NULL && okse_scanner_lists(scanner, "documentation_keys", last))
        return "documentation";
    if (is_range(scan, found))
        return "range";
    if (bare && last != NULL && scanner->version_keys != NULL && g_regex_match(scanner->version_keys, last, 0, NULL))
        return "version";
    if (found->shape != OKSE_SHAPE_URL && dot != NULL && okse_scanner_lists(scanner, "module_endings", dot + 1))
        return "module";
    return NULL;
}

/* A part of a password is no host; a key such as token_endpoint says that a host follows. */
static bool in_secret(const Scan *scan, const Match *found, const char *key)
{
    const char *last = last_of(key);

    return found->shape != OKSE_SHAPE_URL && last != NULL && okse_redact_key(last) &&
           (scan->scanner->host_keys == NULL || !g_regex_match(scan->scanner->host_keys, last, 0, NULL));
}

static void report(Scan *scan, const Match *found)
{
    g_autofree char *key = NULL;
    const char *scheme = found->shape == OKSE_SHAPE_IMAGE ? "oci" : found->scheme;
    guint64 number = 0;

    if (found->port != NULL && *found->port != '\0' &&
        !g_ascii_string_to_unsigned(found->port, 10, 1, 65535, &number, NULL))
        return;
    if (!okse_scanner_plausible(scan->scanner, found->host, found->shape == OKSE_SHAPE_URL))
        return;
    key = key_at(scan, found->host_start);
    if (in_secret(scan, found, key) || !claim(scan, found->start, found->end))
        return;
    scan->sink->endpoint(
        scan->sink->context,
        &(OkseScanEndpoint){.host = found->host,
                            .port = (unsigned)number,
                            .scheme = found->scheme,
                            .key = key,
                            .role = okse_scanner_role(scan->scanner, key, scan->file, scheme, found->host),
                            .direction = direction_of(key),
                            .noise = noise_of(scan, found, key),
                            .line = scan->line,
                            .line_number = scan->number,
                            .column = (unsigned)found->host_start + 1});
}

/* The port that another parameter or line of the same block names, or NULL; owned. */
static char *port_nearby(Scan *scan, OkseShape shape, gint at)
{
    bool parameter = shape == OKSE_SHAPE_TARGET;
    size_t here = MIN(scan->start + (size_t)at, scan->length);
    size_t from = here > NEAR ? here - NEAR : 0, to = MIN(scan->length, here + NEAR);
    g_autofree char *before = g_strndup(scan->text + from, here - from),
                    *after = g_strndup(scan->text + here, to - here);
    char *open = parameter ? strrchr(before, '(') : g_strrstr(before, "\n[");
    char *close = parameter ? strchr(after, ')') : strstr(after, "\n[");
    g_autofree char *block = NULL;
    g_autoptr(GMatchInfo) match = NULL;

    if (close != NULL)
        *close = '\0';
    block = g_strconcat(open != NULL ? open : before, after, NULL);
    return first_match(scan, scan->scanner->patterns[parameter ? OKSE_PATTERN_PORT_PARAMETER : OKSE_PATTERN_PORT_LINE],
                       block, &match)
               ? g_match_info_fetch(match, 1)
               : NULL;
}

static char *host_of(const char *raw)
{
    return *raw == '[' ? g_strndup(raw + 1, strlen(raw) - 2) : g_ascii_strdown(raw, -1);
}

static void report_match(Scan *scan, OkseShape shape, const GMatchInfo *match)
{
    bool is_url = shape == OKSE_SHAPE_URL;
    g_autofree char *scheme_raw = is_url ? g_match_info_fetch(match, 1) : NULL;
    g_autofree char *scheme = scheme_raw == NULL ? NULL : g_ascii_strdown(scheme_raw, -1);
    g_autofree char *raw = g_match_info_fetch(match, is_url ? 2 : 1), *host = host_of(raw), *port = NULL;
    Match found = {.shape = shape, .scheme = scheme, .host = host};

    g_match_info_fetch_pos(match, 0, &found.start, &found.end);
    g_match_info_fetch_pos(match, is_url ? 2 : 1, &found.host_start, NULL);
    if (shape == OKSE_SHAPE_TARGET || shape == OKSE_SHAPE_HOST_LINE)
        port = port_nearby(scan, shape, found.host_start);
    else
        port = g_match_info_fetch(match, is_url ? 3 : 2);
    found.port = port;
    report(scan, &found);
}

/* NTP=a b and DNS=a b: every word is a host; what follows a # is the name in its certificate. */
static void report_list(Scan *scan)
{
    g_autoptr(GMatchInfo) match = NULL;
    gint at = 0, end = 0;

    if (scan->scanner->list_files == NULL || !g_regex_match(scan->scanner->list_files, scan->file, 0, NULL) ||
        !first_match(scan, scan->scanner->patterns[OKSE_PATTERN_LIST], scan->line, &match))
        return;
    g_match_info_fetch_pos(match, 1, &at, &end);
    while (at < end) {
        const char *word = scan->line + at;
        gint size = (gint)strcspn(word, " \t"), host_size = (gint)MIN((size_t)size, strcspn(word, "#%"));
        g_autofree char *raw = g_strndup(word, (gsize)host_size),
                        *host = *raw != '[' || strchr(raw, ']') == NULL ? g_ascii_strdown(raw, -1)
                                                                        : g_strndup(raw + 1, strcspn(raw + 1, "]"));

        if (size > 0)
            report(
                scan,
                &(Match){.shape = OKSE_SHAPE_DIRECTIVE, .host = host, .start = at, .end = at + size, .host_start = at});
        at += MAX(size, 1);
    }
}

/* "- name: X" and, under it, "value: …": the value is X's. */
static void follow_named(Scan *scan, size_t indent, const char *own)
{
    g_autoptr(GMatchInfo) match = NULL;
    bool value = g_strcmp0(own, "value") == 0 && scan->named != NULL && scan->indent == indent;

    if (value) {
        g_free(scan->key);
        scan->key = g_strdup(scan->named);
        scan->named_number = scan->number;
        return;
    }
    if (own == NULL)
        return;
    if (scan->named != NULL && indent <= scan->indent)
        g_clear_pointer(&scan->named, g_free);
    if (first_match(scan, scan->scanner->patterns[OKSE_PATTERN_NAMED], scan->line, &match)) {
        g_free(scan->named);
        scan->named = g_match_info_fetch(match, 2);
        scan->indent = indent;
        scan->named_number = 0;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *skip_blanks(const char *at, const char *end)
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
static bool key_of(const char *at, const char *end, Key *key)
{
    const char *start = at, *more;

    at = skip_blanks(at, end);
    while (at + 1 < end && *at == '-' && is_blank(at[1]))
        at = skip_blanks(at + 1, end);
    key->indent = (size_t)(at - start);
    more = end - at > 7 && strncmp(at, "export", 6) == 0 && is_blank(at[6]) ? skip_blanks(at + 6, end) : at;
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
    at = skip_blanks(at, end);
    return at < end && (*at == ':' || *at == '=') && !(at + 2 < end && at[1] == '/' && at[2] == '/');
}

/* Indentation closes what is not above this line any more. A line without a key stands under the key at its own
 * indentation only as an item of its list. False when the line has no part in this. */
static bool follow_keys(Scan *scan, const char *begin, const char *end, Key *key)
{
    const char *first = skip_blanks(begin, end);
    bool item = first + 1 < end && first[0] == '-' && first[1] == ' ';

    scan->has_own = false;
    if (first == end || scan->commented || is_comment(first, end))
        return false;
    scan->has_own = key_of(begin, end, key);
    if (!scan->has_own)
        key->indent = (size_t)(first - begin);
    while (scan->depth > 0 && scan->parents[scan->depth - 1].indent >= key->indent + (item && !scan->has_own ? 1 : 0))
        scan->depth--;
    if (scan->has_own && scan->depth < DEPTH) {
        scan->parents[scan->depth].indent = key->indent;
        scan->parents[scan->depth].name = key->name;
        scan->parents[scan->depth++].length = key->length;
    }
    return true;
}

/* The line's own path of keys. */
static void set_key(Scan *scan)
{
    g_autoptr(GString) path = g_string_new(NULL);

    for (unsigned i = 0; i < scan->depth; i++) {
        if (i > 0)
            g_string_append_c(path, '.');
        g_string_append_len(path, scan->parents[i].name, (gssize)scan->parents[i].length);
    }
    g_free(scan->key);
    scan->key = path->len > 0 ? g_strdup(path->str) : NULL;
}

static void report_settings(Scan *scan)
{
    g_autoptr(GMatchInfo) match = NULL;
    bool more = first_match(scan, scan->scanner->patterns[OKSE_PATTERN_VARIABLE], scan->line, &match);

    if (scan->named != NULL && scan->named_number == scan->number) {
        const char *value = strchr(scan->line, ':');
        g_autofree char *text = g_strdup(value != NULL ? value + 1 : "");

        g_strdelimit(text, "\"'", ' ');
        scan->sink->setting(scan->sink->context,
                            &(OkseScanSetting){scan->named, g_strstrip(text), scan->line, scan->number});
    }
    for (unsigned i = 0; more && i < SPANS; i++) {
        g_autofree char *name = g_match_info_fetch(match, 1), *value = g_match_info_fetch(match, 2);

        scan->sink->setting(scan->sink->context, &(OkseScanSetting){name, value, scan->line, scan->number});
        more = next_match(scan, match);
    }
    scan->cut = scan->cut || more;
}

/* Where " # …" starts outside quotes, or the line's end. Unit files have no such comments. */
static size_t comment_of(const Scan *scan)
{
    char quote = '\0', before = ' ';
    size_t at = 0;

    if (scan->scanner->literal_hash_files != NULL &&
        g_regex_match(scan->scanner->literal_hash_files, scan->file, 0, NULL))
        return strlen(scan->line);
    for (; scan->line[at] != '\0'; before = scan->line[at++]) {
        char byte = scan->line[at];

        if (quote != '\0')
            quote = byte == quote ? '\0' : quote;
        else if ((byte == '"' || byte == '\'') && strchr(" \t=:,[{(", before) != NULL)
            quote = byte;
        else if (byte == '#' && g_ascii_isspace(before))
            break;
    }
    return quote == '\0' ? at : strlen(scan->line);
}

/* What holds none of what is looked for may still be above something that does. */
static void pass_line(Scan *scan, const char *begin, const char *end)
{
    Key key;

    if (follow_keys(scan, begin, end, &key) && scan->has_own && scan->named != NULL && key.indent <= scan->indent)
        g_clear_pointer(&scan->named, g_free);
}

/* How comments that go over lines begin and end in the file, if it has such. */
static void know_comments(Scan *scan)
{
    const GRegex *slashes = scan->scanner->block_comment_files;

    if (g_str_has_suffix(scan->file, ".xml")) {
        scan->opens = "<!--";
        scan->closes = "-->";
    } else if (slashes != NULL && g_regex_match(slashes, scan->file, 0, NULL)) {
        scan->opens = "/*";
        scan->closes = "*/";
    }
}

/* Whether the line is part of one. What stands behind its end in a line is looked at. */
static void follow_comment(Scan *scan, const char *begin, const char *end)
{
    const char *first = skip_blanks(begin, end), *close;
    bool inside = scan->inside;

    scan->commented = false;
    if (scan->opens == NULL)
        return;
    inside = inside ||
             ((size_t)(end - first) >= strlen(scan->opens) && strncmp(first, scan->opens, strlen(scan->opens)) == 0);
    close = inside ? g_strstr_len(first, end - first, scan->closes) : NULL;
    scan->inside = inside && close == NULL;
    scan->commented = scan->inside || (close != NULL && skip_blanks(close + strlen(scan->closes), end) == end);
}

static void scan_line(Scan *scan, const char *begin, const char *end)
{
    const char *start = scan->line + strspn(scan->line, " \t");
    Key key;

    scan->noise = scan->commented || *start == '#' || *start == ';' || g_str_has_prefix(start, "! ") ||
                          g_str_has_prefix(start, "//")
                      ? "comment"
                      : NULL;
    scan->comment = comment_of(scan);
    scan->span_count = 0;
    if (follow_keys(scan, begin, end, &key)) {
        g_autofree char *own = scan->has_own ? g_strndup(key.name, key.length) : NULL;

        set_key(scan);
        follow_named(scan, key.indent, own);
    } else {
        set_key(scan); /* a comment stands under the keys above it */
    }
    if (scan->noise == NULL) {
        report_settings(scan);
        report_list(scan);
    }
    for (OkseShape shape = 0; shape < OKSE_SHAPES; shape++) {
        g_autoptr(GMatchInfo) match = NULL;
        bool more;

        if (shape == OKSE_SHAPE_HOST_LINE && (scan->scanner->host_line_files == NULL ||
                                              !g_regex_match(scan->scanner->host_line_files, scan->file, 0, NULL)))
            continue;
        more = first_match(scan, scan->scanner->shapes[shape], scan->line, &match);
        for (; more && !(scan->cut && scan->span_count == SPANS); more = next_match(scan, match))
            report_match(scan, shape, match);
    }
}

/* The line from `begin`, made a valid text. */
static void look_at(Scan *scan, const char *begin, size_t size)
{
    g_autofree char *raw = g_strndup(begin, MIN(size, LINE_LIMIT));
    g_autofree char *line = g_utf8_make_valid(raw, -1);

    if (g_str_has_suffix(line, "\r"))
        line[strlen(line) - 1] = '\0';
    scan->line = line;
    scan->cut = false;
    scan_line(scan, begin, begin + MIN(size, LINE_LIMIT));
}

bool okse_scan_text(const OkseScanner *scanner, const char *file, const char *text, size_t length,
                    const OkseScanSink *sink)
{
    Scan scan = {.scanner = scanner, .sink = sink, .file = file, .text = text, .length = length};
    g_autoptr(GArray) ends = g_array_new(FALSE, FALSE, sizeof(guint64));
    bool filtered = okse_scan_filter_find(scanner->filter, text, length, ends), whole = true;
    guint next = 0;

    know_comments(&scan);
    while (scan.start < length) {
        const char *begin = text + scan.start, *end = memchr(begin, '\n', length - scan.start);
        size_t size = end != NULL ? (size_t)(end - begin) : length - scan.start;

        scan.number++;
        follow_comment(&scan, begin, begin + MIN(size, LINE_LIMIT));
        if (!filtered || (next < ends->len && g_array_index(ends, guint64, next) <= scan.start + size)) {
            look_at(&scan, begin, size);
            next++;
            whole = whole && !scan.cut;
        } else if (next < ends->len) {
            pass_line(&scan, begin, begin + MIN(size, LINE_LIMIT));
        }
        whole = whole && size <= LINE_LIMIT;
        scan.start += size + 1;
    }
    g_free(scan.key);
    g_free(scan.named);
    return whole;
}
