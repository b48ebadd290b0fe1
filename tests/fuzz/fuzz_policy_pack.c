/* Reading the date of a law never crashes; one without objections says until when, in a date that is read again. */
#include "audit/policy_pack.h"
#include "core/json.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OksePolicyPack) pack = okse_policy_pack_read(bytes, "fuzz", issues);
    g_autofree char *until = NULL;
    g_autoptr(json_t) warning = NULL, said = NULL;

    g_assert(pack != NULL || okse_issues_count(issues) > 0);
    if (pack == NULL || okse_issues_count(issues) > 0)
        return 0;
    until = okse_policy_pack_until(pack);
    g_assert(strcmp(pack->date, until) < 0);
    g_assert((pack->vendor_name == NULL) == (pack->vendor_country == NULL));
    g_assert(!okse_policy_pack_is_old(pack, pack->time));
    warning = okse_policy_pack_warning(pack);
    said = okse_policy_pack_json(pack, NULL);
    g_assert(warning != NULL && said != NULL);
    return 0;
}
