#pragma once

#include "core/resource.h"

/* May this document leave a site (docs/return.md)? By its content: its members against a table of what may be said, its
 * texts against what secrets look like and words that somebody forbids. */
typedef struct OkseLeaving OkseLeaving;

/* resources: borrowed. never: words that nothing may hold, in whatever case; NULL-terminated, borrowed; may be NULL.
 * Errors: those of reading the tables. */
OkseLeaving *okse_leaving_new(const OkseResources *resources, const char *const *never,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_leaving_free(OkseLeaving *leaving);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseLeaving, okse_leaving_free)

/* The record of a verification. Errors: INVALID (no such document), REFUSED with what may not leave. */
bool okse_leaving_verification(const OkseLeaving *leaving, GBytes *bytes, const char *origin, GError **error);
/* Findings that were redacted to this level; what the level hides is hidden in them. Errors: as above. */
bool okse_leaving_findings(const OkseLeaving *leaving, GBytes *bytes, const char *level, const char *origin,
                           GError **error);
/* Secrets of every kind and forbidden words in any bytes. Errors: REFUSED. */
bool okse_leaving_texts(const OkseLeaving *leaving, GBytes *bytes, const char *origin, GError **error);
