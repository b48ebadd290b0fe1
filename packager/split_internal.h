#pragma once

#include "core/progress.h"
#include "packager/split.h"

/* What the halves of split share: split.c writes the data parts and finishes all, split_parity.c the parity. */
typedef struct {
    int dir_fd;
    const char *directory;
    OkseVolumeSet *set;
    OkseProgress *progress;
} SplitOutput;

/* A part's file under its temporary name, for reading and writing. */
int split_part_open(const SplitOutput *output, const OkseVolume *volume, int flags, GError **error);

/* The digests of a part's `data` as it goes by: of all of it, of each block, and of the table of these. */
typedef struct {
    OkseSha256Stream *whole, *block, *table;
    GString *lines; /* of blocks.sha256, not yet in the file */
    size_t filled;  /* bytes of the present block */
} PartDigests;
void part_digests_init(PartDigests *digests);
void part_digests_clear(PartDigests *digests);
/* The two may run in threads of their own. */
void part_digests_whole(PartDigests *digests, const void *data, size_t length);
void part_digests_blocks(PartDigests *digests, const void *data, size_t length);
/* The lines so far go where they belong: *at, which moves on. */
bool part_digests_flush(PartDigests *digests, int fd, uint64_t *at, const char *name, GError **error);
/* `data` is over: its digests into the volume. */
bool part_digests_end(PartDigests *digests, OkseVolume *volume, int fd, uint64_t *at, const char *name, GError **error);

/* Writes `data` and table of every parity part, out of the data parts as they are now. */
bool split_parity(const SplitOutput *output, GError **error);
