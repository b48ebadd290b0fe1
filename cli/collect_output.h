#pragma once

#include "audit/collect_apart.h"
#include "audit/evidence.h"
#include "cli/signing_key.h"

/* What okse collect writes: a facts document, or an evidence archive with its chain and signature. */

typedef struct {
    const char *output;        /* -o, or NULL */
    const char *previous;      /* --previous, or NULL */
    const char *redaction_key; /* --redaction-key, or NULL */
    const char *key, *certificate, *role, *passphrase_fd;
} OkseCollectOutputOptions;

typedef struct {
    const OkseCollectOutputOptions *options;
    char *path;             /* NULL: nothing is written */
    bool archive;           /* an evidence archive, not a facts document */
    OkseEvidence *previous; /* the one before, or NULL */
    GBytes *redaction_key;  /* or NULL */
    OkseSigningKey signer;  /* key: NULL without --key */
    gint64 signed_at;
    OkseSha256 digest; /* of what was written */
} OkseCollectOutput;
#define OKSE_COLLECT_OUTPUT_INIT                                                                                       \
    {                                                                                                                  \
        NULL, NULL, false, NULL, NULL, {NULL, NULL}, 0,                                                                \
        {                                                                                                              \
            {                                                                                                          \
                0                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

/* Everything that can be wrong about the options, before the target is looked at. now: when it is collected. options:
 * must outlive the output. Errors: INVALID; those of reading keys and the archive before. */
bool okse_collect_output_prepare(const OkseCollectOutputOptions *options, gint64 now, OkseCollectOutput *output,
                                 GError **error);
bool okse_collect_output_write(OkseCollectOutput *output, const OkseCollected *collected, GError **error);
/* Say on stdout what was written. */
void okse_collect_output_print(const OkseCollectOutput *output);
void okse_collect_output_clear(OkseCollectOutput *output);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseCollectOutput, okse_collect_output_clear)

/* An archive by its path. Errors: as okse_evidence_read(); those of reading. */
OkseEvidence *okse_evidence_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Paths of the archives in a directory (names that end in ".tar"), sorted; char *. Errors: SYSTEM. */
GPtrArray *okse_evidence_list(const char *directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;
