#pragma once

#include "core/json.h"

/* A program is started where there is no network, and what it tries to reach is written down. docs/try.md. */
typedef struct {
    const char *root;         /* directory with its root file system; stays as it is */
    char *const *command;     /* NULL-terminated, at least one */
    char *const *environment; /* "NAME=VALUE", NULL-terminated, beside PATH, HOME and LANG; or NULL */
    const char *directory;    /* inside, where it starts; NULL: / */
    const json_t *subject;    /* what is in `root`: {"component","digest","identity"}; NULL: nobody knows */
    unsigned seconds;         /* then it is ended, with everything it started */
    bool show;                /* its output goes to stderr */
} OkseTrialRequest;

/* Returns okse.trial.v1, owned by the caller. Errors: INVALID (the root or the command cannot be started), SYSTEM (the
 * kernel or its settings do not allow the namespaces, the overlay or the filter), CANCELLED. */
json_t *okse_trial_run(const OkseTrialRequest *request, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What a trial says: it was seen to try; it ran to the end or its time and tried nothing; neither can be said. */
typedef enum { OKSE_TRIAL_CLEAN, OKSE_TRIAL_ATTEMPTS, OKSE_TRIAL_INCONCLUSIVE } OkseTrialVerdict;
OkseTrialVerdict okse_trial_verdict(const json_t *trial);
