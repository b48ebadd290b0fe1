#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

/* What every renderer looks up in a checked findings document. Everything returned is borrowed from the document. */

/* Worst first: the order in which a reader should see them. */
typedef enum {
    OKSE_STATUS_FAIL,
    OKSE_STATUS_INCONCLUSIVE,
    OKSE_STATUS_WAIVED,
    OKSE_STATUS_PASS,
    OKSE_STATUS_NOT_APPLICABLE,
    OKSE_STATUSES,
} OkseStatus;

/* The words of the format, by OkseStatus; ends with NULL. */
extern const char *const okse_status_words[];

typedef struct {
    unsigned all[OKSE_STATUSES];
    unsigned mandatory[OKSE_STATUSES];
    unsigned total;
    unsigned decided; /* pass, fail and waived: somebody looked and knew */
} OkseCounts;

typedef struct OkseReportView OkseReportView;

OkseReportView *okse_report_view_new(const json_t *findings);
void okse_report_view_free(OkseReportView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseReportView, okse_report_view_free)

OkseStatus okse_finding_status(const json_t *finding);
/* How a verdict is coloured: as the status "pass", "fail" or "inconclusive". */
const char *okse_verdict_class(const char *verdict);
/* The worst of a provision's findings (may be NULL); the document may know something worse, never something better.
 * False: it has none. */
bool okse_provision_status(const json_t *provision, const GPtrArray *findings, OkseStatus *status);
/* id → json_t * of the list "findings" of a document, both borrowed from it. Free the table alone. */
GHashTable *okse_findings_by_id(const json_t *document);
/* The names of the profiles that it comes from, with ", " between; NULL: from the law alone. */
char *okse_report_view_profiles(const json_t *finding) G_GNUC_WARN_UNUSED_RESULT;
bool okse_finding_mandatory(const json_t *finding);
/* The finding's provision, instrument, jurisdiction and control; NULL when the document does not have it. */
const json_t *okse_report_view_provision(const OkseReportView *view, const json_t *finding);
const json_t *okse_report_view_instrument(const OkseReportView *view, const json_t *finding);
const json_t *okse_report_view_jurisdiction(const OkseReportView *view, const json_t *finding);
const json_t *okse_report_view_control(const OkseReportView *view, const json_t *finding);

/* The findings of one provision in document order (const json_t *); NULL when it has none. */
const GPtrArray *okse_report_view_of_provision(const OkseReportView *view, const char *iso, const char *provision);
/* All findings, worst first: mandatory before recommended, then document order. */
const GPtrArray *okse_report_view_ranked(const OkseReportView *view);

/* Counts of one jurisdiction, or of all (iso NULL). */
OkseCounts okse_report_view_counts(const OkseReportView *view, const char *iso);

/* Keys of the interface texts that say why the verdict is what it is, and what to do when nothing is open: one choice
 * for all formats, since a yes by waivers is no "every check has passed". */
const char *okse_report_view_why(const OkseReportView *view);
const char *okse_report_view_nothing_open(const OkseReportView *view);
/* True when the verdict is yes and something is waived. */
bool okse_report_view_by_waiver(const OkseReportView *view);
/* True when no mandatory article of the jurisdiction is broken or waived and its verdict is yes. */
bool okse_report_view_met(const OkseReportView *view, const json_t *jurisdiction);

/* What the findings say about one fact (an endpoint): "violation", "unknown", or NULL when nothing speaks against it.
 */
const char *okse_report_view_judged(const OkseReportView *view, const char *fact);

/* What a component of the inventory is: its kind, and of a model what its config says ("weights: BertModel, 22.7M,
 * F32"). A new text. */
char *okse_report_view_kind(const json_t *component) G_GNUC_WARN_UNUSED_RESULT;

/* The text of a language map: the language ("zh-Hant" also takes what is "zh"), else English. *translated (may be NULL)
 * tells which. NULL for no map. */
const char *okse_texts_get(const json_t *texts, const char *language, bool *translated);

/* Keys of an object sorted by bytes; free the array, not the keys. */
GPtrArray *okse_json_sorted_keys(const json_t *object);
