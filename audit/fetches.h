#pragma once

#include "audit/collector.h"
#include "core/resource.h"

/* What a package would fetch when it runs: lines of its configuration and scripts that match manifests/fetches.yaml. */

/* Errors: those of reading; INVALID for a row that is wrong. */
OkseFetchRules *okse_fetch_rules_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_fetch_rules_free(OkseFetchRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseFetchRules, okse_fetch_rules_free)

/* What a command would fetch: the group of the first rule that matches, or NULL; owned by the caller. */
char *okse_fetch_rules_find(const OkseFetchRules *rules, const char *command) G_GNUC_WARN_UNUSED_RESULT;

/* Facts `fetches[]` of one text file of a component. Comments are left alone. */
void okse_collect_fetches(OkseCollection *collection, const OkseScanFile *file);
