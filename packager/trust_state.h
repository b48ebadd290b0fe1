#pragma once

#include "core/digest.h"

/* What a site remembers between verifications (rollback and freeze protection): for each stack the highest sequence
 * that was accepted and its identity, and the newest time that a trusted thing has proven. File: seen.json in the state
 * directory, written whole. */
typedef struct OkseTrustState OkseTrustState;

/* directory_fd: borrowed. A directory without seen.json is an empty memory.
 * Errors: INVALID (a file that is not ours), SYSTEM. */
OkseTrustState *okse_trust_state_open(int directory_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_trust_state_free(OkseTrustState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTrustState, okse_trust_state_free)

/* The highest sequence of a stack; false when it was never seen. */
bool okse_trust_state_find(const OkseTrustState *state, const char *name, uint64_t *sequence, OkseSha256 *identity);
/* The newest time seen; G_MININT64 when there is none. */
gint64 okse_trust_state_newest(const OkseTrustState *state);

/* Remember a bundle that was accepted; sequence and time never go back. */
void okse_trust_state_record(OkseTrustState *state, const char *name, uint64_t sequence, const OkseSha256 *identity,
                             gint64 newest);
/* Errors: SYSTEM. */
bool okse_trust_state_save(const OkseTrustState *state, int directory_fd, GError **error);
