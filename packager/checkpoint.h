#pragma once

#include "core/bytes.h"
#include "packager/checkpoint_record.h"

/* Going on after an interruption, without trusting anything that this machine did not check itself on this very file
 * (docs/verify.md says what that means and why). The record is in a directory of the verifier, never beside the bundle.
 *
 * A record is used only when nobody else could have written it (owner, mode, one name, the directory's too), when the
 * directory lies on another file system and medium than the bundle, and when it is about the same file: same boot of
 * this machine, same medium since it was put in (diskseq), same device, inode, size, time of modification and of
 * change. A file whose medium the kernel does not number can never be gone on with. */
typedef struct OkseCheckpoint OkseCheckpoint;

/* Look at the files that the bundle lies in and read what an earlier run left. now: seconds since 1970, for the note of
 * a later run. Both are borrowed and stay. What cannot be used is no error but a note. */
OkseCheckpoint *okse_checkpoint_open(int directory_fd, const OkseBytes *bundle, gint64 now) G_GNUC_WARN_UNUSED_RESULT;
void okse_checkpoint_free(OkseCheckpoint *checkpoint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseCheckpoint, okse_checkpoint_free)

/* Why the record that is there is not used, whatever the bundle; NULL when it may be, or there is none. Borrowed. */
const char *okse_checkpoint_note(const OkseCheckpoint *checkpoint);
/* A record is there and could be read. */
bool okse_checkpoint_found(const OkseCheckpoint *checkpoint);

/* The earlier record when it is about this file, this identity and this manner; otherwise NULL. Borrowed. */
const OkseCheckpointRecord *okse_checkpoint_earlier(const OkseCheckpoint *checkpoint, const OkseSha256 *identity,
                                                    bool both);
/* What it says of a blob, or NULL. */
const OkseCheckpointBlob *okse_checkpoint_blob(const OkseCheckpoint *checkpoint, const OkseSha256 *digest);

/* An empty record for this run. */
OkseCheckpointRecord *okse_checkpoint_begin(const OkseCheckpoint *checkpoint, const OkseSha256 *identity,
                                            bool both) G_GNUC_WARN_UNUSED_RESULT;
/* Write it, unless the file is another one than when it was opened. Errors: REFUSED (it is), SYSTEM; a note's text. */
bool okse_checkpoint_save(const OkseCheckpoint *checkpoint, const OkseCheckpointRecord *record, GError **error);
/* There is a verdict: forget. */
void okse_checkpoint_remove(const OkseCheckpoint *checkpoint);
