#pragma once

#include "core/json.h"

/* Read an okse.facts.v1 document that came from elsewhere: the members that an audit rests on have the right types, so
 * that a broken document is refused instead of read as empty. More members are kept. Errors: INVALID, naming the place.
 * Source: docs/formats/facts.md. */
json_t *okse_audit_facts_read(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same check on a document in memory. */
bool okse_audit_facts_check(const json_t *facts, const char *origin, GError **error);

/* status of a collector ("complete", …), or NULL when it did not report; *reason is its reason or NULL. Borrowed. */
const char *okse_collector_status(const json_t *facts, const char *collector, const char **reason);
