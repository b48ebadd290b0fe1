/* The lines of a text that may hold something (audit/scan_filter.h), one after the other. Structure is kept as far as
 * it decides a role: the keys above a line by indentation, the assignment nearest before a destination. Everything that
 * looks like a destination is reported; what is surely none (a comment, a version, a range) is reported as such and not
 * dropped. */
#include "audit/redact.h"
#include "audit/scan_filter.h"
#include "audit/scan_keys.h"
#include "audit/scan_rules.h"
#include "core/regex.h"
#include "core/text.h"

#include <stdint.h>
#include <string.h>

#define SPANS 256u
#define NEAR 4096u /* bytes around a host in which its port may stand */

typedef struct {
    const OkseScanner *scanner;
    const OkseScanSink *sink;
    const char *file, *text;
    size_t length, start; /* of the text; where the line starts in it */
    unsigned maybe;       /* what the line may hold: audit/scan_filter.h */
    const char *line;     /* NUL-terminated copy */
    char buffer[OKSE_SCAN_LINE + 1];
    unsigned number;
    OkseScanKeys keys;
    char *key;     /* path of keys, once it was asked for; owned */
    bool has_key;  /* it was */
    bool has_own;  /* the line has a key of its own */
    char *named;   /* the variable whose value the next line has; owned */
    size_t indent; /* of its name */
    unsigned named_number;
    const char *noise;
    size_t comment;       /* where a comment starts in the line */
    gint spans[SPANS][2]; /* bytes already claimed */
    unsigned span_count;
    bool cut;                                       /* something was not looked at */
    const char *opens, *closes;                     /* of comments over lines, or NULL */
    bool inside, commented;                         /* such a comment is open; the line is one */
    bool literal_hashes, has_lists, has_host_lines; /* what kind of file it is */
} Scan;

/* A destination as matched, before it is judged. */
typedef struct {
    OkseShape shape;
    char *scheme, *host, *port; /* borrowed, or NULL */
    gint start, end, host_start;
} Match;

/* An engine that gave up makes the line cut. */
static bool first_match(Scan *scan, GRegex *regex, const char *text, GMatchInfo **match)
{
    return okse_regex_first(regex, text, match, &scan->cut);
}

static bool next_match(Scan *scan, GMatchInfo *match)
{
    return okse_regex_next(match, &scan->cut);
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

static bool may_hold(const Scan *scan, OkseShape shape)
{
    return (scan->maybe & 1u << shape) != 0;
}

/* The line's own path of keys. */
static const char *key_of_line(Scan *scan)
{
    if (!scan->has_key)
        scan->key = okse_scan_keys_path(&scan->keys);
    scan->has_key = true;
    return scan->key;
}

static void set_key(Scan *scan, const char *key)
{
    g_free(scan->key);
    scan->key = g_strdup(key);
    scan->has_key = key != NULL;
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
    if (strpbrk(head, "=:-") == NULL || /* each of its branches has one */
        !first_match(scan, scan->scanner->patterns[OKSE_PATTERN_ASSIGNMENT], head, &match))
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
    const char *key = key_of_line(scan);
    g_autoptr(GMatchInfo) match = NULL;

    if (g_strcmp0(name, "value") == 0 &&
        first_match(scan, scan->scanner->patterns[OKSE_PATTERN_NAMED_FLOW], scan->line, &match))
        return g_match_info_fetch(match, 1);
    if (name == NULL || (scan->has_own && g_strcmp0(last_of(key), last_of(name)) == 0) ||
        (scan->has_own && scan->named != NULL && scan->named_number == scan->number))
        return g_strdup(key);
    return whole || key == NULL ? g_steal_pointer(&name) : g_strconcat(key, ".", name, NULL);
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
    const char *scheme = found->shape == OKSE_SHAPE_IMAGE ? "oci" : found->scheme, *noise;
    guint64 number = 0;

    if (found->port != NULL && *found->port != '\0' &&
        !g_ascii_string_to_unsigned(found->port, 10, 1, 65535, &number, NULL))
        return;
    if (!okse_scanner_plausible(scan->scanner, found->host, found->shape == OKSE_SHAPE_URL))
        return;
    key = key_at(scan, found->host_start);
    if (in_secret(scan, found, key) || !claim(scan, found->start, found->end))
        return;
    noise = noise_of(scan, found, key);
    scan->sink->endpoint(
        scan->sink->context,
        &(OkseScanEndpoint){
            .host = found->host,
            .port = (unsigned)number,
            .scheme = found->scheme,
            .key = key,
            .role = noise == NULL ? okse_scanner_role(scan->scanner, key, scan->file, scheme, found->host) : NULL,
            .direction = direction_of(key),
            .noise = noise,
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

    if (!scan->has_lists || (scan->maybe & OKSE_MAYBE_LIST) == 0 ||
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
        set_key(scan, scan->named);
        scan->named_number = scan->number;
        return;
    }
    if (own == NULL)
        return;
    if (scan->named != NULL && indent <= scan->indent)
        g_clear_pointer(&scan->named, g_free);
    if ((scan->maybe & OKSE_MAYBE_NAMED) != 0 &&
        first_match(scan, scan->scanner->patterns[OKSE_PATTERN_NAMED], scan->line, &match)) {
        g_free(scan->named);
        scan->named = g_match_info_fetch(match, 2);
        scan->indent = indent;
        scan->named_number = 0;
    }
}

static void report_settings(Scan *scan)
{
    g_autoptr(GMatchInfo) match = NULL;
    bool more = (scan->maybe & OKSE_MAYBE_VARIABLE) != 0 &&
                first_match(scan, scan->scanner->patterns[OKSE_PATTERN_VARIABLE], scan->line, &match);

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

    if (scan->literal_hashes)
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

static bool names(const GRegex *files, const char *file)
{
    return files != NULL && g_regex_match(files, file, 0, NULL);
}

/* How comments that go over lines begin and end in the file, if it has such, and what else its name decides. */
static void know_file(Scan *scan)
{
    if (g_str_has_suffix(scan->file, ".xml")) {
        scan->opens = "<!--";
        scan->closes = "-->";
    } else if (names(scan->scanner->block_comment_files, scan->file)) {
        scan->opens = "/*";
        scan->closes = "*/";
    }
    scan->literal_hashes = names(scan->scanner->literal_hash_files, scan->file);
    scan->has_lists = names(scan->scanner->list_files, scan->file);
    scan->has_host_lines = names(scan->scanner->host_line_files, scan->file);
}

/* Whether the line is part of one. What stands behind its end in a line is looked at. */
static void follow_comment(Scan *scan, const char *begin, const char *end)
{
    const char *first, *close;
    bool inside = scan->inside;

    scan->commented = false;
    if (scan->opens == NULL)
        return;
    first = okse_scan_blanks(begin, end);
    inside = inside ||
             ((size_t)(end - first) >= strlen(scan->opens) && strncmp(first, scan->opens, strlen(scan->opens)) == 0);
    close = inside ? g_strstr_len(first, end - first, scan->closes) : NULL;
    scan->inside = inside && close == NULL;
    scan->commented = scan->inside || (close != NULL && okse_scan_blanks(close + strlen(scan->closes), end) == end);
}

static void follow_keys(Scan *scan, const char *begin, const char *end)
{
    OkseScanKeyed line = {0};

    if (!scan->commented)
        line = okse_scan_key(begin, end);
    okse_scan_keys_follow(&scan->keys, &line);
    scan->has_own = line.own;
    set_key(scan, NULL);
    if (line.part) {
        g_autofree char *own = line.own ? g_strndup(line.key.name, line.key.length) : NULL;

        follow_named(scan, line.key.indent, own);
    }
}

static void scan_line(Scan *scan, const char *begin, const char *end)
{
    const char *start = scan->line + strspn(scan->line, " \t");

    scan->noise = scan->commented || *start == '#' || *start == ';' || g_str_has_prefix(start, "! ") ||
                          g_str_has_prefix(start, "//")
                      ? "comment"
                      : NULL;
    scan->comment = comment_of(scan);
    scan->span_count = 0;
    follow_keys(scan, begin, end); /* a comment stands under the keys above it */
    if (scan->noise == NULL) {
        report_settings(scan);
        report_list(scan);
    }
    for (OkseShape shape = 0; shape < OKSE_SHAPES; shape++) {
        g_autoptr(GMatchInfo) match = NULL;
        bool more;

        if (!may_hold(scan, shape) || (shape == OKSE_SHAPE_HOST_LINE && !scan->has_host_lines))
            continue;
        more = first_match(scan, scan->scanner->shapes[shape], scan->line, &match);
        for (; more && !(scan->cut && scan->span_count == SPANS); more = next_match(scan, match))
            report_match(scan, shape, match);
    }
}

/* The line from `begin`, made a valid text. */
static void look_at(Scan *scan, const char *begin, size_t size)
{
    size_t length = strnlen(begin, MIN(size, OKSE_SCAN_LINE));
    g_autofree char *mended =
        g_utf8_validate_len(begin, length, NULL) ? NULL : g_utf8_make_valid(begin, (gssize)length);

    if (mended != NULL)
        length = strlen(mended);
    else
        memcpy(scan->buffer, begin, length);
    scan->line = mended != NULL ? mended : scan->buffer;
    if (length > 0 && scan->line[length - 1] == '\r')
        length--;
    (mended != NULL ? mended : scan->buffer)[length] = '\0';
    scan->cut = false;
    scan_line(scan, begin, begin + MIN(size, OKSE_SCAN_LINE));
}

/* What holds none of what is looked for may still be above something that does: the lines up to `to`. */
static void pass_lines(Scan *scan, size_t to)
{
    const char *begin = scan->text + scan->start, *last = scan->text + to;
    size_t smallest = SIZE_MAX;

    scan->number += okse_text_count_lines(begin, (size_t)(last - begin));
    if (scan->opens == NULL)
        smallest = okse_scan_keys_pass(&scan->keys, begin, last, scan->named != NULL);
    while (scan->opens != NULL && begin < last) {
        const char *end = memchr(begin, '\n', (size_t)(last - begin));
        OkseScanKeyed line = {0};

        follow_comment(scan, begin, begin + MIN((size_t)(end - begin), OKSE_SCAN_LINE));
        if (!scan->commented)
            line = okse_scan_key(begin, begin + MIN((size_t)(end - begin), OKSE_SCAN_LINE));
        okse_scan_keys_follow(&scan->keys, &line);
        smallest = line.own ? MIN(smallest, line.key.indent) : smallest;
        begin = end + 1;
    }
    if (scan->named != NULL && smallest <= scan->indent)
        g_clear_pointer(&scan->named, g_free);
    scan->start = to;
}

/* The next place at which a line may hold something: in the plain way, every line. */
static size_t next_place(const Scan *scan, size_t from, unsigned *maybe)
{
    *maybe = OKSE_MAYBE_ANY;
    return scan->scanner->plain ? MIN(from, scan->length)
                                : okse_scan_filter_next(scan->text, scan->length, from, maybe);
}

bool okse_scan_text(const OkseScanner *scanner, const char *file, const char *text, size_t length,
                    const OkseScanSink *sink)
{
    Scan scan = {.scanner = scanner, .sink = sink, .file = file, .text = text, .length = length, .number = 1};
    bool whole = okse_text_has_short_lines(text, length, OKSE_SCAN_LINE);
    unsigned maybe = 0;
    size_t place = next_place(&scan, 0, &maybe);

    know_file(&scan);
    while (place < length) {
        const char *newline = memrchr(text + scan.start, '\n', place - scan.start), *begin, *end;
        size_t size;

        pass_lines(&scan, newline != NULL ? (size_t)(newline - text) + 1 : scan.start);
        begin = text + scan.start;
        end = memchr(text + place, '\n', length - place);
        size = (size_t)((end != NULL ? end : text + length) - begin);
        scan.maybe = 0;
        for (; place <= scan.start + size && place < length; place = next_place(&scan, place + 1, &maybe))
            scan.maybe |= maybe;
        if (scan.maybe == OKSE_MAYBE_VALUE && scan.named == NULL)
            continue; /* a value of nothing: one of the lines that are passed next */
        follow_comment(&scan, begin, begin + MIN(size, OKSE_SCAN_LINE));
        look_at(&scan, begin, size);
        whole = whole && !scan.cut;
        scan.start += size + 1;
        scan.number++;
    }
    g_free(scan.key);
    g_free(scan.named);
    return whole;
}
