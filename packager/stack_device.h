#pragma once

#include "core/yaml.h"

/* What a component says of the machines it is for: `supports:` of a driver, `compiled:` of anything that was compiled
 * for a device. Strict, every issue with its place; schema and meaning: docs/stack.md. */

/* {"devices":[…],"kernel":"…","systems":[…],"architectures":[…],"train":"…"}, each only where given. A new value, as
 * written. */
json_t *okse_stack_read_supports(const OkseNode *node, OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;
/* {"for":"…","train":"…","architecture":"…","devices":[…],"fingerprint":"…"}, each only where given. Whether there is a
 * component of that name is not looked at. A new value. */
json_t *okse_stack_read_compiled(const OkseNode *node, OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;

/* What site.yaml says of a host as a machine: {"kernel":"6.8.0","system":"ubuntu 24.04","architecture":"amd64",
 * "devices":["1ed2:0001"]}, each only where given, taken out of the map of the host. A new value. */
json_t *okse_site_take_machine(OkseMap *map, const OkseNode *node, OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;
