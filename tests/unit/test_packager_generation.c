#include "packager/generation.h"

#include <string.h>

static OkseState *state_of(const char *text, GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

    return okse_state_read(bytes, error);
}

static void names(void)
{
    OkseSha256 digest = okse_sha256_of("", 0);
    g_autofree char *name = okse_generation_name(14, &digest);
    static const char *const bad[] = {"14",
                                      "14-",
                                      "-e3b0c44298fc",
                                      "014-e3b0c44298fc",
                                      "14-e3b0c44298f",
                                      "14-E3B0C44298FC",
                                      "14-e3b0c44298fc1",
                                      "../14-e3b0c44298fc",
                                      "x-e3b0c44298fc",
                                      "",
                                      "14-e3b0c44298fc/"};

    g_assert_cmpstr(name, ==, "14-e3b0c44298fc"); /* printf '' | sha256sum */
    g_assert_true(okse_generation_matches(name, &digest));
    digest.bytes[0] ^= 1;
    g_assert_false(okse_generation_matches(name, &digest));
    g_assert_true(okse_generation_matches(name, NULL));
    g_assert_true(okse_generation_matches("0-e3b0c44298fc", NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(okse_generation_matches(bad[i], NULL));
}

static OkseInstalled installed(char *generation, uint64_t sequence, char *at)
{
    static char name[] = "civic", version[] = "1.0";
    OkseInstalled made = {generation, okse_sha256_of("", 0), name, version, sequence, at};

    return made;
}

static void the_highest_sequence_never_falls(void)
{
    g_autoptr(OkseState) state = okse_state_new();
    char fourteen[] = "14-e3b0c44298fc", twelve[] = "12-e3b0c44298fc", at[] = "2026-01-01T00:00:00Z";
    OkseInstalled one = installed(fourteen, 14, at), other = installed(twelve, 12, at);
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(OkseState) again = NULL;
    g_autoptr(GError) error = NULL;

    okse_state_add(state, &one);
    okse_state_add(state, &other);
    okse_state_add(state, &one);
    g_assert_cmpuint(okse_state_highest(state, "civic")->sequence, ==, 14);
    g_assert_null(okse_state_highest(state, "other"));
    g_assert_cmpuint(state->installed->len, ==, 2);
    bytes = okse_state_write(state);
    again = okse_state_read(bytes, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(okse_state_find(again, twelve)->version, ==, "1.0");
}

static void history_is_bounded(void)
{
    g_autoptr(OkseState) state = okse_state_new();
    char action[] = "rollback", at[] = "2026-01-01T00:00:00Z", to[] = "14-e3b0c44298fc";
    OkseSwitch change = {at, action, NULL, to};

    for (unsigned i = 0; i < OKSE_LIMIT_HISTORY + 5; i++)
        okse_state_log(state, &change);
    g_assert_cmpuint(state->history->len, ==, OKSE_LIMIT_HISTORY);
}

#define SHELL(installed) "{\"schema\":\"okse.state.v1\",\"highest\":[],\"history\":[],\"installed\":[" installed "]}"
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ENTRY(generation, identity, sequence, at)                                                                      \
    "{\"generation\":\"" generation "\",\"identity\":\"sha256:" identity "\",\"name\":\"civic\",\"version\":\"1\","    \
    "\"sequence\":" sequence ",\"at\":\"" at "\"}"

static void refuses(void)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"schema\":\"okse.state.v2\",\"highest\":[],\"history\":[],\"installed\":[]}",
        "{\"schema\":\"okse.state.v1\",\"highest\":[],\"history\":[]}",
        "{\"schema\":\"okse.state.v1\",\"highest\":[],\"history\":[],\"installed\":[],\"more\":1}",
        SHELL("{}"),
        SHELL("3"),
        SHELL(ENTRY("../x", HEX, "14", "2026-01-01T00:00:00Z")),
        SHELL(ENTRY("14-000000000000", HEX, "14", "2026-01-01T00:00:00Z")),
        SHELL(ENTRY("14-e3b0c44298fc", HEX, "-1", "2026-01-01T00:00:00Z")),
        SHELL(ENTRY("14-e3b0c44298fc", HEX, "14", "then"))};
    g_autoptr(GError) none = NULL;
    g_autoptr(OkseState) good = state_of(SHELL(ENTRY("14-e3b0c44298fc", HEX, "14", "2026-01-01T00:00:00Z")), &none);

    g_assert_no_error(none);
    g_assert_nonnull(good);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(OkseState) state = state_of(bad[i], &error);

        g_test_message("%s", bad[i]);
        g_assert_null(state);
        g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/packager/generation/names", names);
    g_test_add_func("/packager/generation/the-highest-sequence-never-falls", the_highest_sequence_never_falls);
    g_test_add_func("/packager/generation/history-is-bounded", history_is_bounded);
    g_test_add_func("/packager/generation/refuses", refuses);
    return g_test_run();
}
