#pragma once

#include "packager/readable.h"

/* The regular files of an archive, one level deep, as streams. Names come as the archive has them (any bytes). Errors
 * of the calls end the walk. */
typedef struct {
    bool (*begin)(void *context, const char *member, GError **error);
    bool (*data)(void *context, const void *data, size_t length, GError **error);
    bool (*end)(void *context, GError **error);
    void *context; /* of all */
} OkseMemberSink;

typedef struct {
    unsigned members;
    uint64_t bytes; /* expanded */
    char *trouble;  /* why it was not read to its end, or NULL; owned by the caller */
    bool mistaken;  /* the bytes only begin like something compressed: nothing was given */
} OkseMembersRead;

/* kind: of okse_archive_kind(), not "zlib". What is broken, encrypted, endless (over 400 times its size) or too much
 * (over a million members) is told in `trouble` and is no error. Errors: those of reading the file, of the calls;
 * CANCELLED. */
bool okse_archive_members(const OkseReadable *file, const char *kind, const OkseMemberSink *sink, OkseMembersRead *read,
                          GError **error);
