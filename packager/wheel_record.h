#pragma once

#include "core/json.h"

/* Is a Python wheel what its own list says? Every member must be in RECORD with its SHA-256 and size, and every row
 * must have its member. Source: packaging.python.org, binary distribution format and recording installed projects.
 * Returns {"members": number, "native": [paths of ELF libraries], "faults": [texts]}; at most 20 of the last two each,
 * and what is beyond is counted in a last text. bytes: of anybody. A new reference. */
json_t *okse_wheel_check(GBytes *wheel) G_GNUC_WARN_UNUSED_RESULT;
