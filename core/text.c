/* Text for people: escaping what came from outside, near words, sizes and times. */
#include "core/text.h"

#include <string.h>

#define NEAREST_MAX 64

static void show_character(GString *shown, gunichar c, bool lines)
{
    bool joiner = c == 0x200C || c == 0x200D;
    bool line = lines && (c == '\n' || c == '\t');

    if (!line &&
        (g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029 || (g_unichar_type(c) == G_UNICODE_FORMAT && !joiner)))
        g_string_append_printf(shown, "\\u{%x}", c);
    else
        g_string_append_unichar(shown, c);
}

char *okse_text_show(const char *text, gssize length, bool lines)
{
    g_autoptr(GString) shown = g_string_new(NULL);
    const char *end = text + (length < 0 ? strlen(text) : (size_t)length);

    while (text < end) {
        gunichar c = g_utf8_get_char_validated(text, end - text);

        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append_printf(shown, "\\x%02x", (unsigned char)*text++);
            continue;
        }
        show_character(shown, c, lines);
        text += g_utf8_skip[(guchar)*text];
    }
    return g_string_free(g_steal_pointer(&shown), FALSE);
}

/* Optimal string alignment distance over bytes; words longer than NEAREST_MAX are never near. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][NEAREST_MAX + 1];
    unsigned la = (unsigned)strlen(a), lb = (unsigned)strlen(b);

    if (la > NEAREST_MAX || lb > NEAREST_MAX)
        return NEAREST_MAX;
    for (unsigned j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= la; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];

        row[0] = i;
        for (unsigned j = 1; j <= lb; j++) {
            row[j] = MIN(MIN(above[j] + 1, row[j - 1] + 1), above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = MIN(row[j], above2[j - 2] + 1);
        }
    }
    return rows[la % 3][lb];
}

const char *okse_text_nearest(const char *word, const char *const *known)
{
    unsigned best = (unsigned)CLAMP(strlen(word) / 3, 1, 3) + 1;
    const char *nearest = NULL;

    for (; *known != NULL; known++) {
        unsigned d = distance(word, *known);

        if (d < best) {
            best = d;
            nearest = *known;
        }
    }
    return nearest;
}

static bool unit_parse(const char *text, uint64_t *unit)
{
    static const char letters[] = "kmgt";
    const char *at = *text == '\0' ? NULL : strchr(letters, g_ascii_tolower(*text));
    const char *rest = text + (at == NULL ? 0 : 1);
    bool binary = at != NULL && g_ascii_strcasecmp(rest, "iB") == 0;

    *unit = 1;
    for (const char *power = letters; at != NULL && power <= at; power++)
        *unit *= binary ? 1024 : 1000;
    return *rest == '\0' || binary || g_ascii_strcasecmp(rest, "B") == 0;
}

bool okse_text_size_parse(const char *text, uint64_t *bytes, GError **error)
{
    uint64_t sum = 0, unit, share;
    const char *end = text + strspn(text, "0123456789");
    const char *fraction = *end == '.' ? end + 1 : end, *last = fraction + strspn(fraction, "0123456789");
    bool good = end != text && (*end != '.' || last != fraction) && unit_parse(last, &unit);

    for (const char *digit = text; good && digit < end; digit++)
        good = !__builtin_mul_overflow(sum, 10, &sum) && !__builtin_add_overflow(sum, (uint64_t)(*digit - '0'), &sum);
    if (!good || __builtin_mul_overflow(sum, unit, &sum) || sum > INT64_MAX)
        return okse_fail(error, OKSE_ERROR_INVALID, "'%s' is no size such as 4.7G, 650M or 25GiB", text);
    share = unit;
    for (const char *digit = fraction; digit < last && share > 0; digit++) { /* 4.7G: seven times a tenth of G */
        sum += share * (uint64_t)(*digit - '0') / 10;
        share /= 10;
    }
    *bytes = sum;
    return true;
}

char *okse_text_size(guint64 bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    unsigned unit = 0;

    while (value >= 1024 && unit + 1 < G_N_ELEMENTS(units)) {
        value /= 1024;
        unit++;
    }
    return unit == 0 ? g_strdup_printf("%" G_GUINT64_FORMAT " B", bytes)
                     : g_strdup_printf("%.1f %s", value, units[unit]);
}

char *okse_text_time(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);

    if (time == NULL)
        return g_strdup("(time out of range)");
    /* GLib's %Y has three digits for the year 984, which nobody reads as a time */
    return g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02dZ", g_date_time_get_year(time), g_date_time_get_month(time),
                           g_date_time_get_day_of_month(time), g_date_time_get_hour(time), g_date_time_get_minute(time),
                           g_date_time_get_second(time));
}

bool okse_text_time_parse(const char *text, gint64 *seconds)
{
    g_autofree char *full = text != NULL && strlen(text) == 10 ? g_strconcat(text, "T00:00:00Z", NULL) : g_strdup(text);
    /* NULL zone: an offset is required */
    g_autoptr(GDateTime) time = full == NULL ? NULL : g_date_time_new_from_iso8601(full, NULL);

    if (time == NULL || strlen(full) < 20 || full[4] != '-')
        return false;
    *seconds = g_date_time_to_unix(time);
    return true;
}

unsigned okse_text_count_lines(const char *text, size_t length)
{
    unsigned lines = 0;
    size_t i = 0;

    for (; i + 128 <= length; i += 128) { /* a fixed count is what compilers turn into vectors */
        unsigned char part = 0;

        for (size_t k = 0; k < 128; k++)
            part = (unsigned char)(part + (text[i + k] == '\n'));
        lines += part;
    }
    for (; i < length; i++)
        lines += text[i] == '\n';
    return lines;
}

bool okse_text_has_short_lines(const char *text, size_t length, size_t most)
{
    while (length > most) {
        const char *newline = memrchr(text, '\n', most + 1); /* from the far end: few bytes are looked at */

        if (newline == NULL)
            return false;
        length -= (size_t)(newline + 1 - text);
        text = newline + 1;
    }
    return true;
}

char *okse_text_of_bytes(GBytes *bytes)
{
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);

    return length == 0 ? g_strdup("") : g_strndup(data, length); /* g_strndup() answers NULL with NULL */
}
