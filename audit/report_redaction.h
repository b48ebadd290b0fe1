#pragma once

#include "core/error.h"
#include "core/resource.h"

#include <jansson.h>

/* What of findings may leave the country (docs/redaction.md, manifests/redaction.yaml): a function of the findings,
 * the level and the key alone, so that whoever has all three makes the same bytes. */

#define OKSE_REDACTION_KEY_LEAST 32u  /* bytes: an address must not be found by trying all of them */
#define OKSE_REDACTION_KEY_MOST 4096u /* bytes */

/* A new document with "redaction":{"level","of","hidden","left_out"} and a warning that says so; the caller owns it.
 * What no list of the level names is left out. Hidden texts become "hmac:" and the first 16 hexadecimal digits of
 * HMAC-SHA-256 under `key`; "of" is the whole one over the canonical JSON of `findings`.
 * Errors: INVALID for an unknown level, a key of another length, findings that are redacted already, or a broken table.
 */
json_t *okse_findings_redacted(const json_t *findings, const char *level, GBytes *key, const OkseResources *resources,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "regulator", "public", or NULL for findings that nobody has redacted. Borrowed. */
const char *okse_findings_redaction(const json_t *findings);

/* Does a document hold nothing but what a table lets stay? table: an object with the lists of a level (keep, also,
 * hide, empty, keep_when). Hidden texts have the form of a hash. Errors: REFUSED with the path of the first member that
 * should not be there. */
bool okse_document_is_within(const json_t *document, const json_t *table, const char *origin, GError **error);

/* The lists of such a table are lists of texts, and conditions have their form. */
bool okse_redaction_table_is_whole(const json_t *table);

/* Are findings what their level leaves of findings, in every member? That their mark says so is not enough.
 * Errors: REFUSED; INVALID for an unknown level. */
bool okse_findings_redaction_holds(const json_t *findings, const OkseResources *resources, const char *origin,
                                   GError **error);
