#pragma once

#include "audit/applicability.h"
#include "audit/control.h"
#include "audit/jurisdiction.h"
#include "audit/policy_pack.h"
#include "core/digest.h"
#include "core/resource.h"

/* The gates of a bundle before it ships: asked beside the destination's law. */
#define OKSE_FRAMEWORK_SHIPPING "shipping"

/* The law of an audit: the control library and the jurisdictions and frameworks asked for, read and linked, with the
 * digest of everything that a verdict depends on. */
typedef struct {
    json_t *schema; /* of the facts */
    OkseDataClasses *classes;
    GPtrArray *controls;      /* OkseControl, by id */
    GPtrArray *jurisdictions; /* OkseJurisdiction, in the order asked for, each once */
    json_t *conflicts;        /* list: the rules of manifests/conflicts.yaml */
    OksePolicyPack *pack;     /* how old it says it is; NULL when it does not */
    json_t *profiles; /* list of {"name","title","as_of","digest"}: what tailored it (audit/profile.h); or NULL */
    char *identity;   /* of the bundle that it was installed from ("sha256:…"), or NULL */
    char digest[OKSE_SHA256_TEXT];
} OkseLaw;

/* wanted: ISO codes (capitals) and names of frameworks (small letters), or NULL for all there are. The blocs that a
 * country belongs to come along, behind it. Errors: INVALID with every place, also for one that has no file, naming
 * those there are; SYSTEM. */
OkseLaw *okse_law_load(const OkseResources *resources, const char *const *wanted,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_law_free(OkseLaw *law);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseLaw, okse_law_free)

const OkseControl *okse_law_control(const OkseLaw *law, const char *id);
/* " (did you mean 'egress.destinations'?)" for an id that no control has, or "". A new text. */
char *okse_law_control_hint(const OkseLaw *law, const char *id) G_GNUC_WARN_UNUSED_RESULT;
/* By ISO code or name; NULL when it is not loaded. */
OkseJurisdiction *okse_law_jurisdiction(const OkseLaw *law, const char *iso);

/* Do its mappings fit the controls of this law? */
void okse_law_link(const OkseLaw *law, const OkseJurisdiction *jurisdiction, OkseIssues *issues);

/* The facts' schema, from manifests/schemas/. */
json_t *okse_law_schema(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A jurisdiction that its own language has no title or summary for. */
void okse_law_lint_languages(const OkseJurisdiction *jurisdiction, OkseIssues *issues);
/* Everything that a careful author would not leave so: controls (okse_control_lint()), jurisdictions without their own
 * language, controls that no provision uses. With all jurisdictions loaded. */
void okse_law_lint(const OkseLaw *law, OkseIssues *issues);
