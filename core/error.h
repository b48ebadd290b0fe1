#pragma once

#include <glib.h>
#include <stdbool.h>

/* Every failure of every library ends in one domain; a code exists only because a caller or the exit status depends on
 * it. Messages are for people: place first, then what, why, and what to do. Outer layers add context with
 * g_prefix_error(), so the message is the chain of causes. */
typedef enum {
    OKSE_ERROR_REFUSED,   /* the answer is no: signature, trust policy, digest            exit 1 */
    OKSE_ERROR_INVALID,   /* input breaks its format, a named limit, or the command line  exit 2 */
    OKSE_ERROR_SYSTEM,    /* I/O, memory, a kernel feature that is missing, a full disk    exit 3 */
    OKSE_ERROR_NOT_FOUND, /* an absence the caller expects and branches on                exit 3 */
    OKSE_ERROR_CANCELLED, /* the user or a sibling worker asked to stop                   exit 3 */
} OkseError;

#define OKSE_ERROR okse_error_quark()
GQuark okse_error_quark(void);

/* Set *error and return false, so that a failing check is one statement. */
bool okse_fail(GError **error, OkseError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* As okse_fail() with the text of errno appended: NOT_FOUND for ENOENT and ENOTDIR, SYSTEM otherwise. */
bool okse_fail_errno(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The process exit status that belongs to an error: 1 refused, 2 invalid, 3 everything else. */
int okse_exit_status(const GError *error);
