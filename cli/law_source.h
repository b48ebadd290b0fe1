#pragma once

#include "cli/options.h"
#include "core/resource.h"

/* Where a command takes the law from: built in, --manifests DIR, or --policy ROOT, which is compared with its records
 * first. For commands with takes_policy. Errors: those of okse_resources_open() and okse_policy_root_open(). */
OkseResources *okse_law_source(const OkseInvocation *invocation, GError **error) G_GNUC_WARN_UNUSED_RESULT;
