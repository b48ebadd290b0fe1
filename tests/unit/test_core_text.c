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

    g_assert_cmpstr(text, ==, "2023-11-14T22:13:20Z");
    g_assert_true(okse_text_time_parse("2023-11-14T23:13:20+01:00", &seconds));
    g_assert_cmpint(seconds, ==, 1700000000);
    g_assert_true(okse_text_time_parse("2026-07-01", &seconds));
    g_assert_cmpint(seconds, ==, 1782864000); /* date -u -d 2026-07-01 +%s */
    g_assert_false(okse_text_time_parse("2026-07-01T00:00:00", &seconds));
    g_assert_false(okse_text_time_parse("soon", &seconds));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/text/escapes", escapes_what_hides_or_moves_text);
    g_test_add_func("/core/text/nearest", nearest_word);
    g_test_add_func("/core/text/times", times);
    return g_test_run();
}
