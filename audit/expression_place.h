#pragma once

#include "core/issue.h"

#include <stddef.h>

/* Where byte `offset` of a YAML scalar's text stands in its file. start: where the scalar begins (a quote, | or >, or
 * its first character). False when the file does not read like the text: then only `start` is known. */
bool okse_scalar_place(GBytes *file, const OksePlace *start, const char *text, size_t offset, OksePlace *found);
