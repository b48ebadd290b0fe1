#pragma once

#include "core/error.h"
#include "core/resource.h"

#include <jansson.h>

/* The findings as a PDF, for paper and for signing. One language; fonts by templates/report/fonts.yaml. */
typedef enum { OKSE_PAPER_A4, OKSE_PAPER_LETTER } OksePaper;

/* "a4" or "letter". Errors: INVALID. */
bool okse_paper_parse(const char *name, OksePaper *paper, GError **error);

typedef struct {
    const char *language; /* borrowed; NULL: the jurisdiction's */
    OksePaper paper;
    const gint64 *signed_at; /* borrowed; leave room for a signature inside the file, okse_pdf_sign(); NULL: none */
} OksePdfOptions;

/* Behind the format "pdf" and okse_report_pdf_make(); findings are checked, the language is known. */
GBytes *okse_report_pdf_draw(const json_t *findings, const OksePdfOptions *options, const OkseResources *resources,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Findings are checked first. Errors: INVALID as okse_report_render(); SYSTEM when a library is missing, when this okse
 * was built without PDF, or when no installed font has a character of the report: then there is no report. */
GBytes *okse_report_pdf_make(const json_t *findings, const OksePdfOptions *options, const OkseResources *resources,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
