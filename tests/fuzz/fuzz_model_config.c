/* A model's config, with its auto_map and chat template. */
#include "tests/fuzz/weights_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_weights("config.json", data, size);
}
