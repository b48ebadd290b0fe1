/* Versions are ordered as PEP 440 orders them; the list is Python's own (packaging.version, sorted). */
#include "packager/version.h"

#include <glib.h>

/* each is below the next */
static const char *const ascending[] = {"0.9.2",    "0.10.0.dev1",  "0.10.0a1", "0.10.0b2", "0.10.0rc1",
                                        "0.10.0",   "0.10.0.post1", "0.10.1",   "0.14.0",   "1.0",
                                        "1.0.1",    "4.53.9",       "4.54.0",   "5.1.0",    "2026.1",
                                        "2026.3.0", "2026.5.0b0",   "2026.5.0", "2026.10"};
static const char *const equal[][2] = {
    {"1.0", "1.0.0"}, {"v1.2", "1.2"}, {"1:1.2", "1.2"}, {"1.0+cu121", "1.0"}, {"1.0-rc1", "1.0rc1"}};

static void test_order(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(ascending); i++)
        for (unsigned k = 0; k < G_N_ELEMENTS(ascending); k++) {
            int order = okse_version_compare(ascending[i], ascending[k]);

            g_assert_cmpint((order > 0) - (order < 0), ==, (i > k) - (i < k));
        }
}

static void test_equal(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(equal); i++)
        g_assert_cmpint(okse_version_compare(equal[i][0], equal[i][1]), ==, 0);
}

static void test_anything(void)
{
    static const char *const odd[] = {"", ".", "x", "99999999999999999999999", "1..2", "-", "1.0.0.0.0.0.0.0.0"};

    for (unsigned i = 0; i < G_N_ELEMENTS(odd); i++)
        for (unsigned k = 0; k < G_N_ELEMENTS(odd); k++) {
            int one = okse_version_compare(odd[i], odd[k]), other = okse_version_compare(odd[k], odd[i]);

            g_assert_cmpint((one > 0) - (one < 0), ==, (other < 0) - (other > 0));
        }
}

/* expected: what packaging.specifiers says of the same versions, with the leading numbers of a kernel's name */
static const struct {
    const char *version, *range;
    bool in;
} ranges[] = {{"6.8.0-49-generic", ">= 6.3", true},
              {"6.1.0-28-amd64", ">= 6.3", false},
              {"6.3", ">= 6.3", true},
              {"6.30.1", ">= 6.3, < 6.9", false},
              {"6.8", ">= 5.15, < 6.9", true},
              {"22.04", "22.04", true},
              {"22.04.5", "22.04", true},
              {"22.04", "22", true},
              {"22.10", "22.1", false},
              {"12", "== 12", true},
              {"12", "> 12", false},
              {"12.0", "<= 12", true},
              {"unknown", ">= 1", false},
              {"", ">= 1", false}};
static const char *const bad[] = {"", ">=", "6.", "newer", ">= 6.3,", "=> 6", ">= 6 3", "6.3 or 6.4", "~= 6.3", "1,,2"};

static void test_ranges(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(ranges); i++) {
        g_assert_true(okse_version_range_is_good(ranges[i].range));
        g_assert_cmpint(okse_version_is_in(ranges[i].version, ranges[i].range), ==, ranges[i].in);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(okse_version_range_is_good(bad[i]));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/version/order", test_order);
    g_test_add_func("/version/equal", test_equal);
    g_test_add_func("/version/anything", test_anything);
    g_test_add_func("/version/ranges", test_ranges);
    return g_test_run();
}
