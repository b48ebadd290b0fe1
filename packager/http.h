#pragma once

#include "core/error.h"
#include "packager/readable.h"

#include <stdint.h>

/* One HTTP exchange at a time with a server that nobody vouches for: https with certificates checked (http to this
 * machine only), nothing decompressed, no cookies, no configuration of the user or the environment, every size and time
 * bounded. For registry*.c, git_wire.c and audit/cluster.c. */
typedef struct OkseHttp OkseHttp;

typedef struct {
    const char *ca;    /* PEM file of the authorities that count, in place of the system's; or NULL */
    GBytes *ca_pem;    /* the same as bytes, before the file; or NULL */
    const char *proxy; /* URL, or NULL for none */
    unsigned retries;  /* further tries after a failure that may pass */
    uint64_t rate;     /* most bytes a second, each way; 0: as fast as it goes */
} OkseHttpSettings;

/* settings: copied. Errors: SYSTEM. */
OkseHttp *okse_http_new(const OkseHttpSettings *settings, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_http_free(OkseHttp *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseHttp, okse_http_free)

/* Takes a piece of the body. Errors: its own. */
typedef bool (*OkseHttpSink)(void *context, const void *data, size_t length, GError **error);

/* A body that is read while it goes out, and again from its front when the connection has to be made anew. */
typedef struct {
    const OkseReadable *content;
    uint64_t from, size;
    const char *range; /* Content-Range, or NULL */
} OkseHttpUpload;

typedef struct {
    const char *url;
    const char *method;           /* NULL: GET, or with a body POST */
    const char *accept;           /* media types, or NULL */
    const char *authorization;    /* a value, or NULL; goes to the url's own scheme, host and port and nowhere else */
    GBytes *body;                 /* sent with it, or NULL */
    const OkseHttpUpload *upload; /* sent in place of body, with a method; or NULL */
    const char *body_type;        /* of either */
    uint64_t from;                /* the body from there on, when the server can (status 206) */
    uint64_t limit;               /* of the body's bytes, from `from` on */
    unsigned seconds;             /* bound on the whole time; of what is large, on standing still; 0: the usual one */
    bool elsewhere;               /* redirects may lead to other hosts */
    bool large;                   /* no bound on the whole time, only on standing still */
    OkseHttpSink sink;            /* sees a body with status 200 or 206; NULL: nobody wants it */
    void *context;
} OkseHttpRequest;

typedef struct {
    unsigned status;
    bool again;            /* the failure, or the status, may pass: try again */
    bool away;             /* it is another host's, to which redirects led, and not the server's word */
    GPtrArray *challenges; /* char: values of WWW-Authenticate */
    char *type;            /* Content-Type without parameters, or NULL */
    char *range;           /* Content-Range, or NULL */
    unsigned wait;         /* Retry-After in seconds, a minute at most; 0 when there is none */
    char *location;        /* Location, resolved from where it was said; NULL: none, no address, or out of TLS */
    char *received;        /* Range: what of an upload is there, or NULL */
    char *chunk_minimum;   /* OCI-Chunk-Min-Length, or NULL */
    char *subject;         /* OCI-Subject, or NULL */
    char *link;            /* Link, or NULL */
    char *length;          /* Content-Length, or NULL */
    char *said;            /* the beginning of the body of an answer from status 400 on, to be shown; or NULL */
} OkseHttpAnswer;

#define OKSE_HTTP_REDIRECTS 5u
#define OKSE_HTTP_HEADERS (64u << 10)

/* True when a whole answer came, whatever its status; redirects are followed. answer: zeroed by the caller, cleared by
 * okse_http_answer_clear(). Errors: REFUSED (a body over its limit, headers over OKSE_HTTP_HEADERS, too many
 * redirects or one that must not be), SYSTEM (the connection, with answer->again), those of the sink, CANCELLED. */
bool okse_http_exchange(OkseHttp *http, const OkseHttpRequest *request, OkseHttpAnswer *answer, GError **error);
void okse_http_answer_clear(OkseHttpAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseHttpAnswer, okse_http_answer_clear)

/* After a failure that may pass: wait (longer each time, as long as the server asks), and true when there are tries
 * left. *tries: counts. */
bool okse_http_wait(const OkseHttp *http, const OkseHttpAnswer *answer, unsigned *tries);

/* Always false: what a status that is not wanted means. origin: what was asked for. */
bool okse_http_fail_status(const OkseHttpAnswer *answer, const char *origin, GError **error);
