/* The payload of a model signature: what is read names no file outside the model, and no file twice. */
#include "core/fd.h"
#include "packager/oms_legacy.h"
#include "packager/oms_statement.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GBytes) legacy = okse_oms_legacy_message("x", bytes);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseOmsStatement) statement = okse_oms_statement_read(bytes, &error);
    GHashTableIter names;
    gpointer name;

    g_assert_cmpuint(g_bytes_get_size(legacy), >=, size);
    g_assert((statement == NULL) == (error != NULL));
    if (statement == NULL)
        return 0;
    g_hash_table_iter_init(&names, statement->expected);
    while (g_hash_table_iter_next(&names, &name, NULL))
        g_assert_true(strcmp(name, ".") == 0 || okse_path_check(name, NULL));
    for (guint i = 0; i < statement->ignored->len; i++)
        g_assert_true(okse_path_check(g_ptr_array_index(statement->ignored, i), NULL));
    return 0;
}
