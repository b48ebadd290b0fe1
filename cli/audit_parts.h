#pragma once

#include "core/error.h"

#include <jansson.h>

/* The three parts that okse audit joins: facts, findings (audit/findings.h), reports. */

typedef struct {
    const char *root;      /* --root DIR, or NULL */
    const char *evidence;  /* --evidence FILE, or NULL; exactly one of the two is given */
    const char *scope;     /* "install", "host", "both", or NULL for the default */
    const char *site;      /* --site FILE, or NULL */
    const char *geo;       /* --geo FILE, or NULL */
    const char *manifests; /* --manifests DIR, or NULL */
    gint64 now;            /* seconds since 1970 */
} OkseAuditSource;

/* The facts to audit; *geo becomes {"digest","description"} of the address database, or stays NULL. Both new. */
json_t *okse_audit_facts(const OkseAuditSource *source, json_t **geo, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Write one report, "FORMAT=FILE". Errors: INVALID for an unknown format or a missing '='. */
bool okse_audit_report(const json_t *findings, const char *request, const char *manifests, GError **error);

/* The verdict for people, on stdout. */
bool okse_audit_print(const json_t *findings, const char *manifests, GError **error);
