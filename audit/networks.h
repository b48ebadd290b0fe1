#pragma once

#include <glib.h>
#include <stdbool.h>

/* The other network namespaces of this machine, entered: docs/decisions/0035-network-namespaces-are-entered.md. Each
 * has a thread of its own that went there before this process gave up the right to (core/confine.h), and does there
 * what it is told to, one at a time. No other kind of namespace is entered, nothing is changed, nothing is started. */
typedef struct OkseNetworks OkseNetworks;

#define OKSE_LIMIT_NETWORKS 256u

/* Enter those in which processes live that /proc tells of. Before okse_confine_calls(); never NULL. */
OkseNetworks *okse_networks_enter(void) G_GNUC_WARN_UNUSED_RESULT;
/* End the threads. */
void okse_networks_leave(OkseNetworks *networks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseNetworks, okse_networks_leave)

/* There are more than OKSE_LIMIT_NETWORKS. */
bool okse_networks_more(const OkseNetworks *networks);

/* Tables of the old iptables there, or, for 0, where this process lives: fetched on entering, OkseLegacyTable,
 * borrowed; NULL: nobody was there. */
const GPtrArray *okse_networks_legacy(const OkseNetworks *networks, guint64 netns);

/* Do something in the namespace with this number and wait for it. 0, or the error for which it could not be entered;
 * ENOENT: it was not there. */
int okse_networks_do(OkseNetworks *networks, guint64 netns, void (*task)(void *data), void *data);
