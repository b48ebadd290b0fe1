#pragma once

#include "packager/bundle_tree.h"
#include "packager/contents.h"
#include "packager/plan.h"
#include "packager/records.h"

/* What contents*.c share. */

typedef struct {
    const char *name, *kind;
    const OkseSource *source;             /* of a plan; NULL for an image */
    const OkseManifestPlan *image;        /* of a plan's image; NULL otherwise */
    const json_t *weights;                /* of a plan's weights; NULL otherwise */
    const OkseBundleComponent *component; /* of a bundle */
    OkseTree *tree;                       /* of a bundle */
    const OksePart *installed;            /* of an install */
    uint64_t files, bytes;
} ContentsPart;

struct OkseContents {
    const OkseBundle *bundle; /* of a bundle; NULL otherwise */
    OkseRecords *records;     /* of an install; NULL otherwise */
    int generation_fd;        /* of an install; -1 otherwise */
    json_t *stack;
    const json_t *evaluations; /* of a plan; NULL otherwise */
    gint64 created;
    GArray *parts; /* ContentsPart */
};

const ContentsPart *contents_part(const OkseContents *contents, unsigned component);

/* Where the bytes of a bundle's file lie: a blob of its own, or behind its headers in the tar. *at: of the next member
 * there. */
uint64_t contents_place(const OkseBundle *bundle, const ContentsPart *part, const OkseTreeEntry *entry, uint64_t *at);
