/* Reading site.yaml never crashes, an error is set exactly when nothing is returned, and what was accepted can be asked
 * and written. */
#include "packager/site.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseSite) site = okse_site_read(bytes, "fuzz", &error);
    OkseCidr address;

    g_assert((site == NULL) == (error != NULL));
    if (site == NULL)
        return 0;
    g_assert(okse_cidr_parse("10.20.3.4", &address, NULL));
    okse_site_network(site, &address);
    okse_site_host(site, "a.ministry.example");
    okse_site_allows(site, "metrics.ministry.example", 443);
    json_t *value = okse_site_to_json(site);
    json_decref(value);
    return 0;
}
