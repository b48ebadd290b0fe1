#pragma once

#include "core/yaml.h"

/* What reading controls and reading jurisdictions have in common. */

/* Open a document that begins with `okse: KIND`. Returns NULL, with an issue, for anything else. */
OkseYaml *okse_law_open(GBytes *yaml, const char *origin, const char *kind,
                        OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;

/* The same place, called by a name that lives longer than the YAML. */
OksePlace okse_law_place(OksePlace place, const char *origin);

/* Index of a word in a list that ends with NULL, or -1. */
int okse_law_word(const char *word, const char *const *words);

/* "KR"; "shipping"; "egress.destinations", "kr-p01" (a letter first: reports and OSCAL take no other id);
 * "permitted_countries". */
bool okse_law_is_country(const char *text);
bool okse_law_is_framework(const char *text);
bool okse_law_is_id(const char *text);
bool okse_law_is_name(const char *text);

/* A map of language (BCP 47) to text with at least `en`. Returns a new object; NULL when it is absent. */
json_t *okse_law_take_texts(OkseMap *map, const char *key, OksePresence presence, const char *origin,
                            OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;

/* An issue when the texts lack a language. */
void okse_law_lint_language(const json_t *texts, const char *what, const char *language, const OksePlace *at,
                            OkseIssues *issues);

/* A text that is one of a few words, owned by the caller; "" on an issue. */
char *okse_law_take_word(OkseMap *map, const char *key, const char *const *words, const OksePlace *at,
                         OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;

/* high, medium, low; ends with NULL. */
extern const char *const okse_law_confidences[];

/* "2026-01-31", and nothing beside it; *time is its midnight in UTC. */
bool okse_law_is_date(const char *text, gint64 *time);

/* A list of texts as (char *), owned by the array. */
GPtrArray *okse_law_take_words(OkseMap *map, const char *key, OksePresence presence, const char *origin,
                               OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;
