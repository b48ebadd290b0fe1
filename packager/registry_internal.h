#pragma once

#include "packager/registry.h"

/* What the parts of the client share: registry.c is the session (who one is) and manifests, registry_blob.c fetches
 * blobs, registry_upload.c sends them, registry_referrers.c knows what refers to a manifest. */
struct OkseRegistry {
    OkseRegistryAccess access;
    char *host, *repository, *base; /* base: "https://HOST/v2/REPOSITORY" */
    char *name;                     /* "HOST/REPOSITORY" */
    char *authorization;            /* once it was asked for; or NULL */
};

/* A sink whose context is a GByteArray; bounded by the request's limit. */
bool registry_append(void *context, const void *data, size_t length, GError **error);

/* One exchange as whoever one is here: logs in once when the registry asks for it, and again later when what it gave
 * has expired. Nothing secret goes to another origin than the registry's own, and nobody logs in there. origin: for
 * messages. Errors: as okse_http_exchange(). */
bool registry_ask(OkseRegistry *registry, const OkseHttpRequest *request, OkseHttpAnswer *answer, const char *origin,
                  GError **error);
/* The same, tried again after failures that may pass; for what can be asked twice. With registry_append() the array is
 * emptied before each try. */
bool registry_ask_again(OkseRegistry *registry, const OkseHttpRequest *request, OkseHttpAnswer *answer,
                        const char *origin, GError **error);
