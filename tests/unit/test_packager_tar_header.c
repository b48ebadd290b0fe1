/* The header forms; tests/e2e/test_tar_header.py lets GNU tar, bsdtar and Python read what these write. */
#include "packager/tar_header.h"

#include <string.h>

static void size_field_is(uint64_t size, const char *expected, size_t length)
{
    uint8_t block[OKSE_TAR_BLOCK];
    OkseTarMember member;

    okse_tar_header(block, "x", size);
    g_assert_cmpint(memcmp(block + 124, expected, length), ==, 0);
    g_assert_true(okse_tar_parse(block, &member, NULL));
    g_assert_cmpuint(member.size, ==, size);
}

static void size_forms(void)
{
    size_field_is(0, "00000000000", 12);
    size_field_is((1ull << 33) - 1, "77777777777", 12);
    size_field_is(1ull << 33, "100000000000", 12);
    size_field_is((1ull << 36) - 1, "777777777777", 12);
    size_field_is(1ull << 36, "\x80\0\0\0\0\0\0\x10\0\0\0\0", 12);
}

static void prefix_is(uint64_t offset, uint64_t size, bool align, uint64_t fill_to)
{
    g_autoptr(GBytes) prefix = okse_tar_prefix(offset, "blobs/sha256/x", size, align, fill_to);
    uint64_t length = g_bytes_get_size(prefix);

    g_assert_cmpuint(length, ==, okse_tar_prefix_length(offset, size, align, fill_to));
    g_assert_cmpuint(length % OKSE_TAR_BLOCK, ==, 0);
    if (align)
        g_assert_cmpuint((offset + length) % OKSE_TAR_ALIGN, ==, 0);
    if (fill_to != 0)
        g_assert_cmpuint(offset + length, ==, fill_to + OKSE_TAR_BLOCK);
}

static void prefixes_end_where_they_should(void)
{
    for (uint64_t offset = 0; offset <= 3 * OKSE_TAR_ALIGN; offset += OKSE_TAR_BLOCK) {
        prefix_is(offset, 5, true, 0);
        prefix_is(offset, 5, false, 0);
        prefix_is(offset, 9ull << 30, true, 0);
        prefix_is(offset, 9ull << 30, false, 0);
        prefix_is(offset, 5, false, offset + OKSE_TAR_STATEMENT_AREA);
        prefix_is(offset, 5, false, offset + 2 * OKSE_TAR_BLOCK);
    }
}

static void refuses_damage(void)
{
    uint8_t good[OKSE_TAR_BLOCK], bad[OKSE_TAR_BLOCK];
    OkseTarMember member;

    okse_tar_header(good, "x", 77);
    for (unsigned i = 0; i < OKSE_TAR_BLOCK; i++) {
        bool parsed;

        memcpy(bad, good, sizeof bad);
        bad[i] ^= 0x41;
        parsed = okse_tar_parse(bad, &member, NULL);
        g_assert_true(!parsed || i == 155); /* behind the checksum's NUL; the canonical comparison catches it */
    }
}

/* Source: `printf '%s' …` of POSIX pax records; GNU tar writes the same ones. */
static void entries_bring_pax_records_where_they_must(void)
{
    g_autofree char *name = g_strnfill(101, 'n'), *target = g_strnfill(101, 't');
    g_autofree char *path_record = g_strdup_printf("111 path=%s\n", name);
    g_autofree char *link_record = g_strdup_printf("115 linkpath=%s\n", target);
    g_autoptr(GBytes) small = okse_tar_entry("a/b", '0', 0755, 5, NULL);
    g_autoptr(GBytes) large = okse_tar_entry("a", '0', 0644, 1ull << 33, NULL);
    g_autoptr(GBytes) longest = okse_tar_entry(name, '2', 0777, 0, target);
    g_autoptr(GBytes) directory = okse_tar_entry("d", '5', 0755, 0, NULL);
    OkseTarMember member;

    g_assert_cmpuint(g_bytes_get_size(small), ==, OKSE_TAR_BLOCK);
    g_assert_true(okse_tar_parse(g_bytes_get_data(small, NULL), &member, NULL));
    g_assert_cmpstr(member.name, ==, "a/b");
    g_assert_cmpstr((const char *)g_bytes_get_data(small, NULL) + 100, ==, "0000755");
    g_assert_cmpuint(g_bytes_get_size(large), ==, 3 * OKSE_TAR_BLOCK);
    g_assert_cmpstr((const char *)g_bytes_get_data(large, NULL) + OKSE_TAR_BLOCK, ==, "19 size=8589934592\n");
    g_assert_true(okse_tar_parse((const uint8_t *)g_bytes_get_data(large, NULL) + 2 * OKSE_TAR_BLOCK, &member, NULL));
    g_assert_cmpuint(member.size, ==, 1ull << 33);
    g_assert_true(g_str_has_prefix((const char *)g_bytes_get_data(longest, NULL) + OKSE_TAR_BLOCK, path_record));
    g_assert_cmpstr((const char *)g_bytes_get_data(longest, NULL) + OKSE_TAR_BLOCK + strlen(path_record), ==,
                    link_record);
    g_assert_true(okse_tar_parse(g_bytes_get_data(directory, NULL), &member, NULL));
    g_assert_cmpstr(member.name, ==, "d/");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/packager/tar-header/size-forms", size_forms);
    g_test_add_func("/packager/tar-header/prefixes", prefixes_end_where_they_should);
    g_test_add_func("/packager/tar-header/refuses-damage", refuses_damage);
    g_test_add_func("/packager/tar-header/entries", entries_bring_pax_records_where_they_must);
    return g_test_run();
}
