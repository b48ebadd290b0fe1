#pragma once

#include "core/fd.h"
#include "packager/layout.h"

/* Going on with a build that was killed. Beside the unfinished bundle (.NAME.part) lies a journal (.NAME.part.journal):
 * a line for each file whose bytes are in place, bound to where they lie and to the very file they came from (device,
 * inode, size, times of change). Nothing in it is believed by itself: the bytes are read back and must have the digest
 * that was noted, the source must be the same file, unchanged, and both files must belong to this user and be writable
 * by nobody else. Components in tar form, and what comes out of archives, are packed again. */
typedef struct OkseResume OkseResume;

/* Open the unfinished bundle of `path`, or begin one. *resume: NULL when another build is writing there: then the
 * output has a name of its own and cannot be gone on with. Errors: as okse_output_open(). */
bool okse_resume_open(OkseOutput *output, const char *path, OkseResume **resume, GError **error);

/* Open or make the unfinished file of a prepared output under the name that the next try finds, locked. False, and
 * output as it was: another process has it, or somebody else could write to it. */
bool okse_resume_take(OkseOutput *output);

/* Keep what is there if it was begun for this layout; otherwise empty both files. *held: bytes of disk that the
 * unfinished bundle has already. Errors: SYSTEM. */
bool okse_resume_begin(OkseResume *resume, const OkseLayout *layout, int fd, uint64_t *held, GError **error);

/* Was this file of a directory in place, by the journal? *digest: what its bytes must have. */
bool okse_resume_find(const OkseResume *resume, const OkseBlobPlan *blob, OkseSha256 *digest);
/* Note that it is. Thread-safe. A note that cannot be written costs nothing but time, later. */
void okse_resume_note(const OkseResume *resume, const OkseBlobPlan *blob);

/* The bundle is whole and gets its name next: the journal goes first, or it would lie beside it. Errors: SYSTEM. */
bool okse_resume_finish(OkseResume *resume, GError **error);
/* Remove the journal if it is still there: the build failed and leaves nothing. */
void okse_resume_free(OkseResume *resume);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseResume, okse_resume_free)

/* A journal's lines, for the fuzzer: how many notes hold. Lines that do not are left out. */
unsigned okse_resume_parse(GBytes *journal, GHashTable *notes);
/* data_at (uint64_t *) → note; what okse_resume_parse() fills. */
GHashTable *okse_resume_notes_new(void) G_GNUC_WARN_UNUSED_RESULT;
