/* thin.json: what was accepted is written again as the same bytes, and every piece keeps to its bounds. */
#include "core/limits.h"
#include "packager/thin_list.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const OkseThinList *list, const OkseRecipe *recipe)
{
    uint64_t total = 0;

    g_assert(okse_thin_list_recipe(list, &recipe->blob) == recipe);
    for (guint i = 0; i < recipe->pieces->len; i++) {
        const OkseThinPiece *piece = &g_array_index(recipe->pieces, OkseThinPiece, i);

        g_assert(piece->from < recipe->from->len && piece->length > 0);
        g_assert(piece->offset <= OKSE_LIMIT_FILE_SIZE && piece->length <= OKSE_LIMIT_FILE_SIZE - piece->offset);
        total += piece->length;
    }
    g_assert(total == recipe->size && total <= OKSE_LIMIT_FILE_SIZE);
    for (guint i = 0; i < recipe->from->len; i++)
        g_assert(okse_thin_list_recipe(list, &g_array_index(recipe->from, OkseSha256, i)) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseThinList) list = okse_thin_list_read(bytes, "fuzz", &error);
    g_autoptr(GBytes) again = NULL;

    g_assert((list == NULL) == (error != NULL));
    if (list == NULL)
        return 0;
    for (guint i = 0; i < list->recipes->len; i++)
        check(list, g_ptr_array_index(list->recipes, i));
    again = okse_thin_list_write(list);
    g_assert(g_bytes_equal(bytes, again));
    return 0;
}
