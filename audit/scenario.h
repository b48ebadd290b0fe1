#pragma once

#include "audit/law.h"

/* Scenarios: what provisions of a country's law say of a target, row by row, written from the articles. They stand
 * beside the law (manifests/scenarios/ISO2.yaml). Format: docs/formats/scenarios.md. */
typedef struct {
    char *provision;
    char *status; /* what it is then: "pass", "fail", "inconclusive", "not-applicable" */
    OksePlace place;
} OkseExpectation;

typedef struct {
    char *name, *article;
    json_t *target;          /* object: the complete target with this row's changes */
    GPtrArray *expectations; /* OkseExpectation, in the order of the file */
    char *overall;           /* "compliant", "non-compliant", "inconclusive"; or NULL */
    OksePlace place;
} OkseScenario;

typedef struct {
    char *origin;
    char *country, *home; /* whose law; where the target stands (another than the first for a bloc) */
    GPtrArray *rows;      /* OkseScenario */
    OksePlace place;
} OkseScenarios;

/* The target that every table begins with: manifests/scenario-target.yaml. Errors: those of reading it. */
json_t *okse_scenario_target(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Read a table. Objections go to `issues`. NULL when it is none at all; otherwise what was understood, which must not
 * be used unless there are no issues. */
OkseScenarios *okse_scenarios_read(GBytes *yaml, const char *origin, const json_t *target,
                                   OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;
void okse_scenarios_free(OkseScenarios *scenarios);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseScenarios, okse_scenarios_free)

/* Every table of manifests/scenarios/: OkseScenarios, by file name. Errors: INVALID with every place; SYSTEM. */
GPtrArray *okse_scenarios_load(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Do the provisions that it names exist, with something to judge? law: of its country. */
void okse_scenarios_check(const OkseScenarios *scenarios, const OkseLaw *law, OkseIssues *issues);

/* The facts of a row's target. A new value. */
json_t *okse_scenario_facts(const OkseScenario *row, const OkseScenarios *scenarios,
                            const json_t *schema) G_GNUC_WARN_UNUSED_RESULT;

/* Judge every row as an audit would, under a law with that of its country, read from `resources`. Returns {"country",
 * "file","rows","passed","failed","results":[{"case","article","provision","expected","status","ok","place"}]}, in the
 * order of the file; `provision` is null for a row's overall verdict. A new value. Errors: INVALID
 * (okse_scenarios_check()); SYSTEM. */
json_t *okse_scenarios_run(const OkseScenarios *scenarios, const OkseLaw *law, const OkseResources *resources,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
