#pragma once

#include "cli/signing_key.h"

/* okse sign --audit: an auditor's word for findings. */
typedef struct {
    const char *findings;     /* FILE */
    char *const *evidence;    /* further subjects: what the findings were made from; or NULL */
    bool summary;             /* only whether the package complies (SVR), not what was tested */
    const OkseSigningKey *by; /* borrowed */
} OkseAuditSigning;

/* The signature file: a sigstore bundle with the statement (audit/attestation.h). Errors: INVALID (no findings,
 * evidence that they were not made from), those of reading and signing. */
GBytes *okse_audit_sign(const OkseAuditSigning *signing, GError **error) G_GNUC_WARN_UNUSED_RESULT;
