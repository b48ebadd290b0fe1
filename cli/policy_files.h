#pragma once

#include "audit/law_words.h"
#include "audit/scenario.h"
#include "cli/options.h"

/* Private to cli/policy_lint.c and cli/policy_test.c: files that the user named, against the law that is built in or of
 * --manifests. Controls and scenarios are kept, everything else is only checked. */
typedef struct {
    const OkseResources *resources;
    json_t *schema; /* of the facts */
    OkseLawWords *words;
    json_t *target;       /* of scenarios */
    OkseLaw *law;         /* the control library, for jurisdictions */
    GPtrArray *controls;  /* OkseControl */
    GPtrArray *scenarios; /* OkseScenarios */
    OkseIssues *issues;
} OksePolicyFiles;

/* Read them. Objections go to `issues`. Errors: those of reading files and the lists that they are held against. */
bool okse_policy_files_read(OksePolicyFiles *files, const OkseInvocation *invocation, const OkseResources *resources,
                            GError **error);
void okse_policy_files_clear(OksePolicyFiles *files);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OksePolicyFiles, okse_policy_files_clear)

/* The law of the countries that the scenarios are about; NULL without an error when there are none. */
OkseLaw *okse_policy_files_law(const OksePolicyFiles *files, GError **error) G_GNUC_WARN_UNUSED_RESULT;
