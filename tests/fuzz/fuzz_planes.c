/* Coded frames: an index, then frames, hostile both. What is decoded has the length it must have, and is coded and
 * decoded again as it is. The first three bytes are the plain length. */
#include "packager/frames.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(OkseCoder *coder, const uint8_t *plain, size_t length)
{
    g_autofree uint8_t *back = g_malloc(length);
    OkseFrame frame;
    const uint8_t *coded = okse_frame_encode(coder, plain, length, &frame);
    g_autofree uint8_t *kept = g_memdup2(coded, frame.coded);

    g_assert(okse_frame_possible(&frame, length));
    g_assert(okse_frame_decode(coder, &frame, kept, back, length, NULL));
    g_assert(memcmp(plain, back, length) == 0);
}

static void decode_all(OkseCoder *coder, const OkseFrames *frames, const uint8_t *data)
{
    uint64_t plain = okse_frames_plain(frames);

    for (uint64_t at = 0; at < plain; at += OKSE_FRAME_PLAIN) {
        OkseFramePlace place = okse_frames_at(frames, at);
        g_autofree uint8_t *out = g_malloc(place.length);
        g_autofree uint8_t *coded = g_memdup2(data + place.from, place.frame.coded); /* a byte beyond it is noticed */

        if (okse_frame_decode(coder, &place.frame, coded, out, place.length, NULL))
            round_trip(coder, out, place.length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseCoder *coder;
    g_autoptr(OkseFrames) frames = NULL;
    uint64_t plain;

    if (size < 4)
        return 0;
    if (coder == NULL)
        coder = okse_coder_new();
    plain = (uint64_t)data[0] | (uint64_t)data[1] << 8 | (uint64_t)data[2] << 16;
    data += 3;
    size -= 3;
    round_trip(coder, data, MIN(size, OKSE_FRAME_PLAIN));
    if (okse_frames_index_size(plain) > size)
        return 0;
    frames = okse_frames_read(data + size - okse_frames_index_size(plain), plain, size, NULL);
    if (frames != NULL)
        decode_all(coder, frames, data);
    return 0;
}
