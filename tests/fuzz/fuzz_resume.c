/* The journal of an interrupted build: any bytes are read without a crash, a line is a note at most, and what was read
 * once reads the same behind itself. */
#include "packager/build_resume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GByteArray) doubled = g_byte_array_new();
    g_autoptr(GBytes) bytes = g_bytes_new(data, size), twice = NULL;
    g_autoptr(GHashTable) notes = okse_resume_notes_new(), again = okse_resume_notes_new();
    unsigned count = okse_resume_parse(bytes, notes), lines = 0;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    g_assert_cmpuint(count, <=, lines);
    g_byte_array_append(doubled, data, (guint)size);
    g_byte_array_append(doubled, (const guint8 *)"\n", 1);
    g_byte_array_append(doubled, data, (guint)size);
    twice = g_byte_array_free_to_bytes(g_steal_pointer(&doubled));
    g_assert_cmpuint(okse_resume_parse(twice, again), >=, count);
    return 0;
}
