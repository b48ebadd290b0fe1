#pragma once

#include "cli/options.h"

/* The part of `okse verify` that checks a model against its OpenSSF Model Signing signature. */
typedef struct {
    char *model, *signature, *key, *roots;
    char **ignored;
    gboolean legacy;
} OmsOptions;

/* As an OkseCommand's run(). at: --at, or NULL. */
int okse_verify_oms(const OkseInvocation *invocation, const OmsOptions *options, const char *at, GError **error);
