#pragma once

#include "core/error.h"

#include <jansson.h>
#include <stddef.h>

/* One table per command: option parsing, --help and the man pages come from it. */
typedef enum {
    OKSE_OPTION_END,
    OKSE_OPTION_TEXT, /* char *, UTF-8 */
    OKSE_OPTION_PATH, /* char *, any bytes */
    OKSE_OPTION_LIST, /* char ** (any bytes), may be repeated; NULL when absent */
    OKSE_OPTION_FLAG, /* gboolean */
} OkseOptionKind;

typedef struct {
    OkseOptionKind kind;
    const char *name;
    char letter;
    const char *value; /* name of the value in help; NULL for flags */
    const char *help;
    size_t offset; /* into the command's options struct */
} OkseOption;

typedef struct {
    char **arguments; /* what is left after the options, NULL-terminated */
    unsigned count;
    void *options;         /* the command's struct, filled */
    bool json;             /* --json: one document on stdout and nothing else */
    const char *manifests; /* --manifests DIR, or NULL for what is built in */
    const char *policy;    /* --policy ROOT, or NULL; never with --manifests */
} OkseInvocation;

typedef struct {
    const char *name;          /* "build", or "report diff" for a second word */
    const char *arguments;     /* "STACK"; NULL for none */
    unsigned minimum, maximum; /* how many arguments */
    const char *summary;       /* one sentence */
    const char *details;       /* paragraphs for --help and the man page; may be NULL */
    const OkseOption *options; /* ends with {0}; NULL for none */
    size_t options_size;
    bool takes_policy; /* asks the law: may be told --policy ROOT instead of --manifests DIR (cli/law_source.h) */
    /* Returns the exit status (0, 1 or 4) or sets *error, whose code decides it. */
    int (*run)(const OkseInvocation *invocation, GError **error);
} OkseCommand;

/* All commands, ends with NULL (cli/main.c). */
extern const OkseCommand *const okse_commands[];

/* Parse the words behind the command's name and run it. Sets *error (INVALID) for a wrong command line. */
int okse_command_run(const OkseCommand *command, int count, char **words, GError **error);

/* Print one document for --json. Errors: SYSTEM when stdout is full or closed. */
bool okse_print_json(const json_t *value, GError **error);
/* printf to stdout for people; what could steer a terminal is shown, not sent. */
void okse_print(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* A line on stderr, or several: progress, notes; made safe in the same way. */
void okse_note(const char *format, ...) G_GNUC_PRINTF(1, 2);
