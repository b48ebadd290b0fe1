#pragma once

#include <stdbool.h>

/* Compare two versions of a program as people mean them: numbers by value, "1.10" above "1.9", missing ones zero, a
 * pre-release (dev, a, b, rc) below its release and a post-release above, what stands behind "+" and an epoch "1:" left
 * out. Returns less than, equal to or more than 0. Source: PEP 440, without local versions. */
int okse_version_compare(const char *first, const char *second);

/* A range: comparisons (">=", "<=", ">", "<", "==", nothing for "==") of versions, joined by commas; all must hold.
 * "22.04", ">= 6.3", ">= 5.15, < 6.9". "== 22" holds for 22.04 too: what is named is compared, no more. */
bool okse_version_range_is_good(const char *range);
/* range: a good one. Of the version only the leading numbers count: a kernel "6.8.0-49-generic" is 6.8.0. False for a
 * version that begins with no digit. */
bool okse_version_is_in(const char *version, const char *range);
