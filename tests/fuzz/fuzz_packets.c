/* Sets of packets: what a cut leaves and what it takes is the whole again, packet by packet. */
#include "audit/packet_set.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static OksePacketBox take_box(const uint8_t *data)
{
    OksePacketBox box = okse_packet_box_whole();

    for (unsigned side = 0; side < 4; side++)
        box.sides[side] =
            (OkseInterval){MIN(data[2 * side], data[2 * side + 1]), MAX(data[2 * side], data[2 * side + 1])};
    return box;
}

static unsigned count(const GArray *boxes, const uint8_t *packet)
{
    unsigned found = 0;

    for (guint i = 0; i < boxes->len; i++) {
        const OksePacketBox *box = &g_array_index(boxes, OksePacketBox, i);
        bool in = true;

        for (unsigned side = 0; side < 4; side++)
            in = in && packet[side] >= box->sides[side].low && packet[side] <= box->sides[side].high;
        found += in;
    }
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(OksePacketSet) set = {0}, in = {0}, out = {0};
    g_autoptr(GArray) boxes = g_array_new(FALSE, FALSE, sizeof(OksePacketBox));
    OksePacketBox first;

    if (size < 12 || size > 200)
        return 0;
    first = take_box(data);
    okse_packet_set_init(&set);
    okse_packet_set_init(&in);
    okse_packet_set_init(&out);
    okse_packet_set_add(&set, &first);
    for (size_t at = 8; at + 12 <= size; at += 8) {
        OksePacketBox box = take_box(data + at);

        g_array_append_val(boxes, box);
    }
    okse_packet_set_split_boxes(&set, boxes, &in, &out);
    for (size_t at = 0; at + 4 <= size; at++) {
        bool whole = count(set.boxes, data + at) > 0, cut = count(boxes, data + at) > 0;

        g_assert_cmpuint(count(in.boxes, data + at), ==, whole && cut);
        g_assert_cmpuint(count(out.boxes, data + at), ==, whole && !cut);
    }
    return 0;
}
