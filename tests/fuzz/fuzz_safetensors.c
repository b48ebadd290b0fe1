/* The header and tensor table of safetensors. */
#include "tests/fuzz/weights_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_weights("model.safetensors", data, size);
}
