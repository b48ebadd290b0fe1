#pragma once

#include "core/json.h"

/* The payload of a model signature: which items with which digests. */
#define OKSE_OMS_PREDICATE "https://model_signing/signature/v1.0"
#define OKSE_OMS_NAME "model.sig" /* what the signature is called beside the model */
#define OKSE_OMS_PREDICATE_OLD "https://model_signing/Digests/v0.1"

typedef struct {
    char *model;          /* the subject's name; NULL in the old form */
    const char *hash;     /* OpenSSL's name of the digest */
    uint64_t shard_size;  /* 0: whole files */
    GHashTable *expected; /* char * name → char * lower-case hex digest */
    GPtrArray *ignored;   /* char *: paths that the signer left out */
} OkseOmsStatement;

/* Read it, and check that the subject's digest is that of the listed resources.
 * Errors: INVALID (shape, names that leave the model, unsupported kinds), REFUSED (another _type, the root digest
 * differs). */
OkseOmsStatement *okse_oms_statement_read(GBytes *payload, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_oms_statement_free(OkseOmsStatement *statement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseOmsStatement, okse_oms_statement_free)
