/* state.json and generation.json: no crash, an error exactly when nothing is returned, and a state that was accepted is
 * written and read again to the same bytes. */
#include "packager/generation.h"
#include "packager/records.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL, generation_error = NULL;
    g_autoptr(OkseState) state = okse_state_read(bytes, &error);
    g_autoptr(json_t) generation = okse_generation_read(bytes, &generation_error);

    g_assert((state == NULL) == (error != NULL));
    g_assert((generation == NULL) == (generation_error != NULL));
    if (state != NULL) {
        g_autoptr(GBytes) once = okse_state_write(state);
        g_autoptr(OkseState) again = okse_state_read(once, NULL);
        g_autoptr(GBytes) twice = NULL;

        g_assert(again != NULL);
        twice = okse_state_write(again);
        g_assert(g_bytes_equal(once, twice));
    }
    return 0;
}
