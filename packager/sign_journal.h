#pragma once

#include "core/digest.h"

/* The undo record of a signing: what the file held before, beside the bundle as NAME.journal. */
typedef struct OkseJournal OkseJournal;

/* Remember what `writes` (OkseWrite) will overwrite in fd. Errors: SYSTEM. */
OkseJournal *okse_journal_new(int fd, uint64_t file_size, const GPtrArray *writes,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_journal_free(OkseJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseJournal, okse_journal_free)

/* The journal's path for a bundle's path. */
char *okse_journal_path(const char *bundle) G_GNUC_WARN_UNUSED_RESULT;

/* Written, synced and named once, so that a journal that is there is whole. Errors: SYSTEM. */
bool okse_journal_save(const OkseJournal *journal, const char *path, GError **error);
/* Errors: NOT_FOUND when there is none; INVALID when it is not ours; SYSTEM. */
OkseJournal *okse_journal_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same from its bytes. Errors: INVALID. */
OkseJournal *okse_journal_read(GBytes *bytes, const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Put everything back and sync. Errors: SYSTEM; INVALID when it does not fit this file. */
bool okse_journal_restore(const OkseJournal *journal, int fd, const char *name, GError **error);
/* Remove the file and sync its directory. Errors: SYSTEM. */
bool okse_journal_remove(const char *path, GError **error);
