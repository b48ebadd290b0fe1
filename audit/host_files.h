#pragma once

#include "audit/config_forms.h"
#include "core/json.h"
#include "core/resource.h"

/* Which files of a host say where data goes, in which form, and what their keys mean (manifests/host-files.yaml), and
 * where programs go that nobody configured (manifests/compiled-in.yaml), and where words stay (manifests/residue.yaml).
 */

typedef enum {
    OKSE_ROUTE_NONE,
    OKSE_ROUTE_GATEWAY,
    OKSE_ROUTE_DESTINATION,
    OKSE_ROUTE_PAIR,
    OKSE_ROUTE_COMMAND
} OkseRoutePart;

typedef struct {
    GRegex *key;           /* whole, case ignored */
    char *role, *protocol; /* protocol: or NULL */
    OkseWritten written;
    unsigned port;  /* where none is written; 0: none */
    unsigned skip;  /* words before the first that counts */
    bool first;     /* one destination, not every word */
    int tls;        /* -1: not told */
    bool not_own;   /* not where a block of "on THIS-HOST" stands above it (DRBD) */
    bool statement; /* the destination is the key's last part: an address that stands alone in a block */
    OkseRoutePart route;
} OkseHostTake;

typedef struct {
    char *collector;
    GStrv files; /* absolute patterns: * and ? inside one element */
    OkseConfigForm form;
    GPtrArray *takes; /* OkseHostTake, the first that matches counts */
    GRegex *known;    /* keys that name no destination, or NULL */
} OkseHostFile;

typedef struct {
    char *collector, *role, *protocol;
    GStrv programs; /* any of them is there */
    GStrv hosts;
    unsigned port;
    GStrv files;    /* where something else may be configured */
    GRegex *unless; /* what says so, in any of them; or NULL */
    char *comment;  /* the key that stands as a comment with what was compiled in, or NULL */
} OkseCompiledIn;

typedef struct {
    GPtrArray *files;    /* OkseHostFile */
    GPtrArray *defaults; /* OkseCompiledIn */
    json_t *residue;     /* manifests/residue.yaml */
} OkseHostFiles;

/* Errors: those of reading the data; INVALID with its place. */
OkseHostFiles *okse_host_files_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_host_files_free(OkseHostFiles *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseHostFiles, okse_host_files_free)
