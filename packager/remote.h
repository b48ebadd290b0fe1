#pragma once

#include "core/digest.h"
#include "packager/stack.h"

/* Sources that lie elsewhere: images in registries and git repositories at an address. Their names, as a stack writes
 * them; nothing here opens a connection. */

/* An address rather than a path: "scheme://…" other than file, or git's "user@host:path". */
bool okse_remote_is(const OkseStackSource *source);

/* docker://HOST[:PORT]/REPOSITORY[:TAG][@sha256:…]; tag and digest may stand in `ref` instead. */
typedef struct {
    char *host;       /* with its port, when it has one */
    char *repository; /* of the distribution-spec's grammar */
    char *tag;        /* or NULL */
    bool pinned;
    OkseSha256 digest; /* valid with pinned */
} OkseImageName;

/* reference: the stack's `ref`, or NULL. Errors: INVALID, saying what is wrong with which part.
 * Source: OCI distribution-spec 1.1, "Pulling manifests". */
bool okse_image_name_read(const char *location, const char *reference, OkseImageName *name, GError **error);
void okse_image_name_clear(OkseImageName *name);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseImageName, okse_image_name_clear)

/* Can it be a tag? Source: distribution-spec 1.1. */
bool okse_image_tag_is_good(const char *text);
/* Can it be a repository's name, as registries take it? */
bool okse_image_repository_is_good(const char *text);

/* Where a URL leads: what decides whether a secret may go there. */
typedef struct {
    bool secure; /* https, not http */
    char *host;  /* lower case, without brackets */
    unsigned port;
} OkseOrigin;

/* url: http or https in printable ASCII, without a user and without a fragment; http only to this machine itself
 * (localhost, 127.0.0.0/8, ::1). Errors: INVALID. */
bool okse_origin_read(const char *url, OkseOrigin *origin, GError **error);
bool okse_origin_equal(const OkseOrigin *a, const OkseOrigin *b);
void okse_origin_clear(OkseOrigin *origin);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseOrigin, okse_origin_clear)

/* The address as messages may show it: without its query, which may be a secret, and not all of a long one. New. */
char *okse_url_shown(const char *url) G_GNUC_WARN_UNUSED_RESULT;

/* Where `reference` (RFC 3986 §5) leads from `base`, as okse_origin_read() takes it, or NULL and INVALID. */
char *okse_url_resolve(const char *base, const char *reference, GError **error) G_GNUC_WARN_UNUSED_RESULT;
