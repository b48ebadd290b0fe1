/* Wheels of strangers: the answer is bounded, safe to show and the same twice. */
#include "packager/wheel_record.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(json_t) first = okse_wheel_check(bytes), second = okse_wheel_check(bytes);
    const json_t *faults = json_object_get(first, "faults");

    g_assert(json_equal(first, second));
    g_assert(json_array_size(faults) <= 21 && json_array_size(json_object_get(first, "native")) <= 20);
    for (size_t i = 0; i < json_array_size(faults); i++)
        g_assert(strpbrk(json_string_value(json_array_get(faults, i)), "\n\r\033") == NULL);
    return 0;
}
