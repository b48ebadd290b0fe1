#pragma once

#include "packager/spool.h"
#include "packager/volumes.h"

/* What the halves of the reader of parts share: volumes_find.c looks for files, volumes_check.c compares what is not
 * data, volumes.c reads blocks, volumes_repair.c works out lost ones. */

/* A reader that fails so many times in a row is not asked again. */
#define VOLUMES_GIVE_UP 8u
#define VOLUMES_CACHE 8u

typedef struct {
    uint64_t first, count;
} BlockRun;

/* One file that claims to be a part. */
typedef struct {
    char *path;
    bool named; /* by the user, or in a directory that was */
    int fd;
    OkseSealedPart *sealed; /* of an encrypted file; owned */
    bool has_table;         /* its digests of blocks can be used … */
    bool trusted;           /* they are those that set.json promises; otherwise only hints */
    bool is_kept;           /* … as they were when that was found out; otherwise those in the file */
    uint64_t table_at;      /* in `tables` */
    GPtrArray *faults;      /* what is wrong besides blocks, in words */
    GArray *damaged;        /* BlockRun, in order, none touches the next */
    GArray *unreadable;     /* BlockRun */
    unsigned failures;      /* in a row */
    int dead;               /* errno of a reader that was given up */
} VolumeFile;

struct OkseVolumes {
    OkseVolumeSet *set;
    GPtrArray **files;    /* of each volume: VolumeFile, may be none */
    GPtrArray *strangers; /* texts */
    GPtrArray *stranger_paths;
    OkseSpool tables; /* of all files, as they were when they were checked: a file may change later */
    bool tables_failed;
    GMutex lock; /* of faults, damage and the cache */
    int joined_fd;
    const uint8_t *joined;
    uint64_t repaired;
    struct {
        unsigned index;
        uint64_t block, used;
        uint8_t *bytes;
    } cache[VOLUMES_CACHE];
    uint64_t clock;
    struct VolumesRepairer *repairer;
    OkseSealedPool *pool; /* of encrypted files */
};

/* Encrypted files while parts are looked for (volumes_sealed.c). */
typedef struct {
    const OkseSealedKey *key; /* or NULL */
    OkseSealedPool *pool;
    GPtrArray *paths, *reasons; /* of those that do not open; texts */
    GError *first;              /* why the first does not */
} VolumesSealed;
void volumes_sealed_init(VolumesSealed *sealed, const OkseSealedKey *key);
void volumes_sealed_clear(VolumesSealed *sealed);
/* *part stays NULL when it does not open, which is noted. Errors: CANCELLED. */
bool volumes_sealed_open(VolumesSealed *sealed, int fd, const char *path, OkseSealedPart **part, GError **error);
/* What was noted becomes strangers; the pool goes to the volumes. */
void volumes_sealed_end(VolumesSealed *sealed, OkseVolumes *volumes);

VolumeFile *volume_file_new(const char *path, int fd);
void volume_file_free(gpointer file);

/* Compare everything that is no data, and find out whether the table can be used. certain: the file was identified by
 * its own set.json or part.json. */
void volumes_check_file(OkseVolumes *volumes, const OkseVolume *volume, VolumeFile *file, bool certain);
/* The digest that a file's table has for a block. */
bool volumes_line(const OkseVolumes *volumes, const OkseVolume *volume, const VolumeFile *file, uint64_t block,
                  OkseSha256 *digest);

void volumes_note(GArray *runs, uint64_t block);
/* Has join put this block where it belongs? */
bool volumes_is_joined(const OkseVolumes *volumes, const OkseVolume *volume, uint64_t block);
bool volumes_is_unreadable(OkseVolumes *volumes, unsigned index, uint64_t block);

/* load: what repairs is loaded now, while files can still be opened. */
struct VolumesRepairer *volumes_repairer_new(bool load);
void volumes_repairer_free(struct VolumesRepairer *repairer);
