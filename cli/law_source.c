/* One place for the law of a command, so that a verdict never mixes two. */
#include "cli/law_source.h"

#include "core/fd.h"
#include "packager/policy_root.h"

OkseResources *okse_law_source(const OkseInvocation *invocation, GError **error)
{
    g_auto(OksePolicyRoot) root = OKSE_POLICY_ROOT_INIT;

    if (invocation->policy == NULL)
        return okse_resources_open(invocation->manifests, error);
    if (!okse_policy_root_open(invocation->policy, &root, error))
        return NULL;
    return okse_resources_open_at(okse_fd_steal(&root.fd), root.path, root.identity);
}
