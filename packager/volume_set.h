#pragma once

#include "core/digest.h"
#include "core/json.h"

/* A set of parts that a bundle was cut into for media, and what every part says of it: set.json. docs/formats/parts.md.
 * A part is called volume here, because a "part" is a component's in an install (packager/part.h). */
#define OKSE_VOLUME_BLOCK (1u << 20)
#define OKSE_VOLUME_LINE (OKSE_SHA256_HEX) /* a line of blocks.sha256: 64 digits and a newline */
#define OKSE_VOLUME_GROUP 255u             /* parts of one Reed–Solomon group, data and parity */

#define OKSE_ENCODING_FRAMES "frames.v1" /* `data` is frames with their index: packager/frames.h */

typedef enum { OKSE_VOLUME_DATA, OKSE_VOLUME_PARITY } OkseVolumeKind;

typedef struct {
    OkseVolumeKind kind;
    unsigned number;         /* from 1, of its kind */
    uint64_t offset, length; /* bytes of the bundle; parity: none */
    uint64_t at, size;       /* `data` in the part's file */
    OkseSha256 digest;       /* of `data` */
    OkseSha256 blocks;       /* of the member blocks.sha256 */
} OkseVolume;

typedef struct {
    OkseSha256 identity;
    OkseSha256 digest; /* of the bundle's file */
    uint64_t size, sequence;
    char *name, *version, *country;
} OkseVolumeBundle;

typedef struct {
    OkseVolumeBundle bundle;
    char *encoding; /* of `data`; NULL: plain */
    unsigned data, parity, groups;
    OkseVolume *volumes; /* data parts in order, then parity */
    /* Set by okse_volume_set_seal(). */
    GBytes *json; /* set.json */
    OkseSha256 id;
} OkseVolumeSet;

/* Takes a set apart. Errors: INVALID (not canonical, not a set, a limit, numbers that do not fit together). A set that
 * is returned is one: parts cover the bundle, groups are small enough, names are safe as file names. origin: for
 * messages. */
OkseVolumeSet *okse_volume_set_read(GBytes *json, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* An empty set for a writer: volumes are there, numbered, and otherwise zero. */
OkseVolumeSet *okse_volume_set_new(unsigned data, unsigned parity, unsigned groups) G_GNUC_WARN_UNUSED_RESULT;
/* Writes set.json and its digest into the set. */
void okse_volume_set_seal(OkseVolumeSet *set);
void okse_volume_set_free(OkseVolumeSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseVolumeSet, okse_volume_set_free)

/* "NAME-VERSION-COUNTRY". New. */
char *okse_volume_set_name(const OkseVolumeSet *set) G_GNUC_WARN_UNUSED_RESULT;
/* "NAME.0001.part", "NAME.parity.0001.part". New. */
char *okse_volume_name(const OkseVolumeSet *set, const OkseVolume *volume) G_GNUC_WARN_UNUSED_RESULT;
/* "part 3 of 12", "parity part 1 of 2". New. */
char *okse_volume_words(const OkseVolumeSet *set, const OkseVolume *volume) G_GNUC_WARN_UNUSED_RESULT;

uint64_t okse_volume_blocks(const OkseVolume *volume);
/* Bytes of block `block`: OKSE_VOLUME_BLOCK, but of the last. */
size_t okse_volume_block_size(const OkseVolume *volume, uint64_t block);

/* Groups, from 0. Which one, and at which place in it, counted for each kind. */
static inline unsigned okse_volume_group(const OkseVolumeSet *set, const OkseVolume *volume)
{
    return (volume->number - 1) % set->groups;
}
static inline unsigned okse_volume_place(const OkseVolumeSet *set, const OkseVolume *volume)
{
    return (volume->number - 1) / set->groups;
}
/* How many of the kind a group has, and the one at a place. */
unsigned okse_volume_group_count(const OkseVolumeSet *set, OkseVolumeKind kind, unsigned group);
const OkseVolume *okse_volume_group_member(const OkseVolumeSet *set, OkseVolumeKind kind, unsigned group,
                                           unsigned place);
/* The smallest number of groups that these many parts need. */
unsigned okse_volume_groups_for(unsigned data, unsigned parity);
