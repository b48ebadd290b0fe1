#pragma once

#include "core/error.h"

/* Who one is to a registry: the file that docker, podman, skopeo and oras share (containers-auth.json(5)). */
typedef struct OkseCredentials OkseCredentials;

/* bytes: at most OKSE_LIMIT_METADATA. origin: for messages; copied. Errors: INVALID. */
OkseCredentials *okse_credentials_read(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_credentials_free(OkseCredentials *credentials);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseCredentials, okse_credentials_free)

/* The value of "Authorization: Basic …" for a place "HOST[:PORT][/PATH]": of the entries of `auths` that name it or a
 * place above it, the most specific. *value: NULL when the file has none; the caller wipes and frees it
 * (okse_secret_free()). credentials may be NULL. Errors: REFUSED when only a program could say (credHelpers,
 * credsStore), INVALID for an entry that cannot be used. */
bool okse_credentials_find(const OkseCredentials *credentials, const char *place, char **value, GError **error);

void okse_secret_free(char *secret);

/* How messages say where credentials come from. */
#define OKSE_CREDENTIALS_HINT "okse fetch --auth FILE, okse push and pull --authfile FILE"
