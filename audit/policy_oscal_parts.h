#pragma once

#include "audit/policy_oscal.h"
#include "audit/report_uuid.h"

/* Private to audit/policy_oscal*.c. */

/* Is the provision in the document? */
bool okse_policy_oscal_has(const OksePolicyExport *export, const OkseProvision *provision);

/* The parameters of a provision's controls as OSCAL ids and values: appends {"id","label"?,"values"}. */
void okse_policy_oscal_parameters(const OkseLaw *law, const OkseProvision *provision, bool labels, json_t *list);

/* {TYPE: {"uuid", "metadata", … of body}}; takes body. The UUID is of the content, unless one is given. */
json_t *okse_policy_oscal_document(const OkseLaw *law, const char *type, const char *title, const char *uuid,
                                   json_t *body) G_GNUC_WARN_UNUSED_RESULT;
