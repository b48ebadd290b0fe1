/* A fleet document from outside: an error is set exactly when nothing is returned, and what was accepted renders in
 * every format. */
#include "audit/fleet.h"
#include "core/json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) fleet = okse_fleet_read(bytes, "fuzz", &error);
    g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

    g_assert((fleet == NULL) == (error != NULL));
    for (const char *const *format = okse_fleet_formats(); fleet != NULL && *format != NULL; format++) {
        g_autoptr(GBytes) report = okse_fleet_render(fleet, *format, NULL, resources, NULL);

        g_assert(report != NULL);
    }
    return 0;
}
