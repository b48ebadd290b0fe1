/* Where the facts of an audit come from: a document made earlier, or a collection now. */
#include "audit/facts_read.h"
#include "cli/audit_parts.h"
#include "core/fd.h"
#include "core/limits.h"

json_t *okse_audit_facts(const OkseAuditSource *source, json_t **geo, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;

    (void)geo;
    if (source->evidence == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "--root needs the collectors; use okse collect and --evidence");
        return NULL;
    }
    bytes = okse_read_path(source->evidence, OKSE_LIMIT_EVIDENCE, error);
    return bytes == NULL ? NULL : okse_audit_facts_read(bytes, source->evidence, error);
}
