#pragma once

#include "core/resource.h"
#include "packager/bundle_reader.h"
#include "packager/credentials.h"
#include "packager/http.h"
#include "packager/remote.h"

/* A bundle into a repository of an OCI registry: blobs first, then the manifests that name them, then statements as
 * referrers, and the bundle's own tag when everything else was read back and compared; so a push that was killed leaves
 * no tag on anything incomplete. What is there already is not sent again. */
typedef struct {
    const OkseBundle *bundle; /* of bytes that can be read anywhere, not of a pipe */
    const char *origin;       /* its name in messages */
    const OkseImageName *name;
    const char *from; /* another repository of the same registry, to mount blobs from; or NULL */
    OkseHttpSettings http;
    const OkseCredentials *credentials; /* or NULL */
    int state_fd;                       /* directory for uploads that were begun, or -1 */
    bool plain;
    bool replace; /* tags that name something else are moved; otherwise that is refused before anything is sent */
    bool show_progress;
} OksePushRequest;

/* *result: {"schema": "okse.push.v1", "identity", "registry", "repository", "tag", "blobs": {"sent", "mounted",
 * "there"}, "bytes": {"sent", "resumed", "there"}, "manifests": {"put", "there"}, "statements", "referrers": "api" |
 * "tag" | "none"}; a new value. Errors: REFUSED (a tag names something else, access denied, a damaged bundle, answers
 * that cannot be, what was put is not what is read back), INVALID (a name), SYSTEM, CANCELLED. */
bool okse_push(const OksePushRequest *request, json_t **result, GError **error);

/* The tag of the bundle in that repository: as given, or its version. Errors: INVALID (it cannot be a tag). */
char *okse_push_tag(const OkseBundle *bundle, const OkseImageName *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Which registries of the table would refuse what, without asking any. host: the one that is meant, or NULL.
 * {"schema": "okse.push.limits.v1", "identity", "registry"?, "blobs", "bytes", "largest", "refused": those that are
 * meant refuse something, "registries": [{"name", "title", "meant", "source", "date", "confidence", "refuses":
 * [{"what": "layer" | "manifest" | "layers", "component", "path"?, "digest", "size", "limit"}]}]}; a new value.
 * Errors: INVALID, NOT_FOUND (the table). */
json_t *okse_push_limits(const OkseBundle *bundle, const char *host, const OkseResources *resources,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
