#pragma once

#include "core/progress.h"
#include "core/resource.h"
#include "core/share.h"
#include "packager/contents.h"
#include "packager/plan.h"
#include "packager/thin_write.h"

/* Called when the sources are known and before anything is written: look into what the bundle will hold, and add
 * documents (okse_document_new()) that it shall carry in its stack manifest, in this order. false ends the build.
 * Errors: its own. */
typedef bool (*OkseBuildExamine)(void *context, const OkseContents *contents, GPtrArray *documents, GError **error);

/* Called when every digest is known (never in a dry run). false ends the build as a failure. Errors: its own. */
typedef bool (*OkseBuildWatch)(void *context, const OksePlan *plan, GError **error);

/* stack → bundle. The result's bytes depend on the stack, its inputs, the country and the epoch, on nothing else. */
#define OKSE_EPOCH_OF_SOURCES (-1) /* the time of the newest commit that is packed, or 0 when none is */

typedef struct {
    const char *stack_path; /* of stack.yaml, as the user named it */
    const char *country;    /* ISO 3166-1 alpha-2 */
    const char *site;       /* site.yaml for templates, or NULL */
    const char *cache;      /* directory of what was fetched, or NULL: beside the stack */
    const char *output;     /* NULL: NAME-VERSION-COUNTRY.okse in the working directory */
    gint64 epoch;           /* seconds since 1970: every time in the bundle; or OKSE_EPOCH_OF_SOURCES */
    unsigned threads;       /* 0: all processors */
    OkseCopyWay way;        /* how files get into the bundle; the bytes are the same */
    bool dry_run;           /* plan and check the space, write nothing */
    bool show_progress;
    OkseBuildExamine examine; /* or NULL */
    void *examine_context;
    bool discard; /* compute the identity and write nothing; `output` is not looked at */
    const GPtrArray
        *thin_against;    /* OkseBase over bundles: leave out what they have; NULL: nothing. Not with dry_run */
    bool whole_files;     /* with it: nothing below the file */
    OkseBuildWatch watch; /* or NULL */
    void *watch_context;
} OkseBuildRequest;

typedef struct {
    OkseSha256 identity; /* zero after a dry run */
    char *path;          /* of the bundle */
    char *name, *version;
    uint64_t sequence;
    uint64_t size;       /* bytes of the bundle */
    uint64_t payload;    /* bytes of payload in it, equal files once */
    uint64_t needed;     /* bytes that the file system of the output needs: less than size where blocks are shared */
    uint64_t available;  /* bytes it had */
    OkseCopied copied;   /* how the payload got there; zero after a dry run */
    OkseThinned thinned; /* with thin_against */
    unsigned blobs, files;
    json_t *left_out; /* [{"component", "path"}]: what .okseignore kept out */
} OkseBuildResult;

/* Errors: INVALID (stack.yaml or a source, with its place; a source that changed meanwhile; an output inside a source),
 * REFUSED (a way to copy that is not possible there), NOT_FOUND, SYSTEM (too little space is found out before anything
 * is written). Nothing is left behind on failure. */
bool okse_build(const OkseBuildRequest *request, const OkseResources *resources, OkseBuildResult *result,
                GError **error);
void okse_build_result_clear(OkseBuildResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseBuildResult, okse_build_result_clear)
