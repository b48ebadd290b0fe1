/* libgit2 reads when it likes and an exchange delivers when it likes, so the answer waits in a file without a name. */
#include "packager/git_wire.h"

#include "core/fd.h"
#include "packager/challenge.h"
#include "packager/remote.h"

#include <string.h>

#define REQUEST_LIMIT (64u << 20) /* what libgit2 asks for: "want" and "have" lines */
#define SPOOL "answer"

typedef struct {
    git_smart_subtransport base;
    OkseGitWire *wire;
} Line;

typedef struct {
    git_smart_subtransport_stream base;
    OkseGitWire *wire;
    bool references; /* the list of references; else a pack is negotiated or sent */
    GByteArray *question;
    int fd; /* the answer; -1 before it was asked for */
    uint64_t length, at;
} Stream;

void okse_git_wire_clear(OkseGitWire *wire)
{
    okse_secret_free(wire->authorization);
    wire->authorization = NULL;
    g_clear_error(&wire->error);
}

static bool to_spool(void *context, const void *data, size_t length, GError **error)
{
    Stream *stream = context;

    if (!okse_pwrite_all(stream->fd, data, length, stream->length, stream->wire->url, error))
        return false;
    stream->length += length;
    stream->wire->fetched += length;
    return true;
}

/* Only Basic: it is what git itself sends. */
static bool log_in(OkseGitWire *wire, const OkseHttpAnswer *answer, GError **error)
{
    const char *place = strstr(wire->url, "://") + strlen("://");
    g_auto(OkseChallenge) challenge = {0};
    bool basic = false;
    char *secret = NULL;

    for (guint i = 0; i < answer->challenges->len && !basic; i++) {
        okse_challenge_clear(&challenge);
        basic = okse_challenge_read(g_ptr_array_index(answer->challenges, i), &challenge) && !challenge.bearer;
    }
    if (!basic)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: access denied, and not to be had with a password", wire->url);
    if (!okse_credentials_find(wire->credentials, place, &secret, error))
        return false;
    if (secret == NULL)
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: access denied, and there are no credentials for it (okse fetch --auth FILE)", wire->url);
    okse_secret_free(wire->authorization);
    wire->authorization = secret;
    return true;
}

static bool check_answer(const Stream *stream, const OkseHttpAnswer *answer, GError **error)
{
    const char *type =
        stream->references ? "application/x-git-upload-pack-advertisement" : "application/x-git-upload-pack-result";

    if (answer->status != 200)
        return okse_http_fail_status(answer, stream->wire->url, error);
    return g_strcmp0(answer->type, type) == 0 ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s: is no git repository (smart HTTP)", stream->wire->url);
}

/* One exchange, again where that may help. */
static bool ask(Stream *stream, GError **error)
{
    OkseGitWire *wire = stream->wire;
    g_autofree char *base = g_strndup(wire->url, strlen(wire->url) - g_str_has_suffix(wire->url, "/"));
    g_autofree char *url =
        g_strconcat(base, stream->references ? "/info/refs?service=git-upload-pack" : "/git-upload-pack", NULL);
    g_autoptr(GBytes) body = stream->references ? NULL : g_bytes_new(stream->question->data, stream->question->len);
    unsigned tries = 0;
    bool logged_in = false;

    for (;;) {
        g_auto(OkseHttpAnswer) answer = {0};
        g_autoptr(GError) cause = NULL;
        const OkseHttpRequest request = {.url = url,
                                         .authorization = wire->authorization,
                                         .body = body,
                                         .body_type = "application/x-git-upload-pack-request",
                                         .limit = stream->references ? OKSE_GIT_WIRE_REFERENCES : OKSE_GIT_WIRE_LIMIT,
                                         .large = true,
                                         .sink = to_spool,
                                         .context = stream};
        bool done;

        stream->length = 0;
        if (ftruncate(stream->fd, 0) < 0)
            return okse_fail_errno(error, "%s", wire->url);
        done = okse_http_exchange(wire->http, &request, &answer, &cause);
        if (done && answer.status == 401 && !logged_in) {
            if (!log_in(wire, &answer, error))
                return false;
            logged_in = true;
            continue;
        }
        if (done && !answer.again)
            return check_answer(stream, &answer, error);
        if (okse_http_wait(wire->http, &answer, &tries))
            continue;
        if (done)
            return okse_http_fail_status(&answer, wire->url, error);
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
}

static bool answer_is_there(Stream *stream, GError **error)
{
    if (stream->fd >= 0)
        return true;
    stream->fd = okse_open_beneath(stream->wire->spool_fd, SPOOL, O_RDWR | O_CREAT | O_TRUNC, 0600, error);
    if (stream->fd < 0)
        return false;
    unlinkat(stream->wire->spool_fd, SPOOL, 0);
    return ask(stream, error);
}

static int fail(OkseGitWire *wire, GError **error)
{
    git_error_set_str(GIT_ERROR_NET, (*error)->message);
    if (wire->error == NULL)
        wire->error = g_steal_pointer(error);
    g_clear_error(error);
    return -1;
}

static int stream_read(git_smart_subtransport_stream *base, char *buffer, size_t size, size_t *got)
{
    Stream *stream = (Stream *)base;
    size_t part;
    GError *error = NULL;

    *got = 0;
    if (!answer_is_there(stream, &error))
        return fail(stream->wire, &error);
    part = MIN(size, stream->length - stream->at);
    if (part > 0 && !okse_pread_exact(stream->fd, buffer, part, stream->at, stream->wire->url, &error))
        return fail(stream->wire, &error);
    stream->at += part;
    *got = part;
    return 0;
}

static int stream_write(git_smart_subtransport_stream *base, const char *data, size_t length)
{
    Stream *stream = (Stream *)base;
    GError *error = NULL;

    if (stream->fd >= 0 || stream->references || length > REQUEST_LIMIT - stream->question->len) {
        okse_fail(&error, OKSE_ERROR_SYSTEM, "%s: libgit2 asks for too much", stream->wire->url);
        return fail(stream->wire, &error);
    }
    g_byte_array_append(stream->question, (const guint8 *)data, (guint)length);
    return 0;
}

static void stream_free(git_smart_subtransport_stream *base)
{
    Stream *stream = (Stream *)base;

    okse_fd_clear(&stream->fd);
    g_byte_array_unref(stream->question);
    g_free(stream);
}

static int line_action(git_smart_subtransport_stream **out, git_smart_subtransport *base, const char *url,
                       git_smart_service_t action)
{
    Stream *stream;

    (void)url; /* it is the wire's, and that one was judged */
    if (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK) {
        git_error_set_str(GIT_ERROR_NET, "nothing is ever pushed");
        return -1;
    }
    stream = g_new0(Stream, 1);
    stream->base = (git_smart_subtransport_stream){base, stream_read, stream_write, stream_free};
    stream->wire = ((Line *)base)->wire;
    stream->references = action == GIT_SERVICE_UPLOADPACK_LS;
    stream->question = g_byte_array_new();
    stream->fd = -1;
    *out = &stream->base;
    return 0;
}

static int line_close(git_smart_subtransport *base)
{
    (void)base;
    return 0;
}

static void line_free(git_smart_subtransport *base)
{
    g_free(base);
}

static int line_new(git_smart_subtransport **out, git_transport *owner, void *wire)
{
    Line *line = g_new0(Line, 1);

    (void)owner;
    line->base = (git_smart_subtransport){line_action, line_close, line_free};
    line->wire = wire;
    *out = &line->base;
    return 0;
}

int okse_git_wire_transport(git_transport **transport, git_remote *owner, void *wire)
{
    git_smart_subtransport_definition definition = {line_new, 1, wire};

    return git_transport_smart(transport, owner, &definition);
}
