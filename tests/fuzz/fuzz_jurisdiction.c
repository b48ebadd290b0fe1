/* Reading a jurisdiction never crashes; one without objections has what an audit relies on. */
#include "audit/jurisdiction.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseJurisdiction) jurisdiction = okse_jurisdiction_read(bytes, "fuzz", issues);

    g_assert(jurisdiction != NULL || okse_issues_count(issues) > 0);
    if (jurisdiction == NULL || okse_issues_count(issues) > 0)
        return 0;
    g_assert(jurisdiction->provisions->len > 0 && json_array_size(jurisdiction->languages) > 0);
    for (guint i = 0; i < jurisdiction->provisions->len; i++) {
        const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, i);

        g_assert((provision->mappings->len > 0) != (provision->not_checkable != NULL));
        g_assert(json_object_get(provision->title, "en") != NULL);
        g_assert(provision->data->len > 0 && provision->sectors->len > 0);
    }
    for (guint i = 0; i < jurisdiction->transfers->len; i++) {
        const OkseTransfer *transfer = g_ptr_array_index(jurisdiction->transfers, i);

        g_assert(okse_jurisdiction_provision(jurisdiction, transfer->provision) != NULL);
        g_assert(transfer->to == NULL || transfer->to->len > 0);
        g_assert(transfer->data->len > 0 && transfer->sectors->len > 0);
    }
    return 0;
}
