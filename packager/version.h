#pragma once

/* Compare two versions of a program as people mean them: numbers by value, "1.10" above "1.9", missing ones zero, a
 * pre-release (dev, a, b, rc) below its release and a post-release above, what stands behind "+" and an epoch "1:" left
 * out. Returns less than, equal to or more than 0. Source: PEP 440, without local versions. */
int okse_version_compare(const char *first, const char *second);
