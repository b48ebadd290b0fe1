/* The keys that are modelled. What the first packet of a connection always is (its state, its flags) is a constant.
 * Sources: nft(8), libnftables-json(5) of nftables 1.0.6; IANA for the numbers. */
#include "audit/firewall_keys.h"

#include <string.h>

typedef struct {
    const char *protocol, *field;
    OkseMatchKey key;
} Payload;

#define STATE_NEW 8u
#define FLAGS_SYN 2u
#define FIB_UNICAST 1u

static const Payload payloads[] = {
    {"ip", "daddr", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_DESTINATION, .family = 4}},
    {"ip6", "daddr", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_DESTINATION, .family = 6}},
    {"ip", "saddr", {.kind = OKSE_KEY_SOURCE, .family = 4}},
    {"ip6", "saddr", {.kind = OKSE_KEY_SOURCE, .family = 6}},
    {"ip",
     "protocol",
     {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_PROTOCOL, .names = OKSE_NAMES_PROTOCOL, .family = 4}},
    {"ip6",
     "nexthdr",
     {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_PROTOCOL, .names = OKSE_NAMES_PROTOCOL, .family = 6}},
    {"tcp", "dport", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_PORT, .names = OKSE_NAMES_PORT, .protocol = 6}},
    {"tcp", "sport", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_SOURCE_PORT, .names = OKSE_NAMES_PORT, .protocol = 6}},
    {"udp", "dport", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_PORT, .names = OKSE_NAMES_PORT, .protocol = 17}},
    {"udp",
     "sport",
     {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_SOURCE_PORT, .names = OKSE_NAMES_PORT, .protocol = 17}},
    {"sctp", "dport", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_PORT, .names = OKSE_NAMES_PORT, .protocol = 132}},
    {"sctp",
     "sport",
     {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_SOURCE_PORT, .names = OKSE_NAMES_PORT, .protocol = 132}},
    {"dccp", "dport", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_PORT, .names = OKSE_NAMES_PORT, .protocol = 33}},
    {"dccp",
     "sport",
     {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_SOURCE_PORT, .names = OKSE_NAMES_PORT, .protocol = 33}},
    {"udplite", "dport", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_PORT, .names = OKSE_NAMES_PORT, .protocol = 136}},
    {"udplite",
     "sport",
     {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_SOURCE_PORT, .names = OKSE_NAMES_PORT, .protocol = 136}},
    {"th", "dport", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_PORT, .names = OKSE_NAMES_PORT, .protocol = 256}},
    {"th",
     "sport",
     {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_SOURCE_PORT, .names = OKSE_NAMES_PORT, .protocol = 256}},
    {"icmp",
     "type",
     {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_PORT, .names = OKSE_NAMES_ICMP, .family = 4, .protocol = 1}},
    {"icmp", "code", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_SOURCE_PORT, .family = 4, .protocol = 1}},
    {"icmpv6",
     "type",
     {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_PORT, .names = OKSE_NAMES_ICMPV6, .family = 6, .protocol = 58}},
    {"icmpv6", "code", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_SOURCE_PORT, .family = 6, .protocol = 58}},
    {"tcp",
     "flags",
     {.kind = OKSE_KEY_CONSTANT, .names = OKSE_NAMES_FLAGS, .protocol = 6, .constant = FLAGS_SYN, .bits = true}},
};

static const Payload metas[] = {
    {"meta", "l4proto", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_PROTOCOL, .names = OKSE_NAMES_PROTOCOL}},
    {"meta", "skuid", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_UID, .names = OKSE_NAMES_USER}},
    {"meta", "skgid", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_GID, .names = OKSE_NAMES_USER}},
    {"meta", "nfproto", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_DESTINATION, .names = OKSE_NAMES_FAMILY}},
    {"meta", "protocol", {.kind = OKSE_KEY_SIDE, .side = OKSE_PACKET_DESTINATION, .names = OKSE_NAMES_FAMILY}},
    {"meta", "oif", {.kind = OKSE_KEY_DEVICE}},
    {"meta", "oifname", {.kind = OKSE_KEY_DEVICE}},
    {"meta", "iif", {.kind = OKSE_KEY_INPUT}},
    {"meta", "iifname", {.kind = OKSE_KEY_INPUT}},
    {"ct", "state", {.kind = OKSE_KEY_CONSTANT, .names = OKSE_NAMES_STATE, .constant = STATE_NEW, .bits = true}},
    {"ct", "direction", {.kind = OKSE_KEY_CONSTANT, .names = OKSE_NAMES_STATE, .constant = 0}},
};

static const struct {
    OkseMatchNames names;
    const char *name;
    unsigned value;
} names[] = {
    {OKSE_NAMES_PROTOCOL, "icmp", 1},
    {OKSE_NAMES_PROTOCOL, "igmp", 2},
    {OKSE_NAMES_PROTOCOL, "tcp", 6},
    {OKSE_NAMES_PROTOCOL, "udp", 17},
    {OKSE_NAMES_PROTOCOL, "dccp", 33},
    {OKSE_NAMES_PROTOCOL, "gre", 47},
    {OKSE_NAMES_PROTOCOL, "esp", 50},
    {OKSE_NAMES_PROTOCOL, "ah", 51},
    {OKSE_NAMES_PROTOCOL, "icmpv6", 58},
    {OKSE_NAMES_PROTOCOL, "ipv6-icmp", 58},
    {OKSE_NAMES_PROTOCOL, "ipip", 4},
    {OKSE_NAMES_PROTOCOL, "ipencap", 4},
    {OKSE_NAMES_PROTOCOL, "ospf", 89},
    {OKSE_NAMES_PROTOCOL, "vrrp", 112},
    {OKSE_NAMES_PROTOCOL, "comp", 108},
    {OKSE_NAMES_PROTOCOL, "ipv6", 41},
    {OKSE_NAMES_PROTOCOL, "sctp", 132},
    {OKSE_NAMES_PROTOCOL, "udplite", 136},
    {OKSE_NAMES_ICMP, "echo-reply", 0},
    {OKSE_NAMES_ICMP, "destination-unreachable", 3},
    {OKSE_NAMES_ICMP, "redirect", 5},
    {OKSE_NAMES_ICMP, "echo-request", 8},
    {OKSE_NAMES_ICMP, "router-advertisement", 9},
    {OKSE_NAMES_ICMP, "router-solicitation", 10},
    {OKSE_NAMES_ICMP, "time-exceeded", 11},
    {OKSE_NAMES_ICMP, "parameter-problem", 12},
    {OKSE_NAMES_ICMP, "timestamp-request", 13},
    {OKSE_NAMES_ICMP, "timestamp-reply", 14},
    {OKSE_NAMES_ICMP, "source-quench", 4},
    {OKSE_NAMES_ICMPV6, "destination-unreachable", 1},
    {OKSE_NAMES_ICMPV6, "packet-too-big", 2},
    {OKSE_NAMES_ICMPV6, "time-exceeded", 3},
    {OKSE_NAMES_ICMPV6, "parameter-problem", 4},
    {OKSE_NAMES_ICMPV6, "echo-request", 128},
    {OKSE_NAMES_ICMPV6, "echo-reply", 129},
    {OKSE_NAMES_ICMPV6, "mld-listener-query", 130},
    {OKSE_NAMES_ICMPV6, "mld-listener-report", 131},
    {OKSE_NAMES_ICMPV6, "mld-listener-done", 132},
    {OKSE_NAMES_ICMPV6, "nd-router-solicit", 133},
    {OKSE_NAMES_ICMPV6, "nd-router-advert", 134},
    {OKSE_NAMES_ICMPV6, "nd-neighbor-solicit", 135},
    {OKSE_NAMES_ICMPV6, "nd-neighbor-advert", 136},
    {OKSE_NAMES_ICMPV6, "nd-redirect", 137},
    {OKSE_NAMES_ICMPV6, "mld2-listener-report", 143},
    {OKSE_NAMES_FAMILY, "ipv4", 2},
    {OKSE_NAMES_FAMILY, "ip", 2},
    {OKSE_NAMES_FAMILY, "ipv6", 10},
    {OKSE_NAMES_FAMILY, "ip6", 10},
    {OKSE_NAMES_STATE, "invalid", 1},
    {OKSE_NAMES_STATE, "established", 2},
    {OKSE_NAMES_STATE, "related", 4},
    {OKSE_NAMES_STATE, "new", 8},
    {OKSE_NAMES_STATE, "untracked", 64},
    {OKSE_NAMES_STATE, "original", 0},
    {OKSE_NAMES_STATE, "reply", 1},
    {OKSE_NAMES_FLAGS, "fin", 1},
    {OKSE_NAMES_FLAGS, "syn", 2},
    {OKSE_NAMES_FLAGS, "rst", 4},
    {OKSE_NAMES_FLAGS, "psh", 8},
    {OKSE_NAMES_FLAGS, "ack", 16},
    {OKSE_NAMES_FLAGS, "urg", 32},
    {OKSE_NAMES_FLAGS, "ecn", 64},
    {OKSE_NAMES_FLAGS, "cwr", 128},
    {OKSE_NAMES_FIB, "unicast", 1},
    {OKSE_NAMES_FIB, "local", 2},
    {OKSE_NAMES_FIB, "broadcast", 3},
    {OKSE_NAMES_FIB, "anycast", 4},
    {OKSE_NAMES_FIB, "multicast", 5},
    {OKSE_NAMES_FIB, "blackhole", 6},
    {OKSE_NAMES_FIB, "unreachable", 7},
    {OKSE_NAMES_FIB, "prohibit", 8},
    {OKSE_NAMES_USER, "root", 0},
    {OKSE_NAMES_PORT, "ftp", 21},
    {OKSE_NAMES_PORT, "ssh", 22},
    {OKSE_NAMES_PORT, "telnet", 23},
    {OKSE_NAMES_PORT, "smtp", 25},
    {OKSE_NAMES_PORT, "domain", 53},
    {OKSE_NAMES_PORT, "bootps", 67},
    {OKSE_NAMES_PORT, "bootpc", 68},
    {OKSE_NAMES_PORT, "tftp", 69},
    {OKSE_NAMES_PORT, "http", 80},
    {OKSE_NAMES_PORT, "ntp", 123},
    {OKSE_NAMES_PORT, "imap2", 143},
    {OKSE_NAMES_PORT, "snmp", 161},
    {OKSE_NAMES_PORT, "ldap", 389},
    {OKSE_NAMES_PORT, "https", 443},
    {OKSE_NAMES_PORT, "syslog", 514},
    {OKSE_NAMES_PORT, "submission", 587},
    {OKSE_NAMES_PORT, "ldaps", 636},
    {OKSE_NAMES_PORT, "domain-s", 853},
    {OKSE_NAMES_PORT, "imaps", 993},
    {OKSE_NAMES_PORT, "mdns", 5353},
};

static bool key_in(const Payload *table, size_t count, const char *protocol, const char *field, OkseMatchKey *key)
{
    for (size_t i = 0; protocol != NULL && field != NULL && i < count; i++)
        if (strcmp(table[i].protocol, protocol) == 0 && strcmp(table[i].field, field) == 0) {
            *key = table[i].key;
            return true;
        }
    return false;
}

bool okse_match_number(const json_t *value, OkseMatchNames kind, uint64_t *number)
{
    const char *text = json_string_value(value);

    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *number = (uint64_t)json_integer_value(value);
        return true;
    }
    for (unsigned i = 0; text != NULL && i < G_N_ELEMENTS(names); i++)
        if (names[i].names == kind && strcmp(names[i].name, text) == 0) {
            *number = names[i].value;
            return true;
        }
    if (text != NULL && g_str_has_prefix(text, "0x"))
        return g_ascii_string_to_unsigned(text + 2, 16, 0, G_MAXUINT32, number, NULL);
    return text != NULL && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, number, NULL);
}

bool okse_match_bits(const json_t *value, OkseMatchNames kind, uint32_t *bits)
{
    const json_t *list = json_is_object(value) ? json_object_get(value, "|") : value, *one;
    uint64_t number;
    size_t i;

    *bits = 0;
    if (!json_is_array(list)) {
        if (!okse_match_number(value, kind, &number))
            return false;
        *bits = (uint32_t)number;
        return true;
    }
    json_array_foreach(list, i, one)
    {
        if (!okse_match_number(one, kind, &number))
            return false;
        *bits |= (uint32_t)number;
    }
    return true;
}

static OkseMatchKey fib_key(const json_t *fib)
{
    const json_t *flags = json_object_get(fib, "flags");
    const char *flag = json_is_string(flags)         ? json_string_value(flags)
                       : json_array_size(flags) == 1 ? json_string_value(json_array_get(flags, 0))
                                                     : NULL;

    if (g_strcmp0(okse_json_peek_text(fib, "result"), "type") != 0 || g_strcmp0(flag, "daddr") != 0)
        return (OkseMatchKey){0};
    /* of what leaves this host by a device, the destination is another host's */
    return (OkseMatchKey){.kind = OKSE_KEY_CONSTANT, .names = OKSE_NAMES_FIB, .constant = FIB_UNICAST};
}

OkseMatchKey okse_match_key(const json_t *left)
{
    const json_t *payload = json_object_get(left, "payload"), *meta = json_object_get(left, "meta"),
                 *ct = json_object_get(left, "ct"), *masked = json_object_get(left, "&");
    OkseMatchKey key = {0};

    if (json_array_size(masked) == 2) {
        key = okse_match_key(json_array_get(masked, 0));
        if (key.names != OKSE_NAMES_FLAGS || !okse_match_bits(json_array_get(masked, 1), OKSE_NAMES_FLAGS, &key.mask) ||
            key.mask > 63)
            return (OkseMatchKey){0};
    } else if (payload != NULL) {
        key_in(payloads, G_N_ELEMENTS(payloads), okse_json_peek_text(payload, "protocol"),
               okse_json_peek_text(payload, "field"), &key);
    } else if (meta != NULL) {
        key_in(metas, G_N_ELEMENTS(metas), "meta", okse_json_peek_text(meta, "key"), &key);
    } else if (ct != NULL && json_object_get(ct, "dir") == NULL) {
        key_in(metas, G_N_ELEMENTS(metas), "ct", okse_json_peek_text(ct, "key"), &key);
    } else if (json_object_get(left, "fib") != NULL) {
        key = fib_key(json_object_get(left, "fib"));
    }
    return key;
}
