#include "packager/frames.h"

#include <string.h>

static uint64_t seed;

static uint32_t next_random(void)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 32);
}

/* About normally distributed: the sum of four. */
static float weight(void)
{
    float sum = 0;

    for (unsigned i = 0; i < 4; i++)
        sum += (float)next_random() / 4294967296.0f - 0.5f;
    return sum * 0.02f;
}

/* BF16 as their upper half, FP32, and doubles: with NaN payloads, infinities, zeros of both signs, denormals between.
 */
static void fill(uint8_t *at, size_t length, unsigned width)
{
    static const uint32_t odd[] = {0x7fc12345, 0xffbfffff, 0x7f800000, 0xff800000, 0x00000000, 0x80000000, 0x00000001};

    for (size_t i = 0; i + width <= length; i += width) {
        float single = weight();
        double wide = (double)single * 1.0000001;
        uint32_t bits;

        memcpy(&bits, &single, sizeof bits);
        if (next_random() % 5000 == 0)
            bits = odd[next_random() % G_N_ELEMENTS(odd)];
        if (width == 2)
            bits >>= 16;
        memcpy(at + i, width == 8 ? (void *)&wide : (void *)&bits, width);
    }
}

static void comes_back(OkseCoder *coder, const uint8_t *plain, size_t length, OkseFrame *frame)
{
    g_autofree uint8_t *back = g_malloc(length);
    g_autoptr(GError) error = NULL;
    const uint8_t *coded = okse_frame_encode(coder, plain, length, frame);
    g_autofree uint8_t *kept = g_memdup2(coded, frame->coded);
    bool done = okse_frame_decode(coder, frame, kept, back, length, &error);

    g_assert_no_error(error);
    g_assert_true(done);
    g_assert_cmpmem(plain, (int)length, back, (int)length);
    g_assert_cmpuint(frame->coded, <=, length);
}

static void numbers_of_every_width_at_every_phase(void)
{
    static const struct {
        unsigned width;
        double most;
    } wanted[] = {{2, 0.67}, {4, 0.84}, {8, 0.92}};
    g_autoptr(OkseCoder) coder = okse_coder_new();
    g_autofree uint8_t *plain = g_malloc0(OKSE_FRAME_PLAIN);

    for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++) {
        for (unsigned phase = 0; phase < wanted[i].width; phase++) {
            size_t length = OKSE_FRAME_PLAIN - (phase * 5) % 7;
            OkseFrame frame;

            seed = 7 + phase;
            fill(plain + phase, length - phase, wanted[i].width);
            comes_back(coder, plain, length, &frame);
            g_assert_cmpuint(frame.coding, ==, wanted[i].width);
            g_assert_cmpfloat((double)frame.coded / (double)length, <=, wanted[i].most);
        }
    }
}

static void other_bytes(void)
{
    g_autoptr(OkseCoder) coder = okse_coder_new();
    g_autofree uint8_t *plain = g_malloc0(OKSE_FRAME_PLAIN);
    OkseFrame frame;

    comes_back(coder, plain, OKSE_FRAME_PLAIN, &frame);
    g_assert_cmpuint(frame.coded, <, 200);
    for (size_t i = 0; i < OKSE_FRAME_PLAIN; i++)
        plain[i] = (uint8_t)next_random();
    comes_back(coder, plain, OKSE_FRAME_PLAIN, &frame);
    g_assert_cmpuint(frame.coding, ==, OKSE_CODING_RAW);
    for (size_t i = 0; i + 64 <= OKSE_FRAME_PLAIN; i += 64)
        memcpy(plain + i, "the same line of text, again and again, with a number: 0123456\n", 64);
    comes_back(coder, plain, OKSE_FRAME_PLAIN, &frame);
    g_assert_cmpuint(frame.coding, ==, OKSE_CODING_ZSTD);
    for (size_t length = 1; length < 70; length++)
        comes_back(coder, plain, length, &frame);
}

/* Whatever was coded before, and by whichever coder. */
static void the_same_bytes_are_coded_alike(void)
{
    g_autoptr(OkseCoder) used = okse_coder_new();
    g_autofree uint8_t *plain = g_malloc0(OKSE_FRAME_PLAIN), *first = NULL;
    OkseFrame frame, again;
    const uint8_t *coded;

    fill(plain, OKSE_FRAME_PLAIN, 2);
    coded = okse_frame_encode(used, plain, OKSE_FRAME_PLAIN, &frame);
    first = g_memdup2(coded, frame.coded);
    for (unsigned i = 0; i < 20; i++) {
        g_autoptr(OkseCoder) fresh = okse_coder_new();
        g_autofree uint8_t *other = g_malloc0(OKSE_FRAME_PLAIN);
        OkseFrame ignored;

        fill(other, OKSE_FRAME_PLAIN - i, 1u << (1 + i % 3));
        okse_frame_encode(used, other, OKSE_FRAME_PLAIN - i, &ignored);
        coded = okse_frame_encode(i % 2 == 0 ? used : fresh, plain, OKSE_FRAME_PLAIN, &again);
        g_assert_cmpmem(first, (int)frame.coded, coded, (int)again.coded);
        g_assert_cmpuint(frame.coding, ==, again.coding);
        g_assert_cmpuint(frame.phase, ==, again.phase);
    }
}

static OkseFrames *example(uint64_t plain)
{
    OkseFrames *frames = okse_frames_new();

    for (uint64_t at = 0, i = 0; at < plain; at += OKSE_FRAME_PLAIN, i++) {
        uint32_t length = (uint32_t)MIN(plain - at, OKSE_FRAME_PLAIN);
        OkseFrame frame = {length - (uint32_t)(i % 3), i % 3 == 0 ? OKSE_CODING_RAW : OKSE_CODING_PLANES2, i % 3 == 2};

        okse_frames_append(frames, &frame, length);
    }
    return frames;
}

static void the_index_finds_every_frame(void)
{
    const uint64_t plain = 200ull * OKSE_FRAME_PLAIN + 12345;
    g_autoptr(OkseFrames) frames = example(plain), back = NULL;
    g_autoptr(GByteArray) index = okse_frames_index(frames);
    g_autoptr(GError) error = NULL;
    uint64_t from = 0;

    g_assert_cmpuint(index->len, ==, okse_frames_index_size(plain));
    back = okse_frames_read(index->data, plain, okse_frames_size(frames), &error);
    g_assert_no_error(error);
    for (uint64_t i = 0; i <= 200; i++) {
        OkseFramePlace place = okse_frames_at(back, MIN(i * OKSE_FRAME_PLAIN + 77, plain - 1));

        g_assert_cmpuint(place.from, ==, from);
        g_assert_cmpuint(place.plain, ==, i * OKSE_FRAME_PLAIN);
        g_assert_cmpuint(place.length, ==, i < 200 ? OKSE_FRAME_PLAIN : 12345);
        from += place.frame.coded;
    }
    g_assert_cmpuint(from, ==, okse_frames_coded(back));
}

static void an_index_with_a_changed_bit_is_refused(void)
{
    const uint64_t plain = 3ull * OKSE_FRAME_PLAIN + 5;
    g_autoptr(OkseFrames) frames = example(plain);
    g_autoptr(GByteArray) index = okse_frames_index(frames);

    for (guint bit = 0; bit < index->len * 8; bit++) {
        OkseFrames *back;

        index->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        back = okse_frames_read(index->data, plain, okse_frames_size(frames), NULL);
        /* another width or phase is as possible: what the frame holds then disagrees */
        g_assert_true(back == NULL || bit / 8 % 8 == 4 || bit / 8 % 8 == 5);
        okse_frames_free(back);
        index->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/planes/numbers-of-every-width-at-every-phase", numbers_of_every_width_at_every_phase);
    g_test_add_func("/planes/other-bytes", other_bytes);
    g_test_add_func("/planes/the-same-bytes-are-coded-alike", the_same_bytes_are_coded_alike);
    g_test_add_func("/frames/the-index-finds-every-frame", the_index_finds_every_frame);
    g_test_add_func("/frames/an-index-with-a-changed-bit-is-refused", an_index_with_a_changed_bit_is_refused);
    return g_test_run();
}
