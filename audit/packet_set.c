/* Sets as lists of boxes. Rules look at one side at a time, so the one operation that matters is to split every box by
 * a sorted list of intervals; what falls out on either side stays a box. */
#include "audit/packet_set.h"

#include <arpa/inet.h>
#include <string.h>

OkseInterval okse_packet_side_whole(OksePacketSide side)
{
    static const uint64_t tops[OKSE_PACKET_SIDES] = {
        [OKSE_PACKET_PROTOCOL] = 0xff,  [OKSE_PACKET_PORT] = 0xffff,    [OKSE_PACKET_SOURCE_PORT] = 0xffff,
        [OKSE_PACKET_UID] = 0xffffffff, [OKSE_PACKET_GID] = 0xffffffff,
    };

    return (OkseInterval){0, side == OKSE_PACKET_DESTINATION ? ~(OkseWide)0 : tops[side]};
}

OksePacketBox okse_packet_box_whole(void)
{
    OksePacketBox box = {.sure = true};

    for (unsigned side = 0; side < OKSE_PACKET_SIDES; side++)
        box.sides[side] = okse_packet_side_whole(side);
    return box;
}

void okse_packet_set_init(OksePacketSet *set)
{
    set->boxes = g_array_new(FALSE, FALSE, sizeof(OksePacketBox));
    set->crowded = false;
}

void okse_packet_set_clear(OksePacketSet *set)
{
    g_clear_pointer(&set->boxes, g_array_unref);
}

static OksePacketBox *box_at(const OksePacketSet *set, guint i)
{
    return &g_array_index(set->boxes, OksePacketBox, i);
}

void okse_packet_set_unsure(OksePacketSet *set)
{
    for (guint i = 0; i < set->boxes->len; i++)
        box_at(set, i)->sure = false;
}

/* Too many boxes: the last one swallows the newcomer, so that nothing is lost. */
static void widen(OksePacketSet *set, const OksePacketBox *box)
{
    OksePacketBox *last = box_at(set, set->boxes->len - 1);

    if (!set->crowded)
        okse_packet_set_unsure(set);
    set->crowded = true;
    for (unsigned side = 0; side < OKSE_PACKET_SIDES; side++) {
        last->sides[side].low = MIN(last->sides[side].low, box->sides[side].low);
        last->sides[side].high = MAX(last->sides[side].high, box->sides[side].high);
    }
}

void okse_packet_set_add(OksePacketSet *set, const OksePacketBox *box)
{
    OksePacketBox copy = *box;

    for (unsigned side = 0; side < OKSE_PACKET_SIDES; side++)
        if (box->sides[side].low > box->sides[side].high)
            return;
    copy.sure = box->sure && !set->crowded;
    if (set->boxes->len >= OKSE_PACKET_BOXES)
        widen(set, &copy);
    else
        g_array_append_val(set->boxes, copy);
}

void okse_packet_set_join(OksePacketSet *set, const OksePacketSet *more)
{
    if (more->crowded && !set->crowded) {
        okse_packet_set_unsure(set);
        set->crowded = true;
    }
    for (guint i = 0; i < more->boxes->len; i++)
        okse_packet_set_add(set, box_at(more, i));
}

void okse_packet_set_swap(OksePacketSet *a, OksePacketSet *b)
{
    OksePacketSet keep = *a;

    *a = *b;
    *b = keep;
}

static void inherit(const OksePacketSet *set, OksePacketSet *part)
{
    if (part != NULL && set->crowded) {
        okse_packet_set_unsure(part);
        part->crowded = true;
    }
}

static void add_piece(OksePacketSet *set, const OksePacketBox *box, OksePacketSide side, OkseWide low, OkseWide high)
{
    OksePacketBox piece = *box;

    if (set == NULL)
        return;
    piece.sides[side] = (OkseInterval){low, high};
    okse_packet_set_add(set, &piece);
}

guint okse_intervals_from(const GArray *intervals, OkseWide value)
{
    guint low = 0, high = intervals->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(intervals, OkseInterval, middle).high < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void okse_packet_set_split(const OksePacketSet *set, OksePacketSide side, const GArray *intervals, OksePacketSet *in,
                           OksePacketSet *out)
{
    inherit(set, in);
    inherit(set, out);
    for (guint i = 0; i < set->boxes->len; i++) {
        const OksePacketBox *box = box_at(set, i);
        OkseInterval rest = box->sides[side];
        bool left = true;

        for (guint k = okse_intervals_from(intervals, rest.low); left && k < intervals->len; k++) {
            OkseInterval cut = g_array_index(intervals, OkseInterval, k);

            if (cut.low > rest.high)
                break;
            if (cut.low > rest.low)
                add_piece(out, box, side, rest.low, cut.low - 1);
            add_piece(in, box, side, MAX(cut.low, rest.low), MIN(cut.high, rest.high));
            left = cut.high < rest.high;
            if (left)
                rest.low = cut.high + 1;
        }
        if (left)
            add_piece(out, box, side, rest.low, rest.high);
    }
}

/* Split one box by another, side by side: what falls outside on a side is a piece, the core goes on. */
static void split_box(OksePacketBox core, const OksePacketBox *by, OksePacketSet *in, OksePacketSet *out)
{
    for (unsigned side = 0; side < OKSE_PACKET_SIDES; side++)
        if (by->sides[side].low > core.sides[side].high || by->sides[side].high < core.sides[side].low) {
            if (out != NULL)
                okse_packet_set_add(out, &core);
            return;
        }
    for (unsigned side = 0; side < OKSE_PACKET_SIDES; side++) {
        OkseInterval mine = core.sides[side], cut = by->sides[side];

        if (cut.low > mine.low)
            add_piece(out, &core, side, mine.low, cut.low - 1);
        if (cut.high < mine.high)
            add_piece(out, &core, side, cut.high + 1, mine.high);
        core.sides[side] = (OkseInterval){MAX(mine.low, cut.low), MIN(mine.high, cut.high)};
    }
    if (in != NULL)
        okse_packet_set_add(in, &core);
}

void okse_packet_set_split_boxes(const OksePacketSet *set, const GArray *boxes, OksePacketSet *in, OksePacketSet *out)
{
    g_auto(OksePacketSet) left = {0};

    okse_packet_set_init(&left);
    okse_packet_set_join(&left, set);
    inherit(set, in);
    for (guint k = 0; k < boxes->len; k++) {
        g_auto(OksePacketSet) next = {0};

        okse_packet_set_init(&next);
        inherit(&left, &next);
        for (guint i = 0; i < left.boxes->len; i++)
            split_box(*box_at(&left, i), &g_array_index(boxes, OksePacketBox, k), in, &next);
        okse_packet_set_swap(&left, &next);
    }
    if (out != NULL)
        okse_packet_set_join(out, &left);
}

void okse_packet_set_subtract(OksePacketSet *set, const OksePacketSet *less)
{
    g_autoptr(GArray) sure = g_array_new(FALSE, FALSE, sizeof(OksePacketBox));
    g_auto(OksePacketSet) out = {0};

    for (guint i = 0; i < less->boxes->len; i++)
        if (box_at(less, i)->sure)
            g_array_append_val(sure, *box_at(less, i));
    okse_packet_set_init(&out);
    okse_packet_set_split_boxes(set, sure, NULL, &out);
    okse_packet_set_swap(set, &out);
}

GArray *okse_intervals_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(OkseInterval));
}

void okse_intervals_add(GArray *intervals, OkseWide low, OkseWide high)
{
    OkseInterval one = {low, high};

    if (low <= high)
        g_array_append_val(intervals, one);
}

static int compare_intervals(gconstpointer a, gconstpointer b)
{
    const OkseInterval *first = a, *second = b;

    return first->low < second->low ? -1 : first->low > second->low;
}

void okse_intervals_tidy(GArray *intervals)
{
    guint kept = 0;

    g_array_sort(intervals, compare_intervals);
    for (guint i = 0; i < intervals->len; i++) {
        OkseInterval one = g_array_index(intervals, OkseInterval, i);
        OkseInterval *last = kept > 0 ? &g_array_index(intervals, OkseInterval, kept - 1) : NULL;

        if (last != NULL && (one.low <= last->high || one.low - 1 == last->high))
            last->high = MAX(last->high, one.high);
        else
            g_array_index(intervals, OkseInterval, kept++) = one;
    }
    g_array_set_size(intervals, kept);
}

GArray *okse_intervals_complement(const GArray *intervals, OkseInterval whole)
{
    GArray *result = okse_intervals_new();
    OkseWide next = whole.low;

    for (guint i = okse_intervals_from(intervals, whole.low); i < intervals->len; i++) {
        OkseInterval one = g_array_index(intervals, OkseInterval, i);

        if (one.low > whole.high)
            break;
        if (one.low > next)
            okse_intervals_add(result, next, one.low - 1);
        if (one.high >= whole.high)
            return result;
        next = one.high + 1;
    }
    okse_intervals_add(result, next, whole.high);
    return result;
}

GArray *okse_intervals_intersect(const GArray *a, const GArray *b)
{
    GArray *result = okse_intervals_new();
    guint i = 0, k = 0;

    while (i < a->len && k < b->len) {
        OkseInterval first = g_array_index(a, OkseInterval, i), second = g_array_index(b, OkseInterval, k);

        okse_intervals_add(result, MAX(first.low, second.low), MIN(first.high, second.high));
        if (first.high < second.high)
            i++;
        else
            k++;
    }
    return result;
}

bool okse_intervals_contain(const GArray *intervals, OkseWide value)
{
    guint i = okse_intervals_from(intervals, value);

    return i < intervals->len && g_array_index(intervals, OkseInterval, i).low <= value;
}

GArray *okse_packet_set_side(const OksePacketSet *set, OksePacketSide side, bool sure)
{
    GArray *result = okse_intervals_new();

    for (guint i = 0; i < set->boxes->len; i++)
        if (!sure || box_at(set, i)->sure)
            g_array_append_val(result, box_at(set, i)->sides[side]);
    okse_intervals_tidy(result);
    return result;
}

OkseWide okse_wide_of(const uint8_t *bytes, unsigned length)
{
    OkseWide value = 0;

    for (unsigned i = 0; i < length; i++)
        value = value << 8 | bytes[i];
    return length == 4 ? value | OKSE_IPV4_BASE : value;
}

char *okse_wide_text(OkseWide address)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t bytes[16];

    for (unsigned i = 0; i < 16; i++)
        bytes[i] = (uint8_t)(address >> (8 * (15 - i)));
    if (okse_wide_is_ipv4(address))
        inet_ntop(AF_INET, bytes + 12, text, sizeof text);
    else
        inet_ntop(AF_INET6, bytes, text, sizeof text);
    return g_strdup(text);
}

bool okse_wide_parse(const char *text, OkseWide *address)
{
    uint8_t bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1)
        *address = okse_wide_of(bytes, 4);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        *address = okse_wide_of(bytes, 16);
    else
        return false;
    return true;
}

bool okse_wide_parse_prefix(const char *text, OkseInterval *range)
{
    const char *slash = strchr(text, '/');
    g_autofree char *address = slash != NULL ? g_strndup(text, (gsize)(slash - text)) : g_strdup(text);
    guint64 bits = 128;
    OkseWide value, mask;
    bool four;

    if (!okse_wide_parse(address, &value))
        return false;
    four = strchr(address, ':') == NULL;
    if (slash != NULL && !g_ascii_string_to_unsigned(slash + 1, 10, 0, four ? 32 : 128, &bits, NULL))
        return false;
    if (four && slash != NULL)
        bits += 96;
    mask = bits == 0 ? ~(OkseWide)0 : bits == 128 ? 0 : ((OkseWide)1 << (128 - bits)) - 1;
    *range = (OkseInterval){value & ~mask, value | mask};
    return true;
}

guint okse_interval_prefixes(OkseInterval range, GPtrArray *texts, guint limit)
{
    guint count = 0;
    OkseWide low = range.low;

    while (true) {
        unsigned free_bits = 0; /* the largest prefix that begins at low and does not pass the end */
        bool four = okse_wide_is_ipv4(low);
        unsigned most = four ? 32 : 128;
        OkseWide size_less_one = 0;

        while (free_bits < most && (low >> free_bits & 1) == 0) {
            OkseWide wider = size_less_one << 1 | 1;

            if (range.high - low < wider || (!four && low < OKSE_IPV4_BASE && low + wider >= OKSE_IPV4_BASE))
                break;
            size_less_one = wider;
            free_bits++;
        }
        if (texts->len < limit) {
            g_autofree char *address = okse_wide_text(low);

            g_ptr_array_add(texts, g_strdup_printf("%s/%u", address, most - free_bits));
        }
        count++;
        if (range.high - low <= size_less_one)
            return count;
        low += size_less_one + 1;
    }
}
