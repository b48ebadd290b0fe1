/* A statement that wants to leave a site: no crash, an error exactly when it is refused. */
#include "packager/return_statement.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GPtrArray) inside = NULL;
    g_autoptr(GError) error = NULL;
    OkseSha256 document = okse_sha256_of("", 0);
    bool good = okse_return_statement_check(bytes, "statement", "record.json", &document, &inside, &error);

    g_assert(good == (error == NULL) && good == (inside != NULL));
    return 0;
}
