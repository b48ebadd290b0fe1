#pragma once

#include "core/error.h"

#include <stdint.h>

/* The canonical tar headers of a bundle (docs/formats/bundle.md, "Headers"): pure functions, shared by the writer and
 * by the reader, which compares what it finds with what these write. Source: POSIX.1-2017 pax, "ustar Interchange
 * Format" and "pax Extended Header". */
#define OKSE_TAR_BLOCK 512u
#define OKSE_TAR_ALIGN 4096u
#define OKSE_TAR_STATEMENT_AREA 65536u
#define OKSE_TAR_INDEX_ROOM 32768u

/* A 512-byte header of a regular member. name: at most 99 bytes. */
void okse_tar_header(uint8_t block[OKSE_TAR_BLOCK], const char *name, uint64_t size);

/* Bytes that a member of `size` data bytes takes behind its header: size rounded up to whole blocks. */
uint64_t okse_tar_padded(uint64_t size);

/* Everything in front of a blob's data when its first header byte stands at `offset`: a pax header if it needs one, and
 * the ustar header. The data then begins at offset + length. align: data must start on OKSE_TAR_ALIGN; fill_to: when
 * not 0, the pax header must end exactly there (the end of the statement area) and `align` is false. Returns the bytes.
 */
GBytes *okse_tar_prefix(uint64_t offset, const char *name, uint64_t size, bool align, uint64_t fill_to);
/* The length of the same, without writing it. */
uint64_t okse_tar_prefix_length(uint64_t offset, uint64_t size, bool align, uint64_t fill_to);

/* The headers of one member of a component's tar layer: path as given ('/' appended for directories), type '0' file,
 * '2' symbolic link or '5' directory, owner and time 0. Names over 100 bytes and sizes from 8 GiB on bring a pax
 * header. target: of a link, or NULL. */
GBytes *okse_tar_entry(const char *path, char type, unsigned mode, uint64_t size, const char *target);

/* What a reader learns from one header block without trusting it: typeflag, name and size.
 * Errors: INVALID (checksum, magic, a size that is no number or above OKSE_LIMIT_BUNDLE_SIZE, a name without NUL). */
typedef struct {
    char type;
    char name[101];
    uint64_t size;
} OkseTarMember;
bool okse_tar_parse(const uint8_t block[OKSE_TAR_BLOCK], OkseTarMember *member, GError **error);
