#pragma once

#include "packager/plan.h"

/* The JSON of a plan: configs, manifests, lock and bundle index, canonical. Called twice: with digests still zero, to
 * learn the sizes, and again when they are known; the lengths are the same. Fills the `bytes`, `size` and `digest` of
 * every generated metadata blob. Errors: INVALID when one is larger than OKSE_LIMIT_METADATA. */
bool okse_manifest_render(OksePlan *plan, GError **error);

/* The config of the stack manifest: what the stack says, without where its parts lay on the vendor's disk. A new value.
 */
json_t *okse_manifest_stack_config(const OksePlan *plan) G_GNUC_WARN_UNUSED_RESULT;
