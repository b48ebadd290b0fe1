/* Where the facts of an audit come from: a document made earlier, or a collection now. */
#include "audit/collect_apart.h"
#include "audit/evidence.h"
#include "audit/facts_read.h"
#include "audit/findings.h"
#include "audit/findings_history.h"
#include "audit/findings_partial.h"
#include "audit/report.h"
#include "cli/audit_parts.h"
#include "cli/bundle_input.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"
#include "packager/contents.h"

#include <string.h>

static json_t *collect(const OkseAuditSource *source, const OkseResources *resources, json_t **geo, GError **error)
{
    OkseCollectRequest request = {.root = source->root,
                                  .scope = source->scope != NULL ? source->scope : "both",
                                  .sysroot = "/",
                                  .site = source->site,
                                  .geo = source->geo,
                                  .now = source->now,
                                  .trust = source->trust,
                                  .payload = source->payload};
    OkseCollectApart apart = {.seconds = OKSE_COLLECT_UNLIMITED};
    g_auto(OkseCollected) collected = {0};

    if (!okse_collect_apart(&request, resources, &apart, &collected, error))
        return NULL;
    *geo = g_steal_pointer(&collected.geo);
    return g_steal_pointer(&collected.facts);
}

/* Nobody's word is taken: what is read is compared with the identity, which the findings name. Whose bundle it is says
 * okse verify. */
static json_t *collect_bundle(const OkseAuditSource *source, const OkseResources *resources, json_t **geo,
                              GError **error)
{
    g_autoptr(OkseBundle) bundle = okse_bundle_input_read(source->bundle, NULL, error);
    g_autoptr(OkseContents) contents = bundle == NULL ? NULL : okse_contents_of_bundle(bundle, error);
    OkseCollectRequest request = {
        .contents = contents, .site = source->site, .geo = source->geo, .now = source->now, .trust = source->trust};

    return contents == NULL ? NULL : okse_collect(&request, resources, geo, error);
}

json_t *okse_audit_evidence(const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_EVIDENCE, error);
    g_autoptr(OkseEvidence) evidence = NULL;

    if (bytes == NULL || !okse_evidence_is(bytes))
        return bytes == NULL ? NULL : okse_audit_facts_read(bytes, path, error);
    evidence = okse_evidence_read(bytes, path, error);
    return evidence == NULL ? NULL : json_incref(evidence->facts);
}

json_t *okse_audit_facts(const OkseAuditSource *source, const OkseResources *resources, json_t **geo, GError **error)
{
    if (source->bundle != NULL)
        return collect_bundle(source, resources, geo, error);
    if (source->evidence == NULL)
        return collect(source, resources, geo, error);
    *geo = json_incref((json_t *)(uintptr_t)source->geo_said);
    return okse_audit_evidence(source->evidence, error);
}

static bool read_beside(const char *path, GBytes **bytes, GBytes **signature, GError **error)
{
    g_autofree char *beside = g_strconcat(path, OKSE_APPROVAL_SUFFIX, NULL);

    *bytes = okse_read_path(path, OKSE_LIMIT_DOCUMENT, error);
    *signature = *bytes == NULL ? NULL : okse_read_path(beside, OKSE_LIMIT_APPROVAL, error);
    return *signature != NULL;
}

/* The bundle keeps what it lends. */
static bool read_sealed(const char *path, GBytes **bytes, GBytes **signature, GError **error)
{
    g_autoptr(OkseBundle) bundle = okse_bundle_input_read(path, NULL, error);
    GBytes *found;

    if (bundle == NULL)
        return false;
    found = okse_bundle_document(bundle, "waivers.yaml");
    *bytes = found != NULL ? g_bytes_ref(found) : NULL;
    found = okse_bundle_document(bundle, "waivers.yaml" OKSE_APPROVAL_SUFFIX);
    *signature = found != NULL ? g_bytes_ref(found) : NULL;
    return true;
}

bool okse_audit_waivers(const OkseAuditSource *source, const OkseLaw *law, const json_t *facts, gint64 at,
                        OkseWaivers **waivers, GError **error)
{
    const json_t *install = json_object_get(facts, "install");
    g_autoptr(GBytes) bytes = NULL, signature = NULL;
    OkseWaiversRequest request = {.origin = source->waivers != NULL ? source->waivers : "waivers.yaml",
                                  .trust = source->trust,
                                  .at = at,
                                  .stack = okse_json_peek_text(install, "name"),
                                  .country = okse_json_peek_text(install, "country"),
                                  .sealed = source->waivers == NULL};

    if (source->waivers != NULL && !read_beside(source->waivers, &bytes, &signature, error))
        return false;
    if (source->waivers == NULL && source->bundle != NULL && !read_sealed(source->bundle, &bytes, &signature, error))
        return false;
    if (bytes == NULL)
        return true;
    request.bytes = bytes;
    request.signature = signature;
    *waivers = okse_waivers_read(&request, law, error);
    return *waivers != NULL;
}

/* The earlier findings of --previous; *previous stays NULL without. */
static bool read_previous(const OkseAuditSource *source, const json_t *facts, gint64 at, json_t **previous,
                          GError **error)
{
    g_autoptr(GBytes) bytes = NULL;

    if (source->previous == NULL)
        return true;
    bytes = okse_read_path(source->previous, OKSE_LIMIT_EVIDENCE, error);
    *previous = bytes == NULL ? NULL : okse_findings_read(bytes, source->previous, error);
    return *previous != NULL && okse_previous_check(*previous, facts, at, source->previous, error);
}

bool okse_audit_inputs(const OkseAuditSource *source, const OkseLaw *law, gint64 at, const OkseResources *resources,
                       OkseAuditInputs *inputs, GError **error)
{
    if (source->only != NULL && (inputs->only = okse_only_read(source->only, law, error)) == NULL)
        return false; /* told before the work */
    inputs->facts = okse_audit_facts(source, resources, &inputs->geo, error);
    if (inputs->facts == NULL || !okse_audit_waivers(source, law, inputs->facts, at, &inputs->waivers, error) ||
        !read_previous(source, inputs->facts, at, &inputs->previous, error))
        return false;
    inputs->request = (OkseAuditRequest){.facts = inputs->facts,
                                         .law = law,
                                         .at = at,
                                         .geo = inputs->geo,
                                         .limits = &okse_evaluate_limits,
                                         .waivers = inputs->waivers,
                                         .only = (const char *const *)inputs->only,
                                         .previous = inputs->previous,
                                         .programs = source->programs};
    return true;
}

void okse_audit_inputs_clear(OkseAuditInputs *inputs)
{
    json_decref(inputs->facts);
    json_decref(inputs->geo);
    json_decref(inputs->previous);
    okse_waivers_free(inputs->waivers);
    g_strfreev(inputs->only);
    *inputs = (OkseAuditInputs){0};
}

json_t *okse_audit_findings(const OkseAuditSource *source, const OkseLaw *law, gint64 at,
                            const OkseResources *resources, GError **error)
{
    g_auto(OkseAuditInputs) inputs = {0};

    return okse_audit_inputs(source, law, at, resources, &inputs, error) ? okse_findings(&inputs.request, error) : NULL;
}
