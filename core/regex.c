#include "core/regex.h"

bool okse_regex_first(const GRegex *regex, const char *text, GMatchInfo **match, bool *gave_up)
{
    g_autoptr(GError) error = NULL;
    bool found = g_regex_match_full(regex, text, -1, 0, 0, match, &error);

    *gave_up = *gave_up || error != NULL;
    return found;
}

bool okse_regex_next(GMatchInfo *match, bool *gave_up)
{
    g_autoptr(GError) error = NULL;
    bool found = g_match_info_next(match, &error);

    *gave_up = *gave_up || error != NULL;
    return found;
}
