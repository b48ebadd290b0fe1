#pragma once

#include "packager/planes.h"

/* The index of coded bytes: frames of exactly OKSE_FRAME_PLAIN plain bytes each, the last one shorter, one behind the
 * other, and behind them one entry each and how much it is in all. So the frame that holds a plain byte is found by
 * dividing. Format: docs/formats/parts.md. */
typedef struct OkseFrames OkseFrames;

/* Nothing yet. */
OkseFrames *okse_frames_new(void) G_GNUC_WARN_UNUSED_RESULT;
void okse_frames_free(OkseFrames *frames);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseFrames, okse_frames_free)

/* The next frame, of `length` plain bytes; only the last may be below OKSE_FRAME_PLAIN. */
void okse_frames_append(OkseFrames *frames, const OkseFrame *frame, size_t length);

uint64_t okse_frames_plain(const OkseFrames *frames);
/* Bytes of all frames, and with the index behind them. */
uint64_t okse_frames_coded(const OkseFrames *frames);
uint64_t okse_frames_size(const OkseFrames *frames);
/* The index as it stands behind the frames. New. */
GByteArray *okse_frames_index(const OkseFrames *frames) G_GNUC_WARN_UNUSED_RESULT;

/* Bytes of the index for so many plain bytes. */
uint64_t okse_frames_index_size(uint64_t plain);
/* Can `plain` plain bytes be coded in `size`, index and all? last: only the last run of a bundle ends within a frame.
 */
bool okse_frames_fit(uint64_t plain, uint64_t size, bool last);
/* An index from outside: of `plain` plain bytes, at the end of `size` bytes, both known from elsewhere; index has
 * okse_frames_index_size(plain) bytes. Every entry is checked, and their sum. Errors: INVALID. */
OkseFrames *okse_frames_read(const uint8_t *index, uint64_t plain, uint64_t size,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The frame that holds plain byte `at`, which must be below the length. */
typedef struct {
    OkseFrame frame;
    uint64_t from;   /* its first coded byte */
    uint64_t plain;  /* its first plain byte */
    uint32_t length; /* its plain bytes */
} OkseFramePlace;
OkseFramePlace okse_frames_at(const OkseFrames *frames, uint64_t at);
