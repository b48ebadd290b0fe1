/* What the process that looks may send: anything is refused or is a value that JSON could be, and is sent as it was. */
#include "core/json.h"
#include "core/json_wire.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(json_t) value = okse_json_wire_read(data, size);

    if (value != NULL) {
        g_autoptr(GBytes) once = okse_json_wire_write(value);
        g_autoptr(json_t) again = okse_json_wire_read(g_bytes_get_data(once, NULL), g_bytes_get_size(once));
        g_autoptr(GBytes) text = okse_json_write(value), same = okse_json_write(again);

        g_assert(g_bytes_equal(text, same));
    }
    return 0;
}
