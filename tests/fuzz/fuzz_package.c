/* Packages of strangers: what comes back has a name and a version, short and safe to show. */
#include "packager/package_metadata.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a.whl", "a.deb", "a.rpm", "a.dist-info/METADATA"};
    static const char *const texts[] = {"name", "version", "license"};
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(json_t) package = okse_package_read(names[i], bytes);

        for (unsigned k = 0; package != NULL && k < G_N_ELEMENTS(texts); k++) {
            const char *text = okse_json_peek_text(package, texts[k]);

            g_assert(text != NULL || k == 2);
            g_assert(text == NULL || (*text != '\0' && strlen(text) <= 256 && strchr(text, '\n') == NULL));
        }
    }
    return 0;
}
