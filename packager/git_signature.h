#pragma once

#include "core/json.h"

/* A signature that a commit or a tag carries, as something to record. It is never checked here: who may sign for a
 * project is the packer's knowledge, and git's own tools check it with keys that a build must not depend on. */

/* {"format": "openpgp" | "ssh" | "x509" | "other", "signer"?, "text", "verified": "not checked"}; signer: the issuer's
 * fingerprint or key id in capital hex (OpenPGP), or "SHA256:…" of the public key as ssh-keygen -l prints it.
 * text: armored, as found; at most OKSE_GIT_SIGNATURE_LIMIT bytes of ASCII, otherwise NULL and INVALID. */
#define OKSE_GIT_SIGNATURE_LIMIT 65536u
json_t *okse_git_signature_json(const char *text, size_t length, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Where the signature begins in a tag's message, or NULL; git writes it behind the message. */
const char *okse_git_signature_find(const char *message);
