/* What a Keras model tells of its layers inside HDF5. */
#include "tests/fuzz/weights_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_weights("model.h5", data, size);
}
