/* Hosts in any bytes: the same whatever the pieces, and every one a name. */
#include "audit/host_scan.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(void *context, const OkseHostFound *found)
{
    g_assert(*found->host != '\0' && strlen(found->host) <= 253 && found->port <= 65535);
    g_string_append_printf(context, "%s %s %u %" G_GUINT64_FORMAT " %u %u\n", found->scheme, found->host, found->port,
                           found->offset, found->line, found->encoding);
}

static char *scan(const uint8_t *data, size_t size, size_t piece)
{
    static OkseHostScan *scanner;
    GString *text = g_string_new(NULL);

    if (scanner == NULL)
        scanner = okse_host_scan_new();
    okse_host_scan_begin(scanner, note, text);
    for (size_t at = 0; at < size; at += piece)
        okse_host_scan_feed(scanner, data + at, MIN(piece, size - at));
    okse_host_scan_end(scanner);
    return g_string_free(text, FALSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *whole = scan(data, size, MAX(size, 1)), *pieces = scan(data, size, 7);

    g_assert_cmpstr(whole, ==, pieces);
    return 0;
}
