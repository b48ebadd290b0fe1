/* verify-progress.json: no crash, an error exactly when nothing is returned, and what was accepted is written and read
 * again to the same bytes. */
#include "packager/checkpoint_record.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size), once = NULL, twice = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseCheckpointRecord) record = okse_checkpoint_record_read(bytes, &error), again = NULL;

    g_assert((record == NULL) == (error != NULL));
    if (record == NULL)
        return 0;
    once = okse_checkpoint_record_write(record);
    again = okse_checkpoint_record_read(once, NULL);
    g_assert(again != NULL);
    twice = okse_checkpoint_record_write(again);
    g_assert(g_bytes_equal(once, twice));
    return 0;
}
