#pragma once

#include "packager/drift.h"

/* One directory against its tree: for drift.c only. */
typedef struct {
    unsigned threads;
    OkseProgress *progress;
} OkseDriftTerms;

/* Compare the directory `component` of a generation with `tree`, adding to the report. Errors: CANCELLED. */
bool okse_drift_tree(int generation_fd, const char *component, const OkseTree *tree, const OkseDriftTerms *terms,
                     OkseDriftReport *report, GError **error);

/* Texts are copied; expected and actual may be NULL. */
void okse_drift_add(GPtrArray *list, const char *component, const char *path, OkseDriftStatus status,
                    const char *expected, const char *actual);

/* Names in directory `path` beneath dir_fd, without "." and ".."; NULL when it cannot be read. */
GPtrArray *okse_directory_list(int dir_fd, const char *path) G_GNUC_WARN_UNUSED_RESULT;
