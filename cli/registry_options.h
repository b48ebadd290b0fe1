#pragma once

#include "packager/credentials.h"
#include "packager/http.h"

/* What `okse fetch`, `push` and `pull` share: who one is to a registry, and how patiently it is asked. */

/* The file that was named; else $REGISTRY_AUTH_FILE; else ~/.docker/config.json, which need not be there. NULL in
 * *credentials for none. Errors: INVALID, NOT_FOUND, SYSTEM. */
bool cli_credentials_find(const char *named, OkseCredentials **credentials, GError **error);

/* --retries N and --limit-rate RATE (bytes a second; K, M and G are powers of 1024) into settings; either may be NULL.
 * Errors: INVALID. */
bool cli_patience_read(const char *retries, const char *rate, OkseHttpSettings *settings, GError **error);
