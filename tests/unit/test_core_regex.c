#include "core/regex.h"

static const char hard[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";

static void test_first_and_next(void)
{
    g_autoptr(GRegex) regex = g_regex_new("[a-z]+", G_REGEX_RAW, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    g_autofree char *word = NULL;
    bool gave_up = false;

    g_assert_true(okse_regex_first(regex, "one two", &match, &gave_up));
    g_assert_true(okse_regex_next(match, &gave_up));
    word = g_match_info_fetch(match, 0);
    g_assert_cmpstr(word, ==, "two");
    g_assert_false(okse_regex_next(match, &gave_up));
    g_assert_false(okse_regex_first(regex, "1 2", NULL, &gave_up));
    g_assert_false(gave_up);
}

/* Doubling with each letter, which no engine follows to its end. */
static void test_gave_up(void)
{
    g_autoptr(GRegex) regex = g_regex_new("(?:a|aa)+$", G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    bool gave_up = false;

    g_assert_false(okse_regex_first(regex, hard, &match, &gave_up));
    g_assert_true(gave_up);
    g_assert_false(okse_regex_first(regex, "b", NULL, &gave_up));
    g_assert_true(gave_up); /* it stays said */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/regex/first-and-next", test_first_and_next);
    g_test_add_func("/regex/gave-up", test_gave_up);
    return g_test_run();
}
