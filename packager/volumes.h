#pragma once

#include "core/progress.h"
#include "core/worker.h"
#include "packager/sealed_part.h"
#include "packager/volume_set.h"

/* The parts of one set as they were found: which are there, under which names, and what is wrong with each. Files are
 * only read. Blocks are checked by their digests whenever they are read, and worked out from others where parity
 * allows. Shared by threads. docs/formats/parts.md. */
typedef struct OkseVolumes OkseVolumes;

typedef struct {
    const char *const *paths; /* parts, and directories that hold some (*.part); NULL-terminated, not empty */
    bool beside;              /* a part that is named brings those in its directory */
    const char *wanted;       /* the set to take ("sha256:…"), or NULL: that of the first path when it is a part, else
                               * the one with most parts here */
    const OkseSealedKey *key; /* opens encrypted parts (*.part.cms); NULL: there is none. Borrowed for the call */
} OkseVolumesPlaces;

/* What is of another set is kept as a stranger, with its reason; so is an encrypted part that cannot be opened, for
 * want of the key or because it was changed. Encrypted parts are read whole, once, here. Errors: INVALID (no part with
 * a whole set.json, two sets and neither is larger, parts are encrypted and there is no key), REFUSED (no part opens
 * with the key), NOT_FOUND, SYSTEM, CANCELLED. */
OkseVolumes *okse_volumes_open(const OkseVolumesPlaces *places, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_volumes_free(OkseVolumes *volumes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseVolumes, okse_volumes_free)

/* Does this path look like parts: a directory that holds some, or a file that is named or begins as a part? */
bool okse_volumes_is_input(const char *path);
/* Is this file a part? fd: borrowed, only read with pread(); path: the name it was opened by. */
bool okse_volumes_is_part(int fd, const char *path);

const OkseVolumeSet *okse_volumes_set(const OkseVolumes *volumes);
/* How many of the parts (parity too) have a file. */
unsigned okse_volumes_found(const OkseVolumes *volumes);

/* More parts of a group are missing than it has parity for: REFUSED with the list. */
bool okse_volumes_suffice(const OkseVolumes *volumes, GError **error);

/* What happened to a block. */
typedef enum {
    OKSE_BLOCK_GOOD,
    OKSE_BLOCK_DAMAGED,    /* other bytes than its digest says, or the file ends before */
    OKSE_BLOCK_UNREADABLE, /* the medium or its reader fails */
    OKSE_BLOCK_MISSING,    /* no file */
} OkseBlockState;

/* Block `block` of the set's volume `index` as it stands in some file, checked. buffer: OKSE_VOLUME_BLOCK bytes, those
 * behind the block's end are zeros. Damage is remembered. */
OkseBlockState okse_volumes_read_block(OkseVolumes *volumes, unsigned index, uint64_t block, uint8_t *buffer);

/* Work out block `stripe` of these data parts of a group (places in it, from 0), all of them at once, from what is
 * there. results: OKSE_VOLUME_BLOCK bytes each. Errors: REFUSED (more is damaged than parity covers, named), SYSTEM
 * (the same, because something cannot be read; no ISA-L). */
typedef struct {
    unsigned group;
    uint64_t stripe;
    const unsigned *places;
    unsigned count;
} OkseStripe;
bool okse_volumes_repair(OkseVolumes *volumes, const OkseStripe *stripe, uint8_t **results, GError **error);

/* The same block, repaired if it must be. Errors: as okse_volumes_repair(). */
bool okse_volumes_block(OkseVolumes *volumes, unsigned index, uint64_t block, uint8_t *buffer, GError **error);

/* Any bytes of the `data` of a data part, checked, repaired, and kept for a while: what is read next is mostly near. */
bool okse_volumes_data(OkseVolumes *volumes, unsigned index, uint64_t offset, void *buffer, size_t length,
                       GError **error);

/* Blocks that join has put where they belong are read from there instead of from a slow medium. fd: borrowed, -1: none;
 * bit i of `there` is block i of the bundle. */
void okse_volumes_use_joined(OkseVolumes *volumes, int fd, const uint8_t *there);

/* Read all blocks of a volume's files that were named, so that everything wrong with them is known. False only with
 * *error. Errors: CANCELLED. */
bool okse_volumes_check(OkseVolumes *volumes, unsigned index, OkseProgress *progress, GError **error);

/* What is asked of a set: which parts it lacks and which are damaged; or of single media: each for itself. */
typedef enum { OKSE_VOLUMES_AS_SET, OKSE_VOLUMES_EACH } OkseVolumesView;

/* What is wrong, in words, one line for each file, in the set's order: damaged files with their blocks, missing parts,
 * strangers. EACH: of the files that were named only, and nothing is missing. Empty: nothing. New. */
GPtrArray *okse_volumes_faults(OkseVolumes *volumes, OkseVolumesView view) G_GNUC_WARN_UNUSED_RESULT;
/* The same as data: {"parts":[{"part","path"?,"state":"whole"|"damaged"|"missing"|"unreadable","faults":[…],
 * "damaged":[[first,count],…],"unreadable":[…]}],"strangers":[{"path","reason"}]}. EACH: the whole ones, too. */
json_t *okse_volumes_json(OkseVolumes *volumes, OkseVolumesView view) G_GNUC_WARN_UNUSED_RESULT;
uint64_t okse_volumes_repaired(OkseVolumes *volumes);

/* For callers that take bytes from files themselves (sharing blocks): a file of the volume, -1 when there is none. */
int okse_volumes_fd(const OkseVolumes *volumes, unsigned index, const char **path);
/* That file is encrypted: what stands in it is not what the part has. */
bool okse_volumes_is_sealed(const OkseVolumes *volumes, unsigned index);
/* Are the digests of this part's blocks surely known? If not, only all of its bytes together prove it. */
bool okse_volumes_has_table(const OkseVolumes *volumes, unsigned index);
/* The digest of a block, when it is known. */
bool okse_volumes_digest(const OkseVolumes *volumes, unsigned index, uint64_t block, OkseSha256 *digest);
