#pragma once

#include "audit/firewall.h"
#include "audit/firewall_legacy.h"

/* The rules that the kernel has in the network namespace of the calling thread, by libnftables; changes nothing and
 * starts nothing. origin: how the source of its rules is called, "nftables" with whatever behind it. legacy: tables of
 * the old iptables that were fetched there (OkseLegacyTable), or NULL; one that is there and not among them is noted.
 * False, with *why (owned), when they cannot be read at all. */
bool okse_firewall_read_kernel(OkseFirewall *firewall, const char *origin, const GPtrArray *legacy, char **why);

/* The rules that files of a system would load: /etc/nftables.conf and what it includes, what iptables-persistent and
 * its like keep; firewalld and ufw are seen and not modelled. Returns how many files there were. */
unsigned okse_firewall_read_files(OkseFirewall *firewall, int sysroot_fd);
