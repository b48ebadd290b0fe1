#pragma once

#include "audit/waiver.h"
#include "core/resource.h"
#include "packager/contents.h"
#include "packager/statement.h"

#include <jansson.h>

/* The check before shipping: what weights would do to whoever loads them, and what a bundle will hold, judged by the
 * law of its destination. The findings go into the bundle whatever they say. */
typedef enum {
    OKSE_GATE_BLOCK, /* dangerous weights end the build; a mandatory provision that fails ends the build; so does a
                        country without law */
    OKSE_GATE_WARN,  /* the findings are packed and told */
    OKSE_GATE_OFF,   /* the law is not asked; dangerous weights are packed and told, as with WARN */
} OkseGate;

typedef struct {
    OkseGate gate;
    const char *country; /* ISO 3166-1 alpha-2 */
    const char *site, *geo;
    gint64 at; /* OKSE_TIME_NONE: the later of the bundle's time and the day of the law's data, so that it follows from
                  inputs */
    char **reports;         /* FORMAT=FILE, or NULL */
    const OkseTrust *trust; /* who may approve documents and waive findings, or NULL */
    const char *waivers;    /* file with waivers, its approval beside it; or NULL */
    char **profiles;        /* files of what is asked beyond the law, in this order; or NULL */
    const OkseResources *resources;
    json_t *weights;  /* made by okse_preflight(): [{"component","critical","findings","summary"}] */
    json_t *findings; /* made by okse_preflight(); NULL when there was no law to judge by */
} OksePreflight;

/* "block", "warn" or "off". Errors: INVALID. */
bool okse_gate_read(const char *text, OkseGate *gate, GError **error);

/* An OkseBuildExamine; context: OksePreflight. Adds findings.json, the jurisdiction's file and profiles, waivers and
 * their approval, and weights.json when dangerous weights are packed all the same. Errors: REFUSED (the
 * gate is closed); those of collecting, of the law, of profiles and of reports. */
bool okse_preflight(void *context, const OkseContents *contents, GPtrArray *documents, GError **error);

/* {"verdict","at","findings":digest,"failed":[{"provision","control","violations","evidence":[…]}]}, or null when
 * nothing was judged. A new value. */
json_t *okse_preflight_json(const OksePreflight *preflight) G_GNUC_WARN_UNUSED_RESULT;

void okse_preflight_clear(OksePreflight *preflight);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OksePreflight, okse_preflight_clear)
