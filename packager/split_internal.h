#pragma once

#include "core/lane.h"
#include "core/progress.h"
#include "packager/split.h"

/* What the halves of split share: split.c writes the data parts and finishes all, split_frames.c writes them
 * compressed, split_parity.c the parity. */
typedef struct SplitSealing SplitSealing;
typedef struct SplitVeil SplitVeil;

typedef struct {
    int dir_fd;
    const char *directory;
    OkseVolumeSet *set; /* owned */
    OkseProgress *progress;
    uint64_t part_size; /* of a part at most, before it is encrypted */
    uint64_t overhead;  /* of encryption, a file at most; 0: parts are plain */
    /* Encrypted parts are written front to back when the set is sealed: until then only digests are made. */
    const OkseBytes *bytes; /* `data` is read from the bundle again; NULL: it stands in the parts' files */
    const char *origin;     /* its name */
    SplitVeil *veil;        /* compressed and encrypted: keeps `data` till then, and it is read from there; owned */
    int tables_fd;          /* an unnamed file that has the tables of all parts meanwhile; -1: parts have them */
    SplitSealing *sealing;  /* who takes parity now; NULL: it is hashed */
    GBytes *list, *sums;    /* NAME.set.json and NAME.sha256, when the parts are there; owned */
} SplitOutput;

/* Where the table of a part stands in tables_fd. */
uint64_t split_table_slot(const OkseVolumeSet *set, const OkseVolume *volume);

/* A part's file under its temporary name, for reading and writing. */
int split_part_open(const SplitOutput *output, const OkseVolume *volume, int flags, GError **error);

/* Encrypted parts (split_sealed.c): the set is sealed, tables_fd is full. Makes every part's file under its temporary
 * name, synced, and the two lists. */
bool split_sealed_prepare(SplitOutput *output, GError **error);
bool split_sealed_write(SplitOutput *output, const OkseCertificates *recipients, GError **error);
bool split_sealed_lists(const SplitOutput *output, const char *name, GError **error);
/* In front of the labels: what to do first. New. */
char *split_sealed_hint(void);
/* How much longer a message is than what it carries, at most; 0 on failure. */
uint64_t split_sealed_overhead(const OkseCertificates *recipients, GError **error);
/* Bytes of a data part's `data`, from wherever they are until they are sealed; at most OKSE_VOLUME_BLOCK. */
bool split_sealed_read(const SplitOutput *output, const OkseVolume *volume, uint64_t at, void *buffer, size_t length,
                       GError **error);
/* For split_parity.c: a parity part begins, goes on, ends. */
bool split_sealing_begin(SplitSealing *sealing, const OkseVolume *volume, GError **error);
bool split_sealing_data(SplitSealing *sealing, const OkseVolume *volume, const void *data, size_t length,
                        GError **error);
bool split_sealing_end(SplitSealing *sealing, const OkseVolume *volume, GError **error);

/* Keeps `data` of compressed parts in their files, from byte `at` on, readable only to this process (split_veil.c).
 * Every byte is written once. Parts' files are there. Errors: SYSTEM. */
SplitVeil *split_veil_new(uint64_t at, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void split_veil_free(SplitVeil *veil);
uint64_t split_veil_at(const SplitVeil *veil);
bool split_veil_write(const SplitOutput *output, const OkseVolume *volume, uint64_t at, const void *data, size_t length,
                      GError **error);
/* At most OKSE_VOLUME_BLOCK; by any thread. */
bool split_veil_read(const SplitOutput *output, const OkseVolume *volume, uint64_t at, void *buffer, size_t length,
                     GError **error);

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

/* What is hashed while a bundle is cut: all of it, the present part's `data`, and the blocks of that, each by a thread
 * of its own. Bytes are borrowed, and done with OKSE_LANE_RUNS runs later. */
typedef struct {
    OkseSha256Stream *bundle;
    PartDigests part;
    OkseLane *lanes[3];
} SplitHashing;
void split_hashing_init(SplitHashing *hashing);
void split_hashing_clear(SplitHashing *hashing);
void split_hashing_bundle(SplitHashing *hashing, const void *data, size_t length);
void split_hashing_data(SplitHashing *hashing, const void *data, size_t length);
/* As part_digests_flush() and part_digests_end(), when the bytes so far are hashed. */
bool split_hashing_flush(SplitHashing *hashing, int fd, uint64_t *at, const char *name, GError **error);
bool split_hashing_end(SplitHashing *hashing, OkseVolume *volume, int fd, uint64_t *at, const char *name,
                       GError **error);
/* The bundle is over. */
OkseSha256 split_hashing_digest(SplitHashing *hashing);

/* Writes `data` and table of every parity part, out of the data parts as they are now. */
bool split_parity(const SplitOutput *output, GError **error);

/* A set of so many data parts and the parity that is wished for, numbered and otherwise zero. Errors: INVALID. */
OkseVolumeSet *split_set_new(const OkseVolumeBundle *bundle, uint64_t data, const OkseParityWish *wish, GError **error);

/* Moves places of `data` that cannot be (okse_volume_first_place(), OKSE_VOLUME_SLACK) to the first that can, until all
 * stand, and seals the set. */
void split_settle(OkseVolumeSet *set);

/* Compressed parts: how many there are shows only when they are written. A set with more parts and larger numbers than
 * that of any outcome, so that what is written in front of it is not too short. */
OkseVolumeSet *split_frames_plan(const OkseSplit *split, uint64_t part_size, const OkseVolumeBundle *bundle,
                                 GError **error);
/* About how many bytes all data and parity parts will take: a sample of the bundle is coded. */
bool split_frames_estimate(const OkseSplit *split, const SplitOutput *output, uint64_t *size, GError **error);
/* Writes `data` and table of every data part (encrypted ones: into veil and tables_fd) and puts the set that came out
 * in the place of the planned one, with the bundle's digest. */
bool split_frames(const OkseSplit *split, SplitOutput *output, OkseCopied *copied, GError **error);
