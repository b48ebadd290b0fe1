#pragma once

#include "core/digest.h"

/* May a statement leave a site? Only an approval (okse sign --document) of a document that leaves with it, and only if
 * it says nothing else: payload and envelope are written again from what is known of approvals, and compared.
 *
 * statement: the sigstore bundle; name: the document's file name; inside: what stands in it as base64 (payload,
 * signature, certificates; GBytes), for whoever looks for secrets in it; owned by the caller. Its signature is not
 * judged: whose counts says the receiver's policy. Errors: REFUSED; INVALID when it has no form. */
bool okse_return_statement_check(GBytes *statement, const char *origin, const char *name, const OkseSha256 *document,
                                 GPtrArray **inside, GError **error);
