#pragma once

#include "audit/law.h"

/* Law as OSCAL 1.1.3 documents. Ids are those of the law: a control is a provision, an objective PROVISION_obj is the
 * target of findings, a rule is a control of Okse. The same law gives the same bytes. Shapes: docs/reports.md. */
typedef struct {
    const OkseLaw *law;       /* tailored by profiles or not */
    const OkseTarget *target; /* only what applies to it, or may; NULL: everything */
    gint64 at;                /* when that is asked; only with a target */
    const char *source;       /* what the document refers to: the catalog, or the profile */
    const json_t *claim;      /* checked findings that a package carries about itself; NULL: no package */
    const char *identity;     /* of that package, "sha256:…"; findings inside it cannot name it */
} OksePolicyExport;

/* Instruments are groups within their jurisdiction's, provisions are controls. */
json_t *okse_policy_oscal_catalog(const OksePolicyExport *export) G_GNUC_WARN_UNUSED_RESULT;
/* What applies of the catalog, with the values of its parameters. NULL and INVALID where nothing does. */
json_t *okse_policy_oscal_profile(const OksePolicyExport *export, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Okse as the component that validates, with its rules; and the stack with what it implements of the profile. Errors:
 * as above. */
json_t *okse_policy_oscal_component(const OksePolicyExport *export, GError **error) G_GNUC_WARN_UNUSED_RESULT;
