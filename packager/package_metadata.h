#pragma once

#include "core/json.h"

/* What a package says of itself: {"type": "wheel" | "deb" | "rpm", "name", "version", "license"?}, or NULL when the
 * bytes are no such package or cannot be read; nothing is guessed. path: its name in the component, which decides what
 * is tried: *.whl, *.deb, *.rpm, or the METADATA of an unpacked wheel. bytes: of anybody. */
json_t *okse_package_read(const char *path, GBytes *bytes) G_GNUC_WARN_UNUSED_RESULT;

/* Could a file of this name be a package, and of this size be looked into? */
#define OKSE_LIMIT_PACKAGE (64u << 20)
bool okse_package_is_candidate(const char *path, uint64_t size);
