#pragma once

#include "core/resource.h"

#include <jansson.h>

/* What is known about programs' configuration, as data: manifests/software/NAME.yaml says where a program keeps it, in
 * which format (audit/config_tree.h), and at which keys a place to which data goes stands. Contract for who writes one:
 * docs/software.md. */

/* Paths of the tree and what their values must be: every one must match one of its patterns ("*" any text; "" a key
 * that is not there). */
typedef struct {
    char *path;
    GStrv patterns;
} OkseCondition;

typedef struct {
    char *at;                 /* the nodes that it is about */
    GPtrArray *when, *unless; /* OkseCondition: all of `when`, none of `unless` */
    /* One of these says what is found there; all are relative to the node, NULL where unused. */
    char *url;     /* a URL, or HOST[:PORT] */
    char *host;    /* a host; `port` beside it */
    char *literal; /* a host that the program knows by itself, with {PATH} replaced */
    char *setting; /* a setting of this name, with `value` */
    char *tls;     /* what a setting of TLS says: protocols minimum ciphers kex macs; or certificate: a file of one */
    char *mention; /* with url or host: why what stands there is no place to which data goes */
    char *port, *protocol, *value;
    char *split;         /* characters between several in one value */
    GRegex *match;       /* what of a value is a target: group 1 of each match, group 2 its port; NULL: all of it */
    char *as;            /* with match: what a match stands for, "{1}" replaced by group 1 */
    char *used, *unused; /* from the root: where the node's key is, or is not, among values that are there */
    char *locals;        /* from the root: values that name something in the file itself */
    char *scheme;        /* where the value names none */
    char *role, *direction, *state;
    bool pairs;        /* the node's value is "key=value key='value'" and the paths are its keys */
    unsigned fallback; /* port, where none is said */
} OkseFind;

typedef struct OkseProgram OkseProgram;

typedef struct {
    const OkseProgram *program; /* whose it is */
    GPtrArray *paths,
        *names; /* char *: patterns of absolute paths on a host; of names or ends of paths in components */
    char *format;
    GStrv has;        /* paths, one of which the root must have: a name alone says too little */
    GPtrArray *finds; /* OkseFind */
} OkseProgramFile;

/* Where a program sends something unless one of its files says otherwise. */
typedef struct {
    GPtrArray *when, *unless; /* OkseCondition, from the root: one of `when` (where there are any), none of `unless` */
    char *host, *role, *scheme;
    unsigned port;
} OkseProgramDefault;

struct OkseProgram {
    char *name, *collector;
    GStrv installed;     /* one of these is there when the program is */
    GPtrArray *files;    /* OkseProgramFile */
    GPtrArray *defaults; /* OkseProgramDefault */
    bool tls;            /* one of the finds is about TLS */
};

typedef struct OkseSoftware OkseSoftware;

/* Errors: those of reading the data; INVALID with every place. */
OkseSoftware *okse_software_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_software_free(OkseSoftware *software);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSoftware, okse_software_free)

/* In the order of their names; borrowed. */
unsigned okse_software_count(const OkseSoftware *software);
const OkseProgram *okse_software_get(const OkseSoftware *software, unsigned index);

/* What a file may be, by its path alone: OkseProgramFile in the order of the programs, or NULL for nothing. path:
 * absolute on a host, else relative to its component. */
GPtrArray *okse_software_files(const OkseSoftware *software, const char *path) G_GNUC_WARN_UNUSED_RESULT;
