#pragma once

#include "core/json.h"

/* Tables of the old iptables (x_tables), which the kernel tells through a socket of its own. Source: Linux,
 * include/uapi/linux/netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h, netfilter/x_tables.h and xt_*.h. */
typedef struct {
    bool four;       /* iptables; else ip6tables */
    char *name;      /* "filter" */
    GBytes *info;    /* struct ipt_getinfo */
    GBytes *entries; /* of struct ipt_get_entries: the rules; NULL: they were not told */
} OkseLegacyTable;
void okse_legacy_table_free(gpointer table);

/* Fetch the tables that there are in the network namespace of the calling thread, unread: OkseLegacyTable. Needs a
 * socket that could also send, so it is called before that is given up (core/confine.h). No table is asked for that is
 * not there: that would make the kernel make one. */
GPtrArray *okse_legacy_fetch(void) G_GNUC_WARN_UNUSED_RESULT;

/* The table in the words of iptables-save(8) (owned); what has no words here becomes "-m NAME" or "-j NAME" alone, so
 * that whoever reads it knows that something is asked. NULL when the bytes are no such table. */
char *okse_legacy_text(const OkseLegacyTable *table) G_GNUC_WARN_UNUSED_RESULT;
/* The same as {"nftables":[…]}; path: as sources show it. NULL as before. */
json_t *okse_legacy_read(const OkseLegacyTable *table, const char *path) G_GNUC_WARN_UNUSED_RESULT;
