/* The allow-list of a return bundle: no crash, an error exactly when nothing is returned, and what is accepted has
 * items with safe paths. */
#include "core/fd.h"
#include "packager/return_list.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseResources *resources;
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseReturnList) list = NULL;

    if (resources == NULL)
        resources = okse_resources_open(NULL, NULL);
    list = okse_return_list_read(bytes, "return.yaml", resources, &error);
    g_assert((list == NULL) == (error != NULL));
    g_assert(list == NULL || list->items->len > 0);
    for (guint i = 0; list != NULL && i < list->items->len; i++)
        g_assert(okse_path_check(((const OkseReturnItem *)g_ptr_array_index(list->items, i))->path, NULL));
    return 0;
}
