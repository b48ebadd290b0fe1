#pragma once

#include "audit/secret_rules.h"
#include "packager/readable.h"

/* Looking for secrets in a stream of bytes: one pass, in memory of about 1 MiB, whatever comes. What is found leaves
 * as its kind, place, length and fingerprint; the value stays here and is wiped. */
typedef struct OkseSecretScan OkseSecretScan;

#define OKSE_SECRET_FINGERPRINT 13u /* 12 hexadecimal digits and a NUL */
#define OKSE_SECRETS_OF_FILE 200u   /* kept of one stream; the rest is counted */

typedef struct {
    const OkseSecretKind *kind;
    bool critical;           /* kind->critical, unless its check says less */
    uint64_t offset, length; /* of the value */
    unsigned line;           /* from 1; 0 in a file that is no text */
    char *key;               /* the name that it stands under, or NULL */
    char fingerprint[OKSE_SECRET_FINGERPRINT];
} OkseSecret;

/* rules: borrowed. salt: what fingerprints depend on beside the value: the same secret under the same salt has the same
 * one (docs/secrets.md). */
OkseSecretScan *okse_secret_scan_new(const OkseSecretRules *rules, const char *salt) G_GNUC_WARN_UNUSED_RESULT;
void okse_secret_scan_free(OkseSecretScan *scan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSecretScan, okse_secret_scan_free)

/* How much of a file is to be looked at: all, or the head of one that is numbers behind it. Errors: those of reading.
 */
bool okse_secret_scan_head(const OkseSecretScan *scan, const OkseReadable *file, uint64_t *end, GError **error);

/* A stream begins. path: of the file or member, for kinds that are looked for in files of some names only;
 * NULL: every kind is looked for. */
void okse_secret_scan_begin(OkseSecretScan *scan, const char *path);
void okse_secret_scan_feed(OkseSecretScan *scan, const uint8_t *data, size_t length);
/* What was not proven: secrets that were not kept, and places at which an expression gave up (its limits), so that no
 * match means nothing. */
typedef struct {
    unsigned left_out, gave_up;
} OkseSecretGaps;

/* The stream ends: its secrets (OkseSecret), by offset, those of one place once; borrowed until the next begins. gaps:
 * may be NULL. */
const GArray *okse_secret_scan_end(OkseSecretScan *scan, OkseSecretGaps *gaps);

/* A line with every value that any kind finds in it, in whatever file it stands, replaced by "***"; a new string. */
char *okse_secret_scan_mask(OkseSecretScan *scan, const char *line) G_GNUC_WARN_UNUSED_RESULT;
