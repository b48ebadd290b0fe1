#pragma once

#include "core/error.h"
#include "core/resource.h"

#include <jansson.h>

/* The audits of many targets as one document, okse.fleet.v1 (docs/formats/fleet.md): a function of the findings that
 * are added, whatever their order. Of each target only what the overview needs is kept, so that thousands fit. */
typedef struct OkseFleet OkseFleet;

#define OKSE_FLEET_TARGETS 20000u /* in one document */

OkseFleet *okse_fleet_new(void);
void okse_fleet_free(OkseFleet *fleet);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseFleet, okse_fleet_free)

/* Add the findings of one target. name: of its evidence; no two the same. findings: checked, borrowed.
 * Errors: INVALID when they were made under another law, at another time or by another version than those before, or
 * there are too many. */
bool okse_fleet_add(OkseFleet *fleet, const char *name, const json_t *findings, GError **error);
/* A target whose evidence could not be judged: it counts as inconclusive. */
bool okse_fleet_add_unread(OkseFleet *fleet, const char *name, const char *why, GError **error);

/* The document; a new value. Errors: INVALID when no target could be judged. */
json_t *okse_fleet_document(OkseFleet *fleet, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Read a fleet document from outside, strictly. The caller owns the result. Errors: INVALID. */
json_t *okse_fleet_read(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool okse_fleet_is(const json_t *document);

/* Names of the formats it can be rendered in, ends with NULL: text, json, html, csv, markdown. */
const char *const *okse_fleet_formats(void);
/* As okse_report_render(). */
GBytes *okse_fleet_render(const json_t *fleet, const char *format, const char *language, const OkseResources *resources,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
