#pragma once

#include "core/error.h"
#include "core/resource.h"

/* The interface texts of reports, templates/report/messages.LANGUAGE.yaml, in the languages of one report, and how each
 * of them writes numbers, dates and the names of countries (templates/report/locale.LANGUAGE.yaml). A text that a
 * language lacks is the English one, and says so. */
typedef struct OkseMessages OkseMessages;

/* languages: in the order they are shown; one without a catalogue falls back to English as a whole. English is loaded
 * in any case. Errors: INVALID for a broken catalogue. */
OkseMessages *okse_messages_open(const OkseResources *resources, const char *const *languages, GError **error);
void okse_messages_free(OkseMessages *messages);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseMessages, okse_messages_free)

unsigned okse_messages_languages(const OkseMessages *messages);
const char *okse_messages_language(const OkseMessages *messages, unsigned index);
/* "Tiếng Việt"; the code itself when there is no catalogue. */
const char *okse_messages_language_name(const OkseMessages *messages, unsigned index);
bool okse_messages_right_to_left(const OkseMessages *messages, unsigned index);

/* A text; its key must be in the English catalogue (a bug otherwise). *translated may be NULL. Borrowed. */
const char *okse_messages_get(const OkseMessages *messages, unsigned index, const char *key, bool *translated);
/* As okse_messages_get() for a key made from data ("role.logs"): NULL when English does not have it. */
const char *okse_messages_find(const OkseMessages *messages, unsigned index, const char *key, bool *translated);
/* As okse_messages_get(); an English text that stands in for another language carries " [en]". */
const char *okse_messages_marked(const OkseMessages *messages, unsigned index, const char *key);
/* The name of a country by ISO 3166-1 alpha-2, or NULL. Borrowed. */
const char *okse_messages_country(const OkseMessages *messages, unsigned index, const char *iso, bool *translated);

/* As okse_locale_number() and okse_locale_date() of that language. The caller owns the result; a date may be NULL. */
char *okse_messages_number(const OkseMessages *messages, unsigned index, const char *plain) G_GNUC_WARN_UNUSED_RESULT;
char *okse_messages_date(const OkseMessages *messages, unsigned index, const char *iso) G_GNUC_WARN_UNUSED_RESULT;

/* What replaces {name} in a text: a {date} with ISO 8601 beside, a {status} in the words of the language, digits as a
 * number, anything else as it is. The caller owns the result. */
char *okse_messages_value(const OkseMessages *messages, unsigned index, const char *name,
                          const char *value) G_GNUC_WARN_UNUSED_RESULT;

/* True when `language` has a catalogue. */
bool okse_messages_known(const OkseResources *resources, const char *language);
