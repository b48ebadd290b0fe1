#pragma once

#include "audit/guess.h"

/* A text of unknown form as lines without their comments, each with what stands above it. */
typedef struct {
    char *text;          /* at most OKSE_GUESS_LINE bytes of it, made valid */
    char *code;          /* without comments; "" for nothing */
    unsigned block;      /* lines of one block have one number */
    const char *section; /* "[section]" or NULL; borrowed */
    char *key;           /* of the line, or NULL */
    size_t value;        /* where behind the key the value begins */
    bool assigned;       /* "key = value", not "key value" */
    int parent;          /* the line whose key this one stands under, or -1 */
} OkseGuessLine;

typedef struct {
    GPtrArray *lines; /* OkseGuessLine */
    GPtrArray *sections;
    bool script, whole;
} OkseGuessLines;

OkseGuessLines *okse_guess_lines_read(const OkseGuess *guess, const char *text, size_t length);
void okse_guess_lines_free(OkseGuessLines *lines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseGuessLines, okse_guess_lines_free)

/* The port that another line of the same block names beside a host under `key`; 0: none. */
unsigned okse_guess_port_beside(const OkseGuessLines *lines, unsigned line, const char *key);
