#pragma once

#include "packager/serve_catalog.h"
#include "packager/serve_library.h"
#include "packager/serve_listen.h"

/* A read-only OCI registry over HTTP: payload goes from the file to the socket by sendfile(2) where it lies in one
 * piece, everything else from memory; as many threads as processors, no growth with the number of requests. Docs:
 * docs/serve.md. */
typedef struct OkseServer OkseServer;

/* One request that was answered, for a log. */
typedef struct {
    const char *address;         /* of the client */
    const char *method, *target; /* as sent: to be made safe before it is shown */
    unsigned status;
    uint64_t length; /* of the body that was to be sent */
    bool whole;      /* the connection held until it was */
    double seconds;
} OkseServed;

typedef struct {
    const OkseHttpd *httpd;
    const OkseCatalog *catalog;
    const OkseListener *listener;
    const OkseBytes *file; /* what the catalog's items lie in: when it changes, the serving ends */
    const char *origin;    /* its name in messages */
    unsigned connections;  /* at most; half of them from one address */
    unsigned patience;     /* seconds that a client may send or take nothing, and that the head of a request may take */
    const char *certificate, *key;                        /* PEM: TLS, without sendfile; NULL: plain */
    void (*log)(const OkseServed *served, void *context); /* from several threads; NULL: none */
    void *context;
} OkseServing;

/* Begin to listen and to answer. Everything in serving: borrowed until okse_server_free(). Errors: SYSTEM, INVALID (TLS
 * does not take certificate and key). */
OkseServer *okse_server_start(const OkseServing *serving, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Until the user asks to stop: then no new connection is taken, and what is being answered has five seconds to end.
 * Connections that are slower than `patience` are cut off meanwhile. Errors: REFUSED when the file was
 * changed, SYSTEM. */
bool okse_server_run(OkseServer *server, GError **error);
void okse_server_free(OkseServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseServer, okse_server_free)
