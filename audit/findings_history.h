#pragma once

#include "core/error.h"

#include <jansson.h>
#include <stdbool.h>

/* Since when a finding is open, from earlier findings of the same target. Findings stay a function of their inputs: the
 * earlier document is one, and its digest is written down. Decision: docs/decisions/0044-partial-audits.md. */

/* Can `previous` (checked) date the findings of these facts, made at `at`? Not those of another target, of a partial
 * audit or of a later day. origin: its name in messages. Errors: INVALID. */
bool okse_previous_check(const json_t *previous, const json_t *facts, gint64 at, const char *origin, GError **error);

/* `inputs.previous`: {"digest","audited_at"}; a new value. */
json_t *okse_previous_input(const json_t *previous) G_GNUC_WARN_UNUSED_RESULT;

/* Fail, inconclusive or waived. */
bool okse_finding_is_open(const json_t *finding);

/* When an open finding was first seen, as its document says or, without a word, when that document was made; NULL for
 * one that is not open. Borrowed. */
const char *okse_finding_first_seen(const json_t *finding, const json_t *document);

/* Give every open one of `findings` its `first_seen`: that of the earlier document where it was open too, else `at`. */
void okse_previous_date(const json_t *previous, const char *at, json_t *findings);
