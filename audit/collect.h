#pragma once

#include "audit/cluster.h"
#include "core/resource.h"
#include "packager/approval.h"
#include "packager/contents.h"

#include <jansson.h>

/* For a collection in a process of its own (audit/collect_apart.h). */
typedef struct {
    const json_t *target; /* what is looked at, when it is no running system: {"kind","name","digest"}; or NULL */
    GBytes *environment;  /* of an image: NAME=VALUE lines, or NULL */
    GBytes *excerpt_key;  /* of keyed hashes; NULL: take no excerpts */
    json_t *excerpts;     /* becomes okse_excerpts_take(); a new reference */
    struct OkseNetworks
        *networks; /* entered before the right to was given up; ended when they were looked at; or NULL */
    bool landlock; /* becomes true when the kernel took the right to change files */
} OkseCollectAside;

/* How the kernel keeps time. */
typedef enum { OKSE_CLOCK_UNKNOWN, OKSE_CLOCK_FREE, OKSE_CLOCK_SYNCHRONISED } OkseClock;

/* Ask it, setting nothing. Source: adjtimex(2), STA_UNSYNC. */
OkseClock okse_collect_clock(void);

/* Run the collectors and join what they saw into an okse.facts.v1 document. Read-only; no connection, no name server.
 */
typedef struct {
    const OkseContents *contents; /* collect from what is not installed yet; root, scope and sysroot are NULL then */
    const char *root;             /* of the install, or NULL */
    const char *scope;            /* "install", "host" or "both" */
    const char *sysroot;          /* "/" */
    const char *site;             /* site.yaml, or NULL */
    const char *geo;              /* address database (MMDB), or NULL */
    const OkseTrust *trust;       /* who may approve documents, or NULL: then no approval can be judged */
    char **exports;               /* files and directories of exported cluster objects, or NULL */
    const OkseCluster *cluster;   /* what the API of one answered, or NULL */
    bool papers_only;             /* of contents: nothing is looked into for secrets and programs */
    bool payload;                 /* look into every file of the install for secrets and programs too */
    gint64 now;                   /* seconds since 1970 */
    unsigned threads;
    OkseClock clock;         /* asked before the call for it is given up */
    OkseCollectAside *aside; /* files are given up for good once processes were looked at (core/confine.h); or NULL */
} OkseCollectRequest;

/* geo: becomes {"digest","description"} of the database, or NULL; may be NULL itself. Both results are new references.
 * What a collector could not see is in the document; errors are a wrong site file, database or directory:
 * INVALID, NOT_FOUND, SYSTEM. */
json_t *okse_collect(const OkseCollectRequest *request, const OkseResources *resources, json_t **geo,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
