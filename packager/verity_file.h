#pragma once

#include "core/digest.h"

/* fs-verity of the kernel: a file that carries its own Merkle tree, read-only from then on.
 * Source: Linux Documentation/filesystems/fsverity.rst. */

/* Does the file system of this directory take it? Tried with a file of one byte that is removed again.
 * Errors: SYSTEM (the directory cannot be written). */
bool okse_verity_supported(int dir_fd, bool *supported, GError **error);

/* Switch it on for a finished file that nobody has open for writing: SHA-256, 4096-byte blocks, no salt. True when it
 * is on afterwards; a file system without it, or without room for the tree, is no error. */
bool okse_verity_enable(int dir_fd, const char *path);

/* The digest that the kernel keeps; false when the file has none (or not of this form). */
bool okse_verity_measure(int fd, OkseSha256 *digest);
