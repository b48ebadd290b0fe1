#pragma once

#include "core/error.h"

#include <stdbool.h>

/* A configuration file of whatever format as one tree whose nodes remember where they stood, so that what is known
 * about a program's configuration can be data (manifests/software/). What a format repeats (blocks, sections, items of
 * a list) becomes several children with one key. Arguments of a directive are children "1", "2", … beside its blocks.
 */
typedef struct OkseConfig OkseConfig;
typedef struct OkseConfigNode OkseConfigNode;

struct OkseConfigNode {
    const char *key;       /* "" for the root */
    const char *value;     /* quotes taken off; the arguments of a directive joined by spaces; NULL: none */
    unsigned line, column; /* of the value, or of the key where there is none; from 1 */
    GPtrArray *children;   /* OkseConfigNode *, or NULL */
};

#define OKSE_CONFIG_DEPTH 48u     /* nesting of blocks */
#define OKSE_CONFIG_NODES 400000u /* nodes of one file */

/* The names of formats, NULL-terminated: those that `format` of a table may be. */
extern const char *const okse_config_formats[];

/* Read a file. A format is forgiving where the program is: what it cannot place is left out and named by the error only
 * when the rest cannot be understood either. origin: its name in messages.
 * Errors: INVALID with origin:line:column; NOT_FOUND for a format that is none. */
OkseConfig *okse_config_read(const char *format, GBytes *bytes, const char *origin,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_config_free(OkseConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseConfig, okse_config_free)

/* Borrowed, like every node. */
const OkseConfigNode *okse_config_root(const OkseConfig *config);

/* Call `visit` for every node that `path` leads to from `node`, in the order of the file, until it returns false. Keys
 * are separated by '/', compared without regard to case, and may hold '*' for any run of characters; a key "**" is any
 * number of levels, "." the node itself. Returns false when a visit did. */
typedef bool (*OkseConfigVisit)(void *context, const OkseConfigNode *node);
bool okse_config_each(const OkseConfigNode *node, const char *path, OkseConfigVisit visit, void *context);

/* The first of them, or NULL. */
const OkseConfigNode *okse_config_find(const OkseConfigNode *node, const char *path);
