#pragma once

#include "audit/law.h"

/* What differs between two laws, each with everything loaded, and what that means for verdicts. directions: the map
 * `stricter` of manifests/parameter-directions.yaml. A new list, by jurisdiction (null: controls), then as found:
 *   {"what": "jurisdiction" | "provision" | "mapping" | "parameter" | "transfer" | "control", "kind": "added" |
 * "removed" | "changed", "jurisdiction", "provision", "control", "key", "old", "new", "effect": "stricter" | "looser" |
 * "unclear" | "none"} */
json_t *okse_policy_diff(const OkseLaw *old_law, const OkseLaw *new_law,
                         const json_t *directions) G_GNUC_WARN_UNUSED_RESULT;

/* The map, checked. Errors: INVALID with the place. */
json_t *okse_policy_directions(GBytes *yaml, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* That of `resources`; a law of older days has none, then the one that is built in. Errors: as above. */
json_t *okse_policy_directions_load(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What a change of a control's parameter means. */
const char *okse_policy_effect(const json_t *directions, const char *control, const char *parameter,
                               const json_t *old_value, const json_t *new_value);
