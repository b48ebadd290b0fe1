#pragma once

#include "audit/collector.h"
#include "audit/host_files.h"

/* What the files of one collector say, by manifests/host-files.yaml, and what its programs were compiled with. */
typedef struct {
    bool found;    /* a file or program is there */
    bool readable; /* all that is there could be read */
} OkseHostLook;

void okse_collect_host_files(OkseCollection *collection, const char *collector, OkseHostLook *look);

/* The usual end: partial with `unreadable`, complete, or absent with `none`. */
void okse_collect_host_coverage(OkseCollection *collection, const char *collector, const OkseHostLook *look,
                                const char *unreadable, const char *none);

/* Paths below the sysroot that match a pattern (fnmatch inside one element) and are there, sorted by bytes; owned
 * strings. What could not be looked at, a network file system included, makes *readable false; *missed: why, the first
 * time (owned), when it is not NULL. */
#define OKSE_LIMIT_MATCHES 20000u
GPtrArray *okse_collect_matches(const OkseCollection *collection, const char *pattern, bool *readable,
                                char **missed) G_GNUC_WARN_UNUSED_RESULT;
/* Whether a path lies on a file system whose server may not answer: it is not touched then. */
bool okse_collect_on_network(const OkseCollection *collection, const char *path);
/* The path without links (owned); NULL where the way leads onto such a file system, or where there is none. */
char *okse_collect_real(const OkseCollection *collection, const char *path) G_GNUC_WARN_UNUSED_RESULT;
/* The same, whatever is mounted; where nothing is, the path that there would be. */
char *okse_collect_resolved(const OkseCollection *collection, const char *path) G_GNUC_WARN_UNUSED_RESULT;
/* False also where the way there leads onto such a file system. */
bool okse_collect_exists(const OkseCollection *collection, const char *path);

/* Read bytes as the file `like` of the table would be, shown as `shown`; false when the table has no such file. */
bool okse_collect_host_bytes(OkseCollection *collection, const char *like, const char *shown, GBytes *bytes);

/* Add hosts as what a program was compiled with. line: where its configuration shows them; 0: nowhere. */
void okse_collect_defaults(OkseCollection *collection, const OkseCompiledIn *one, const char *const *hosts,
                           const char *path, unsigned line);

/* The kind of an authorized key ("ssh-ed25519"; owned), and from where it may be used (owned, or NULL); NULL for a line
 * that is none. */
char *okse_authorized_key_read(const char *line, char **from) G_GNUC_WARN_UNUSED_RESULT;

/* One line of a crontab: when it runs, as whom (system crontabs alone), what. False for a comment, an assignment, or
 * damage. The texts are owned by the caller. Source: crontab(5). */
bool okse_crontab_line_read(const char *line, bool with_user, char **when, char **user, char **command);

/* Whether what is at a path below the sysroot, links followed, is a regular file. */
bool okse_collect_is_file(const OkseCollection *collection, const char *path);
