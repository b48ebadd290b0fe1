/* Hosts in any bytes, whatever the pieces in which they come. */
#include "audit/host_scan.h"

#include <string.h>

static void note(void *context, const OkseHostFound *found)
{
    g_string_append_printf(context, "%s %s %u @%" G_GUINT64_FORMAT " :%u %s\n", found->scheme, found->host, found->port,
                           found->offset, found->line, okse_host_encodings[found->encoding]);
}

static char *scan(const char *data, size_t length, size_t piece)
{
    g_autoptr(OkseHostScan) scanner = okse_host_scan_new();
    GString *text = g_string_new(NULL);

    okse_host_scan_begin(scanner, note, text);
    for (size_t at = 0; at < length; at += piece)
        okse_host_scan_feed(scanner, (const uint8_t *)data + at, MIN(piece, length - at));
    okse_host_scan_end(scanner);
    return g_string_free(text, FALSE);
}

static void encodings(void)
{
    static const char plain[] = "a\nx = \"https://U:p@Stats.Example.com:8443/v1\"\n";
    /* of coreutils: printf https://hidden.example.org/api | base64 */
    static const char coded[] = "\nB=aHR0cHM6Ly9oaWRkZW4uZXhhbXBsZS5vcmcvYXBp\n";
    static const char wide[] = "h\0t\0t\0p\0:\0/\0/\0u\0.\0e\0x\0/\0";
    g_autofree char *one = scan(plain, sizeof plain - 1, 1000), *two = scan(coded, sizeof coded - 1, 1000);
    g_autofree char *three = scan(wide, sizeof wide - 1, 1000);

    g_assert_cmpstr(one, ==, "https stats.example.com 8443 @12 :2 plain\n");
    g_assert_cmpstr(two, ==, "https hidden.example.org 0 @3 :2 base64\n");
    g_assert_cmpstr(three, ==, "http u.ex 0 @8 :0 utf-16\n");
}

/* A name that goes over every border of the window, and pieces of every size. */
static void pieces(void)
{
    static const size_t sizes[] = {1 << 20, (1 << 20) + 2048, 65536, 4093, (3 << 20) + 1};
    g_autoptr(GString) data = g_string_new(NULL);
    g_autofree char *whole = NULL;

    for (unsigned i = 0; data->len < (3u << 20); i++)
        g_string_append_printf(data, "line %u https://host-%u.example.org/path %*s\n", i, i, (int)(i * 37 % 1500), "");
    whole = scan(data->str, data->len, data->len);
    g_assert_nonnull(strstr(whole, "https host-0.example.org 0 @12 :1 plain\n"));
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *cut = scan(data->str, data->len, sizes[i]);
        g_auto(GStrv) lines = g_strsplit(cut, "\n", -1);

        g_assert_cmpstr(cut, ==, whole);
        for (unsigned n = 0; lines[n + 1] != NULL; n++) {
            g_autofree char *host = g_strdup_printf("https host-%u.example.org ", n);
            g_autofree char *number = g_strdup_printf(" :%u plain", n + 1);

            g_assert_true(g_str_has_prefix(lines[n], host) && g_str_has_suffix(lines[n], number));
        }
    }
}

static void nothing(void)
{
    g_autofree char *found = scan("://x.y a://b https://localhost/ https:///x \n http://${V}.example/", 65, 3);

    g_assert_cmpstr(found, ==, "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit/host_scan/encodings", encodings);
    g_test_add_func("/audit/host_scan/pieces", pieces);
    g_test_add_func("/audit/host_scan/nothing", nothing);
    return g_test_run();
}
