#pragma once

#include "audit/findings.h"
#include "core/resource.h"

#include <jansson.h>

/* What okse audit joins to the findings (audit/findings.h): where the facts come from, and the short report. */

typedef struct {
    const char *root;       /* --root DIR, or NULL */
    const char *bundle;     /* --bundle FILE, or NULL */
    const char *evidence;   /* --evidence FILE, or NULL; exactly one of the three is given */
    const char *scope;      /* "install", "host", "both", or NULL for the default */
    const char *site;       /* --site FILE, or NULL */
    const char *geo;        /* --geo FILE, or NULL */
    gint64 now;             /* seconds since 1970 */
    const OkseTrust *trust; /* of --trust FILE, or NULL */
    const char *waivers;    /* --waivers FILE, or NULL */
    const char *programs;   /* --programs DIR, or NULL */
    bool payload;           /* look into every file of an install, as a framework asks it */
    char **only;            /* --only CONTROL…, or NULL */
    const char *previous;   /* --previous FILE, or NULL */
    const json_t *geo_said; /* of the address database at collection, for evidence; or NULL */
} OkseAuditSource;

/* The facts to audit; *geo becomes {"digest","description"} of the address database, or stays NULL. Both new. */
json_t *okse_audit_facts(const OkseAuditSource *source, const OkseResources *resources, json_t **geo,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A facts document or the facts of an evidence archive. Errors: those of reading them. */
json_t *okse_audit_evidence(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The findings under a law that is loaded (once, for however many pieces of evidence). Errors: those of its parts. */
json_t *okse_audit_findings(const OkseAuditSource *source, const OkseLaw *law, gint64 at,
                            const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What a request borrows, in one place. */
typedef struct {
    json_t *facts, *geo, *previous;
    OkseWaivers *waivers;
    GStrv only;
    OkseAuditRequest request;
} OkseAuditInputs;

/* Everything that findings are a function of. inputs: zeroed; to be cleared whatever comes back. Errors: those of its
 * parts. */
bool okse_audit_inputs(const OkseAuditSource *source, const OkseLaw *law, gint64 at, const OkseResources *resources,
                       OkseAuditInputs *inputs, GError **error);
void okse_audit_inputs_clear(OkseAuditInputs *inputs);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseAuditInputs, okse_audit_inputs_clear)

/* Several pieces of evidence, each judged by itself. */
typedef struct {
    char **evidence;    /* --evidence, ends with NULL */
    const OkseLaw *law; /* borrowed */
    char **reports;     /* --report, or NULL */
    gint64 at;
    bool json;
} OkseAuditSeveral;
/* The paths of evidence; of a directory the files in it, by name. Errors: SYSTEM; INVALID for an empty directory. */
GStrv okse_audit_evidence_list(char **given, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* With several, or as a fleet, the name of each report must have "{}". Errors: INVALID. */
bool okse_audit_several_check(char **evidence, char **reports, bool fleet, GError **error);
/* What stands for a piece of evidence in names of reports: its own without directory and ending. */
char *okse_audit_short_name(const char *path) G_GNUC_WARN_UNUSED_RESULT;
/* The reports of one of them. */
bool okse_audit_several_reports(const OkseAuditSeveral *several, const char *path, const json_t *findings,
                                const OkseResources *resources, GError **error);
/* The worse of two exit statuses: 1 is worse than 4, which is worse than 0. */
int okse_audit_worse(int a, int b);
/* The same as one document (audit/fleet.h), written to `output`, each judged apart. */
int okse_audit_fleet(const OkseAuditSeveral *several, const OkseAuditSource *source, const OkseResources *resources,
                     const char *output, GError **error);
/* Prints them; the exit status is the worst of all. source: with all but the evidence. */
int okse_audit_several(const OkseAuditSeveral *several, const OkseAuditSource *source, const OkseResources *resources,
                       GError **error);

/* The waivers of the operator (--waivers), else those in the bundle; *waivers stays NULL when there are none. Those
 * that do not hold are kept, void. facts: what they are for. Errors: those of reading them. */
bool okse_audit_waivers(const OkseAuditSource *source, const OkseLaw *law, const json_t *facts, gint64 at,
                        OkseWaivers **waivers, GError **error);

/* The verdict for people, on stdout; with colours on a terminal. */
bool okse_audit_print(const json_t *findings, const OkseResources *resources, GError **error);
