#pragma once

#include "core/json.h"

/* The Hugging Face cache: models--ORG--NAME/{blobs,refs,snapshots/REVISION}, where a snapshot is symbolic links into
 * blobs, and a blob of a large file is named by its SHA-256. Source: huggingface_hub, "Understand caching". */
typedef struct {
    int snapshot_fd, blobs_fd; /* owned */
    char *revision;            /* the snapshot's directory name */
    char *repository;          /* "org/name", or NULL when the directory does not say */
} OkseHubCache;

/* location: a snapshot, or the directory that holds blobs and snapshots; relative to dir_fd. revision: a commit or the
 * name of a reference, or NULL (for a whole cache: main). origin: in messages.
 * Errors: INVALID (another layout, a download that has not ended, another revision), NOT_FOUND, SYSTEM. */
typedef struct {
    const char *location, *revision, *origin;
} OkseHubPlace;
bool okse_hub_cache_open(int dir_fd, const OkseHubPlace *place, OkseHubCache *cache, GError **error);
void okse_hub_cache_clear(OkseHubCache *cache);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseHubCache, okse_hub_cache_clear)

/* The blob that a link at `path` of the snapshot points to by its target, or NULL when it points elsewhere; borrowed
 * from target. */
const char *okse_hub_blob_name(const char *path, const char *target);
