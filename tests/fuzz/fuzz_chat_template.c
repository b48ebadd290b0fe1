/* The tags of a chat template. */
#include "tests/fuzz/weights_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_weights("chat_template.jinja", data, size);
}
