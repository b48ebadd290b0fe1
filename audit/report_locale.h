#pragma once

#include "core/yaml.h"

/* Numbers and dates as one language writes them, from its templates/report/locale.LANGUAGE.yaml and from nothing else:
 * the process's locale is never asked, so that reports are the same bytes everywhere. locale: the file's root, or NULL
 * for a language without one, which writes numbers and dates plainly. */

/* plain: ASCII digits with at most one "." ("16060556376", "0.75"); anything else comes back as it is.
 * "16.060.556.376", "0,75" in German. */
char *okse_locale_number(const OkseNode *locale, const char *plain) G_GNUC_WARN_UNUSED_RESULT;

/* iso begins with YYYY-MM-DD: "23 November 2026", in the language's calendar. NULL when it is no date, when the
 * language has no pattern, or for a year that the calendar's rule does not cover: then ISO 8601 stands alone. */
char *okse_locale_date(const OkseNode *locale, const char *iso) G_GNUC_WARN_UNUSED_RESULT;
