/* Reading a profile never crashes; one without objections asks for something, of somebody, by rows that have places. */
#include "audit/profile_internal.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseProfile) profile = okse_profile_read(bytes, "fuzz", issues);

    g_assert(profile != NULL || okse_issues_count(issues) > 0);
    if (profile == NULL || okse_issues_count(issues) > 0)
        return 0;
    g_assert(profile->countries->len > 0 && json_object_get(profile->title, "en") != NULL);
    g_assert(profile->rows->len > 0 || profile->own != NULL);
    g_assert(profile->own == NULL || profile->own->provisions->len > 0);
    for (guint i = 0; i < profile->rows->len; i++) {
        const OkseProfileRow *row = g_ptr_array_index(profile->rows, i);

        g_assert(row->provision != NULL && row->control != NULL && row->place.line > 0);
        g_assert(!row->tighten || json_object_size(row->parameters) > 0);
    }
    return 0;
}
