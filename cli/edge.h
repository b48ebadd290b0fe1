#pragma once

#include "core/error.h"

/* What commands take from outside their arguments: the clock and passphrases. */

/* The time of signing: SOURCE_DATE_EPOCH when it is set, else the system clock. Errors: INVALID. */
bool okse_edge_signing_time(gint64 *seconds, GError **error);
/* The time of verification: `at` when given (RFC 3339 or a date), else the system clock. *clock: "--at" or "system".
 * Errors: INVALID. */
bool okse_edge_verification_time(const char *at, gint64 *seconds, const char **clock, GError **error);

/* The first line from a descriptor that the user named by number; wiped when cleared. */
typedef struct {
    char *text; /* NULL: none given */
} OksePassphrase;
/* number: NULL gives an empty one. Errors: INVALID, SYSTEM. */
bool okse_edge_passphrase(const char *number, OksePassphrase *passphrase, GError **error);
void okse_passphrase_clear(OksePassphrase *passphrase);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OksePassphrase, okse_passphrase_clear)
