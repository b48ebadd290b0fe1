#pragma once

#include "core/error.h"
#include "core/json.h"
#include "core/resource.h"

/* Reports are pure functions of one findings document (docs/formats/findings.md): the same findings give the same
 * bytes in every format; no clock, no locale, no file. */

/* Read a findings document from outside: strict JSON, the schema's name, the members reports depend on with their
 * types, identifiers that exist and are not repeated, and a verdict that its own findings do not contradict.
 * origin: its name in messages. The caller owns the result. Errors: INVALID. */
json_t *okse_findings_read(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same checks on a document already in memory. Errors: INVALID. */
bool okse_findings_check(const json_t *findings, const char *origin, GError **error);

/* Names of all formats, ends with NULL. */
const char *const *okse_report_formats(void);

/* Render `findings` (checked first) as `format`, one of okse_report_formats(). language: which language comes first
 * ("vi"), or NULL: the jurisdiction's for html, English elsewhere. HTML carries the findings' other languages too.
 * The caller owns the result. Errors: INVALID for an unknown format or language, or findings that break their schema.
 */
GBytes *okse_report_render(const json_t *findings, const char *format, const char *language,
                           const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same for the two SARIF formats, with what became of each result since `older`, another checked document. Errors:
 * as above; INVALID for another format, which has no place for it. */
GBytes *okse_report_render_since(const json_t *findings, const json_t *older, const char *format,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The text format with ANSI colours, for a terminal. */
GBytes *okse_report_terminal(const json_t *findings, const char *language, const OkseResources *resources,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What `okse audit --report FORMAT=FILE` takes: render and write FILE, which appears only when complete.
 * Errors: INVALID for a malformed request; as okse_report_render(); SYSTEM. */
bool okse_report_write(const json_t *findings, const char *request, const char *language,
                       const OkseResources *resources, GError **error);
/* Each of several requests (NULL-terminated, or NULL). One that fails keeps none of the others from being written; the
 * first failure is the error. */
bool okse_report_write_all(const json_t *findings, const char *const *requests, const OkseResources *resources,
                           GError **error);
/* Refuse a bad FORMAT=FILE before an audit's work is done. Errors: INVALID. */
bool okse_report_request_check(const char *request, GError **error);

/* Compare two checked findings documents by finding id:
 * {"schema":"okse.report-diff.v1","verdict":{"old","new"},"audited_at":{"old","new"},"changed_inputs":[…],"counts":{…},
 * "findings":[{"id","change":"new|worse|changed|better|fixed|gone|same","old":status|null,"new":status|null,"first_seen":time|null,…}],"partial":true
 * where one is}. What is no longer asked is "gone", never "fixed". The caller owns the result.
 */
json_t *okse_report_diff(const json_t *old, const json_t *new) G_GNUC_WARN_UNUSED_RESULT;
/* The same for people; colour as a terminal wants it. */
char *okse_report_diff_text(const json_t *diff, bool colour) G_GNUC_WARN_UNUSED_RESULT;
/* True when something is new or worse. */
bool okse_report_diff_regressed(const json_t *diff);
/* True when something that was open is not asked any more, or what failed cannot be decided any more. */
bool okse_report_diff_lost_sight(const json_t *diff);
