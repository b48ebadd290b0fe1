#pragma once

#include "core/digest.h"
#include "core/json.h"

/* Where a component's bytes come from: a sorted list of entries, and their contents on demand. Sources are opened
 * read-only and never changed; one that changes while it is read is an error. */
typedef enum {
    OKSE_ENTRY_FILE,
    OKSE_ENTRY_LINK,      /* symbolic link that stays inside */
    OKSE_ENTRY_DIRECTORY, /* an empty one; others follow from their files */
} OkseEntryKind;

typedef struct {
    OkseEntryKind kind;
    char *path; /* okse_path_check()ed */
    uint64_t size;
    bool executable;
    char *target;        /* LINK */
    bool has_digest;     /* known before the copy: archives */
    OkseSha256 digest;   /* valid with has_digest */
    char *blob;          /* HUGGINGFACE: the file's name in blobs */
    unsigned object;     /* GIT: for the source itself */
    gint64 mtime, ctime; /* nanoseconds, of a directory's file; to see a change */
    uint64_t inode, device;
} OkseEntry;

void okse_entry_free(OkseEntry *entry);

typedef struct OkseSource OkseSource;

/* A directory, or a single file (its own name is then the only path). Symbolic links that leave it, devices, FIFOs and
 * sockets are refused by name. location: relative to dir_fd, the user's own path (may lead anywhere).
 * origin: how messages call it; copied. Errors: NOT_FOUND, INVALID, SYSTEM. */
OkseSource *okse_source_open_directory(int dir_fd, const char *location, const char *origin, GError **error);

/* The contents of a tar (any compression), zip or wheel, listed and hashed in one pass here, copied in a second one
 * that must agree. Errors: INVALID (not an archive, a name that leaves it, duplicates, limits), NOT_FOUND, SYSTEM. */
OkseSource *okse_source_open_archive(int dir_fd, const char *location, const char *origin, GError **error);

void okse_source_free(OkseSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSource, okse_source_free)

const char *okse_source_origin(const OkseSource *source);
/* Device and inode of what was opened, to notice an output inside it. */
bool okse_source_is_directory(const OkseSource *source, uint64_t device, uint64_t inode);
/* The same for a single file, an archive or files that were chosen, to notice an output that would replace it. */
bool okse_source_is_file(const OkseSource *source, uint64_t device, uint64_t inode);

/* What the lock says about where the bytes come from, beyond the location: an object, or NULL; borrowed. */
const json_t *okse_source_provenance(const OkseSource *source);
/* When the newest of what is in it was made, by its own record (a commit's time): seconds since 1970, or -1. */
gint64 okse_source_time(const OkseSource *source);

/* What .okseignore kept out: paths, those of directories with a final "/", sorted by bytes; borrowed. */
const GPtrArray *okse_source_left_out(const OkseSource *source);

/* Sorted by path (bytes), no duplicates; borrowed. */
unsigned okse_source_count(const OkseSource *source);
const OkseEntry *okse_source_entry(const OkseSource *source, unsigned index);
/* The index of a path, or -1. */
gint64 okse_source_find(const OkseSource *source, const char *path);

/* True when contents come in the archive's order only: copying one entry costs a pass over all before it. */
bool okse_source_is_sequential(const OkseSource *source);

/* Receives an entry's bytes in order, without gaps. */
typedef bool (*OkseSourceSink)(void *context, unsigned entry, const void *data, size_t length, GError **error);

/* Deliver the contents of entries for which wanted[index] is true (NULL: all files), each exactly once and whole.
 * Entries come in the source's own order. Thread-safe for different calls.
 * Errors: INVALID when a file changed since it was listed; SYSTEM; those of the sink. */
bool okse_source_copy(const OkseSource *source, const bool *wanted, OkseSourceSink sink, void *context, GError **error);
/* The same for one entry. */
bool okse_source_copy_one(const OkseSource *source, unsigned entry, OkseSourceSink sink, void *context, GError **error);

/* A directory's file, open for reading and still the one that was listed; not for sequential sources. The caller reads
 * it and asks at the end, by okse_source_check(), whether it stayed so. Returns -1 on errors: as okse_source_copy(). */
int okse_source_open(const OkseSource *source, unsigned entry, GError **error);
bool okse_source_check(const OkseSource *source, unsigned entry, int fd, GError **error);
/* How messages call an entry. */
char *okse_source_name(const OkseSource *source, unsigned entry) G_GNUC_WARN_UNUSED_RESULT;

/* Some bytes of a directory's file, to tell files apart (not for sequential sources). Errors: as okse_source_copy(). */
bool okse_source_peek(const OkseSource *source, unsigned entry, uint64_t offset, void *buffer, size_t length,
                      GError **error);

/* A small file as bytes. Errors: NOT_FOUND; INVALID over the limit. */
GBytes *okse_source_read(const OkseSource *source, const char *path, uint64_t limit,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
