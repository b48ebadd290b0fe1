#pragma once

#include <stdbool.h>

/* The confined half of a trial: namespaces without a network, an overlay over the root that nothing reaches through, a
 * system-call filter that asks the supervisor, then the program. Runs in a forked child and never returns. */
typedef struct {
    const char *root;         /* directory with the program's root file system */
    char *const *command;     /* NULL-terminated; the first is looked up in the root's PATH */
    char *const *environment; /* as in OkseTrialRequest */
    const char *directory;    /* as in OkseTrialRequest */
    int report;               /* OkseBoxReport are written here; closed by a successful start */
    int go;                   /* the program starts when a byte comes */
    bool show;                /* the program's output goes to stderr; otherwise nowhere */
} OkseBoxRequest;

typedef enum {
    OKSE_BOX_RESOLVER, /* value: descriptor of the name server's socket, in the process that was forked */
    OKSE_BOX_PROGRAM,  /* value: process id of the program, seen from outside */
    OKSE_BOX_LISTENER, /* value: descriptor of the filter's listener, in the program's process; then it waits for go */
    OKSE_BOX_FAILED,   /* value: errno; step: what was tried */
} OkseBoxReportKind;

typedef struct {
    OkseBoxReportKind kind;
    int value;
    char step[48];
    bool without_proc; /* LISTENER: this kernel or container lets nobody mount a new /proc */
} OkseBoxReport;

/* Exit status of the forked child when the box could not be made. */
#define OKSE_BOX_STATUS 125

_Noreturn void okse_trial_box(const OkseBoxRequest *request);
