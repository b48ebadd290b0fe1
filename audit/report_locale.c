/* How a language writes numbers and dates. Calendars beside the Gregorian: the Buddhist one of Thailand (543 years on),
 * and the Persian one by the rule of 33 years, which holds from 1206 to 1498 SH (1827 to 2120). */
#include "audit/report_locale.h"

#include <string.h>

#define NUMBER_MAX 64u
#define BUDDHIST_YEARS 543u
#define PERSIAN_EPOCH 226895 /* 1 Farvardin 1 SH, in days as GDate counts them */
#define PERSIAN_FIRST 1206
#define PERSIAN_LAST 1498

typedef struct {
    unsigned year, month, day;
} Day;

static const char *text_at(const OkseNode *map, const char *key, const char *otherwise)
{
    const OkseNode *node = okse_node_get(map, key);
    const char *text = node != NULL ? okse_node_text(node) : NULL;

    return text != NULL ? text : otherwise;
}

static void append_digit(GString *out, const char *digits, char c)
{
    const char *own = digits != NULL && g_utf8_strlen(digits, -1) == 10 ? digits : NULL;

    if (own == NULL || !g_ascii_isdigit(c))
        g_string_append_c(out, c);
    else
        g_string_append_unichar(out, g_utf8_get_char(g_utf8_offset_to_pointer(own, c - '0')));
}

static bool is_plain(const char *text, size_t *whole)
{
    size_t rest;

    *whole = strspn(text, "0123456789");
    rest = text[*whole] == '.' ? strspn(text + *whole + 1, "0123456789") + 1 : 0;
    return *whole > 0 && rest != 1 && text[*whole + rest] == '\0' && *whole + rest <= NUMBER_MAX;
}

char *okse_locale_number(const OkseNode *locale, const char *plain)
{
    const OkseNode *numbers = okse_node_get(locale, "numbers"), *from = okse_node_get(numbers, "from");
    const char *group = text_at(numbers, "group", ""), *digits = text_at(numbers, "digits", NULL);
    GString *out = g_string_new(NULL);
    size_t whole;

    if (numbers == NULL || !is_plain(plain, &whole)) {
        g_string_append(out, plain);
        return g_string_free(out, FALSE);
    }
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0 && (from == NULL || (gint64)whole >= okse_node_integer(from)))
            g_string_append(out, group);
        append_digit(out, digits, plain[i]);
    }
    if (plain[whole] == '.')
        g_string_append(out, text_at(numbers, "decimal", "."));
    for (const char *c = plain + whole + (plain[whole] == '.'); *c != '\0'; c++)
        append_digit(out, digits, *c);
    return g_string_free(out, FALSE);
}

static bool read_day(const char *iso, Day *day)
{
    static const char shape[] = "dddd-dd-dd";

    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (shape[i] == 'd' ? !g_ascii_isdigit(iso[i]) : iso[i] != shape[i])
            return false;
    if (iso[sizeof shape - 1] != '\0' && iso[sizeof shape - 1] != 'T')
        return false;
    day->year = (unsigned)g_ascii_strtoull(iso, NULL, 10);
    day->month = (unsigned)g_ascii_strtoull(iso + 5, NULL, 10);
    day->day = (unsigned)g_ascii_strtoull(iso + 8, NULL, 10);
    return g_date_valid_dmy((GDateDay)day->day, (GDateMonth)day->month, (GDateYear)day->year);
}

/* Days before the first of a Persian year: every 33 years have 8 leap days. */
static int persian_start(int year)
{
    return PERSIAN_EPOCH + 365 * (year - 1) + (8 * year + 21) / 33;
}

static bool to_persian(Day *day)
{
    GDate date;
    int number, year, rest;

    g_date_clear(&date, 1);
    g_date_set_dmy(&date, (GDateDay)day->day, (GDateMonth)day->month, (GDateYear)day->year);
    number = (int)g_date_get_julian(&date);
    year = (int)day->year - 621;
    if (number < persian_start(year))
        year--;
    if (year < PERSIAN_FIRST || year > PERSIAN_LAST)
        return false;
    rest = number - persian_start(year);
    day->year = (unsigned)year;
    day->month = (unsigned)(rest < 186 ? rest / 31 : 6 + (rest - 186) / 30) + 1; /* six months of 31 days, then of 30 */
    day->day = (unsigned)(rest < 186 ? rest % 31 : (rest - 186) % 30) + 1;
    return true;
}

static bool to_calendar(Day *day, const char *calendar)
{
    if (strcmp(calendar, "persian") == 0)
        return to_persian(day);
    if (strcmp(calendar, "buddhist") == 0)
        day->year += BUDDHIST_YEARS;
    return true;
}

static void put(GString *out, const OkseNode *locale, const char *field, unsigned number)
{
    const char *digits = text_at(okse_node_get(locale, "numbers"), "digits", NULL);
    g_autofree char *plain = g_strdup_printf("%u", number);
    g_autoptr(GString) written = g_string_new(NULL);

    for (const char *c = plain; *c != '\0'; c++)
        append_digit(written, digits, *c);
    g_string_replace(out, field, written->str, 0);
}

char *okse_locale_date(const OkseNode *locale, const char *iso)
{
    const OkseNode *dates = okse_node_get(locale, "dates"), *months = okse_node_get(dates, "months");
    const char *pattern = text_at(dates, "pattern", NULL);
    const OkseNode *name;
    Day day;
    GString *out;

    if (pattern == NULL || !read_day(iso, &day) || !to_calendar(&day, text_at(dates, "calendar", "gregorian")))
        return NULL;
    name = months != NULL && day.month <= okse_node_count(months) ? okse_node_item(months, day.month - 1) : NULL;
    out = g_string_new(pattern);
    put(out, locale, "{day}", day.day);
    put(out, locale, "{year}", day.year);
    if (name != NULL && okse_node_text(name) != NULL)
        g_string_replace(out, "{month}", okse_node_text(name), 0);
    else
        put(out, locale, "{month}", day.month);
    return g_string_free(out, FALSE);
}
