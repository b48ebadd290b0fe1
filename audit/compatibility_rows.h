#pragma once

#include "core/json.h"

/* What compatibility*.c share. */
typedef struct {
    const json_t *table, *fitting;
    json_t *rows;
} Fit;

typedef enum { FIT_NO, FIT_YES, FIT_UNKNOWN } FitAnswer;

typedef struct {
    const char *rule, *subject, *needs, *found; /* found: what is here; why it is not known with FIT_UNKNOWN */
    const char *confidence, *by;
    FitAnswer answer;
} FitRow;

void fit_add(const Fit *fit, const FitRow *row);
FitAnswer fit_answer(bool agrees);

/* Names are compared as PyPI does: without case, and one sign for '-', '_' and '.'. */
bool fit_is_named(const char *name, const char *wanted);
/* The same of the beginning of a name. */
bool fit_begins(const char *name, const char *prefix);
/* "2026.3" of "2026.3.0" */
char *fit_train_of(const char *version) G_GNUC_WARN_UNUSED_RESULT;
bool fit_same_train(const char *first, const char *second);
/* Two lists of device ids have one in common; "10de:*" is every one of the vendor. */
bool fit_share_device(const json_t *first, const json_t *second);

void fit_kits(const Fit *fit);
void fit_artefacts(const Fit *fit);
void fit_hosts(const Fit *fit);
