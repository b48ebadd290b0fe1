#pragma once

#include <stddef.h>
#include <stdint.h>

/* How a run of bytes is best laid out, told from the bytes alone: whatever holds the numbers (safetensors, GGUF, ONNX,
 * a zip of PyTorch's, a piece of a thin bundle), no header has to be found, read or believed.
 * Whole numbers only, so that every machine decides alike. */
typedef struct {
    unsigned width; /* bytes a number: 1 (no planes), 2, 4 or 8 */
    unsigned phase; /* bytes before the first whole number, < width */
    unsigned worth; /* bit i: plane i holds less than its bytes do */
    uint64_t plain; /* bytes looked at */
    uint64_t coded; /* what they would take, by the entropy of their planes */
} OkseLayout;

OkseLayout okse_layout_guess(const uint8_t *plain, size_t length);
