#pragma once

#include "audit/literals.h"
#include "audit/secret_check.h"
#include "core/resource.h"

/* What secrets look like: manifests/secrets.yaml, read and compiled (docs/secrets.md). Immutable. */
typedef struct {
    char *id, *title;
    bool critical;   /* a secret that can be used, rather than one that is only suspected or has a passphrase */
    GRegex *pattern; /* its group `value`, or all of it, is the secret; its group `key` the name it stands under */
    unsigned before, after; /* bytes around a literal in which the pattern must match */
    char *shown;            /* what may be shown of the value: a public prefix; "" */
    OkseSecretCheck check;
    bool weaker;               /* what fails the check is suspected rather than nothing */
    double entropy;            /* the least, in bits a byte; 0: any */
    bool placeholders;         /* values that stand in for one are left alone */
    GPtrArray *files, *except; /* GPatternSpec of file names; NULL: any, none */
} OkseSecretKind;

/* Files of which only the head is looked at: behind it lie numbers. */
typedef struct {
    GPatternSpec *name;
    bool safetensors; /* the head is as long as the file says */
    uint64_t size;    /* of the head, at most */
    uint64_t from;    /* smaller files are looked at wholly */
} OkseSecretHead;

typedef struct {
    GPtrArray *kinds;    /* OkseSecretKind; the more specific one first */
    GArray *literals;    /* OkseLiteral */
    GArray *kind_of;     /* unsigned: of each literal */
    GPtrArray *texts;    /* of the literals; owned */
    GRegex *placeholder; /* values that are none */
    GArray *heads;       /* OkseSecretHead */
    OkseLiterals *finder;
} OkseSecretRules;

/* Errors: INVALID with every fault; those of reading. */
OkseSecretRules *okse_secret_rules_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_secret_rules_free(OkseSecretRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSecretRules, okse_secret_rules_free)

/* Bytes around a literal that any kind looks at, at most. */
#define OKSE_SECRET_REACH 8192u
