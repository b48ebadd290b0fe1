/* An evidence archive from elsewhere (audit --evidence, evidence verify): an error is set exactly when nothing is
 * returned; what was accepted has safe names, each once, and the manifest that its own members give. */
#include "audit/evidence.h"
#include "core/fd.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseEvidence) evidence = okse_evidence_read(bytes, "fuzz", &error);
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    g_assert((evidence == NULL) == (error != NULL));
    if (evidence == NULL)
        return 0;
    for (guint i = 0; i < evidence->members->len; i++) {
        const OkseEvidenceMember *member = g_ptr_array_index(evidence->members, i);

        g_assert(okse_path_check(member->name, NULL) && g_hash_table_add(names, member->name));
    }
    g_assert(json_is_object(evidence->head) && json_is_object(evidence->facts));
    g_assert(okse_evidence_time(evidence) != NULL);
    return 0;
}
