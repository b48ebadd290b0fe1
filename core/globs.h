#pragma once

#include <glib.h>
#include <stdbool.h>

/* Many patterns of GLib ("*" any text, "?" a character) held against one path at a time: compiled once, and only those
 * tried that can end as the path does. */
typedef struct OkseGlobs OkseGlobs;

typedef enum {
    OKSE_GLOB_WHOLE, /* the path as a whole */
    OKSE_GLOB_NAME,  /* what stands behind its last slash */
    OKSE_GLOB_END    /* all of it, or what stands behind one of its slashes */
} OkseGlobPart;

OkseGlobs *okse_globs_new(void);
void okse_globs_free(OkseGlobs *globs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseGlobs, okse_globs_free)

/* value: borrowed, given back by okse_globs_match(). */
void okse_globs_add(OkseGlobs *globs, const char *pattern, OkseGlobPart part, gpointer value);
/* The values of the patterns that match, in the order in which they were added, each once where it was added in a row;
 * NULL when there are none, which is what most paths have. path: UTF-8. */
GPtrArray *okse_globs_match(const OkseGlobs *globs, const char *path) G_GNUC_WARN_UNUSED_RESULT;
