/* A facts document from outside (audit --evidence): an error is set exactly when nothing is returned; what was accepted
 * has every list that an audit rests on, and is the same document when it is written and read again. */
#include "audit/fact_kinds.h"
#include "audit/facts_read.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) facts = okse_audit_facts_read(bytes, "fuzz", &error);
    g_autoptr(GBytes) written = NULL;
    g_autoptr(json_t) again = NULL;

    g_assert((facts == NULL) == (error != NULL));
    if (facts == NULL)
        return 0;
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++)
        g_assert(json_object_get(facts, kind->list) == NULL || json_is_array(json_object_get(facts, kind->list)));
    written = okse_json_write(facts);
    again = okse_audit_facts_read(written, "again", NULL);
    g_assert(again != NULL && json_equal(facts, again));
    return 0;
}
