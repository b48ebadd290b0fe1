#pragma once

#include "core/json.h"

/* One line about a fact of any domain, for evidence: names and numbers of the target only, so it needs no translation.
 * id: its prefix (audit/fact_kinds.h) says which domain. Owned by the caller. */
char *okse_fact_message(const char *id, const json_t *fact) G_GNUC_WARN_UNUSED_RESULT;
