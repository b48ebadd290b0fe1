/* Literals say where to look. The window keeps enough on both sides of each for the longest name. */
#include "audit/host_scan.h"

#include "audit/literals.h"
#include "audit/target.h"

#include <string.h>

#define WINDOW (1u << 20)
#define REACH 1024u /* bytes behind a literal that may belong to it; a name has at most 253, in UTF-16 506 */
#define BEFORE 32u  /* bytes of a scheme */
#define LONG_SCHEME 12u

const char *const okse_host_encodings[OKSE_HOST_ENCODINGS] = {"plain", "utf-16", "base64"};

/* "://" in each encoding; of base64, "http://" and "https://" at the begin of what is encoded. */
static const struct {
    const char *bytes;
    size_t length;
    OkseHostEncoding encoding;
} marks[] = {
    {"://", 3, OKSE_HOST_PLAIN},
    {":\0/\0/\0", 6, OKSE_HOST_UTF16},
    {"aHR0cDovL", 9, OKSE_HOST_BASE64},
    {"aHR0cHM6Ly", 10, OKSE_HOST_BASE64},
};

struct OkseHostScan {
    OkseLiterals *literals;
    OkseLiteral rows[G_N_ELEMENTS(marks)];
    uint8_t *window; /* WINDOW + 2 * REACH */
    size_t length;
    uint64_t base;    /* of the window in the stream */
    uint64_t handled; /* marks that end up to here were looked at */
    uint64_t limit;   /* and in this pass, those up to here are */
    uint64_t counted; /* lines were counted up to here */
    unsigned line;
    bool text;
    OkseHostSink sink;
    void *context;
};

OkseHostScan *okse_host_scan_new(void)
{
    OkseHostScan *scan = g_new0(OkseHostScan, 1);

    for (unsigned i = 0; i < G_N_ELEMENTS(marks); i++)
        scan->rows[i] = (OkseLiteral){(const uint8_t *)marks[i].bytes, marks[i].length, false};
    scan->literals = okse_literals_new(scan->rows, G_N_ELEMENTS(marks), false);
    scan->window = g_malloc(WINDOW + 2 * REACH);
    return scan;
}

void okse_host_scan_free(OkseHostScan *scan)
{
    if (scan == NULL)
        return;
    okse_literals_free(scan->literals);
    g_free(scan->window);
    g_free(scan);
}

void okse_host_scan_begin(OkseHostScan *scan, OkseHostSink sink, void *context)
{
    scan->length = 0;
    scan->base = scan->handled = scan->limit = scan->counted = 0;
    scan->line = 1;
    scan->text = true;
    scan->sink = sink;
    scan->context = context;
}

/* The line of a byte; marks come in order, so every byte is counted once. */
static unsigned line_at(OkseHostScan *scan, uint64_t offset)
{
    while (scan->text && scan->counted < offset) {
        const uint8_t *from = scan->window + (scan->counted - scan->base);
        const uint8_t *newline = memchr(from, '\n', (size_t)(offset - scan->counted));

        if (newline == NULL) {
            scan->counted = offset;
        } else {
            scan->line++;
            scan->counted = scan->base + (uint64_t)(newline - scan->window) + 1;
        }
    }
    return scan->text ? scan->line : 0;
}

static bool is_scheme(char c)
{
    return g_ascii_isalnum(c) || c == '+' || c == '.' || c == '-';
}

/* What a URL may hold before its path; a NUL ends it. */
static bool is_authority(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("._-:@[]%$~!*+,;=&", c) != NULL);
}

/* Copy what stands around the mark into `text` as "scheme://authority". step: bytes of a character. */
static void copy_around(const OkseHostScan *scan, size_t start, size_t end, unsigned step, GString *text)
{
    size_t from = start;

    while (from >= step && start - from < (size_t)BEFORE * step && is_scheme((char)scan->window[from - step]) &&
           (step == 1 || scan->window[from - 1] == 0))
        from -= step;
    for (size_t at = from; at < end; at += step)
        g_string_append_c(text, (char)scan->window[at]);
    for (size_t at = end; at + step <= scan->length && at - end < REACH - 2 && is_authority((char)scan->window[at]) &&
                          (step == 1 || scan->window[at + 1] == 0);
         at += step)
        g_string_append_c(text, (char)scan->window[at]);
}

static void copy_base64(const OkseHostScan *scan, size_t start, GString *text)
{
    g_autofree char *coded = NULL;
    g_autofree guchar *plain = NULL;
    size_t end = start;
    gsize length = 0;

    while (end < scan->length && end - start < REACH - 4 &&
           (g_ascii_isalnum((char)scan->window[end]) || scan->window[end] == '+' || scan->window[end] == '/'))
        end++;
    coded = g_strndup((const char *)scan->window + start, (end - start) & ~(size_t)3);
    plain = g_base64_decode(coded, &length);
    for (gsize i = 0; i < length && (is_authority((char)plain[i]) || (i < 8 && plain[i] == '/')); i++)
        g_string_append_c(text, (char)plain[i]);
}

/* In a binary, what stands before a scheme may be the end of another text. */
static const char *scheme_of(const char *scheme)
{
    static const char *const known[] = {"https", "http", "wss", "ws", "ftp", "s3", "gs", "grpc", "ldaps", "ldap"};

    for (unsigned i = 0; strlen(scheme) > LONG_SCHEME && i < G_N_ELEMENTS(known); i++)
        if (g_str_has_suffix(scheme, known[i]))
            return known[i];
    return scheme;
}

static void report(OkseHostScan *scan, const char *text, uint64_t offset, OkseHostEncoding encoding)
{
    OkseTarget target;

    if (okse_target_read(text, &target) == OKSE_TARGET_READ && target.scheme != NULL && *target.scheme != '\0' &&
        (strchr(target.host, '.') != NULL || strchr(target.host, ':') != NULL)) {
        g_autofree char *host = g_ascii_strdown(target.host, -1);

        scan->sink(scan->context, &(OkseHostFound){scheme_of(target.scheme), host, target.port, offset,
                                                   line_at(scan, offset), encoding});
    }
    okse_target_clear(&target);
}

static void on_mark(void *context, unsigned index, size_t end)
{
    OkseHostScan *scan = context;
    size_t start = end - marks[index].length;
    g_autoptr(GString) text = NULL;

    if (scan->base + end <= scan->handled || scan->base + end > scan->limit)
        return;
    text = g_string_new(NULL);
    if (marks[index].encoding == OKSE_HOST_BASE64)
        copy_base64(scan, start, text);
    else
        copy_around(scan, start, end, marks[index].encoding == OKSE_HOST_UTF16 ? 2 : 1, text);
    report(scan, text->str, scan->base + start, marks[index].encoding);
}

static void look(OkseHostScan *scan, uint64_t limit)
{
    if (scan->text && memchr(scan->window, '\0', scan->length) != NULL)
        scan->text = false;
    scan->limit = limit;
    okse_literals_find(scan->literals, scan->window, scan->length, on_mark, scan);
    scan->handled = limit;
}

/* Keep REACH before what was handled, and everything behind it. */
static void slide(OkseHostScan *scan)
{
    uint64_t keep = scan->handled > scan->base + REACH ? scan->handled - REACH : scan->base;
    size_t drop = (size_t)(keep - scan->base);

    line_at(scan, keep);
    memmove(scan->window, scan->window + drop, scan->length - drop);
    scan->length -= drop;
    scan->base = keep;
}

void okse_host_scan_feed(OkseHostScan *scan, const uint8_t *data, size_t length)
{
    while (length > 0) {
        size_t take = MIN(length, WINDOW + 2 * REACH - scan->length);

        memcpy(scan->window + scan->length, data, take);
        scan->length += take;
        data += take;
        length -= take;
        if (scan->length == WINDOW + 2 * REACH) {
            look(scan, scan->base + scan->length - REACH);
            slide(scan);
        }
    }
}

void okse_host_scan_end(OkseHostScan *scan)
{
    look(scan, scan->base + scan->length);
}
