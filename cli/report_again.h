#pragma once

#include "audit/profile.h"
#include "cli/audit_parts.h"
#include "cli/options.h"

/* From findings back to the request that they were the answer to: the evidence and the other inputs are given again,
 * what the findings say of themselves (whose law, when, what was asked) is taken from them. */
typedef struct {
    char *evidence, *trust, *waivers, *previous;
    char **profiles;
} OkseAgainOptions;

/* The rows of an option table whose struct is, or begins with, OkseAgainOptions. */
/* clang-format off */
#define OKSE_AGAIN_OPTIONS                                                                                             \
    {OKSE_OPTION_PATH, "evidence", 0, "FILE", "the facts or the archive that they were made from",                     \
     offsetof(OkseAgainOptions, evidence)},                                                                            \
    {OKSE_OPTION_PATH, "trust", 0, "FILE", "who may waive findings, as in the audit",                                  \
     offsetof(OkseAgainOptions, trust)},                                                                               \
    {OKSE_OPTION_PATH, "waivers", 0, "FILE", "the waivers of the audit", offsetof(OkseAgainOptions, waivers)},         \
    {OKSE_OPTION_LIST, "profile", 0, "FILE", "a profile of the audit, in its order; may be repeated",                  \
     offsetof(OkseAgainOptions, profiles)},                                                                            \
    {OKSE_OPTION_PATH, "previous", 0, "FINDINGS", "the earlier findings of the audit",                                 \
     offsetof(OkseAgainOptions, previous)}
/* clang-format on */

typedef struct {
    OkseResources *resources;
    OkseTrust *trust;
    OkseLaw *law;
    OkseAuditInputs inputs;
} OkseAgain;

/* findings: checked; invocation->arguments[0] is their name in messages. again: zeroed; to be cleared whatever comes
 * back. Errors: INVALID for an input that is missing or too much; those of reading them. */
bool okse_again_open(const OkseInvocation *invocation, const OkseAgainOptions *given, const json_t *findings,
                     OkseAgain *again, GError **error);
void okse_again_clear(OkseAgain *again);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseAgain, okse_again_clear)
