/* What a codec makes of a file and how fast, on one processor: for tests/bench/run.
 *     codec planes|zstd-N FILE     one JSON line: bytes, coded, and the processor's seconds to code and to decode
 * Zstandard codes the file in one piece, as its command does. Decoded bytes are compared. The best of three. */
#include "packager/planes.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

typedef struct {
    GArray *frames; /* of OkseFrame; planes only */
    GByteArray *coded;
} Result;

static double processor_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void encode(Result *result, int level, const uint8_t *plain, size_t length)
{
    g_autoptr(OkseCoder) coder = okse_coder_new();

    g_byte_array_set_size(result->coded, 0);
    g_array_set_size(result->frames, 0);
    if (level != 0) {
        g_byte_array_set_size(result->coded, (guint)ZSTD_compressBound(length));
        g_byte_array_set_size(result->coded,
                              (guint)ZSTD_compress(result->coded->data, result->coded->len, plain, length, level));
        return;
    }
    for (size_t at = 0; at < length; at += OKSE_FRAME_PLAIN) {
        OkseFrame frame;
        const uint8_t *coded = okse_frame_encode(coder, plain + at, MIN(length - at, OKSE_FRAME_PLAIN), &frame);

        g_array_append_val(result->frames, frame);
        g_byte_array_append(result->coded, coded, frame.coded);
    }
}

static bool decode(const Result *result, int level, uint8_t *plain, size_t length)
{
    g_autoptr(OkseCoder) coder = okse_coder_new();
    size_t from = 0;

    if (level != 0)
        return ZSTD_decompress(plain, length, result->coded->data, result->coded->len) == length;
    for (size_t i = 0; i < result->frames->len; i++) {
        const OkseFrame *frame = &g_array_index(result->frames, OkseFrame, i);
        size_t at = i * OKSE_FRAME_PLAIN;

        if (!okse_frame_decode(coder, frame, result->coded->data + from, plain + at, MIN(length - at, OKSE_FRAME_PLAIN),
                               NULL))
            return false;
        from += frame->coded;
    }
    return true;
}

int main(int argc, char **argv)
{
    g_autofree char *plain = NULL;
    g_autofree uint8_t *back = NULL;
    g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(OkseFrame));
    g_autoptr(GByteArray) coded = g_byte_array_new();
    Result result = {frames, coded};
    double write = 1e9, read = 1e9;
    gsize length;
    int level = 0;

    if (argc != 3 || (strcmp(argv[1], "planes") != 0 && sscanf(argv[1], "zstd-%d", &level) != 1) ||
        !g_file_get_contents(argv[2], &plain, &length, NULL))
        return 2;
    back = g_malloc(length + 1);
    for (unsigned round = 0; round < (level > 3 ? 1 : 3); round++) {
        double start = processor_seconds();

        encode(&result, level, (const uint8_t *)plain, length);
        write = MIN(write, processor_seconds() - start);
        start = processor_seconds();
        if (!decode(&result, level, back, length))
            return 1;
        read = MIN(read, processor_seconds() - start);
        if (memcmp(plain, back, length) != 0)
            return 1;
    }
    printf("{\"bytes\": %zu, \"coded\": %zu, \"encode\": %.4f, \"decode\": %.4f}\n", length,
           (size_t)coded->len + 8 * frames->len, write, read);
    return 0;
}
