/* Any bytes as a text: nothing in it is a NUL, it is no longer than its encoding allows, and what was converted is
 * UTF-8. A text that is one already stays as it is. */
#include "core/text_decode.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size), text = NULL, again = NULL;
    bool whole = false, second = false;
    gsize length;
    const char *plain;

    text = okse_text_decode(bytes, &whole);
    plain = g_bytes_get_data(text, &length);
    g_assert_true(length == 0 || memchr(plain, '\0', length) == NULL);
    g_assert_cmpuint(length, <=, size + size / 2);
    if (size > 0 && memchr(data, '\0', size) == NULL)
        g_assert_true(whole && length <= size);
    if (length > size) /* only what was converted grows */
        g_assert_true(g_utf8_validate(plain, (gssize)length, NULL));
    again = okse_text_decode(text, &second);
    g_assert_true(second && g_bytes_get_size(again) <= length);
    return 0;
}
