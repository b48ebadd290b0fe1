#include "core/text.h"

static void escapes_what_hides_or_moves_text(void)
{
    g_autofree char *a = okse_text_show("a\x1b[31m\xe2\x80\xae\n\xffz", -1, false);
    g_autofree char *b = okse_text_show("a\nb\t", -1, true);

    g_assert_cmpstr(a, ==, "a\\u{1b}[31m\\u{202e}\\u{a}\\xffz");
    g_assert_cmpstr(b, ==, "a\nb\t");
}

static void nearest_word(void)
{
    static const char *const known[] = {"weights", "runtime", "license", NULL};

    g_assert_cmpstr(okse_text_nearest("wieghts", known), ==, "weights");
    g_assert_cmpstr(okse_text_nearest("licence", known), ==, "license");
    g_assert_null(okse_text_nearest("zebra", known));
}

static void times(void)
{
    gint64 seconds = 0;
    g_autofree char *text = okse_text_time(1700000000); /* date -u -d @1700000000 +%FT%TZ */
    g_autofree char *early = okse_text_time(-31100000000);

    g_assert_cmpstr(early, ==, "0984-06-24T07:06:40Z");
    g_assert_cmpstr(text, ==, "2023-11-14T22:13:20Z");
    g_assert_true(okse_text_time_parse("2023-11-14T23:13:20+01:00", &seconds));
    g_assert_cmpint(seconds, ==, 1700000000);
    g_assert_true(okse_text_time_parse("2026-07-01", &seconds));
    g_assert_cmpint(seconds, ==, 1782864000); /* date -u -d 2026-07-01 +%s */
    g_assert_false(okse_text_time_parse("2026-07-01T00:00:00", &seconds));
    g_assert_false(okse_text_time_parse("soon", &seconds));
}

static void sizes(void)
{
    static const struct {
        const char *text;
        uint64_t bytes; /* 0: refused */
    } rows[] = {
        {"1", 1},
        {"25G", 25000000000u},
        {"4.7G", 4700000000u},
        {"650m", 650000000},
        {"25GB", 25000000000u},
        {"25GiB", 26843545600u}, /* numfmt --from=iec-i 25Gi */
        {"1.5KiB", 1536},
        {"0.25k", 250},
        {"1.9999999999K", 1999},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", 0},
        {"18446744073709551616", 0},
        {"9999999T", 0},
        {"", 0},
        {"G", 0},
        {".5G", 0},
        {"5.G", 0},
        {"-1G", 0},
        {" 1G", 0},
        {"1 G", 0},
        {"1Gi", 0},
        {"1iB", 0},
        {"1P", 0},
        {"1e9", 0},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint64_t bytes = 0;

        g_assert_cmpint(okse_text_size_parse(rows[i].text, &bytes, NULL), ==, rows[i].bytes != 0);
        g_assert_cmpuint(bytes, ==, rows[i].bytes);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/text/escapes", escapes_what_hides_or_moves_text);
    g_test_add_func("/core/text/nearest", nearest_word);
    g_test_add_func("/core/text/times", times);
    g_test_add_func("/core/text/sizes", sizes);
    return g_test_run();
}
