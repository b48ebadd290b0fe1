#pragma once

#include "packager/verify.h"

/* A verdict as documents. Format: docs/formats/verification.md. */

/* okse.verification.v1; a new reference. clock: where the time came from ("system", "--at"). */
json_t *okse_verification_json(const OkseVerified *verified, const OkseVerifying *verifying,
                               const char *clock) G_GNUC_WARN_UNUSED_RESULT;

/* The verdict as an in-toto statement with a SLSA verification summary, unsigned: what was checked, by which policy,
 * with which result, for the security officer's file. Canonical JSON. */
GBytes *okse_verification_record(const OkseVerified *verified, const OkseVerifying *verifying,
                                 const char *clock) G_GNUC_WARN_UNUSED_RESULT;

/* For people: several lines. */
char *okse_verification_words(const OkseVerified *verified, const OkseVerifying *verifying,
                              const char *clock) G_GNUC_WARN_UNUSED_RESULT;
