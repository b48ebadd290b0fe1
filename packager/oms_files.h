#pragma once

#include "core/error.h"

#include <stdint.h>

/* The files of a model on disk, as OpenSSF Model Signing counts them: one item a file, or one a shard of a file. */
typedef struct {
    char *name; /* "config.json", "weights.bin:0:1000000000", or "." for a model that is one file */
    char *path; /* beneath the model's directory */
    uint64_t start, end;
    char *digest; /* lower-case hex, after okse_oms_hash() */
} OkseOmsItem;

typedef struct {
    int fd;            /* the model's directory; owned */
    char *name;        /* of the model: the last part of its path */
    GPtrArray *items;  /* OkseOmsItem, sorted by path, then start */
    GPtrArray *faults; /* char *: what is no file and not ignored (links, devices) */
} OkseOmsModel;

/* ignored: paths beneath the model, NULL-terminated, that are left out with everything beneath them.
 * shard_size: 0 for whole files. Errors: NOT_FOUND, SYSTEM, INVALID (more than OKSE_LIMIT_FILES items). */
OkseOmsModel *okse_oms_model_open(const char *path, const char *const *ignored, uint64_t shard_size,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_oms_model_free(OkseOmsModel *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseOmsModel, okse_oms_model_free)

/* Fill every item's digest, on all processors. algorithm: OpenSSL's name. Errors: SYSTEM; CANCELLED. */
bool okse_oms_hash(OkseOmsModel *model, const char *algorithm, GError **error);
