#pragma once

#include "core/error.h"

#include <glib.h>

/* Ask a time-stamping authority over HTTP for a token over `signature` (RFC 3161 §3.4), and check that the answer is to
 * this very question: granted, its imprint, its nonce. Whether the authority is a trusted one is the verifier's
 * question. url: http://HOST[:PORT]/PATH; https is refused, because a token carries its own proof. At most 30 seconds
 * each for the connection and the answer, and 1 MiB; no proxy, no redirection. Returns the DER TimeStampResp.
 * Errors: INVALID (the URL), SYSTEM (no answer, or none that is a timestamp), REFUSED (the authority says no, or
 * answers another question). */
GBytes *okse_timestamp_fetch(const char *url, GBytes *signature, GError **error) G_GNUC_WARN_UNUSED_RESULT;
