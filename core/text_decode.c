/* What a file's bytes mean as a text. Without a mark, of the ways to read them that give one the likeliest counts: the
 * one with the most letters of ASCII, because keys, signs and line ends are those. */
#include "core/text_decode.h"

#include <string.h>

#define LETTERS_LEAST 8u /* one character of so many is ASCII in a text that nobody marked */
#define ASCII_LEAST 8u   /* bytes of ASCII side by side that a program may read which skips every NUL */

typedef struct {
    const char *mark;
    gsize length; /* of the mark */
    gsize unit;   /* bytes */
    bool big;     /* the byte that counts most is the first */
} Encoding;

/* The longer mark first: that of UTF-32 begins with that of UTF-16. */
static const Encoding encodings[] = {
    {"\xff\xfe\0\0", 4, 4, false},
    {"\0\0\xfe\xff", 4, 4, true},
    {"\xff\xfe", 2, 2, false},
    {"\xfe\xff", 2, 2, true},
};

static const char utf8_mark[] = "\xef\xbb\xbf";

static bool is_control(unsigned char byte)
{
    return byte < ' ' && (byte < '\t' || byte > '\r') && byte != 033; /* ESC: banners have colours */
}

static gunichar unit_at(const Encoding *encoding, const char *data)
{
    gunichar value = 0;

    for (gsize i = 0; i < encoding->unit; i++)
        value = value << 8 | (unsigned char)data[encoding->big ? i : encoding->unit - 1 - i];
    return value;
}

/* The character at *at, which moves behind it; 0 for what is none. */
static gunichar take_character(const Encoding *encoding, const char *data, gsize length, gsize *at)
{
    gunichar first = unit_at(encoding, data + *at), second;

    *at += encoding->unit;
    if (first >= 0xd800 && first < 0xdc00 && encoding->unit == 2 && length - *at >= 2) {
        second = unit_at(encoding, data + *at);
        if (second < 0xdc00 || second > 0xdfff)
            return 0;
        *at += encoding->unit;
        return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    }
    return g_unichar_validate(first) ? first : 0;
}

/* *whole: false when something in it is no character; a blank stands for it. */
static GString *convert(const Encoding *encoding, const char *data, gsize length, bool *whole)
{
    GString *text = g_string_sized_new(length / encoding->unit + 1);
    gsize at = 0;

    *whole = length % encoding->unit == 0;
    while (length - at >= encoding->unit) {
        gunichar character = take_character(encoding, data, length, &at);

        *whole = *whole && character != 0;
        g_string_append_unichar(text, character != 0 ? character : ' ');
    }
    return text;
}

/* How many characters of ASCII a text has; 0 for what hardly is one. */
static gsize letters_of(const GString *text)
{
    gsize letters = 0, all = 0;

    for (const char *at = text->str; at < text->str + text->len; at = g_utf8_find_next_char(at, NULL), all++) {
        gunichar character = g_utf8_get_char(at);

        if ((character < 0x80 && is_control((unsigned char)character)) || !g_unichar_isdefined(character))
            return 0;
        letters += character < 0x80;
    }
    return letters >= all / LETTERS_LEAST ? letters : 0;
}

/* The reading of unmarked bytes that gives a text, or NULL. */
static GString *guess(const char *data, gsize length)
{
    GString *best = NULL;
    gsize most = 0;

    for (guint i = 0; i < G_N_ELEMENTS(encodings); i++) {
        bool whole;
        GString *text = convert(&encodings[i], data, length, &whole);
        gsize letters = whole ? letters_of(text) : 0;

        if (letters > most) {
            GString *worse = best;

            most = letters;
            best = text;
            text = worse;
        }
        if (text != NULL)
            g_string_free(text, TRUE);
    }
    return best;
}

static bool is_word(char byte)
{
    return g_ascii_isalnum(byte);
}

/* A name with a dot in bytes of ASCII that stand side by side. A shell leaves out every NUL and then reads it; as
 * UTF-16 it is a few ideographs. */
static bool holds_name(const char *data, gsize length)
{
    gsize run = 0;
    bool dot = false;

    for (gsize i = 0; i < length; i++) {
        bool plain = data[i] != '\0' && (unsigned char)data[i] < 0x7f && !is_control((unsigned char)data[i]);

        run = plain ? run + 1 : 0;
        dot = plain &&
              (dot || (data[i] == '.' && run > 1 && is_word(data[i - 1]) && i + 1 < length && is_word(data[i + 1])));
        if (dot && run >= ASCII_LEAST)
            return true;
    }
    return false;
}

/* By its mark, else by what it means; NULL: it is as it is. *whole: false when a mark promised more. Without a NUL
 * there is no ASCII in any of them, and so no host: bytes that only begin like a mark stay what they are. */
static GString *converted(const char *data, gsize length, bool *whole)
{
    if (memchr(data, '\0', length) == NULL)
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(encodings); i++) {
        const Encoding *one = &encodings[i];
        GString *text;

        if (length <= one->length || memcmp(data, one->mark, one->length) != 0)
            continue;
        text = convert(one, data + one->length, length - one->length, whole);
        *whole = *whole && letters_of(text) > 0 && !holds_name(data, length);
        return text;
    }
    *whole = !holds_name(data, length);
    return guess(data, length);
}

/* Ends of lines to YAML and to Python beside LF; of CR LF only the second counts. */
static const char *const ends[] = {"\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};

/* How long the end of a line at `at` is that is none to those who look for LF; 0: none. */
static gsize other_end(const char *at, gsize left)
{
    if (*at == '\r' && left > 1 && at[1] == '\n')
        return 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++)
        if (left >= strlen(ends[i]) && memcmp(at, ends[i], strlen(ends[i])) == 0)
            return strlen(ends[i]);
    return 0;
}

static bool has_other_ends(const char *data, gsize length)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++) {
        const char *found = data;

        while ((found = memmem(found, length - (gsize)(found - data), ends[i], strlen(ends[i]))) != NULL) {
            if (other_end(found, length - (gsize)(found - data)) > 0)
                return true;
            found++;
        }
    }
    return false;
}

/* Where a pass over a text is. A text of JSON may hold the ends that Unicode has, and there they end nothing. What
 * stands behind one is lost to those who look for LF only where they take it for a comment: from the first one inside a
 * comment on, all of them count. */
typedef struct {
    bool begun;   /* something but blanks stood on this line */
    bool comment; /* … and now a comment does */
    bool blank;   /* the character before was one */
    bool theirs;  /* the text uses such ends */
} Pass;

static void pass_character(Pass *pass, char c)
{
    bool blank = c == ' ' || c == '\t';

    if (c == '\n') {
        *pass = (Pass){.theirs = pass->theirs};
        return;
    }
    pass->comment =
        pass->comment || (!pass->begun && !blank && strchr("#;!/-%", c) != NULL) || (pass->blank && c == '#');
    pass->begun = pass->begun || !blank;
    pass->blank = blank;
}

static bool counts(Pass *pass, const char *at)
{
    pass->theirs = pass->theirs || (*at != '\r' && pass->comment);
    return *at == '\r' || pass->theirs;
}

/* Control becomes a blank in what has a NUL, and every end of a line that counts LF, behind blanks where it was longer:
 * what stands behind one is no comment to everybody. False: there was a NUL. */
static bool make_plain(GString *text)
{
    bool clean = memchr(text->str, '\0', text->len) == NULL;
    Pass pass = {0};

    for (gsize i = 0; i < text->len; i++) {
        gsize end = other_end(text->str + i, text->len - i);

        if (end > 0 && counts(&pass, text->str + i)) {
            memset(text->str + i, ' ', end - 1);
            i += end - 1;
            text->str[i] = '\n';
        } else if (!clean && is_control((unsigned char)text->str[i])) {
            text->str[i] = ' ';
        }
        pass_character(&pass, text->str[i]);
    }
    return clean;
}

GBytes *okse_text_decode(GBytes *bytes, bool *whole)
{
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);
    gsize skip = length >= strlen(utf8_mark) && memcmp(data, utf8_mark, strlen(utf8_mark)) == 0 ? strlen(utf8_mark) : 0;
    GString *text;

    *whole = true;
    if (length == 0)
        return g_bytes_ref(bytes);
    text = converted(data, length, whole);
    if (text == NULL && memchr(data, '\0', length) == NULL && !has_other_ends(data, length))
        return g_bytes_new_from_bytes(bytes, skip, length - skip);
    if (text == NULL)
        text = g_string_new_len(data + skip, (gssize)(length - skip));
    *whole = make_plain(text) && *whole;
    return g_string_free_to_bytes(text);
}
