/* Where the facts of an audit come from: a document made earlier, or a collection now. */
#include "audit/collect.h"
#include "audit/facts_read.h"
#include "cli/audit_parts.h"
#include "core/fd.h"
#include "core/limits.h"
#include "packager/contents.h"

static json_t *collect(const OkseAuditSource *source, json_t **geo, GError **error)
{
    g_autoptr(OkseResources) resources = okse_resources_open(source->manifests, error);
    OkseCollectRequest request = {.root = source->root,
                                  .scope = source->scope != NULL ? source->scope : "both",
                                  .sysroot = "/",
                                  .site = source->site,
                                  .geo = source->geo,
                                  .now = source->now,
                                  .payload = source->payload};

    return resources == NULL ? NULL : okse_collect(&request, resources, geo, error);
}

/* Nobody's word is taken: what is read is compared with the identity, which the findings name. Whose bundle it is says
 * okse verify. */
static json_t *collect_bundle(const OkseAuditSource *source, json_t **geo, GError **error)
{
    g_autoptr(OkseResources) resources = okse_resources_open(source->manifests, error);
    okse_autofd fd = resources == NULL ? -1 : okse_open(source->bundle, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);
    g_autoptr(OkseBundle) bundle = fd < 0 ? NULL : okse_bundle_open(fd, source->bundle, error);
    g_autoptr(OkseContents) contents = bundle == NULL ? NULL : okse_contents_of_bundle(bundle, error);
    OkseCollectRequest request = {.contents = contents, .site = source->site, .geo = source->geo, .now = source->now};

    return contents == NULL ? NULL : okse_collect(&request, resources, geo, error);
}

json_t *okse_audit_facts(const OkseAuditSource *source, json_t **geo, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;

    if (source->bundle != NULL)
        return collect_bundle(source, geo, error);
    if (source->evidence == NULL)
        return collect(source, geo, error);
    bytes = okse_read_path(source->evidence, OKSE_LIMIT_EVIDENCE, error);
    return bytes == NULL ? NULL : okse_audit_facts_read(bytes, source->evidence, error);
}
