#pragma once

#include "core/digest.h"

/* The one upload to a repository that is under way, remembered in a directory of the user's, so that another process
 * can go on with it. What it says is never believed: the registry is asked how much it has. An address of an upload is
 * worth a password while it lasts, so nobody else may read it. */
typedef struct {
    int directory_fd;     /* borrowed */
    const char *registry; /* "HOST/REPOSITORY"; decides the file's name */
} OkseUploadMemory;

/* The address under which an upload of this blob was begun, or NULL. Whatever else is there counts as nothing. */
char *okse_upload_remembered(const OkseUploadMemory *memory, const OkseSha256 *digest) G_GNUC_WARN_UNUSED_RESULT;
/* Remembering is a help and no duty: what cannot be written is left. */
void okse_upload_remember(const OkseUploadMemory *memory, const OkseSha256 *digest, const char *url);
void okse_upload_forget(const OkseUploadMemory *memory);

/* The address in a remembered document that is about this registry and blob, or NULL. */
char *okse_upload_read(GBytes *bytes, const char *registry, const OkseSha256 *digest) G_GNUC_WARN_UNUSED_RESULT;
