#include "packager/frames.h"

#include "core/limits.h"

#include <string.h>

#define MAGIC "OKSEFRM1"
#define FOOTER 16u
#define ENTRY 8u
#define MARK 64u /* frames from one known offset to the next */

struct OkseFrames {
    GArray *frames; /* of OkseFrame */
    GArray *marks;  /* of uint64_t: where every MARKth frame begins */
    uint64_t plain, coded;
};

OkseFrames *okse_frames_new(void)
{
    OkseFrames *frames = g_new0(OkseFrames, 1);

    frames->frames = g_array_new(FALSE, FALSE, sizeof(OkseFrame));
    frames->marks = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    return frames;
}

void okse_frames_free(OkseFrames *frames)
{
    if (frames == NULL)
        return;
    g_array_unref(frames->frames);
    g_array_unref(frames->marks);
    g_free(frames);
}

void okse_frames_append(OkseFrames *frames, const OkseFrame *frame, size_t length)
{
    g_assert(length > 0 && length <= OKSE_FRAME_PLAIN && frames->plain % OKSE_FRAME_PLAIN == 0);
    if (frames->frames->len % MARK == 0)
        g_array_append_val(frames->marks, frames->coded);
    g_array_append_vals(frames->frames, frame, 1);
    frames->plain += length;
    frames->coded += frame->coded;
}

uint64_t okse_frames_plain(const OkseFrames *frames)
{
    return frames->plain;
}

uint64_t okse_frames_coded(const OkseFrames *frames)
{
    return frames->coded;
}

uint64_t okse_frames_size(const OkseFrames *frames)
{
    return frames->coded + okse_frames_index_size(frames->plain);
}

static uint64_t count_of(uint64_t plain)
{
    return plain / OKSE_FRAME_PLAIN + (plain % OKSE_FRAME_PLAIN != 0);
}

uint64_t okse_frames_index_size(uint64_t plain)
{
    return count_of(plain) * ENTRY + FOOTER;
}

bool okse_frames_fit(uint64_t plain, uint64_t size, bool last)
{
    uint64_t index = okse_frames_index_size(plain);

    return plain <= OKSE_LIMIT_BUNDLE_SIZE && (last || plain % OKSE_FRAME_PLAIN == 0) && size > index &&
           size - index <= plain;
}

GByteArray *okse_frames_index(const OkseFrames *frames)
{
    GByteArray *index = g_byte_array_sized_new((guint)okse_frames_index_size(frames->plain));
    uint64_t plain = GUINT64_TO_LE(frames->plain);

    for (guint i = 0; i < frames->frames->len; i++) {
        const OkseFrame *frame = &g_array_index(frames->frames, OkseFrame, i);
        uint32_t coded = GUINT32_TO_LE(frame->coded);
        const uint8_t kind[ENTRY - sizeof coded] = {frame->coding, frame->phase};

        g_byte_array_append(index, (const uint8_t *)&coded, sizeof coded);
        g_byte_array_append(index, kind, sizeof kind);
    }
    g_byte_array_append(index, (const uint8_t *)&plain, sizeof plain);
    g_byte_array_append(index, (const uint8_t *)MAGIC, strlen(MAGIC));
    return index;
}

/* coding, phase, two zeros. */
static bool entry_read(const uint8_t entry[ENTRY], size_t length, OkseFrame *frame)
{
    uint32_t coded;

    memcpy(&coded, entry, sizeof coded);
    *frame = (OkseFrame){GUINT32_FROM_LE(coded), entry[4], entry[5]};
    return okse_frame_possible(frame, length) && entry[6] == 0 && entry[7] == 0;
}

OkseFrames *okse_frames_read(const uint8_t *index, uint64_t plain, uint64_t size, GError **error)
{
    g_autoptr(OkseFrames) frames = okse_frames_new();
    uint64_t count = count_of(plain), length;
    const uint8_t *footer = index + count * ENTRY;

    g_assert(plain <= OKSE_LIMIT_BUNDLE_SIZE);
    memcpy(&length, footer, sizeof length);
    if (memcmp(footer + sizeof length, MAGIC, strlen(MAGIC)) != 0 || GUINT64_FROM_LE(length) != plain) {
        okse_fail(error, OKSE_ERROR_INVALID, "the index of compressed frames is damaged or of another length");
        return NULL;
    }
    for (uint64_t i = 0; i < count; i++) {
        size_t of_frame = (size_t)MIN(plain - i * OKSE_FRAME_PLAIN, OKSE_FRAME_PLAIN);
        OkseFrame frame;

        if (!entry_read(index + i * ENTRY, of_frame, &frame)) {
            okse_fail(error, OKSE_ERROR_INVALID,
                      "entry %" G_GUINT64_FORMAT " of the index of compressed frames is damaged", i + 1);
            return NULL;
        }
        okse_frames_append(frames, &frame, of_frame);
    }
    if (okse_frames_size(frames) != size) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "the index of compressed frames does not fill its %" G_GUINT64_FORMAT " bytes", size);
        return NULL;
    }
    return g_steal_pointer(&frames);
}

OkseFramePlace okse_frames_at(const OkseFrames *frames, uint64_t at)
{
    guint index = (guint)(at / OKSE_FRAME_PLAIN);
    OkseFramePlace place = {.plain = (uint64_t)index * OKSE_FRAME_PLAIN};

    g_assert(at < frames->plain);
    place.from = g_array_index(frames->marks, uint64_t, index / MARK);
    for (guint i = index / MARK * MARK; i < index; i++)
        place.from += g_array_index(frames->frames, OkseFrame, i).coded;
    place.frame = g_array_index(frames->frames, OkseFrame, index);
    place.length = (uint32_t)MIN(frames->plain - place.plain, OKSE_FRAME_PLAIN);
    return place;
}
