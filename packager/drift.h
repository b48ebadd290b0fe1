#pragma once

#include "core/json.h"
#include "core/progress.h"
#include "packager/records.h"

/* Comparing a generation with what its bundle promised. */
typedef enum {
    OKSE_DRIFT_CHANGED, /* other bytes, or another link target */
    OKSE_DRIFT_MISSING,
    OKSE_DRIFT_ADDED, /* an added directory stands for everything in it */
    OKSE_DRIFT_MODE,
    OKSE_DRIFT_TYPE, /* a link where a file belongs, … */
} OkseDriftStatus;

typedef struct {
    char *component; /* ".okse" for the records; "" for the generation's own directory */
    char *path;
    OkseDriftStatus status;
    char *expected, *actual; /* digest, mode, type or link target; NULL where there is none */
} OkseDrift;

typedef struct {
    OkseRecords *records;
    GPtrArray *drift;      /* OkseDrift, sorted by component, path, status */
    GPtrArray *unreadable; /* char *: "component/path", sorted: what could not be compared, so nothing is known of it */
    uint64_t sealed;       /* files whose fs-verity digest was enough */
} OkseDriftReport;

/* Compare on `threads` threads (0: all). Trouble with a file is part of the report and not a failure; nothing is
 * changed. identity: NULL when no state knows it. Errors: CANCELLED. */
OkseDriftReport *okse_drift_check(int generation_fd, const char *name, const OkseSha256 *identity, unsigned threads,
                                  OkseProgress *progress, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_drift_report_free(OkseDriftReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseDriftReport, okse_drift_report_free)

/* Everything was compared. */
bool okse_drift_complete(const OkseDriftReport *report);
/* Everything was compared and is as promised. */
bool okse_drift_clean(const OkseDriftReport *report);
/* Something was seen that is not as promised. When this and okse_drift_clean() are both false, the system could not
 * read enough to say. */
bool okse_drift_damaged(const OkseDriftReport *report);
/* "changed", … */
const char *okse_drift_name(OkseDriftStatus status);
/* "2 changed, 1 missing", or "none". */
char *okse_drift_summary(const OkseDriftReport *report) G_GNUC_WARN_UNUSED_RESULT;

/* The running generation of an install root, as JSON for `okse collect` and `okse status`:
 * {"generation","identity","name","version","sequence","country","vendor":{…},"compliance":{…},
 *  "components":[{"name","kind","files","size","path"}],
 *  "drift":[{"component","path","status":"changed|missing|added|mode|type","expected","actual"}],
 *  "complete":true|false,"unreadable":[paths],"sealed":n}
 * `path` of a component is relative to the root ("current/serving"). complete is false when anything could not be read:
 * then an empty drift means nothing. name … compliance are null when the records are damaged. A new reference.
 * Errors: NOT_FOUND (nothing is installed), INVALID (not an install root, state.json), SYSTEM, CANCELLED. */
json_t *okse_install_describe(int root_fd, unsigned threads, OkseProgress *progress,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same for a report that is there already. */
json_t *okse_drift_describe(const OkseDriftReport *report, const char *generation) G_GNUC_WARN_UNUSED_RESULT;
/* "installed_at" and "signatures" as generation.json (may be NULL) recorded them; no signature covers that record. */
void okse_drift_set_recorded(json_t *value, const json_t *generation);
