#pragma once

#include "core/json.h"

/* How somebody says that a model scored, from the four forms in which it is said: our own record (`okse:
 * evaluation/v1`), results of lm-evaluation-harness, the hub's .eval_results/NAME.yaml, and `model-index` in the front
 * matter of a model card. The files are anybody's: counts and lengths are bounded, texts made safe. Nothing is judged
 * here. Shapes: docs/evaluations.md. */

#define OKSE_LIMIT_EVALUATION (8u << 20) /* bytes of one file */
#define OKSE_LIMIT_EVALUATION_ROWS 2000u /* scores, judges, … of one kind in one file */
#define OKSE_LIMIT_EVALUATION_TEXT 400u  /* bytes of one text */

/* May a file of this path, in a component of this kind, be one? Which of its bytes decides okse_evaluation_read(). */
bool okse_evaluation_is_candidate(const char *kind, const char *path);

/* {"format": "okse"|"lm-eval"|"hub"|"model-index", "title", "date", "harness": {"name", "version", "commit"} or null,
 *  "sampling": {NAME: TEXT}, "subjects": [{"component", "path", "digest", "line"}],
 *  "judges": [{"role", "name", "version", "location", "for": [TEXT], "line"}],
 *  "scores": [{"dataset", "revision", "metric", "value", "unit", "stdev", "runs", "low", "high", "line"}],
 *  "indices": [{"name", "version", "value", "line"}], "outputs": [{"path", "digest", "line"}],
 *  "faults": [{"text", "line"}]}; what is not said is null, a line that is not known is 0. Of a file that breaks its
 * form everything that could be read is there, and why in "faults". NULL: the file is none of them. path: relative to
 * the component. A new reference. */
json_t *okse_evaluation_read(const char *path, GBytes *bytes) G_GNUC_WARN_UNUSED_RESULT;
