#pragma once

#include "core/json.h"
#include "core/resource.h"
#include "packager/credentials.h"
#include "packager/http.h"

/* Bring the remote sources of a stack into its cache, so that a build needs no network: images by their digest, git
 * repositories at a commit or tag. What is there already is checked and not asked for again. */
typedef struct {
    const char *stack_path;
    const char *cache; /* directory, or NULL: beside the stack (fetch_cache.h) */
    OkseHttpSettings http;
    const OkseCredentials *credentials; /* or NULL */
    bool plain;                         /* registries on this machine are asked without TLS */
    bool show_progress;
} OkseFetchRequest;

/* *result: {"schema": "okse.fetch.v1", "cache", "sources": [{"component", "source", "digest" or "commit" and "tag",
 * "fetched", "reused"}]}; bytes.
 * Errors: INVALID with the stack's line (an image without a digest: with the one its tag names now), REFUSED (hostile
 * or other bytes than the stack pins, a tag that moved, access denied), NOT_FOUND, SYSTEM, CANCELLED. */
bool okse_fetch(const OkseFetchRequest *request, const OkseResources *resources, json_t **result, GError **error);
