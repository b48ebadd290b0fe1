/* Connections of the registry. libmicrohttpd speaks HTTP; what it does not bound is bounded here: how long a request
 * may take to arrive, and that the file stays what it was.
 *
 * The watch (okse_server_run) only shuts a socket down; the thread that owns the connection closes it, and says so
 * before it does, under the same lock. */
#include "packager/serve.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/worker.h"
#include "packager/serve_answer.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" /* GnuTLS still takes 1.0 where it may */
#define GRACE (5 * G_USEC_PER_SEC)
#define PIECE 65536u /* bytes that are read at a time where the kernel cannot send them */
#define THREADS_LIMIT 64u

struct OkseServer {
    const OkseServing *serving;
    sigset_t signals; /* blocked before the start */
    struct MHD_Daemon *daemon;
    int wake;             /* eventfd: something is to be looked at */
    pthread_mutex_t lock; /* ThreadSanitizer does not see GMutex */
    GQueue connections;   /* Connection; under the lock */
    unsigned answering;   /* of them; under the lock */
};

typedef struct {
    GList link;
    int fd;         /* borrowed from libmicrohttpd */
    gint64 waiting; /* since when for a request; 0: one is being answered */
    char address[INET6_ADDRSTRLEN];
} Connection;

typedef struct {
    char *target, *method;
    OkseAnswer answer;
    gint64 began;
    bool begun, answered;
} Request;

static const OkseHttpd *httpd_of(const OkseServer *server)
{
    return server->serving->httpd;
}

static Connection *connection_of(const OkseServer *server, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        httpd_of(server)->get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info == NULL ? NULL : info->socket_context;
}

static void address_write(const struct sockaddr *address, char text[INET6_ADDRSTRLEN])
{
    const void *bytes = address->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;

    if (inet_ntop(address->sa_family, bytes, text, INET6_ADDRSTRLEN) == NULL)
        g_strlcpy(text, "?", INET6_ADDRSTRLEN);
}

static Connection *connection_new(const OkseServer *server, struct MHD_Connection *connection)
{
    const OkseHttpd *httpd = httpd_of(server);
    Connection *made = g_new0(Connection, 1);

    made->link.data = made;
    made->fd = httpd->get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    made->waiting = g_get_monotonic_time();
    address_write(httpd->get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
                  made->address);
    return made;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    OkseServer *server = context;
    Connection *known = code == MHD_CONNECTION_NOTIFY_STARTED ? connection_new(server, connection) : *socket_context;

    pthread_mutex_lock(&server->lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        g_queue_push_tail_link(&server->connections, &known->link);
    else if (known != NULL)
        g_queue_unlink(&server->connections, &known->link);
    pthread_mutex_unlock(&server->lock);
    *socket_context = code == MHD_CONNECTION_NOTIFY_STARTED ? known : NULL;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED)
        g_free(known);
}

static void connection_turn(OkseServer *server, struct MHD_Connection *connection, bool answering)
{
    Connection *known = connection_of(server, connection);

    pthread_mutex_lock(&server->lock);
    if (known != NULL && answering != (known->waiting == 0)) {
        server->answering += answering ? 1u : -1u;
        known->waiting = answering ? 0 : g_get_monotonic_time();
    }
    pthread_mutex_unlock(&server->lock);
}

/* The first that is known of a request: its target as it was sent. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    Request *request = g_new0(Request, 1);

    (void)context;
    (void)connection;
    request->target = g_strdup(target);
    request->began = g_get_monotonic_time();
    return request;
}

/* libmicrohttpd would decode the path in place; okse_serve_target_read() wants it as it was sent. */
static size_t leave_encoded(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    OkseServer *server = context;
    Request *request = *request_context;
    const Connection *known = connection_of(server, connection);

    connection_turn(server, connection, false);
    if (request == NULL)
        return;
    if (request->answered && server->serving->log != NULL) {
        const OkseServed served = {.address = known != NULL ? known->address : "?",
                                   .method = request->method,
                                   .target = request->target,
                                   .status = request->answer.status,
                                   .length = request->answer.length,
                                   .whole = code == MHD_REQUEST_TERMINATED_COMPLETED_OK,
                                   .seconds = (double)(g_get_monotonic_time() - request->began) / G_USEC_PER_SEC};

        server->serving->log(&served, server->serving->context);
    }
    okse_answer_clear(&request->answer);
    g_free(request->target);
    g_free(request->method);
    g_free(request);
    *request_context = NULL;
}

static bool unchanged(const OkseServer *server)
{
    if (okse_bytes_unchanged(server->serving->file, NULL))
        return true;
    eventfd_write(server->wake, 1);
    return false;
}

static void bytes_done(void *bytes)
{
    g_bytes_unref(bytes);
}

static struct MHD_Response *response_of_memory(const OkseHttpd *httpd, GBytes *whole, const OkseAnswer *answer)
{
    GBytes *bytes =
        answer->length == 0 ? g_bytes_new_static("", 0) : g_bytes_new_from_bytes(whole, answer->from, answer->length);
    void *data = (void *)(uintptr_t)g_bytes_get_data(bytes, NULL); /* which is only read */
    struct MHD_Response *response = httpd->response_from_buffer(g_bytes_get_size(bytes), data, bytes_done, bytes);

    if (response == NULL)
        g_bytes_unref(bytes);
    return response;
}

/* Bytes that lie in several files, or in none. */
typedef struct {
    const OkseBytes *file;
    uint64_t offset;
    const char *name;
} Pieces;

static ssize_t pieces_read(void *context, uint64_t at, char *buffer, size_t most)
{
    const Pieces *pieces = context;

    return okse_bytes_read(pieces->file, pieces->offset + at, buffer, most, pieces->name, NULL)
               ? (ssize_t)most
               : MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *response_of_pieces(const OkseServing *serving, uint64_t offset, uint64_t length)
{
    Pieces *pieces = g_new(Pieces, 1);
    struct MHD_Response *response;

    *pieces = (Pieces){serving->file, offset, serving->origin};
    response = serving->httpd->response_from_callback(length, PIECE, pieces_read, pieces, g_free);
    if (response == NULL)
        g_free(pieces);
    return response;
}

static struct MHD_Response *response_of_file(const OkseServing *serving, const OkseAnswer *answer)
{
    uint64_t offset = answer->item->offset + answer->from;
    OkseBytesPlace place = okse_bytes_place(answer->item->file, offset);
    struct MHD_Response *response;
    int fd;

    if (place.fd < 0 || place.length < answer->length)
        return response_of_pieces(serving, offset, answer->length);
    fd = fcntl(place.fd, F_DUPFD_CLOEXEC, 0); /* the response closes it */
    response = fd < 0 ? NULL : serving->httpd->response_from_fd(answer->length, fd, place.offset);
    if (response == NULL)
        okse_fd_clear(&fd);
    return response;
}

/* NULL when there is no descriptor or no memory left. */
static struct MHD_Response *response_make(const OkseServing *serving, const OkseAnswer *answer)
{
    GBytes *bytes = answer->bytes != NULL || answer->item == NULL ? answer->bytes : answer->item->bytes;

    if (bytes == NULL && answer->length > 0)
        return response_of_file(serving, answer);
    return response_of_memory(serving->httpd, bytes, answer);
}

static void headers_add(const OkseHttpd *httpd, const OkseAnswer *answer, struct MHD_Response *response)
{
    char digest[OKSE_SHA256_TEXT], tag[OKSE_SHA256_TEXT + 2];
    const struct {
        const char *name, *value;
    } headers[] = {
        {"Docker-Distribution-Api-Version", "registry/2.0"},
        {"X-Content-Type-Options", "nosniff"},
        {"Content-Type", answer->media_type},
        {"Docker-Content-Digest", answer->item != NULL ? digest : NULL},
        {"ETag", answer->item != NULL ? tag : NULL},
        {"Accept-Ranges", answer->ranges ? "bytes" : NULL},
        {"Content-Range", answer->content_range},
        {"Link", answer->link},
        {"OCI-Filters-Applied", answer->filtered ? "artifactType" : NULL},
        {"Allow", answer->status == 405 ? "GET, HEAD" : NULL},
    };

    if (answer->item != NULL) {
        okse_sha256_text(&answer->item->digest, digest);
        g_snprintf(tag, sizeof tag, "\"%s\"", digest);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++)
        if (headers[i].value != NULL)
            httpd->add_response_header(response, headers[i].name, headers[i].value);
}

static bool has_body(const OkseHttpd *httpd, struct MHD_Connection *connection)
{
    const char *length = httpd->lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");

    return (length != NULL && strcmp(length, "0") != 0) ||
           httpd->lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding") != NULL;
}

typedef struct {
    unsigned hosts, lengths, others;
} Counted;

/* RFC 9110, 5.6.2. "Content-Length " is no name, and some read it as one. */
static bool is_token(const char *text)
{
    const char *p = text;

    while (g_ascii_isalnum(*p) || (*p != '\0' && strchr("!#$%&'*+-.^_`|~", *p) != NULL))
        p++;
    return p > text && *p == '\0';
}

static enum MHD_Result count(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    Counted *counted = context;

    (void)kind;
    (void)value;
    counted->hosts += g_ascii_strcasecmp(name, "Host") == 0;
    counted->lengths += g_ascii_strcasecmp(name, "Content-Length") == 0;
    counted->others += !is_token(name);
    return MHD_YES;
}

/* Which of two counts is decided differently by whoever stands before us, so there is no answer but a refusal and the
 * end of the connection (RFC 9112, 3.2, 5.1 and 6.3). */
static bool is_ambiguous(const OkseHttpd *httpd, struct MHD_Connection *connection)
{
    Counted counted = {0, 0, 0};

    httpd->get_connection_values(connection, MHD_HEADER_KIND, count, &counted);
    return counted.hosts > 1 || counted.lengths > 1 || counted.others > 0;
}

static void answer_fill(OkseServer *server, struct MHD_Connection *connection, const char *method, Request *request)
{
    const OkseHttpd *httpd = httpd_of(server);
    const OkseRequest asked = {
        .method = method,
        .target = request->target,
        .host = httpd->lookup_connection_value(connection, MHD_HEADER_KIND, "Host"),
        .range = httpd->lookup_connection_value(connection, MHD_HEADER_KIND, "Range"),
        .if_range = httpd->lookup_connection_value(connection, MHD_HEADER_KIND, "If-Range"),
        .if_match = httpd->lookup_connection_value(connection, MHD_HEADER_KIND, "If-Match"),
        .if_none_match = httpd->lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match"),
        .ambiguous = is_ambiguous(httpd, connection),
        .body = has_body(httpd, connection),
        .local = server->serving->listener->local,
    };

    if (unchanged(server))
        okse_answer(server->serving->catalog, &asked, &request->answer);
    else
        okse_answer_error(&request->answer, 503, "UNAVAILABLE", "the bundle was changed while it was being served");
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **request_context)
{
    OkseServer *server = context;
    const OkseHttpd *httpd = httpd_of(server);
    Request *request = *request_context;
    struct MHD_Response *response;
    enum MHD_Result queued;

    (void)url;
    (void)version;
    (void)upload;
    *upload_size = 0;
    if (request == NULL || request->answered)
        return MHD_NO;
    /* who answers now closes the connection: fit for a body, or what may be one */
    if (!request->begun && !has_body(httpd, connection) && !is_ambiguous(httpd, connection)) {
        request->begun = true;
        return MHD_YES;
    }
    connection_turn(server, connection, true);
    request->answered = true;
    request->method = g_strdup(method);
    answer_fill(server, connection, method, request);
    response = response_make(server->serving, &request->answer);
    if (response == NULL) {
        okse_answer_clear(&request->answer);
        request->answer = (OkseAnswer){.status = 0};
        okse_answer_error(&request->answer, 503, "UNAVAILABLE", "too much is asked at once");
        response = response_make(server->serving, &request->answer);
    }
    if (response == NULL)
        return MHD_NO;
    headers_add(httpd, &request->answer, response);
    queued = httpd->queue_response(connection, request->answer.status, response);
    httpd->destroy_response(response);
    return queued;
}

static struct MHD_Daemon *daemon_start(OkseServer *server, unsigned threads)
{
    const OkseServing *serving = server->serving;
    const unsigned tls = serving->certificate != NULL ? MHD_USE_TLS : 0;
    const struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)serving->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)serving->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem *more = tls != 0 ? secure : &secure[G_N_ELEMENTS(secure) - 1];

    return serving->httpd->start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_TURBO | tls, 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, serving->listener->fd, MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? threads : 0,
        MHD_OPTION_CONNECTION_LIMIT, serving->connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        MAX(serving->connections / 2, 1), MHD_OPTION_CONNECTION_TIMEOUT, serving->patience,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)OKSE_LIMIT_REQUEST_HEAD, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,
        MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

static bool start(OkseServer *server, GError **error)
{
    const OkseServing *serving = server->serving;
    unsigned threads = MIN(MIN(okse_processors(), THREADS_LIMIT), serving->connections);
    sigset_t signals;

    if (serving->certificate != NULL && serving->httpd->is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "this libmicrohttpd knows no TLS");
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->wake < 0 || listen(serving->listener->fd, (int)serving->connections) < 0)
        return okse_fail_errno(error, "--listen %s", serving->listener->text);
    sigemptyset(&signals); /* Ctrl-C is for the thread that watches, and for it only while it waits */
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, &server->signals);
    server->daemon = daemon_start(server, threads);
    if (server->daemon != NULL)
        return true;
    if (serving->certificate != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "TLS does not start: is --tls-cert a PEM chain, and --tls-key its key, without a passphrase?");
    return okse_fail(error, OKSE_ERROR_SYSTEM, "the server does not start: no memory, or too many connections");
}

OkseServer *okse_server_start(const OkseServing *serving, GError **error)
{
    OkseServer *server = g_new0(OkseServer, 1);

    server->serving = serving;
    server->wake = -1;
    pthread_mutex_init(&server->lock, NULL);
    g_queue_init(&server->connections);
    pthread_sigmask(SIG_BLOCK, NULL, &server->signals);
    if (start(server, error))
        return server;
    okse_server_free(server);
    return NULL;
}

/* Has the client nothing more to say? libmicrohttpd may not have noticed when the end came with the last bytes: it
 * waits for an event that the kernel gives only once. */
static bool has_ended(const Connection *known, gint64 now)
{
    char byte;

    return now - known->waiting > G_USEC_PER_SEC && recv(known->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Cut off who has been keeping a connection without a request; all: whoever is not being answered. */
static void cut_off(OkseServer *server, bool all)
{
    gint64 now = g_get_monotonic_time(), patience = (gint64)server->serving->patience * G_USEC_PER_SEC;

    pthread_mutex_lock(&server->lock);
    for (GList *link = server->connections.head; link != NULL; link = link->next) {
        const Connection *known = link->data;

        if (known->waiting != 0 && (all || now - known->waiting > patience || has_ended(known, now)))
            shutdown(known->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->lock);
}

static void finish(OkseServer *server)
{
    gint64 end = g_get_monotonic_time() + GRACE;
    bool busy = true;

    httpd_of(server)->quiesce_daemon(server->daemon);
    while (busy && g_get_monotonic_time() < end) {
        cut_off(server, true);
        pthread_mutex_lock(&server->lock);
        busy = server->answering > 0;
        pthread_mutex_unlock(&server->lock);
        if (busy)
            g_usleep(20000);
    }
}

bool okse_server_run(OkseServer *server, GError **error)
{
    const struct timespec second = {1, 0};
    struct pollfd wake = {.fd = server->wake, .events = POLLIN};

    while (!okse_interrupted()) {
        if (!okse_bytes_unchanged(server->serving->file, NULL))
            return okse_fail(error, OKSE_ERROR_REFUSED,
                             "%s: was changed while it was being served; nothing is any more", server->serving->origin);
        if (ppoll(&wake, 1, &second, &server->signals) < 0 && errno != EINTR)
            return okse_fail_errno(error, "the server cannot wait");
        cut_off(server, false);
    }
    pthread_sigmask(SIG_SETMASK, &server->signals, NULL); /* who asks a second time does not wait */
    finish(server);
    return true;
}

void okse_server_free(OkseServer *server)
{
    if (server == NULL)
        return;
    if (server->daemon != NULL)
        httpd_of(server)->stop_daemon(server->daemon);
    pthread_sigmask(SIG_SETMASK, &server->signals, NULL);
    okse_fd_clear(&server->wake);
    pthread_mutex_destroy(&server->lock);
    g_free(server);
}
