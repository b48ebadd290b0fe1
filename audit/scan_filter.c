/* Everything that the expressions of audit/scan_rules.c find has one of four bytes in it, which are rare: each says by
 * its neighbours what it may be part of. A test compares what is found with and without.
 *
 * The expressions take single bytes for the characters of Latin-1, of which some are white space and many letters; and
 * what is no UTF-8 is replaced before they see it. So every byte above ASCII may be either. A walk from such a byte
 * ends at the next one, so that all walks together see each byte a few times. */
#include "audit/scan_filter.h"

#include "audit/scan_rules.h"

#include <string.h>

/* Compared at once by what the processor has for it. */
typedef unsigned char Block __attribute__((vector_size(16)));

enum {
    BLANK = 1,   /* white space inside a line */
    WORD = 2,    /* of a path: \w . / - */
    NAME = 4,    /* of a host: letters, digits, - */
    KEY = 8,     /* NAME or _ */
    UPPER = 16,  /* of a variable's name */
    HEX = 32,    /* of an address */
    DIGIT = 64,  /* the decimal ones of them */
    ANCHOR = 128 /* the four bytes */
};

static const unsigned char classes[256] = {
    ['\t'] = BLANK,
    ['\v' ... '\r'] = BLANK,
    [' '] = BLANK,
    ['-'] = WORD | NAME | KEY,
    ['.'] = WORD | ANCHOR,
    ['/'] = WORD,
    ['0' ... '9'] = WORD | NAME | KEY | UPPER | HEX | DIGIT,
    [':'] = ANCHOR,
    ['='] = ANCHOR,
    ['@'] = ANCHOR,
    ['A' ... 'F'] = WORD | NAME | KEY | UPPER | HEX,
    ['G' ... 'Z'] = WORD | NAME | KEY | UPPER,
    ['_'] = WORD | KEY | UPPER,
    ['a' ... 'f'] = WORD | NAME | KEY | HEX,
    ['g' ... 'z'] = WORD | NAME | KEY,
    [0x80 ... 0xff] = BLANK | WORD,
};

typedef struct {
    const char *bytes;
    size_t length;
} Text;

typedef Text Word;
#define W(word)                                                                                                        \
    {                                                                                                                  \
        word, sizeof(word) - 1                                                                                         \
    }

static bool is(const Text *text, size_t at, unsigned class)
{
    return at < text->length && (classes[(unsigned char)text->bytes[at]] & class) != 0;
}

static bool is_byte(const Text *text, size_t at, char byte)
{
    return at < text->length && text->bytes[at] == byte;
}

static bool is_quote(const Text *text, size_t at)
{
    return is_byte(text, at, '"') || is_byte(text, at, '\'');
}

/* Where the run of a class begins that ends before `at`; where the one ends that begins at `at`. */
static size_t back(const Text *text, size_t at, unsigned class)
{
    while (at > 0 && is(text, at - 1, class))
        at--;
    return at;
}

static size_t forth(const Text *text, size_t at, unsigned class)
{
    while (is(text, at, class))
        at++;
    return at;
}

/* Behind white space and a quote. */
static size_t value_after(const Text *text, size_t at)
{
    at = forth(text, at, BLANK);
    return at + is_quote(text, at);
}

/* Where a key ends that stands before `at`, with a quote and white space between. */
static size_t key_before(const Text *text, size_t at)
{
    at = back(text, at, BLANK);
    return at - (at > 0 && is_quote(text, at - 1));
}

static bool ends_with(const Text *text, size_t at, Word word)
{
    return at >= word.length && text->bytes[at - 1] == word.bytes[word.length - 1] &&
           memcmp(text->bytes + at - word.length, word.bytes, word.length) == 0;
}

static bool ends_with_host(const Text *text, size_t at)
{
    static const Word words[] = {W("server"), W("pool"), W("peer"), W("nameserver"), W("target"), W("remote")};

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
        if (ends_with(text, at, words[i]))
            return true;
    return false;
}

/* "server a.b", "server=[::1]", "Host a.b": before the first dot or colon of the value. */
static unsigned directive(const Text *text, size_t at)
{
    size_t end;

    at = back(text, at, NAME);
    at -= at > 0 && text->bytes[at - 1] == '[';
    end = at;
    at -= at > 0 && is_quote(text, at - 1);
    if (at > 0 && text->bytes[at - 1] == '=')
        return ends_with_host(text, at - 1) ? 1u << OKSE_SHAPE_DIRECTIVE : 0;
    if (at == 0 || !is(text, at - 1, BLANK))
        return 0;
    at = back(text, at, BLANK);
    if (is(text, end - 1, BLANK) && ends_with(text, at, (Word)W("ost")))
        return 1u << OKSE_SHAPE_HOST_LINE;
    return ends_with_host(text, at) ? 1u << OKSE_SHAPE_DIRECTIVE : 0;
}

static bool ends_with_key(const Text *text, size_t at)
{
    static const Word words[] = {W("host"),    W("hostname"), W("server"), W("endpoint"), W("externalname"),
                                 W("address"), W("addr"),     W("broker"), W("upstream")};

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
        if (at >= words[i].length &&
            g_ascii_strncasecmp(text->bytes + at - words[i].length, words[i].bytes, words[i].length) == 0)
            return true;
    return false;
}

/* "HOST: a.b", "backup_servers = a.b", at the colon or equals sign. */
static unsigned host_key(const Text *text, size_t at)
{
    size_t value = value_after(text, at + 1), end = forth(text, value, KEY), key;

    if (end == value || !is_byte(text, end, '.'))
        return 0;
    key = key_before(text, at);
    return ends_with_key(text, key) || (key > 0 && (text->bytes[key - 1] | 0x20) == 's' && ends_with_key(text, key - 1))
               ? 1u << OKSE_SHAPE_HOST_KEY
               : 0;
}

/* "NAME=", "NAME: " with any white space before the colon. */
static unsigned variable(const Text *text, size_t at)
{
    bool colon = text->bytes[at] == ':';
    size_t end = colon ? back(text, at, BLANK) : at, start = back(text, end, UPPER);
    char before = start > 0 ? text->bytes[start - 1] : '\n';

    if ((colon && !is(text, at + 1, BLANK)) || end - start < 3 || !g_ascii_isupper(text->bytes[start]))
        return 0;
    return before == '\n' || strchr("\"'=-", before) != NULL || is(text, start - 1, BLANK) ? OKSE_MAYBE_VARIABLE : 0;
}

/* "- name: NAME" and nothing behind it. A line may end at a NUL, and is cut at OKSE_SCAN_LINE, which says so itself. */
static unsigned named(const Text *text, size_t at)
{
    size_t start, end;

    if (!ends_with(text, key_before(text, at), (Word)W("name")))
        return 0;
    start = value_after(text, at + 1);
    end = forth(text, start, UPPER);
    if (end - start < 2 || !g_ascii_isupper(text->bytes[start]))
        return 0;
    end += is_quote(text, end);
    end = forth(text, end + is_byte(text, end, ','), BLANK);
    return end >= text->length || is_byte(text, end, '\n') || is_byte(text, end, '\0') ? OKSE_MAYBE_NAMED : 0;
}

/* "value: …" below it. */
static unsigned value_of_named(const Text *text, size_t at)
{
    return ends_with(text, key_before(text, at), (Word)W("value")) ? OKSE_MAYBE_VALUE : 0;
}

/* "h:h:" at the first colon. */
static bool begins_address(const Text *text, size_t at)
{
    size_t start = back(text, at, HEX), end;

    if (start == at || at - start > 4 || !is(text, at + 1, HEX))
        return false;
    end = forth(text, at + 1, HEX);
    if (end - at - 1 > 4 || !is_byte(text, end, ':'))
        return false;
    /* a byte above ASCII may be no letter */
    return start == 0 || (text->bytes[start - 1] & 0x80) != 0 ||
           (!is(text, start - 1, WORD) && text->bytes[start - 1] != ':');
}

/* "x.y:9", "[::1]:9" */
static bool ends_host(const Text *text, size_t at)
{
    size_t name = back(text, at, NAME);

    return at > 0 && (text->bytes[at - 1] == ']' || (name < at && name > 0 && text->bytes[name - 1] == '.'));
}

/* "x.y/z:tag", "x.y/z@sha256:…" */
static bool ends_image(const Text *text, size_t at)
{
    size_t path = back(text, at, WORD);

    return (path < at && memchr(text->bytes + path, '/', at - path) != NULL) || ends_with(text, at, (Word)W("@sha256"));
}

static unsigned at_colon(const Text *text, size_t at)
{
    unsigned maybe = named(text, at) | value_of_named(text, at);
    char next = at + 1 < text->length ? text->bytes[at + 1] : '\n';

    if (is(text, at + 1, BLANK) || is_quote(text, at + 1))
        maybe |= host_key(text, at) | variable(text, at);
    if (is(text, at + 1, HEX) || next == ':' || next == '.' || next == ']')
        maybe |= directive(text, at);
    if (next == '/' && is_byte(text, at + 2, '/') && at > 0 &&
        (is(text, at - 1, NAME) || text->bytes[at - 1] == '+' || text->bytes[at - 1] == '.'))
        maybe |= 1u << OKSE_SHAPE_URL;
    if (is(text, at + 1, DIGIT) && ends_host(text, at))
        maybe |= 1u << OKSE_SHAPE_HOST_PORT;
    if (is(text, at + 1, WORD) && ends_image(text, at))
        maybe |= 1u << OKSE_SHAPE_IMAGE;
    if (is(text, at + 1, HEX) && begins_address(text, at))
        maybe |= 1u << OKSE_SHAPE_ADDRESS;
    return maybe;
}

static unsigned at_equals(const Text *text, size_t at)
{
    unsigned maybe = host_key(text, at) | variable(text, at) | value_of_named(text, at);
    size_t key = back(text, at, BLANK);

    if (ends_with(text, key, (Word)W("arget")) && is_byte(text, forth(text, at + 1, BLANK), '"'))
        maybe |= 1u << OKSE_SHAPE_TARGET;
    if (ends_with(text, key, (Word)W("NTP")) || ends_with(text, key, (Word)W("DNS")))
        maybe |= OKSE_MAYBE_LIST;
    return maybe;
}

/* "@host.name", "@@(z9)host.name" where a word begins. */
static unsigned at_sign(const Text *text, size_t at)
{
    size_t name = at + 1;

    if (at > 0 && text->bytes[at - 1] != '\n' && text->bytes[at - 1] != '@' && !is(text, at - 1, BLANK))
        return 0;
    if (is_byte(text, name, '(')) {
        name = forth(text, name + 1, NAME);
        if (!is_byte(text, name++, ')'))
            return 0;
    }
    return is_byte(text, name, '[') || is_byte(text, forth(text, name, NAME), '.') ? 1u << OKSE_SHAPE_FORWARD : 0;
}

/* A name with a dot in it; "9.9.9.9" at its first dot. */
static unsigned at_dot(const Text *text, size_t at)
{
    unsigned maybe = is(text, at + 1, NAME) || is_byte(text, at + 1, '.') ? directive(text, at) : 0;

    if (at == 0 || !is(text, at - 1, DIGIT) || !is(text, at + 1, DIGIT))
        return maybe;
    for (unsigned part = 0; part < 2; part++) {
        size_t end = forth(text, at + 1, DIGIT);

        if (end == at + 1 || end - at > 4 || !is_byte(text, end, '.'))
            return maybe;
        at = end;
    }
    return is(text, at + 1, DIGIT) ? maybe | 1u << OKSE_SHAPE_ADDRESS : maybe;
}

/* Which of the bytes are anchors: all bits of theirs are set. */
static void find_anchors(const char *bytes, guint64 halves[2])
{
    Block block;

    memcpy(&block, bytes, sizeof block);
    block = (Block)((block == ':') | (block == '=') | (block == '@') | (block == '.'));
    memcpy(halves, &block, sizeof block);
    halves[0] = GUINT64_FROM_LE(halves[0]);
    halves[1] = GUINT64_FROM_LE(halves[1]);
}

static size_t next_anchor(const Text *text, size_t at)
{
    for (; at + sizeof(Block) <= text->length; at += sizeof(Block)) {
        guint64 halves[2];

        find_anchors(text->bytes + at, halves);
        if (halves[0] != 0)
            return at + (size_t)__builtin_ctzll(halves[0]) / 8;
        if (halves[1] != 0)
            return at + 8 + (size_t)__builtin_ctzll(halves[1]) / 8;
    }
    while (at < text->length && (classes[(unsigned char)text->bytes[at]] & ANCHOR) == 0)
        at++;
    return at;
}

size_t okse_scan_filter_next(const char *bytes, size_t length, size_t from, unsigned *maybe)
{
    const Text text = {bytes, length};

    for (size_t at = next_anchor(&text, from); at < length; at = next_anchor(&text, at + 1)) {
        *maybe = bytes[at] == ':'   ? at_colon(&text, at)
                 : bytes[at] == '=' ? at_equals(&text, at)
                 : bytes[at] == '@' ? at_sign(&text, at)
                                    : at_dot(&text, at);
        if (*maybe != 0)
            return at;
    }
    *maybe = 0;
    return length;
}
