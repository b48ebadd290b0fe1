#pragma once

#include "core/resource.h"

#include <jansson.h>

/* What okse audit joins to the findings (audit/findings.h): where the facts come from, and the short report. */

typedef struct {
    const char *root;      /* --root DIR, or NULL */
    const char *bundle;    /* --bundle FILE, or NULL */
    const char *evidence;  /* --evidence FILE, or NULL; exactly one of the three is given */
    const char *scope;     /* "install", "host", "both", or NULL for the default */
    const char *site;      /* --site FILE, or NULL */
    const char *geo;       /* --geo FILE, or NULL */
    const char *manifests; /* --manifests DIR, or NULL */
    gint64 now;            /* seconds since 1970 */
    bool payload;          /* look into every file of an install, as a framework asks it */
} OkseAuditSource;

/* The facts to audit; *geo becomes {"digest","description"} of the address database, or stays NULL. Both new. */
json_t *okse_audit_facts(const OkseAuditSource *source, json_t **geo, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The verdict for people, on stdout; with colours on a terminal. */
bool okse_audit_print(const json_t *findings, const OkseResources *resources, GError **error);
