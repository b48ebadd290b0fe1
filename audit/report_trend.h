#pragma once

#include "core/error.h"
#include "core/resource.h"

#include <jansson.h>

/* Several findings documents, of one target or more, in the order of their time. A function of the documents: ages are
 * counted up to the last audit of a target, not to today. */
typedef struct OkseTrend OkseTrend;

OkseTrend *okse_trend_new(void);
void okse_trend_free(OkseTrend *trend);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTrend, okse_trend_free)

/* findings: checked; what is needed of it is copied. name: of its file. One that is the same as an earlier one is left
 * out by name. */
void okse_trend_add(OkseTrend *trend, const char *name, const json_t *findings);
/* A file that was left out, and why. */
void okse_trend_skip(OkseTrend *trend, const char *name, const char *why);

/* okse.trend.v1 (docs/reports.md); a new value. */
json_t *okse_trend_json(const OkseTrend *trend) G_GNUC_WARN_UNUSED_RESULT;

/* The page. language: of the interface texts; NULL: English. Errors: INVALID for a language that there is not. */
GBytes *okse_trend_html(const json_t *document, const char *language, const OkseResources *resources,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* For a terminal. */
char *okse_trend_text(const json_t *document) G_GNUC_WARN_UNUSED_RESULT;
