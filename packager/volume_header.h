#pragma once

#include "packager/tar_header.h"
#include "packager/volume_set.h"

/* The bytes of a part's file that are not its `data`: a pure function of the set, the part's number and its table of
 * block digests. So reading them is comparing, and a damaged one is known by its place. docs/formats/parts.md. */
#define OKSE_VOLUME_README "README.txt"
#define OKSE_VOLUME_SET "set.json"
#define OKSE_VOLUME_PART "part.json"
#define OKSE_VOLUME_TABLE "blocks.sha256"
#define OKSE_VOLUME_DATA_MEMBER "data"
/* `data` may begin so much later than it could: a writer may not know its size before, and a place with one digit more
 * or less in set.json may be no place any more. bsdtar takes no pax header above 1 MiB. */
#define OKSE_VOLUME_SLACK ((1u << 20) - 8192u)
#define OKSE_VOLUME_TAIL (2 * OKSE_TAR_BLOCK)
#define OKSE_LIMIT_VOLUME_README (64u << 10)
#define OKSE_LIMIT_VOLUME_PART (4u << 10)

/* In front of the table's first line: label, set.json, part.json and the table's header. The set is sealed. */
GBytes *okse_volume_head(const OkseVolumeSet *set, const OkseVolume *volume) G_GNUC_WARN_UNUSED_RESULT;
/* Behind the table's last line, up to `at`. */
GBytes *okse_volume_neck(const OkseVolumeSet *set, const OkseVolume *volume) G_GNUC_WARN_UNUSED_RESULT;

/* Where the table's first line stands: the length of the head. */
uint64_t okse_volume_table_at(const OkseVolumeSet *set, const OkseVolume *volume);
uint64_t okse_volume_table_size(const OkseVolume *volume);
/* The first place where `data` could begin; needs the set's json to be as long as it will be. */
uint64_t okse_volume_first_place(const OkseVolumeSet *set, const OkseVolume *volume);
/* Bytes of the part's file. */
uint64_t okse_volume_file_size(const OkseVolume *volume);

/* The member that a place in the head belongs to: "README.txt", "the header of set.json", … Borrowed. */
const char *okse_volume_member_at(const OkseVolumeSet *set, const OkseVolume *volume, uint64_t at);

/* The label, and all labels of a set on one sheet. New. */
char *okse_volume_label(const OkseVolumeSet *set, const OkseVolume *volume) G_GNUC_WARN_UNUSED_RESULT;
char *okse_volume_labels(const OkseVolumeSet *set) G_GNUC_WARN_UNUSED_RESULT;
