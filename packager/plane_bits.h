#pragma once

#include <stddef.h>
#include <stdint.h>

/* A number's bits, turned left by one, so that the sign stands last and the exponent of BF16 and FP32 fills the first
 * byte; then the bytes of many numbers apart, each place a plane: plane 0 has the first (most significant) bytes.
 * Numbers are little-endian, as safetensors, GGUF and ONNX write them. Kept in a file of its own, which is compiled for
 * speed: the loops must become vector instructions. */

/* width: 2, 4 or 8 bytes a number; count numbers at `plain`; planes[0 … width - 1] of `count` bytes each. */
void okse_planes_split(const uint8_t *plain, size_t count, unsigned width, uint8_t *const planes[]);
/* The reverse. The planes may lie anywhere but in `plain`. */
void okse_planes_join(const uint8_t *const planes[], size_t count, unsigned width, uint8_t *plain);
