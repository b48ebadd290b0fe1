#pragma once

#include "audit/law.h"
#include "cli/options.h"

/* Private to cli/policy*.c. */

/* The law, built in or of --manifests; countries NULL: all there is. */
OkseLaw *okse_policy_load(const OkseInvocation *invocation, const char *const *countries,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "" where there is none. */
const char *okse_policy_english(const json_t *texts);

/* Codes in capitals, each a jurisdiction that is loaded (or that loading refuses with a reason); NULL for NULL. */
bool okse_policy_countries(const OkseInvocation *invocation, const OkseLaw *law, char **given, GStrv *countries,
                           GError **error);

/* Countries in capitals, then frameworks in small letters, as okse_law_load() wants them; NULL when none is given. */
GStrv okse_policy_wanted(char **countries, char **frameworks) G_GNUC_WARN_UNUSED_RESULT;

/* --at or --from: a day or a time; absent, now. */
bool okse_policy_time(const char *option, const char *text, gint64 *time, GError **error);
