#pragma once

#include <glib.h>
#include <stdbool.h>

/* Matching where no match must be proven: an engine that gave up at its limits (G_REGEX_ERROR_MATCH) is not one that
 * found nothing. */

/* The first match. *match as g_regex_match_full() leaves it; NULL when only the answer is wanted. *gave_up: set when
 * the engine did, and otherwise left as it is. */
bool okse_regex_first(const GRegex *regex, const char *text, GMatchInfo **match, bool *gave_up);

/* The next one of the same text. */
bool okse_regex_next(GMatchInfo *match, bool *gave_up);
