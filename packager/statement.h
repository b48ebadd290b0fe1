#pragma once

#include "core/digest.h"
#include "core/json.h"

/* in-toto Statements v1 about a bundle's identity. Format: docs/formats/statements.md. */
#define OKSE_STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define OKSE_PREDICATE_RELEASE "urn:okse:release:v1"
#define OKSE_PREDICATE_OVERRIDE "urn:okse:override:v1"
#define OKSE_PREDICATE_APPROVAL "urn:okse:approval:v1"
#define OKSE_PREDICATE_VSA "https://slsa.dev/verification_summary/v1"
#define OKSE_TIME_NONE G_MININT64

/* What a holder of a role says about one identity: the release predicate, or the same as `okse_release` in the
 * verification summary of a countersigner. Times are seconds since 1970 UTC. */
typedef struct {
    char *name, *version; /* of the stack */
    uint64_t sequence;
    char *destination; /* ISO 3166-1 alpha-2 */
    char *role;
    gint64 signed_at;
    gint64 not_before;         /* signed_at when it was not given */
    gint64 expires;            /* OKSE_TIME_NONE: never */
    char *jurisdiction_digest; /* "sha256:…" of the law it was checked against, or NULL */
    uint64_t rollback_from;    /* an override: the highest sequence that this one may follow; otherwise 0 */
    char *reason;              /* an override: why */
} OkseRelease;

typedef struct {
    char *subject_name;
    OkseSha256 subject;
    char *predicate_type;
    json_t *predicate;
} OkseStatement;

/* Read a payload (already verified, or about to be). Errors: INVALID (no statement, JSON), REFUSED (another _type). */
bool okse_statement_read(GBytes *payload, const char *origin, OkseStatement *statement, GError **error);
void okse_statement_clear(OkseStatement *statement);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseStatement, okse_statement_clear)

/* True for the predicate types that carry a release: these can count towards a role. */
bool okse_statement_counts(const OkseStatement *statement);

/* True for an override: it orders that a lower sequence is accepted, and counts towards no role. */
bool okse_statement_overrides(const OkseStatement *statement);

/* The release of a statement for which okse_statement_counts() or okse_statement_overrides(). Errors: INVALID. */
bool okse_release_read(const OkseStatement *statement, const char *origin, OkseRelease *release, GError **error);
void okse_release_clear(OkseRelease *release);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseRelease, okse_release_clear)

/* What a holder of a role says about one document: that he answers for it. Of a release only role, signed_at,
 * not_before and expires are used. subject_name: the document's. */
bool okse_approval_read(const OkseStatement *statement, const char *origin, OkseRelease *release, GError **error);
GBytes *okse_approval_write(const OkseRelease *release, const char *subject_name,
                            const OkseSha256 *document) G_GNUC_WARN_UNUSED_RESULT;

/* The canonical payload of a release statement about `identity`, or with rollback_from of an override. */
GBytes *okse_release_write(const OkseRelease *release, const OkseSha256 *identity) G_GNUC_WARN_UNUSED_RESULT;

/* What a countersigner checked, for a verification summary (SLSA VSA v1). */
typedef struct {
    const char *verifier;     /* who: "okse 0.1.0" */
    OkseSha256 policy;        /* SHA-256 of trust.yaml */
    const OkseSha256 *inputs; /* digests of the sigstore bundles that were checked */
    unsigned input_count;
} OkseSummary;

/* The canonical payload of a verification summary with result PASSED that also carries the release. */
GBytes *okse_summary_write(const OkseRelease *release, const OkseSha256 *identity,
                           const OkseSummary *summary) G_GNUC_WARN_UNUSED_RESULT;
