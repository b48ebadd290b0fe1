#pragma once

#include "core/digest.h"

#include <jansson.h>

/* What an auditor signs about an audit: in-toto Statements v1. Formats: docs/reports.md, "Attestations". */
#define OKSE_PREDICATE_TEST_RESULT "https://in-toto.io/attestation/test-result/v0.1"
#define OKSE_PREDICATE_SVR "https://in-toto.io/attestation/svr/v0.2"

typedef struct {
    const char *name;
    OkseSha256 digest;
} OkseAttested;

/* The test result of checked findings; its subjects are files. Passed tests are findings that pass; failed ones are
 * binding law that is broken or could not be decided; warned ones are waived, or recommendations. The whole is PASSED
 * or WARNED only where the verdict is compliant. A new reference. */
json_t *okse_attestation_test_result(const json_t *findings, const OkseAttested *subjects,
                                     unsigned count) G_GNUC_WARN_UNUSED_RESULT;

/* The summary for who only wants to know whether: of the bundle that the findings name, each jurisdiction that it
 * complies with. NULL and INVALID when they name none. A new reference. */
json_t *okse_attestation_svr(const json_t *findings, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
