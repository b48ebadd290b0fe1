/* What the strict reader accepts is written as jansson writes it, and read again to the same bytes. */
#include "core/json.h"
#include "core/json_wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) value = okse_json_read(bytes, 1 << 20, "fuzz", &error);

    g_assert((value == NULL) == (error != NULL));
    if (value != NULL) {
        g_autoptr(GBytes) once = okse_json_write(value);
        g_autoptr(json_t) again = okse_json_read(once, G_MAXUINT64, "fuzz", NULL);
        g_autoptr(GBytes) twice = okse_json_write(again);
        g_autoptr(GBytes) sent = okse_json_wire_write(value);
        g_autoptr(json_t) received = okse_json_wire_read(g_bytes_get_data(sent, NULL), g_bytes_get_size(sent));
        g_autoptr(GBytes) thrice = okse_json_write(received);
        char *theirs = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

        g_assert(g_bytes_equal(once, twice) && g_bytes_equal(once, thrice));
        g_assert(theirs != NULL && g_bytes_get_size(once) == strlen(theirs) &&
                 memcmp(g_bytes_get_data(once, NULL), theirs, strlen(theirs)) == 0);
        free(theirs);
    }
    return 0;
}
