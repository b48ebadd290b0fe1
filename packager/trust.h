#pragma once

#include "packager/certificate.h"
#include "packager/revocation.h"
#include "packager/trust_presets.h"

/* trust.yaml: who must have signed before this site believes a bundle. Contract: docs/trust.md. Immutable after
 * reading. */
typedef struct {
    char *label;          /* how verdicts call it: the key's file name, or the constraints in words */
    char *holder;         /* signers with one holder count once; NULL: every key is its own holder */
    OkseKey *key;         /* a bare public key, or NULL */
    OkseConstraints leaf; /* otherwise what the leaf certificate must be */
} OkseSigner;

typedef struct {
    char *name;
    unsigned threshold; /* at least 1 */
    GPtrArray *signers; /* OkseSigner, at least one */
} OkseRole;

typedef struct {
    char *name; /* of the stack */
    uint64_t sequence;
} OkseMinimum;

typedef struct {
    char *origin;
    OkseSha256 digest;                 /* of the bytes of trust.yaml */
    OkseCertificates *roots;           /* may be empty */
    OkseCertificates *intermediates;   /* may be empty */
    OkseCertificates *timestamp_roots; /* may be empty */
    GPtrArray *crls;                   /* OkseCrl */
    bool crl_required;        /* crl_check: required (the default when there are CRLs): a CRL for every leaf's issuer */
    GStrv algorithms;         /* never empty */
    GPtrArray *roles;         /* OkseRole, in the order of the file, at least one */
    OkseRole *override;       /* who may order that a lower sequence is accepted; NULL: nobody */
    OkseRole *provenance;     /* who must say what it was built from; NULL: not asked */
    GPtrArray *approvals;     /* OkseRole: who may answer for which documents, by the name of the role; may be empty */
    GArray *minimum_sequence; /* OkseMinimum */
    gint64 maximum_age;       /* seconds; 0: none */
    bool shared_signers;      /* one key may count for two roles, with a signature for each */
} OkseTrust;

/* Reads a file that trust.yaml names, relative to it; context is the caller's. Errors: as okse_read_path(). */
typedef GBytes *(*OkseTrustOpen)(const char *name, void *context, GError **error);

/* Read the policy strictly; every fault is reported with its place. origin: its name in messages.
 * Errors: INVALID; what `open` reports. */
OkseTrust *okse_trust_read(GBytes *yaml, const char *origin, OkseTrustOpen open, void *context,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* okse_trust_read() of a file, with the files it names found beside it. */
OkseTrust *okse_trust_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_trust_free(OkseTrust *trust);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTrust, okse_trust_free)

/* Who may approve documents as `role`, or NULL: nobody. Borrowed. */
const OkseRole *okse_trust_approvers(const OkseTrust *trust, const char *role);

bool okse_trust_allows(const OkseTrust *trust, const char *algorithm);

/* What the policy accepts, in sentences, one a line. */
char *okse_trust_describe(const OkseTrust *trust) G_GNUC_WARN_UNUSED_RESULT;
/* A commented trust.yaml to start from, with a published list of algorithms or (NULL) the usual ones. */
char *okse_trust_template(const OkseAlgorithmPreset *preset) G_GNUC_WARN_UNUSED_RESULT;

/* "30d", "12h", "90m", "45s", "2w" into seconds. */
bool okse_duration_parse(const char *text, gint64 *seconds);
