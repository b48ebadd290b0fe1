/* How bundles are cut: that planning ends, and that what it plans is a set for whoever reads it. */
#include "core/limits.h"
#include "packager/split.h"
#include "packager/volume_header.h"

#include <string.h>
#include <unistd.h>

static char country[] = "VN", version_one[] = "1.0.0", short_name[] = "a";
static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";

static OkseVolumeBundle bundle_of(char *name, char *version, uint64_t size)
{
    return (OkseVolumeBundle){.size = size, .sequence = 12, .name = name, .version = version, .country = country};
}

/* Everything that the header promises, asked of the reader. */
static void check_plan(const OkseVolumeBundle *bundle, uint64_t file_size, const OkseParityWish *wish)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseVolumeSet) set = NULL, again = NULL;

    alarm(60); /* a plan that does not end */
    set = okse_split_plan(bundle, file_size, wish, &error);
    alarm(0);
    if (set == NULL) {
        g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
        return;
    }
    again = okse_volume_set_read(set->json, "plan", &error);
    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(again->json, set->json));
    for (unsigned i = 0; i < set->data + set->parity; i += MAX(1, set->data - 1)) {
        g_autoptr(GBytes) head = okse_volume_head(set, &set->volumes[i]),
                          neck = okse_volume_neck(set, &set->volumes[i]);

        g_assert_cmpuint(okse_volume_file_size(&set->volumes[i]), <=, file_size);
        g_assert_cmpuint(g_bytes_get_size(head) + okse_volume_table_size(&set->volumes[i]) + g_bytes_get_size(neck), ==,
                         set->volumes[i].at);
    }
}

/* Names and versions of every length move the end of set.json over every border, with sets that are short, so that
 * `data` begins near byte 10000, and with some that are long enough for it to begin near byte 100000. */
static void planning_ends(void)
{
    for (unsigned parts = 1; parts <= 24; parts++)
        for (unsigned length = 1; length <= 50; length++) {
            g_autofree char *name = g_strndup(letters, length);
            OkseVolumeBundle bundle = bundle_of(name, version_one, ((uint64_t)parts << 20) - 77);

            check_plan(&bundle, 1100000, &(OkseParityWish){0});
            check_plan(&bundle, 1100000, &(OkseParityWish){.parts = 1 + length % 3});
        }
    for (unsigned parts = 250; parts <= 310; parts += 10)
        for (unsigned length = 1; length <= 50; length += 5) {
            g_autofree char *name = g_strndup(letters, length);
            OkseVolumeBundle bundle = bundle_of(name, version_one, (uint64_t)parts << 20);

            check_plan(&bundle, 1300000, &(OkseParityWish){.percent = parts % 3});
        }
}

static void any_size_at_random(void)
{
    for (unsigned i = 0; i < 300; i++) {
        g_autofree char *name = g_strndup(letters, 1 + (gsize)g_test_rand_int_range(0, 50));
        g_autofree char *version =
            g_strdup_printf("%d.%d", g_test_rand_int_range(0, 9999999), g_test_rand_int_range(0, 9));
        uint64_t size = 1 + (((uint64_t)(uint32_t)g_test_rand_int() << 14) >> g_test_rand_int_range(0, 30));
        uint64_t each = size / (uint64_t)g_test_rand_int_range(1, 120) + (uint64_t)g_test_rand_int_range(0, 3000000);
        OkseParityWish wish = {.percent = (unsigned)g_test_rand_int_range(0, 100)};
        OkseVolumeBundle bundle = bundle_of(name, version, size);

        if (i % 2 == 0)
            wish = (OkseParityWish){.parts = (unsigned)g_test_rand_int_range(0, 40)};
        check_plan(&bundle, each, &wish);
    }
}

/* 40 groups want 40 parity parts where one was asked for. */
static void parity_counts_for_the_limit(void)
{
    static const unsigned counts[] = {9959, 9960};

    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        OkseVolumeBundle bundle = bundle_of(short_name, version_one, (uint64_t)counts[i] * 5 << 20);
        g_autoptr(OkseVolumeSet) set = okse_split_plan(&bundle, 8300000, &(OkseParityWish){.parts = 1}, NULL);

        g_assert_true((set != NULL) == (counts[i] + 40 <= OKSE_LIMIT_SET_PARTS));
        check_plan(&bundle, 8300000, &(OkseParityWish){.parts = 1});
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/split/planning_ends", planning_ends);
    g_test_add_func("/split/any_size_at_random", any_size_at_random);
    g_test_add_func("/split/parity_counts_for_the_limit", parity_counts_for_the_limit);
    return g_test_run();
}
