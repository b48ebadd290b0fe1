#pragma once

#include "packager/plan.h"

/* What a bundle says about itself for other people's tools, from the stack and its components' own files: a software
 * bill of materials in two forms, and the licenses. docs/formats/documents.md. */

/* Add them to plan->documents, in this order: sbom.cdx.json, sbom.spdx.json, licenses.txt, the lists of tensors. */
void okse_documents_add(OksePlan *plan);

/* The documents' bytes; called twice, as okse_manifest_render(), with the same lengths. Files are left out when the
 * document would be larger than OKSE_LIMIT_METADATA, and it says so. context: not used. Errors: INVALID over the limit
 * without them. */
GBytes *okse_bom_cyclonedx(const OksePlan *plan, gconstpointer context,
                           GError **error); /* CycloneDX 1.6, with model cards */
GBytes *okse_bom_spdx(const OksePlan *plan, gconstpointer context, GError **error); /* SPDX 2.3 */
/* Every component with its license expression and the license texts found in it. */
GBytes *okse_license_report(const OksePlan *plan, gconstpointer context, GError **error);

/* What both bills list below a component: each layer as {"path", "digest" (hex)}; NULL for an image. For bom_*.c. */
json_t *okse_bom_files(const OkseManifestPlan *manifest) G_GNUC_WARN_UNUSED_RESULT;
