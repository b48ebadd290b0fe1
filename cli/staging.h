#pragma once

#include "cli/signing_key.h"

#include <jansson.h>

/* A stack that a command makes itself, in a temporary directory, to be built and signed like any other. */
typedef struct {
    char *path;  /* of the directory */
    char *stack; /* of its stack.yaml */
    int fd;
} OkseStaging;
#define OKSE_STAGING_INIT                                                                                              \
    {                                                                                                                  \
        NULL, NULL, -1                                                                                                 \
    }

/* Errors: SYSTEM. */
bool okse_staging_open(OkseStaging *staging, GError **error);
/* A file of a component. path: safe (okse_path_check()). Errors: SYSTEM, REFUSED. */
bool okse_staging_file(const OkseStaging *staging, const char *component, const char *path, GBytes *bytes,
                       GError **error);
bool okse_staging_stack(const OkseStaging *staging, GBytes *yaml, GError **error);
/* Removes everything. */
void okse_staging_clear(OkseStaging *staging);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseStaging, okse_staging_clear)

/* JSON as YAML of one of our kinds: `okse: KIND` is added. value: taken over. */
GBytes *okse_staging_yaml(const char *kind, json_t *value) G_GNUC_WARN_UNUSED_RESULT;

/* Sign what was built. role: NULL is the vendor; tsa may be NULL. Errors: those of signing; the bundle stays. */
bool okse_staging_sign(const char *bundle, const OkseSigningKey *signer, const char *role, const char *tsa,
                       GError **error);
