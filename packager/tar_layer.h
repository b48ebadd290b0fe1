#pragma once

#include "core/bytes.h"
#include "core/progress.h"
#include "core/worker.h"
#include "packager/source.h"

/* A component with many files, links or empty directories as one deterministic tar (docs/formats/bundle.md, "Tar
 * form"). Its size follows from the listing of the source, so its place in the bundle is known before it is written. */
typedef struct OkseTarLayer OkseTarLayer;

/* source: borrowed, must outlive the layer. */
OkseTarLayer *okse_tar_layer_new(const OkseSource *source);
void okse_tar_layer_free(OkseTarLayer *layer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTarLayer, okse_tar_layer_free)

const OkseSource *okse_tar_layer_source(const OkseTarLayer *layer);
uint64_t okse_tar_layer_size(const OkseTarLayer *layer);

/* Where it goes. */
typedef struct {
    int fd;          /* open for reading and writing */
    uint64_t offset; /* of the tar in it */
    const OkseJobs *jobs;
    OkseProgress *progress; /* or NULL */
} OkseTarTarget;

/* Write the tar and give its digest; the listing then has those of its files.
 * Errors: those of the source (INVALID when a file changed) and of writing; CANCELLED. */
bool okse_tar_layer_write(OkseTarLayer *layer, const OkseTarTarget *target, OkseSha256 *digest, GError **error);

/* The tar as bytes that can be read at any place, of a source that is not sequential; the layer and its source must
 * outlive them. */
void okse_tar_layer_append(const OkseTarLayer *layer, OkseBytes *bytes);

/* The listing in mtree(5) form. Before okse_tar_layer_write() the digests in it are zeros; its length is final. */
GBytes *okse_tar_layer_listing(const OkseTarLayer *layer) G_GNUC_WARN_UNUSED_RESULT;
