#include "core/bytes.h"

#include "core/fd.h"

#include <string.h>
#include <sys/mman.h>

static int file_with(const char *text)
{
    int fd = memfd_create("piece", MFD_CLOEXEC);

    g_assert_true(okse_write_all(fd, text, strlen(text), "piece", NULL));
    return fd;
}

static bool count_up(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    uint8_t *at = buffer;

    (void)error;
    for (size_t i = 0; i < length; i++)
        at[i] = (uint8_t)(*(const char *)context + (char)(offset + i));
    return true;
}

/* "cdef" of the first file, "BCD" worked out, two zeros, "xy" of the second file, "mem" */
static OkseBytes *mixed(int first, int second)
{
    g_autoptr(GBytes) memory = g_bytes_new("mem", 3);
    OkseBytes *bytes = okse_bytes_new();

    g_assert_true(okse_bytes_append_file(bytes, &(OkseFilePiece){first, "first", 2, 4}, NULL));
    okse_bytes_append_source(bytes, &(OkseSourcePiece){count_up, "A", 1, 3});
    okse_bytes_append_zeros(bytes, 2);
    g_assert_true(okse_bytes_append_file(bytes, &(OkseFilePiece){second, "second", 1, 2}, NULL));
    okse_bytes_append_memory(bytes, memory);
    return bytes;
}

static const char expected[] = "cdefBCD\0\0xymem";

static void check_run(const OkseBytes *bytes, uint64_t from, size_t size)
{
    char buffer[sizeof expected];

    for (size_t at = 0; at <= size; at++)
        for (size_t length = 0; length <= size - at; length++) {
            g_assert_true(okse_bytes_read(bytes, at, buffer, length, "all", NULL));
            g_assert_cmpint(memcmp(buffer, expected + from + at, length), ==, 0);
        }
}

static void check(const OkseBytes *bytes, uint64_t from, size_t size)
{
    g_assert_cmpuint(okse_bytes_length(bytes), ==, size);
    check_run(bytes, from, size);
}

static void any_run(void)
{
    okse_autofd first = file_with("abcdefgh"), second = file_with("wxyz");
    g_autoptr(OkseBytes) bytes = mixed(first, second);

    check(bytes, 0, sizeof expected - 1);
}

static void a_part_of_others(void)
{
    okse_autofd first = file_with("abcdefgh"), second = file_with("wxyz");

    for (uint64_t at = 0; at < sizeof expected; at++)
        for (uint64_t length = 0; length < sizeof expected - at; length++) {
            g_autoptr(OkseBytes) part = okse_bytes_new();
            OkseBytes *whole = mixed(first, second);

            okse_bytes_append_bytes(part, whole, at, length);
            okse_bytes_unref(whole);
            check(part, at, length);
        }
}

/* Read through, however many pieces there are behind it; their files are watched all the same. */
static void one_piece_of_others(void)
{
    okse_autofd first = file_with("abcdefgh"), second = file_with("wxyz");

    for (uint64_t at = 0; at < sizeof expected - 1; at++)
        for (uint64_t length = 1; length < sizeof expected - at; length++) {
            g_autoptr(OkseBytes) part = okse_bytes_new();
            OkseBytes *whole = mixed(first, second);

            okse_bytes_append_through(part, whole, at, length);
            okse_bytes_append_through(part, whole, 0, sizeof expected - 1);
            okse_bytes_unref(whole);
            g_assert_cmpuint(okse_bytes_place(part, 0).length, ==, length);
            g_assert_cmpint(okse_bytes_place(part, 0).fd, ==, -1);
            g_assert_cmpuint(okse_bytes_files(part), ==, 2);
            check_run(part, at, length);
        }
}

static void nothing_behind_the_end(void)
{
    okse_autofd first = file_with("abcdefgh"), second = file_with("wxyz");
    g_autoptr(OkseBytes) bytes = mixed(first, second);
    g_autoptr(GError) early = NULL, over = NULL, piece = NULL;
    char buffer[4];

    g_assert_false(okse_bytes_read(bytes, sizeof expected - 3, buffer, 4, "all", &early));
    g_assert_error(early, OKSE_ERROR, OKSE_ERROR_INVALID);
    g_assert_false(okse_bytes_read(bytes, UINT64_MAX, buffer, 4, "all", &over));
    g_assert_error(over, OKSE_ERROR, OKSE_ERROR_INVALID);
    g_assert_false(okse_bytes_append_file(bytes, &(OkseFilePiece){first, "first", 5, UINT64_MAX}, &piece));
    g_assert_error(piece, OKSE_ERROR, OKSE_ERROR_INVALID);
}

static void places(void)
{
    okse_autofd first = file_with("abcdefgh"), second = file_with("wxyz");
    g_autoptr(OkseBytes) bytes = mixed(first, second);
    OkseBytesPlace place = okse_bytes_place(bytes, 1);

    g_assert_cmpint(place.fd, ==, first);
    g_assert_cmpuint(place.offset, ==, 3);
    g_assert_cmpuint(place.length, ==, 3);
    place = okse_bytes_place(bytes, 5);
    g_assert_cmpint(place.fd, ==, -1);
    g_assert_cmpuint(place.length, ==, 2);
    place = okse_bytes_place(bytes, 10);
    g_assert_cmpint(place.fd, ==, second);
    g_assert_cmpuint(place.offset, ==, 2);
    g_assert_cmpuint(place.length, ==, 1);
}

/* Pieces of one file that stand behind each other in it are one run for the kernel. */
static void neighbours_are_one_place(void)
{
    okse_autofd first = file_with("abcdefgh");
    g_autoptr(OkseBytes) bytes = okse_bytes_new();

    g_assert_true(okse_bytes_append_file(bytes, &(OkseFilePiece){first, "first", 0, 3}, NULL));
    g_assert_true(okse_bytes_append_file(bytes, &(OkseFilePiece){first, "first", 3, 5}, NULL));
    g_assert_cmpuint(okse_bytes_place(bytes, 0).length, ==, 8);
    g_assert_cmpuint(okse_bytes_files(bytes), ==, 1);
}

static void a_change_is_named(void)
{
    okse_autofd first = file_with("abcdefgh"), second = file_with("wxyz");
    g_autoptr(OkseBytes) bytes = mixed(first, second);
    g_autoptr(GError) error = NULL;

    g_assert_true(okse_bytes_unchanged(bytes, NULL));
    g_assert_true(okse_write_all(second, "more", 4, "second", NULL));
    g_assert_false(okse_bytes_unchanged(bytes, &error));
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "second"));
}

static void what_is_kept_is_let_go(void)
{
    int fd = file_with("abc"), number = fd;
    OkseBytes *bytes = okse_bytes_of_file(fd, "kept", NULL);
    OkseBytes *again = okse_bytes_ref(bytes);

    okse_bytes_keep_fd(bytes, &fd);
    g_assert_cmpint(fd, ==, -1);
    okse_bytes_unref(bytes);
    g_assert_cmpint(fcntl(number, F_GETFD), >=, 0);
    okse_bytes_unref(again);
    g_assert_cmpint(fcntl(number, F_GETFD), ==, -1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/bytes/any-run", any_run);
    g_test_add_func("/core/bytes/a-part-of-others", a_part_of_others);
    g_test_add_func("/core/bytes/one-piece-of-others", one_piece_of_others);
    g_test_add_func("/core/bytes/nothing-behind-the-end", nothing_behind_the_end);
    g_test_add_func("/core/bytes/places", places);
    g_test_add_func("/core/bytes/neighbours-are-one-place", neighbours_are_one_place);
    g_test_add_func("/core/bytes/a-change-is-named", a_change_is_named);
    g_test_add_func("/core/bytes/what-is-kept-is-let-go", what_is_kept_is_let_go);
    return g_test_run();
}
