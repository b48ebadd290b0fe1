#pragma once

#include "core/digest.h"
#include "core/json.h"

/* Lists of what refers to a manifest, by a registry or anybody who may write to it: the answer of the referrers API, or
 * the index under the tag "sha256-HEX" where a registry has none.
 * Source: OCI distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema". */
#define OKSE_LIMIT_REFERRERS 4096u

typedef struct {
    OkseSha256 digest; /* the key */
    uint64_t size;
    char *artifact_type; /* or NULL */
} OkseReferrer;

/* OkseReferrer, owned by the array, in the order of the list and each once. */
GPtrArray *okse_referrers_new(void) G_GNUC_WARN_UNUSED_RESULT;
/* Add what a list names; what is named by another digest than SHA-256, or is no manifest of ours by its size, is left
 * out. origin: for messages. Errors: INVALID (no index, over OKSE_LIMIT_REFERRERS). */
bool okse_referrers_read(GPtrArray *referrers, GBytes *list, const char *origin, GError **error);
bool okse_referrers_have(const GPtrArray *referrers, const OkseSha256 *digest);

/* The list with one more descriptor at its end, canonical; whatever else it says stays. list: NULL for none yet.
 * Errors: INVALID (no index, over OKSE_LIMIT_METADATA). */
GBytes *okse_referrers_add(GBytes *list, const json_t *descriptor, const char *origin,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
