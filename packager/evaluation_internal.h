#pragma once

#include "core/yaml.h"
#include "packager/evaluation_read.h"

/* What evaluation_*.c share: the record that each of them fills. */

json_t *evaluation_new(const char *format) G_GNUC_WARN_UNUSED_RESULT;

/* Text made safe and cut to OKSE_LIMIT_EVALUATION_TEXT; null for NULL and for nothing. A new reference. */
json_t *evaluation_text(const char *text) G_GNUC_WARN_UNUSED_RESULT;
/* A number that is one (no NaN, no infinity), or null. A new reference. */
json_t *evaluation_number(double value) G_GNUC_WARN_UNUSED_RESULT;
/* The number of a YAML scalar, which may stand there as a text; false when it is none. */
bool evaluation_node_number(const OkseNode *node, double *value);
/* The scalar's text, or NULL (also for null, a list, a map and no node). */
const char *evaluation_node_text(const OkseNode *node);

/* Add a row (stolen) to a list of the record; at most OKSE_LIMIT_EVALUATION_ROWS, and what is beyond is a fault. */
void evaluation_add(json_t *record, const char *list, json_t *row);
void evaluation_fault(json_t *record, unsigned line, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* One row of scores. unit: "percent", "fraction" or NULL. */
typedef struct {
    const char *dataset, *revision, *metric, *unit;
    double value, stdev; /* stdev: NAN when not said */
    gint64 runs;         /* 0: not said */
    double low, high;    /* NAN when not said */
    unsigned line;
} EvaluationScore;
json_t *evaluation_score(const EvaluationScore *score) G_GNUC_WARN_UNUSED_RESULT;

json_t *evaluation_read_own(const OkseYaml *yaml, const char *path) G_GNUC_WARN_UNUSED_RESULT;
json_t *evaluation_read_harness(const json_t *results) G_GNUC_WARN_UNUSED_RESULT;
json_t *evaluation_read_hub(const OkseNode *root) G_GNUC_WARN_UNUSED_RESULT;
/* first: the line of the file in which the front matter begins. */
json_t *evaluation_read_index(const OkseNode *index, unsigned first) G_GNUC_WARN_UNUSED_RESULT;
