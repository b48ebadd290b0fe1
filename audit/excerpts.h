#pragma once

#include "audit/collector.h"

/* What of the target's files goes into an evidence archive: of every file that a fact names by digest, the lines that
 * facts name, masked, and what was masked as a keyed hash. docs/evidence.md. */

/* [{"path","digest":"sha256:… of the whole file","size","text":"LINE: masked line\n…",
 *   "hashes":[{"line","redacted":"hmac:16 hex","len"}]}], sorted by path, then [{"path","reason"}] for files that are
 * no longer what the facts were taken from, as {"kept":[…],"missing":[…]}. key: of the keyed hashes. A new value. */
json_t *okse_excerpts_take(const OkseCollection *collection, const json_t *facts,
                           GBytes *key) G_GNUC_WARN_UNUSED_RESULT;

/* What was masked: `masked` is `line` with parts replaced by "***". Appends to `hashes` one row a part, in their order;
 * a part that cannot be found again is hashed with all that follows it. */
void okse_excerpts_hash(const char *line, const char *masked, unsigned number, GBytes *key, json_t *hashes);
