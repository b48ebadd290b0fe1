#pragma once

#include "core/error.h"

/* A shared library that is loaded when it is needed and stays loaded: most commands need none of them, and each would
 * cost every start of every command (docs/decisions/0023-libcurl-on-demand.md). Its functions are typed by its own
 * headers. */
typedef struct {
    const char *soname, *package; /* Debian's */
    const char *purpose;          /* "fetching", in the message */
} OkseLibrary;

typedef struct {
    const char *name;
    void *at; /* the pointer that is set */
} OkseLibraryFunction;

/* Errors: SYSTEM when it is not installed or lacks a function; the pointers are then of no use. Whoever gives up
 * opening files or mapping code loads before. */
bool okse_library_load(const OkseLibrary *library, const OkseLibraryFunction *functions, unsigned count,
                       GError **error);
