#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Which bytes of a text may belong to a destination or a setting, and to which: found in one pass, without an
 * expression. A superset: what is not named holds none of them, so that only the lines of what is named need the
 * expressions, and of those only the named ones. */

/* Bits beside those of the shapes of audit/scan_rules.h (1u << OkseShape). */
#define OKSE_MAYBE_VARIABLE (1u << 16)
#define OKSE_MAYBE_LIST (1u << 17)
#define OKSE_MAYBE_NAMED (1u << 18) /* the name of a variable whose value may follow */
#define OKSE_MAYBE_VALUE (1u << 19) /* such a value, if a name came before */
#define OKSE_MAYBE_ANY (~0u)

/* The offset, from `from` on, of the first byte by which something is named, and what in *maybe; `length` when there is
 * none. Looks at the bytes of the same line on both sides. All of a text takes time in proportion to its length. */
size_t okse_scan_filter_next(const char *text, size_t length, size_t from, unsigned *maybe);
