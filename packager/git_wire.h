#pragma once

#include "packager/credentials.h"
#include "packager/git_library.h"
#include "packager/http.h"

#include <git2/sys/transport.h>

/* git's smart HTTP protocol, the bytes of it carried by http.c and understood by libgit2: so the same authorities,
 * bounds, times and redirects count as for registries. Source: gitprotocol-http(5). */
typedef struct {
    OkseHttp *http;                     /* borrowed */
    const OkseCredentials *credentials; /* borrowed; or NULL */
    const char *url;                    /* of the repository, as okse_origin_read() takes it */
    int spool_fd;                       /* a directory for what arrives before libgit2 reads it; borrowed */
    char *authorization;                /* owned, once it was asked for */
    uint64_t fetched;                   /* bytes that came */
    GError *error;                      /* the first failure, which libgit2 would only call an error of the transport */
} OkseGitWire;

void okse_git_wire_clear(OkseGitWire *wire);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseGitWire, okse_git_wire_clear)

/* For git_remote_callbacks.transport, with the wire as its payload. */
int okse_git_wire_transport(git_transport **transport, git_remote *owner, void *wire);

#define OKSE_GIT_WIRE_LIMIT (64ull << 30)       /* of one answer: a pack */
#define OKSE_GIT_WIRE_REFERENCES (256ull << 20) /* of the list of references */
