#pragma once

#include "packager/source.h"
#include "packager/stack.h"

/* What the kinds of source share: for source*.c only. */
typedef bool (*SourceCopy)(const OkseSource *source, const bool *wanted, OkseSourceSink sink, void *context,
                           GError **error);

struct OkseSource {
    char *origin;
    GPtrArray *entries; /* OkseEntry */
    int fd;             /* directory, single file or archive */
    bool single;        /* fd is the one file */
    bool sequential;
    bool only_some; /* of a directory: only the entries are inputs */
    uint64_t device, inode;
    SourceCopy copy;
    GPtrArray *left_out; /* char */
    json_t *provenance;  /* or NULL */
    gint64 time;         /* or -1 */
    void *detail;        /* of the kind of source */
    GDestroyNotify detail_free;
};

/* A directory's files that its .okseignore leaves, or a single file (PATH); those that match patterns (FILES); those of
 * a snapshot of the Hugging Face cache (HUGGINGFACE). Errors: as okse_source_open_directory(). */
OkseSource *okse_source_open_path(int dir_fd, const OkseStackSource *wanted, const char *origin, GError **error);
OkseSource *okse_source_open_files(int dir_fd, const OkseStackSource *wanted, const char *origin, GError **error);
OkseSource *okse_source_open_hub(int dir_fd, const OkseStackSource *wanted, const char *origin, GError **error);

/* A commit of a repository (GIT). Errors: INVALID, NOT_FOUND, SYSTEM. */
OkseSource *okse_source_open_git(int dir_fd, const OkseStackSource *wanted, const char *origin, GError **error);

OkseSource *source_new(const char *origin, int fd, SourceCopy copy);

/* Sort entries and refuse duplicates and a file that is also a directory of another. Errors: INVALID. */
bool source_finish(OkseSource *source, GError **error);

/* A link's target, seen from the link's own directory, stays inside the component whatever other links it meets:
 * relative, UTF-8, ".." only at its start and not above the component. */
bool source_link_stays(const char *path, const char *target);
