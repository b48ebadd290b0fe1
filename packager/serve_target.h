#pragma once

#include "core/digest.h"

/* What a request's target asks for, by the pull and discovery parts of distribution-spec 1.1. */
typedef enum {
    OKSE_SERVE_NOWHERE,   /* no path of the API */
    OKSE_SERVE_MALFORMED, /* not what a path or query may be */
    OKSE_SERVE_BASE,      /* /v2/ */
    OKSE_SERVE_CATALOG,   /* /v2/_catalog */
    OKSE_SERVE_TAGS,      /* /v2/NAME/tags/list */
    OKSE_SERVE_MANIFEST,  /* /v2/NAME/manifests/REFERENCE */
    OKSE_SERVE_BLOB,      /* /v2/NAME/blobs/DIGEST */
    OKSE_SERVE_REFERRERS, /* /v2/NAME/referrers/DIGEST */
} OkseServeTargetKind;

typedef struct {
    OkseServeTargetKind kind;
    char *name, *reference;      /* decoded; NULL where the kind has none */
    char *count, *last, *filter; /* n, last, artifactType: decoded; NULL: not given */
} OkseServeTarget;

/* text: as it stands in the request line. Nothing is normalised: a path with "..", "//" or anything encoded that need
 * not be is not a path of the API. *target: cleared by the caller. */
void okse_serve_target_read(const char *text, OkseServeTarget *target);
void okse_serve_target_clear(OkseServeTarget *target);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseServeTarget, okse_serve_target_clear)

/* Repository names, tags and digests of distribution-spec 1.1. A digest may be of an algorithm that is not ours. */
bool okse_serve_target_name_is_good(const char *name);
bool okse_serve_target_tag_is_good(const char *tag);
bool okse_serve_target_digest_is_good(const char *digest);
