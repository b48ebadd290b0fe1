#include "packager/planes.h"

#include "packager/plane_bits.h"
#include "packager/plane_guess.h"

#include <string.h>
#include <zstd.h>

#define WIDTH_MAX 8u
#define LENGTH_BYTES 4u                       /* of a plane, before it */
#define TRIAL (32u << 10)                     /* bytes that are tried with matches */
#define WORTH(plain) ((plain) - (plain) / 64) /* coded bytes that are worth decoding */

struct OkseCoder {
    ZSTD_CCtx *writer; /* each made when first wanted */
    ZSTD_DCtx *reader;
    uint8_t *planes; /* OKSE_FRAME_PLAIN */
    uint8_t *coded;  /* room for what libzstd may write */
    size_t room;
};

/* How Zstandard is asked. */
typedef enum {
    SYMBOLS, /* Huffman codes; matches are looked for at so few places that hardly any is found */
    TRIED,   /* matches, the fastest way: to learn whether there are any */
    MATCHES, /* matches and codes */
} Effort;

OkseCoder *okse_coder_new(void)
{
    return g_new0(OkseCoder, 1);
}

void okse_coder_free(OkseCoder *coder)
{
    if (coder == NULL)
        return;
    ZSTD_freeCCtx(coder->writer);
    ZSTD_freeDCtx(coder->reader);
    g_free(coder->planes);
    g_free(coder->coded);
    g_free(coder);
}

static void prepare_planes(OkseCoder *coder)
{
    if (coder->planes == NULL)
        coder->planes = g_malloc(OKSE_FRAME_PLAIN);
}

static void prepare_writer(OkseCoder *coder)
{
    prepare_planes(coder);
    if (coder->writer != NULL)
        return;
    coder->writer = ZSTD_createCCtx();
    if (coder->writer == NULL)
        g_error("no memory for a Zstandard context"); /* as GLib does for its own */
    coder->room = ZSTD_compressBound(OKSE_FRAME_PLAIN) + WIDTH_MAX * (LENGTH_BYTES + ZSTD_compressBound(0)) + WIDTH_MAX;
    coder->coded = g_malloc(coder->room);
}

static void set(OkseCoder *coder, ZSTD_cParameter parameter, int value)
{
    size_t result = ZSTD_CCtx_setParameter(coder->writer, parameter, value);

    g_assert(!ZSTD_isError(result));
}

/* Matches in planes of exponents save nothing and cost time twice: seven equal bytes are found often, and are cheaper
 * as codes. A table of 64 places, which cannot be made smaller, hardly finds any. */
static void set_effort(OkseCoder *coder, Effort effort)
{
    ZSTD_CCtx_reset(coder->writer, ZSTD_reset_session_and_parameters);
    set(coder, ZSTD_c_compressionLevel, effort == MATCHES ? 3 : 1);
    if (effort != SYMBOLS)
        return;
    set(coder, ZSTD_c_strategy, ZSTD_fast);
    set(coder, ZSTD_c_targetLength, 0); /* anything else switches codes off */
    set(coder, ZSTD_c_minMatch, 7);
    set(coder, ZSTD_c_hashLog, 6);
    set(coder, ZSTD_c_windowLog, 17); /* a block's size */
}

/* One Zstandard frame at coder->coded + at. */
static size_t compress(OkseCoder *coder, Effort effort, const uint8_t *plain, size_t length, size_t at)
{
    size_t result;

    set_effort(coder, effort);
    result = ZSTD_compress2(coder->writer, coder->coded + at, coder->room - at, plain, length);
    g_assert(!ZSTD_isError(result)); /* the room is what libzstd asks for */
    return result;
}

static const uint8_t *stay(const uint8_t *plain, size_t length, OkseFrame *frame)
{
    *frame = (OkseFrame){.coded = (uint32_t)length, .coding = OKSE_CODING_RAW};
    return plain;
}

/* Bytes that lie at the front and at the end, and numbers between. */
static size_t count_of(size_t length, unsigned width, unsigned phase)
{
    return length < phase ? 0 : (length - phase) / width;
}

static const uint8_t *encode_planes(OkseCoder *coder, const uint8_t *plain, size_t length, const OkseLayout *layout,
                                    OkseFrame *frame)
{
    size_t count = count_of(length, layout->width, layout->phase), at = layout->phase;
    size_t rest = length - layout->phase - count * layout->width;
    uint8_t *planes[WIDTH_MAX];

    for (unsigned i = 0; i < layout->width; i++)
        planes[i] = coder->planes + i * count;
    okse_planes_split(plain + layout->phase, count, layout->width, planes);
    memcpy(coder->coded, plain, layout->phase);
    for (unsigned i = 0; i < layout->width; i++) {
        size_t size = count;
        uint32_t stored;

        if ((layout->worth >> i & 1) != 0)
            size = compress(coder, SYMBOLS, planes[i], count, at + LENGTH_BYTES);
        if (size >= WORTH(count)) {
            size = count;
            memcpy(coder->coded + at + LENGTH_BYTES, planes[i], count);
        }
        stored = GUINT32_TO_LE((uint32_t)size);
        memcpy(coder->coded + at, &stored, sizeof stored);
        at += LENGTH_BYTES + size;
    }
    memcpy(coder->coded + at, plain + length - rest, rest);
    at += rest;
    if (at >= WORTH(length))
        return stay(plain, length, frame);
    *frame = (OkseFrame){(uint32_t)at, (uint8_t)layout->width, (uint8_t)layout->phase};
    return coder->coded;
}

static const uint8_t *encode_whole(OkseCoder *coder, Effort effort, const uint8_t *plain, size_t length,
                                   OkseFrame *frame)
{
    size_t size = compress(coder, effort, plain, length, 0);

    if (size >= WORTH(length))
        return stay(plain, length, frame);
    *frame = (OkseFrame){.coded = (uint32_t)size, .coding = OKSE_CODING_ZSTD};
    return coder->coded;
}

/* Text, programs and repeated rows have matches, which counting bytes does not see: a part from the middle is tried. */
static bool has_matches(OkseCoder *coder, const uint8_t *plain, size_t length, const OkseLayout *layout)
{
    size_t tried = MIN(length, TRIAL);
    size_t size = compress(coder, TRIED, plain + (length - tried) / 2, tried, 0);

    return size * layout->plain < layout->coded * tried;
}

const uint8_t *okse_frame_encode(OkseCoder *coder, const uint8_t *plain, size_t length, OkseFrame *frame)
{
    OkseLayout layout;

    g_assert(length > 0 && length <= OKSE_FRAME_PLAIN);
    prepare_writer(coder);
    layout = okse_layout_guess(plain, length);
    if (has_matches(coder, plain, length, &layout))
        return encode_whole(coder, MATCHES, plain, length, frame);
    if (layout.worth == 0)
        return stay(plain, length, frame);
    if (layout.width == 1)
        return encode_whole(coder, SYMBOLS, plain, length, frame);
    return encode_planes(coder, plain, length, &layout, frame);
}

static bool damaged(GError **error, const char *what)
{
    return okse_fail(error, OKSE_ERROR_INVALID, "a compressed frame is damaged: %s", what);
}

/* One Zstandard frame that says it holds `length` bytes, and does. */
static bool expand(OkseCoder *coder, const uint8_t *coded, size_t size, uint8_t *plain, size_t length, GError **error)
{
    size_t result;

    if (coder->reader == NULL)
        coder->reader = ZSTD_createDCtx();
    if (coder->reader == NULL)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "no memory for a Zstandard context");
    if (ZSTD_getFrameContentSize(coded, size) != length)
        return damaged(error, "a Zstandard frame is of another size");
    result = ZSTD_decompressDCtx(coder->reader, plain, length, coded, size);
    if (ZSTD_isError(result))
        return damaged(error, ZSTD_getErrorName(result));
    return result == length || damaged(error, "a Zstandard frame is of another size");
}

static bool decode_planes(OkseCoder *coder, const OkseFrame *frame, const uint8_t *coded, uint8_t *plain, size_t length,
                          GError **error)
{
    unsigned width = frame->coding, phase = frame->phase;
    size_t count = count_of(length, width, phase), at = phase, rest;
    const uint8_t *planes[WIDTH_MAX];

    rest = length - phase - count * width;
    prepare_planes(coder);
    for (unsigned i = 0; i < width; i++) {
        uint32_t size;

        if (frame->coded - at < sizeof size)
            return damaged(error, "it ends early");
        memcpy(&size, coded + at, sizeof size);
        size = GUINT32_FROM_LE(size);
        at += sizeof size;
        if (size > count || size > frame->coded - at)
            return damaged(error, "a plane is longer than what is there");
        planes[i] = coded + at;
        if (size < count) {
            if (!expand(coder, coded + at, size, coder->planes + i * count, count, error))
                return false;
            planes[i] = coder->planes + i * count;
        }
        at += size;
    }
    if (frame->coded - at != rest)
        return damaged(error, "it does not end where its planes do");
    memcpy(plain, coded, phase);
    okse_planes_join(planes, count, width, plain + phase);
    memcpy(plain + length - rest, coded + at, rest);
    return true;
}

bool okse_frame_possible(const OkseFrame *frame, size_t length)
{
    switch (frame->coding) {
    case OKSE_CODING_RAW:
        return frame->coded == length && frame->phase == 0;
    case OKSE_CODING_ZSTD:
        return frame->coded < length && frame->phase == 0;
    case OKSE_CODING_PLANES2:
    case OKSE_CODING_PLANES4:
    case OKSE_CODING_PLANES8:
        return frame->coded < length && frame->phase < frame->coding && frame->phase <= frame->coded;
    default:
        return false;
    }
}

bool okse_frame_decode(OkseCoder *coder, const OkseFrame *frame, const uint8_t *coded, uint8_t *plain, size_t length,
                       GError **error)
{
    g_assert(length > 0 && length <= OKSE_FRAME_PLAIN);
    if (!okse_frame_possible(frame, length))
        return damaged(error, "its coding and its size do not agree");
    if (frame->coding == OKSE_CODING_ZSTD)
        return expand(coder, coded, frame->coded, plain, length, error);
    if (frame->coding != OKSE_CODING_RAW)
        return decode_planes(coder, frame, coded, plain, length, error);
    memcpy(plain, coded, length);
    return true;
}
