#include "core/globs.h"

#include <stdint.h>
#include <string.h>

static const char *const patterns[] = {"/etc/*.conf", "*",        "?x",       "/etc/a.conf", "a.*",  "conf",
                                       "*.conf",      "b/*.y?ml", "",         "é*",          "*/é*", "*a*b*c",
                                       "[x].conf",    "b/c",      "*\xc3\xa9"};
static const char *const paths[] = {"/etc/a.conf", "/etc/b/a.conf", "a.conf",     "x",           "",        "ax",
                                    "b/c.yaml",    "q/b/c.yaml",    "b/q/c.yaml", "x/a/b/b/c",   "é.conf",  "z/é.conf",
                                    "/",           "conf/",         "b/c",        "caf\xc3\xa9", "a.b/conf"};

/* Said by GLib alone, one pattern after the other. */
static bool matches(const char *pattern, OkseGlobPart part, const char *path)
{
    if (part == OKSE_GLOB_NAME)
        return g_pattern_match_simple(pattern, strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path);
    for (const char *at = path; part == OKSE_GLOB_END && (at = strchr(at, '/')) != NULL;)
        if (g_pattern_match_simple(pattern, ++at))
            return true;
    return g_pattern_match_simple(pattern, path);
}

static void same_as_one_by_one(void)
{
    for (OkseGlobPart part = OKSE_GLOB_WHOLE; part <= OKSE_GLOB_END; part++) {
        g_autoptr(OkseGlobs) globs = okse_globs_new();

        for (unsigned i = 0; i < G_N_ELEMENTS(patterns); i++)
            okse_globs_add(globs, patterns[i], part, (gpointer)(uintptr_t)patterns[i]);
        for (unsigned k = 0; k < G_N_ELEMENTS(paths); k++) {
            g_autoptr(GPtrArray) found = okse_globs_match(globs, paths[k]);
            guint at = 0;

            for (unsigned i = 0; i < G_N_ELEMENTS(patterns); i++)
                if (matches(patterns[i], part, paths[k]))
                    g_assert_true(found != NULL && at < found->len && g_ptr_array_index(found, at++) == patterns[i]);
            g_assert_cmpuint(at, ==, found != NULL ? found->len : 0);
        }
    }
}

static void none(void)
{
    g_autoptr(OkseGlobs) globs = okse_globs_new();

    okse_globs_add(globs, "*.conf", OKSE_GLOB_WHOLE, globs);
    g_assert_null(okse_globs_match(globs, "a.yaml"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/globs/same-as-one-by-one", same_as_one_by_one);
    g_test_add_func("/core/globs/none", none);
    return g_test_run();
}
