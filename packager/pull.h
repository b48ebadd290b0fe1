#pragma once

#include "packager/credentials.h"
#include "packager/http.h"
#include "packager/remote.h"

#include <jansson.h>

/* From a registry back into a bundle file: the same bytes as the unsigned bundle that was pushed, with the statements
 * that are found there as referrers. Every blob goes straight to its place and is hashed on the way; what an earlier
 * try left in .NAME.part is hashed again and gone on from. The file gets its name when the strict reader takes it. */
typedef struct {
    const OkseImageName *name; /* with a tag or a digest */
    const char *output;
    OkseHttpSettings http;
    const OkseCredentials *credentials; /* or NULL */
    bool plain;
    bool show_progress;
} OksePullRequest;

/* *result: {"schema": "okse.pull.v1", "identity", "name", "version", "country", "bundle", "bytes", "fetched",
 * "reused", "statements", "others"}; a new value. fetched, reused: bytes of payload that came over the network, or were
 * there from an earlier try. others: referrers that are no statements of a bundle and stay where they are.
 * Errors: INVALID (no bundle, a limit), REFUSED (digests, hostile answers, what the strict reader refuses), NOT_FOUND,
 * SYSTEM, CANCELLED. The unfinished file stays for the next try, unless it was whole and refused. */
bool okse_pull(const OksePullRequest *request, json_t **result, GError **error);
