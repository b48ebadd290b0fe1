/* Where the facts of an audit come from: a document made earlier, or a collection now. */
#include "audit/collect.h"
#include "audit/facts_read.h"
#include "cli/audit_parts.h"
#include "core/fd.h"
#include "core/limits.h"

static json_t *collect(const OkseAuditSource *source, json_t **geo, GError **error)
{
    g_autoptr(OkseResources) resources = okse_resources_open(source->manifests, error);
    OkseCollectRequest request = {.root = source->root,
                                  .scope = source->scope != NULL ? source->scope : "both",
                                  .sysroot = "/",
                                  .site = source->site,
                                  .geo = source->geo,
                                  .now = source->now};

    return resources == NULL ? NULL : okse_collect(&request, resources, geo, error);
}

json_t *okse_audit_facts(const OkseAuditSource *source, json_t **geo, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;

    if (source->evidence == NULL)
        return collect(source, geo, error);
    bytes = okse_read_path(source->evidence, OKSE_LIMIT_EVIDENCE, error);
    return bytes == NULL ? NULL : okse_audit_facts_read(bytes, source->evidence, error);
}
