/* A shard's record: no crash, an error exactly when nothing is returned, and what was accepted is written and read
 * again to the same bytes. */
#include "packager/shard_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size), once = NULL, twice = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseShardRecord) record = okse_shard_record_read(bytes, "record", &error), again = NULL;
    g_autoptr(json_t) first = NULL, second = NULL;

    g_assert((record == NULL) == (error != NULL));
    if (record == NULL)
        return 0;
    first = okse_shard_record_json(record);
    once = okse_json_write(first);
    again = okse_shard_record_read(once, "record", NULL);
    g_assert(again != NULL);
    second = okse_shard_record_json(again);
    twice = okse_json_write(second);
    g_assert(g_bytes_equal(once, twice));
    return 0;
}
