#pragma once

#include "core/error.h"

#include <stdint.h>

/* Weights coded for transport, without loss: frames of up to 1 MiB of plain bytes, each coded by itself, so that any
 * place can be read by decoding one frame. A frame of numbers (BF16, FP16, FP32, FP64) is taken apart into byte planes
 * (packager/plane_bits.h), and each plane is either as it is or one Zstandard frame (RFC 8878) that holds Huffman codes
 * and hardly any match; other bytes are one Zstandard frame or stay as they are. What the bytes are is told from
 * themselves (packager/plane_guess.h). Format: docs/formats/parts.md. */
#define OKSE_FRAME_PLAIN (1u << 20)

/* How one frame is coded; the values are the format's. */
typedef enum {
    OKSE_CODING_RAW = 0,
    OKSE_CODING_ZSTD = 1,    /* one Zstandard frame of all bytes */
    OKSE_CODING_PLANES2 = 2, /* planes of numbers of 2, 4, 8 bytes */
    OKSE_CODING_PLANES4 = 4,
    OKSE_CODING_PLANES8 = 8,
} OkseCoding;

typedef struct {
    uint32_t coded; /* bytes; never more than the plain ones */
    uint8_t coding; /* OkseCoding */
    uint8_t phase;  /* plain bytes before the first whole number, which lie uncoded at the front; below the width */
} OkseFrame;

/* What one thread needs to code and decode frames: about 8 MiB once both were done. */
typedef struct OkseCoder OkseCoder;
OkseCoder *okse_coder_new(void);
void okse_coder_free(OkseCoder *coder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseCoder, okse_coder_free)

/* Code `length` bytes, 1 to OKSE_FRAME_PLAIN. Returns frame->coded bytes: `plain` itself when it stays as it is, or the
 * coder's own, valid until its next call. The same bytes are coded alike by any machine and thread, but another release
 * of libzstd may code them otherwise; what it coded is read by every release. */
const uint8_t *okse_frame_encode(OkseCoder *coder, const uint8_t *plain, size_t length, OkseFrame *frame);

/* Can a frame of `length` plain bytes be so? Coding, phase and size fit together. */
bool okse_frame_possible(const OkseFrame *frame, size_t length);

/* Decode into `plain`, of `length` bytes: those the frame must have. Nothing in the frame is believed: what it says is
 * held against both lengths before it is used, and what does not come out at exactly `length` is refused.
 * Errors: INVALID. */
bool okse_frame_decode(OkseCoder *coder, const OkseFrame *frame, const uint8_t *coded, uint8_t *plain, size_t length,
                       GError **error);
