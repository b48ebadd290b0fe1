/* The metadata and tensor table of GGUF. */
#include "tests/fuzz/weights_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_weights("model.gguf", data, size);
}
