#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Sets of packets: what of a packet decides whether it leaves a host, as boxes of closed intervals. An IPv4 address is
 * the IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2), so that both families are one line of 128 bits. */
__extension__ typedef unsigned __int128 OkseWide;

typedef enum {
    OKSE_PACKET_DESTINATION, /* address */
    OKSE_PACKET_PROTOCOL,    /* of IP: 6, 17, … */
    OKSE_PACKET_PORT,        /* destination port; of ICMP and ICMPv6 the type */
    OKSE_PACKET_SOURCE_PORT, /* of ICMP and ICMPv6 the code */
    OKSE_PACKET_UID,         /* of the process */
    OKSE_PACKET_GID,
    OKSE_PACKET_SIDES,
} OksePacketSide;

typedef struct {
    OkseWide low, high; /* both belong to it; low <= high */
} OkseInterval;

/* Packets that are alike in what became of them so far. */
typedef struct {
    OkseInterval sides[OKSE_PACKET_SIDES];
    const void *way; /* what let them through last; borrowed, may be NULL */
    bool sure;       /* they are surely here; else: it could not be ruled out */
} OksePacketBox;

#define OKSE_PACKET_BOXES 65536u /* boxes of one set */

/* Where nothing is unsure, boxes are disjoint. An unsure packet may be in several. */
typedef struct {
    GArray *boxes; /* OksePacketBox */
    bool crowded;  /* OKSE_PACKET_BOXES was reached: boxes are wider than the truth and none is sure */
} OksePacketSet;

#define OKSE_IPV4_BASE ((OkseWide)0xffff << 32)

/* All values of a side. */
OkseInterval okse_packet_side_whole(OksePacketSide side);
OksePacketBox okse_packet_box_whole(void);

void okse_packet_set_init(OksePacketSet *set);
void okse_packet_set_clear(OksePacketSet *set);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OksePacketSet, okse_packet_set_clear)
/* An intersection that is empty on one side is not added. */
void okse_packet_set_add(OksePacketSet *set, const OksePacketBox *box);
/* Add all boxes of `more`. */
void okse_packet_set_join(OksePacketSet *set, const OksePacketSet *more);
/* Exchange contents. */
void okse_packet_set_swap(OksePacketSet *a, OksePacketSet *b);
void okse_packet_set_unsure(OksePacketSet *set);

/* Add to `in` what of `set` has `side` in one of the intervals (sorted, disjoint: okse_intervals_tidy()), and the rest
 * to `out`. Either may be NULL. */
void okse_packet_set_split(const OksePacketSet *set, OksePacketSide side, const GArray *intervals, OksePacketSet *in,
                           OksePacketSet *out);
/* The same for packets in one of the boxes. */
void okse_packet_set_split_boxes(const OksePacketSet *set, const GArray *boxes, OksePacketSet *in, OksePacketSet *out);
/* What of `set` is not in `less`, of which only the sure boxes are taken away. */
void okse_packet_set_subtract(OksePacketSet *set, const OksePacketSet *less);

/* Sorted disjoint intervals, those that touch joined; in place. */
void okse_intervals_tidy(GArray *intervals);
/* What of `whole` is in none of the tidy intervals. A new array. */
GArray *okse_intervals_complement(const GArray *intervals, OkseInterval whole) G_GNUC_WARN_UNUSED_RESULT;
GArray *okse_intervals_intersect(const GArray *a, const GArray *b) G_GNUC_WARN_UNUSED_RESULT;
bool okse_intervals_contain(const GArray *intervals, OkseWide value);
/* The index of the first interval that ends at or behind value. */
guint okse_intervals_from(const GArray *intervals, OkseWide value);
GArray *okse_intervals_new(void) G_GNUC_WARN_UNUSED_RESULT;
void okse_intervals_add(GArray *intervals, OkseWide low, OkseWide high);
/* One side of the boxes of a set: all of them, or the sure ones. A new tidy array. */
GArray *okse_packet_set_side(const OksePacketSet *set, OksePacketSide side, bool sure) G_GNUC_WARN_UNUSED_RESULT;

/* Text of an address: "192.0.2.1" or "2001:db8::1". */
char *okse_wide_text(OkseWide address) G_GNUC_WARN_UNUSED_RESULT;
/* The other way; false when it is none. */
bool okse_wide_parse(const char *text, OkseWide *address);
/* From 4 or 16 bytes in network order. */
OkseWide okse_wide_of(const uint8_t *bytes, unsigned length);
/* "192.0.2.0/24" or "2001:db8::" (all bits); bits behind the prefix may be set. */
bool okse_wide_parse_prefix(const char *text, OkseInterval *range);
/* An interval as the fewest prefixes, appended to `texts` (char *), at most `limit` of them in all; returns how many
 * there are. */
guint okse_interval_prefixes(OkseInterval range, GPtrArray *texts, guint limit);
static inline bool okse_wide_is_ipv4(OkseWide address)
{
    return address >> 32 == 0xffff;
}
