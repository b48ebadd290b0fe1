#pragma once

#include "packager/part.h"

/* What a generation keeps of its bundle in `.okse`, so that it can be checked without it: an OCI layout without payload
 * (oci-layout, index.json, blobs/sha256/…: bundle index, statements, manifests, configs, stack documents, listings),
 * and generation.json. */
#define OKSE_RECORDS ".okse"

/* Write them into a generation that is being staged. layout_index: the bundle's index.json; generation: what becomes
 * generation.json. blobs: the bundle. Errors: those of blobs->read; SYSTEM. */
typedef struct {
    const OkseSha256 *identity;
    const json_t *bundle_index, *layout_index, *generation;
    const OkseBlobs *blobs;
} OkseRecordsSource;
bool okse_records_write(int generation_fd, const OkseRecordsSource *source, GError **error);

/* Read back, believing only what the identity vouches for. What cannot be read or is not what its digest says leaves
 * its field NULL (index, stack, parts) or a fault in the part; the first reason is in fault. */
typedef struct {
    OkseSha256 identity; /* with has_identity */
    bool has_identity;
    json_t *index;      /* the bundle index; NULL when damaged */
    json_t *stack;      /* what the stack says */
    json_t *generation; /* generation.json: not covered by the identity; NULL when unreadable */
    GPtrArray *parts;   /* OksePart */
    OkseTree *own;      /* what `.okse` must hold, as far as it is known */
    char *fault;        /* NULL: everything is known */
    bool damaged;       /* something is not what it should be … */
    bool unread;        /* … or the system could not read something, so that nothing is known of it */
} OkseRecords;

/* identity: NULL: taken from index.json, and must fit `name`, the generation's name. Never NULL. */
OkseRecords *okse_records_read(int generation_fd, const char *name,
                               const OkseSha256 *identity) G_GNUC_WARN_UNUSED_RESULT;
void okse_records_free(OkseRecords *records);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseRecords, okse_records_free)

/* generation.json (okse.generation.v1) as far as it is ours: an object of that schema. Errors: INVALID. */
json_t *okse_generation_read(GBytes *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
