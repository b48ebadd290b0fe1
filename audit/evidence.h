#pragma once

#include "core/digest.h"
#include "core/json.h"

/* An evidence archive: what was collected, as a tar that tar, sha256sum and jq open. Format: docs/evidence.md. */

typedef struct {
    const json_t *facts;        /* okse.facts.v1 */
    const json_t *excerpts;     /* okse_excerpts_take() */
    const OkseSha256 *previous; /* of the archive before, or NULL */
    const char *previous_at;    /* its collected_at, with previous */
    bool landlock;              /* the process that looked could change no file at all */
    bool key_kept;              /* somebody has the key of the hashes */
} OkseEvidenceParts;

/* The bytes of the archive: a function of its parts. Errors: INVALID (larger than OKSE_LIMIT_EVIDENCE). */
GBytes *okse_evidence_write(const OkseEvidenceParts *parts, GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    char *name;
    GBytes *bytes;
} OkseEvidenceMember;

typedef struct {
    OkseSha256 digest; /* of the whole archive */
    json_t *head;      /* evidence.json */
    json_t *facts;
    GPtrArray *members; /* OkseEvidenceMember: all, in their order */
    bool chained;
    OkseSha256 previous; /* with chained */
} OkseEvidence;

/* Whether these bytes begin like an archive; a facts document does not. */
bool okse_evidence_is(GBytes *bytes);

/* Read an archive strictly: only the bytes that okse_evidence_write() would have written are taken. origin: its name in
 * messages. Errors: INVALID and REFUSED, naming the member. */
OkseEvidence *okse_evidence_read(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_evidence_free(OkseEvidence *evidence);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseEvidence, okse_evidence_free)

/* When it was collected, as the facts say; borrowed. */
const char *okse_evidence_time(const OkseEvidence *evidence);

#define OKSE_EVIDENCE_MANIFEST "MANIFEST"
#define OKSE_EVIDENCE_HEAD "evidence.json"
#define OKSE_EVIDENCE_FACTS "facts.json"
#define OKSE_EVIDENCE_REDACTED "redacted.json"
#define OKSE_EVIDENCE_RAW "raw/"

/* MANIFEST of these members (OkseEvidenceMember): "HEX  NAME\n" each. */
GBytes *okse_evidence_manifest(const GPtrArray *members) G_GNUC_WARN_UNUSED_RESULT;
