/* Matches and targets of x_tables in the words that iptables-save has for them. */
#include "audit/firewall_legacy_words.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_owner.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <string.h>

void okse_legacy_word(GString *line, const char *word)
{
    g_autofree char *quoted = g_shell_quote(word);
    bool plain = *word != '\0';

    for (const char *at = word; *at != '\0'; at++)
        plain = plain && (g_ascii_isalnum(*at) || strchr("_-+.:/,@", *at) != NULL);
    g_string_append(line, plain ? word : quoted);
}

static void add_text(GString *line, const void *address, bool four)
{
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(four ? AF_INET : AF_INET6, address, text, sizeof text);
    g_string_append(line, text);
}

void okse_legacy_address_words(GString *line, const char *option, const void *address, const void *mask, bool four,
                               bool inverted)
{
    const uint8_t *bytes = mask;
    unsigned length = 0, size = four ? 4 : 16;
    bool whole = true;

    while (length < size * 8 && (bytes[length / 8] & 0x80u >> length % 8) != 0)
        length++;
    for (unsigned i = length; i < size * 8; i++)
        whole = whole && (bytes[i / 8] & 0x80u >> i % 8) == 0;
    if (length == 0 && whole && !inverted)
        return;
    g_string_append_printf(line, " %s%s ", inverted ? "! " : "", option);
    add_text(line, address, four);
    g_string_append_c(line, '/');
    if (whole)
        g_string_append_printf(line, "%u", length);
    else
        add_text(line, mask, four);
}

static void add_ports(GString *line, const char *option, const uint16_t ports[2], bool inverted)
{
    if (ports[0] == 0 && ports[1] == 65535 && !inverted)
        return;
    g_string_append_printf(line, " %s%s %u", inverted ? "! " : "", option, ports[0]);
    if (ports[0] != ports[1])
        g_string_append_printf(line, ":%u", ports[1]);
}

static void add_flags(GString *line, unsigned flags)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
    const char *before = " ";

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if ((flags & 1u << i) != 0) {
            g_string_append_printf(line, "%s%s", before, names[i]);
            before = ",";
        }
    if (*before == ' ')
        g_string_append(line, " NONE");
}

static void say_tcp(GString *line, const OkseLegacyPart *match)
{
    struct xt_tcp tcp;

    memcpy(&tcp, match->data, sizeof tcp);
    add_ports(line, "--sport", tcp.spts, (tcp.invflags & XT_TCP_INV_SRCPT) != 0);
    add_ports(line, "--dport", tcp.dpts, (tcp.invflags & XT_TCP_INV_DSTPT) != 0);
    if (tcp.flg_mask != 0 || (tcp.invflags & XT_TCP_INV_FLAGS) != 0) {
        g_string_append_printf(line, " %s--tcp-flags", (tcp.invflags & XT_TCP_INV_FLAGS) != 0 ? "! " : "");
        add_flags(line, tcp.flg_mask);
        add_flags(line, tcp.flg_cmp);
    }
    if (tcp.option != 0 || (tcp.invflags & XT_TCP_INV_OPTION) != 0 || (tcp.flg_mask & 0xc0) != 0)
        g_string_append(line, " --tcp-option ?");
}

static void say_udp(GString *line, const OkseLegacyPart *match)
{
    struct xt_udp udp;

    memcpy(&udp, match->data, sizeof udp);
    add_ports(line, "--sport", udp.spts, (udp.invflags & XT_UDP_INV_SRCPT) != 0);
    add_ports(line, "--dport", udp.dpts, (udp.invflags & XT_UDP_INV_DSTPT) != 0);
}

static void say_icmp(GString *line, const OkseLegacyPart *match)
{
    struct ipt_icmp icmp; /* that of IPv6 is the same */

    memcpy(&icmp, match->data, sizeof icmp);
    if (icmp.type == 0xff && icmp.code[0] == 0 && icmp.code[1] == 0xff && icmp.invflags == 0)
        return;
    g_string_append_printf(line, " %s%s %u", icmp.invflags != 0 ? "! " : "",
                           match->four ? "--icmp-type" : "--icmpv6-type", icmp.type);
    if (icmp.code[0] == icmp.code[1])
        g_string_append_printf(line, "/%u", icmp.code[0]);
    else if (icmp.code[0] != 0 || icmp.code[1] != 0xff)
        g_string_append(line, " --icmp-codes ?");
}

static void say_multiport(GString *line, const OkseLegacyPart *match)
{
    static const char *const options[] = {"--sports", "--dports", "--ports"};
    struct xt_multiport_v1 ports;

    memcpy(&ports, match->data, sizeof ports);
    if (ports.flags >= G_N_ELEMENTS(options) || ports.count == 0 || ports.count > XT_MULTI_PORTS) {
        g_string_append(line, " --ports ?");
        return;
    }
    g_string_append_printf(line, " %s%s ", ports.invert != 0 ? "! " : "", options[ports.flags]);
    for (unsigned i = 0; i < ports.count; i++) /* a port with a flag begins a range, the next one ends it */
        g_string_append_printf(line, "%s%u", i == 0 ? "" : ports.pflags[i - 1] != 0 ? ":" : ",", ports.ports[i]);
}

static void add_states(GString *line, const char *option, unsigned mask, bool inverted)
{
    static const struct {
        unsigned bit;
        const char *name;
    } states[] = {{XT_CONNTRACK_STATE_INVALID, "INVALID"},
                  {XT_CONNTRACK_STATE_BIT(IP_CT_NEW), "NEW"},
                  {XT_CONNTRACK_STATE_BIT(IP_CT_RELATED), "RELATED"},
                  {XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED), "ESTABLISHED"},
                  {XT_CONNTRACK_STATE_UNTRACKED, "UNTRACKED"},
                  {XT_CONNTRACK_STATE_SNAT, "SNAT"},
                  {XT_CONNTRACK_STATE_DNAT, "DNAT"}};
    const char *before = "";

    g_string_append_printf(line, " %s%s ", inverted ? "! " : "", option);
    for (unsigned i = 0; i < G_N_ELEMENTS(states); i++)
        if ((mask & states[i].bit) != 0) {
            g_string_append_printf(line, "%s%s", before, states[i].name);
            before = ",";
        }
    if (*before == '\0')
        g_string_append_c(line, '?');
}

static void say_conntrack(GString *line, const OkseLegacyPart *match)
{
    struct xt_conntrack_mtinfo3 info;

    memcpy(&info, match->data, sizeof info);
    if (info.match_flags == XT_CONNTRACK_STATE)
        add_states(line, "--ctstate", info.state_mask, (info.invert_flags & XT_CONNTRACK_STATE) != 0);
    else
        g_string_append(line, " --ct ?");
}

static void say_state(GString *line, const OkseLegacyPart *match)
{
    struct xt_state_info info;
    unsigned untracked;

    memcpy(&info, match->data, sizeof info);
    untracked = (info.statemask & XT_STATE_UNTRACKED) != 0 ? XT_CONNTRACK_STATE_UNTRACKED : 0;
    add_states(line, "--state", (info.statemask & 15u) | untracked, false);
}

static void add_range(GString *line, const char *option, uint32_t low, uint32_t high, bool inverted)
{
    g_string_append_printf(line, " %s%s %u", inverted ? "! " : "", option, low);
    if (low != high)
        g_string_append_printf(line, "-%u", high);
}

static void say_owner(GString *line, const OkseLegacyPart *match)
{
    struct xt_owner_match_info info;

    memcpy(&info, match->data, sizeof info);
    if ((info.match & XT_OWNER_UID) != 0)
        add_range(line, "--uid-owner", info.uid_min, info.uid_max, (info.invert & XT_OWNER_UID) != 0);
    if ((info.match & XT_OWNER_GID) != 0)
        add_range(line, "--gid-owner", info.gid_min, info.gid_max, (info.invert & XT_OWNER_GID) != 0);
    if ((info.match & ~(unsigned)(XT_OWNER_UID | XT_OWNER_GID)) != 0)
        g_string_append(line, " --socket-exists");
}

static void say_iprange(GString *line, const OkseLegacyPart *match)
{
    struct xt_iprange_mtinfo info;

    memcpy(&info, match->data, sizeof info);
    if ((info.flags & IPRANGE_SRC) != 0) {
        g_string_append(line, (info.flags & IPRANGE_SRC_INV) != 0 ? " ! --src-range " : " --src-range ");
        add_text(line, &info.src_min, match->four);
        g_string_append_c(line, '-');
        add_text(line, &info.src_max, match->four);
    }
    if ((info.flags & IPRANGE_DST) != 0) {
        g_string_append(line, (info.flags & IPRANGE_DST_INV) != 0 ? " ! --dst-range " : " --dst-range ");
        add_text(line, &info.dst_min, match->four);
        g_string_append_c(line, '-');
        add_text(line, &info.dst_max, match->four);
    }
}

static void add_types(GString *line, const char *option, unsigned mask, bool inverted)
{
    static const char *const names[] = {"UNSPEC",    "UNICAST",     "LOCAL",    "BROADCAST", "ANYCAST", "MULTICAST",
                                        "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW",     "NAT",     "XRESOLVE"};
    const char *before = "";

    if (mask == 0)
        return;
    g_string_append_printf(line, " %s%s ", inverted ? "! " : "", option);
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if ((mask & 1u << i) != 0) {
            g_string_append_printf(line, "%s%s", before, names[i]);
            before = ",";
        }
    if (*before == '\0')
        g_string_append_c(line, '?');
}

static void say_addrtype(GString *line, const OkseLegacyPart *match)
{
    struct xt_addrtype_info_v1 info;

    memcpy(&info, match->data, sizeof info);
    add_types(line, "--src-type", info.source, (info.flags & XT_ADDRTYPE_INVERT_SOURCE) != 0);
    add_types(line, "--dst-type", info.dest, (info.flags & XT_ADDRTYPE_INVERT_DEST) != 0);
    if ((info.flags & (XT_ADDRTYPE_LIMIT_IFACE_IN | XT_ADDRTYPE_LIMIT_IFACE_OUT)) != 0)
        g_string_append(line, " --limit-iface");
}

static void say_nothing(GString *line, const OkseLegacyPart *match)
{
    (void)line;
    (void)match;
}

void okse_legacy_match_words(GString *line, const OkseLegacyPart *match)
{
    static const struct {
        const char *name;
        unsigned revision;
        size_t length;
        void (*say)(GString *line, const OkseLegacyPart *match);
    } known[] = {
        {"tcp", 0, sizeof(struct xt_tcp), say_tcp},
        {"udp", 0, sizeof(struct xt_udp), say_udp},
        {"icmp", 0, sizeof(struct ipt_icmp), say_icmp},
        {"icmp6", 0, sizeof(struct ipt_icmp), say_icmp},
        {"multiport", 1, sizeof(struct xt_multiport_v1), say_multiport},
        {"conntrack", 3, sizeof(struct xt_conntrack_mtinfo3), say_conntrack},
        {"state", 0, sizeof(struct xt_state_info), say_state},
        {"owner", 1, sizeof(struct xt_owner_match_info), say_owner},
        {"iprange", 1, sizeof(struct xt_iprange_mtinfo), say_iprange},
        {"addrtype", 1, sizeof(struct xt_addrtype_info_v1), say_addrtype},
        {"comment", 0, 0, say_nothing},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(known); i++)
        if (strcmp(known[i].name, match->name) == 0 && known[i].revision == match->revision &&
            match->length >= known[i].length) {
            g_string_append_printf(line, " -m %s", match->name);
            known[i].say(line, match);
            return;
        }
    g_string_append(line, " -m ");
    okse_legacy_word(line, match->name);
    g_string_append(line, " --okse-unread"); /* also a revision that is not known */
}

static void say_dnat_four(GString *line, const OkseLegacyPart *target)
{
    struct nf_nat_ipv4_multi_range_compat many;

    memcpy(&many, target->data, sizeof many);
    if (many.rangesize != 1 || (many.range[0].flags & NF_NAT_RANGE_MAP_IPS) == 0 ||
        many.range[0].min_ip != many.range[0].max_ip)
        return;
    g_string_append(line, " --to-destination ");
    add_text(line, &many.range[0].min_ip, true);
}

static void say_dnat(GString *line, const OkseLegacyPart *target)
{
    struct nf_nat_range range; /* the later revision begins with it */

    memcpy(&range, target->data, sizeof range);
    if ((range.flags & NF_NAT_RANGE_MAP_IPS) == 0 ||
        memcmp(&range.min_addr, &range.max_addr, target->four ? 4 : 16) != 0)
        return;
    g_string_append(line, target->four ? " --to-destination " : " --to-destination [");
    add_text(line, &range.min_addr, target->four);
    g_string_append(line, target->four ? "" : "]");
}

void okse_legacy_target_words(GString *line, const OkseLegacyPart *target)
{
    uint16_t flags;

    g_string_append(line, " -j ");
    okse_legacy_word(line, target->name);
    if (strcmp(target->name, "DNAT") == 0 && target->four && target->revision == 0 &&
        target->length >= sizeof(struct nf_nat_ipv4_multi_range_compat)) {
        say_dnat_four(line, target);
    } else if (strcmp(target->name, "DNAT") == 0 && target->revision > 0 &&
               target->length >= sizeof(struct nf_nat_range)) {
        say_dnat(line, target);
    } else if (strcmp(target->name, "CT") == 0 && target->length >= sizeof flags) {
        memcpy(&flags, target->data, sizeof flags); /* struct xt_ct_target_info begins with it */
        if ((flags & (XT_CT_NOTRACK | XT_CT_NOTRACK_ALIAS)) != 0)
            g_string_append(line, " --notrack");
    }
}
