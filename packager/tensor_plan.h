#pragma once

#include "packager/plan.h"

/* Lists of tensors in a build: which blob has one, and the documents that carry them. */

/* plan->tensors from `first` on are those of this component: give them to its raw files, or drop them when it has the
 * tar form, whose files are no blobs. */
void okse_tensor_plan_component(OksePlan *plan, const OkseManifestPlan *manifest, guint first);
/* Add the documents tensors/COMPONENT.json, tensors/COMPONENT.2.json … to plan->documents, in the components' order. */
void okse_tensor_plan_documents(OksePlan *plan);
/* Every blob is hashed: give the digests of equal files, which were hashed once, to all that list them. */
void okse_tensor_plan_copy(const OksePlan *plan);
