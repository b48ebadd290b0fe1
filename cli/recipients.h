#pragma once

#include "packager/certificate.h"

/* The certificates of --encrypt-to, each checked as of now: of a file with several, the first is meant (a chain).
 * paths: NULL or NULL-terminated; *recipients stays NULL for none. Errors: INVALID (too many, one twice, one that
 * cannot be encrypted to), NOT_FOUND, SYSTEM. */
bool okse_recipients_read(char *const *paths, OkseCertificates **recipients, GError **error);

/* The key that parts were encrypted to, and its certificate when one was given; no core dump is made from now on.
 * key: NULL gives none. Errors: as okse_key_open(). */
typedef struct {
    OkseKey *key;
    OkseCertificates *certificate;
} OkseOpener;
bool okse_opener_open(const char *key, const char *certificate, const char *passphrase_fd, OkseOpener *opener,
                      GError **error);
void okse_opener_clear(OkseOpener *opener);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseOpener, okse_opener_clear)
