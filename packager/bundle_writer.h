#pragma once

#include "core/fd.h"
#include "core/share.h"
#include "packager/build_resume.h"
#include "packager/layout.h"

/* Writes a placed plan into an open file: payload by workers, each blob at its own offset, then everything whose
 * content follows from digests. */

typedef struct {
    int fd;           /* open for reading and writing; borrowed */
    int nowhere;      /* 0, or where payload goes that need not be kept: it can be read again from its source */
    unsigned threads; /* 0: all */
    OkseCopyWay way;
    OkseProgress *progress;
    const OkseResume *resume; /* what an interrupted build left; or NULL */
} OkseBundleTarget;

/* Copy every payload blob and set digests (and fs-verity digests) in the plan. copied: how the payload got there; what
 * a component's form or an archive delivers piece by piece is always written.
 * Errors: INVALID when a source changed or an image's layer is not what its manifest says; REFUSED (a way that is not
 * possible); SYSTEM; CANCELLED. */
bool okse_bundle_write_payload(OksePlan *plan, const OkseLayout *layout, const OkseBundleTarget *target,
                               OkseCopied *copied, GError **error);

/* Render the manifests with the digests now known and write metadata, headers, index.json and the end.
 * Errors: INVALID when two stored blobs turn out equal; SYSTEM. */
bool okse_bundle_write_metadata(OksePlan *plan, const OkseLayout *layout, int fd, GError **error);

/* For who has all metadata at hand already: oci-layout and index.json; and what stands in front of a stored blob, with
 * the blob itself when it is metadata. Errors: INVALID, SYSTEM. */
bool okse_bundle_write_front(const OksePlan *plan, const OkseLayout *layout, int fd, GError **error);
bool okse_bundle_write_blob_front(const OkseLayout *layout, guint index, int fd, GError **error);
