/* Redirects are followed here and not by libcurl, so that each target is judged and a secret goes only where it
 * belongs. A body reaches its sink only with a status that promises one. */
#include "packager/http.h"

#include "core/json.h"
#include "core/text.h"
#include "core/worker.h"
#include "packager/curl_library.h"
#include "packager/remote.h"

#include <poll.h>
#include <string.h>

#define CONNECT_SECONDS 30L
#define SHORT_SECONDS 120L      /* the whole of an exchange that is not large */
#define STILL_SECONDS 60L       /* a large one: as long may pass … */
#define STILL_BYTES 1024L       /* … with less than this a second */
#define FIRST_WAIT 250u         /* milliseconds; doubled every time */
#define LONGEST_WAIT 60u        /* seconds that a server may ask for */
#define IGNORED_BODY (1u << 20) /* of an answer that is no success */
#define SAID_LIMIT 4096u        /* so much of it is kept */
#define BUFFER (256L << 10)     /* of large bodies, each way */

struct OkseHttp {
    OkseCurl curl;
    CURL *easy;
    char *ca, *proxy;
    GBytes *ca_pem;
    unsigned retries;
    uint64_t rate;
};

/* What one round fills, between two redirects. */
typedef struct {
    const OkseHttpRequest *request;
    OkseHttp *http;
    OkseHttpAnswer *answer;
    const char *url;
    char *location;
    GString *said;
    size_t headers;
    uint64_t body, sent;
    GError *error; /* why a callback stopped the transfer */
} Round;

static void round_clear(Round *round)
{
    g_clear_pointer(&round->location, g_free);
    if (round->said != NULL)
        g_string_free(round->said, TRUE);
    g_clear_error(&round->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Round, round_clear)

/* What headers set, with where each is kept. */
static char **member_of(OkseHttpAnswer *answer, unsigned index, const char **name)
{
    const struct {
        const char *name;
        char **at;
    } rows[] = {{"Content-Type", &answer->type},
                {"Content-Range", &answer->range},
                {"Content-Length", &answer->length},
                {"Range", &answer->received},
                {"OCI-Chunk-Min-Length", &answer->chunk_minimum},
                {"OCI-Subject", &answer->subject},
                {"Link", &answer->link}};

    if (index >= G_N_ELEMENTS(rows))
        return NULL;
    *name = rows[index].name;
    return rows[index].at;
}

static void forget_members(OkseHttpAnswer *answer)
{
    const char *name = NULL;
    char **member;

    for (unsigned i = 0; (member = member_of(answer, i, &name)) != NULL; i++)
        g_clear_pointer(member, g_free);
    g_clear_pointer(&answer->location, g_free);
    g_clear_pointer(&answer->said, g_free);
}

void okse_http_answer_clear(OkseHttpAnswer *answer)
{
    g_clear_pointer(&answer->challenges, g_ptr_array_unref);
    forget_members(answer);
    *answer = (OkseHttpAnswer){0};
}

void okse_http_free(OkseHttp *http)
{
    if (http == NULL)
        return;
    if (http->easy != NULL)
        http->curl.easy_cleanup(http->easy);
    g_free(http->ca);
    g_free(http->proxy);
    g_bytes_unref(http->ca_pem);
    g_free(http);
}

OkseHttp *okse_http_new(const OkseHttpSettings *settings, GError **error)
{
    g_autoptr(OkseHttp) http = g_new0(OkseHttp, 1);

    http->ca = g_strdup(settings->ca);
    http->ca_pem = settings->ca_pem == NULL ? NULL : g_bytes_ref(settings->ca_pem);
    http->proxy =
        g_strdup(settings->proxy != NULL ? settings->proxy : ""); /* "": none, whatever the environment says */
    http->retries = settings->retries;
    http->rate = settings->rate;
    if (!okse_curl_load(&http->curl, error))
        return NULL;
    http->easy = http->curl.easy_init();
    if (http->easy == NULL) {
        okse_fail(error, OKSE_ERROR_SYSTEM, "libcurl cannot be started");
        return NULL;
    }
    return g_steal_pointer(&http);
}

static unsigned status_of(const OkseHttp *http)
{
    long status = 0;

    http->curl.easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    return status > 0 && status < 1000 ? (unsigned)status : 0;
}

/* The value of a header, when the line is one of that name. */
static char *value_of(const char *line, const char *name)
{
    size_t length = strlen(name);

    if (g_ascii_strncasecmp(line, name, length) != 0 || line[length] != ':')
        return NULL;
    return g_strstrip(g_strdup(line + length + 1));
}

static void keep(char **member, char *value)
{
    if (value == NULL)
        return;
    g_free(*member);
    *member = value;
}

/* Seconds, as many as anybody waits; 0 for a date. */
static unsigned wait_of(const char *value)
{
    guint64 seconds = 0;

    if (*value == '\0' || value[strspn(value, "0123456789")] != '\0')
        return 0;
    return g_ascii_string_to_unsigned(value, 10, 0, LONGEST_WAIT, &seconds, NULL) ? (unsigned)seconds : LONGEST_WAIT;
}

static void read_header(Round *round, const char *line)
{
    OkseHttpAnswer *answer = round->answer;
    char *challenge = value_of(line, "WWW-Authenticate");
    g_autofree char *wait = value_of(line, "Retry-After");
    const char *name = NULL;
    char **member;

    if (challenge != NULL)
        g_ptr_array_add(answer->challenges, challenge);
    if (wait != NULL)
        answer->wait = wait_of(wait);
    for (unsigned i = 0; (member = member_of(answer, i, &name)) != NULL; i++)
        keep(member, value_of(line, name));
    keep(&round->location, value_of(line, "Location"));
    if (answer->type != NULL)
        answer->type[strcspn(answer->type, "; \t")] = '\0';
}

static void forget_headers(Round *round)
{
    g_ptr_array_set_size(round->answer->challenges, 0);
    forget_members(round->answer);
    g_clear_pointer(&round->location, g_free);
    round->answer->wait = 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    Round *round = context;
    g_autofree char *line = g_strndup(data, size * count);

    round->headers += size * count;
    if (round->headers > OKSE_HTTP_HEADERS) {
        okse_fail(&round->error, OKSE_ERROR_REFUSED, "the server's headers are over the limit of %u bytes",
                  OKSE_HTTP_HEADERS);
        return 0;
    }
    if (g_str_has_prefix(line, "HTTP/"))
        forget_headers(round); /* those of "100 Continue" were not the answer's */
    else
        read_header(round, line);
    return size * count;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    Round *round = context;
    unsigned status = status_of(round->http);
    size_t length = size * count;

    if ((status != 200 && status != 206) || round->request->sink == NULL) {
        if (round->said == NULL)
            round->said = g_string_new(NULL);
        g_string_append_len(round->said, data, (gssize)MIN(length, SAID_LIMIT - round->said->len));
        round->body += length;
        return round->body <= IGNORED_BODY ? length : 0;
    }
    /* asked for the rest and given all: the sink's owner decides by the status, so the limit is the whole */
    if (length > round->request->limit + (status == 200 ? round->request->from : 0) - round->body) {
        okse_fail(&round->error, OKSE_ERROR_REFUSED,
                  "the server sends more than the %" G_GUINT64_FORMAT " bytes expected", round->request->limit);
        return 0;
    }
    round->body += length;
    round->answer->status = status;
    return round->request->sink(round->request->context, data, length, &round->error) ? length : 0;
}

/* A body that goes out. */
static size_t on_read(char *buffer, size_t size, size_t count, void *context)
{
    Round *round = context;
    const OkseHttpUpload *upload = round->request->upload;
    size_t length = (size_t)MIN((uint64_t)size * count, upload->size - round->sent);

    if (length == 0)
        return 0;
    if (!upload->content->read(upload->content->context, upload->from + round->sent, buffer, length, &round->error))
        return CURL_READFUNC_ABORT;
    round->sent += length;
    return length;
}

static int on_seek(void *context, curl_off_t offset, int origin)
{
    Round *round = context;

    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > round->request->upload->size)
        return CURL_SEEKFUNC_FAIL;
    round->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    (void)context;
    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    return okse_interrupted() ? 1 : 0;
}

static void set_authorities(OkseHttp *http)
{
    const OkseCurl *curl = &http->curl;
    struct curl_blob pem = {.flags = CURL_BLOB_COPY};

    if (http->ca_pem == NULL && http->ca == NULL)
        return;
    curl->easy_setopt(http->easy, CURLOPT_CAPATH, NULL); /* Debian's default would still count */
    if (http->ca_pem == NULL) {
        curl->easy_setopt(http->easy, CURLOPT_CAINFO, http->ca);
        return;
    }
    pem.data = (void *)(uintptr_t)g_bytes_get_data(http->ca_pem, &pem.len);
    curl->easy_setopt(http->easy, CURLOPT_CAINFO_BLOB, &pem);
}

static void set_policy(OkseHttp *http, const OkseHttpRequest *request)
{
    const OkseCurl *curl = &http->curl;

    curl->easy_setopt(http->easy, CURLOPT_PROTOCOLS_STR, "https,http");
    curl->easy_setopt(http->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl->easy_setopt(http->easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl->easy_setopt(http->easy, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(http->easy, CURLOPT_PROXY, http->proxy);
    curl->easy_setopt(http->easy, CURLOPT_NOPROXY, "localhost,127.0.0.0/8,::1"); /* http is for this machine */
    curl->easy_setopt(http->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl->easy_setopt(http->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    set_authorities(http);
    curl->easy_setopt(http->easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    if (request->large) {
        curl->easy_setopt(http->easy, CURLOPT_LOW_SPEED_LIMIT, STILL_BYTES);
        curl->easy_setopt(http->easy, CURLOPT_LOW_SPEED_TIME,
                          request->seconds > 0 ? (long)request->seconds : STILL_SECONDS);
        if (http->rate == 0) /* libcurl looks at the rate after a hundred buffers */
            curl->easy_setopt(http->easy, CURLOPT_BUFFERSIZE, BUFFER);
        curl->easy_setopt(http->easy, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER);
        curl->easy_setopt(http->easy, CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)http->rate);
        curl->easy_setopt(http->easy, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)http->rate);
    } else {
        curl->easy_setopt(http->easy, CURLOPT_TIMEOUT, request->seconds > 0 ? (long)request->seconds : SHORT_SECONDS);
    }
}

static void set_callbacks(OkseHttp *http, Round *round)
{
    const OkseCurl *curl = &http->curl;

    curl->easy_setopt(http->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl->easy_setopt(http->easy, CURLOPT_HEADERDATA, round);
    curl->easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl->easy_setopt(http->easy, CURLOPT_WRITEDATA, round);
    curl->easy_setopt(http->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl->easy_setopt(http->easy, CURLOPT_NOPROGRESS, 0L);
}

static struct curl_slist *headers_of(const OkseHttp *http, const OkseHttpRequest *request, bool with_secret)
{
    const struct {
        const char *name, *value;
    } rows[] = {
        {"Accept", request->accept},
        {"Authorization", with_secret ? request->authorization : NULL},
        {"Content-Type", request->body != NULL || request->upload != NULL ? request->body_type : NULL},
        {"Content-Range", request->upload != NULL ? request->upload->range : NULL},
    };
    struct curl_slist *list = http->curl.slist_append(NULL, "User-Agent: okse/" OKSE_VERSION);

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *line = rows[i].value == NULL ? NULL : g_strconcat(rows[i].name, ": ", rows[i].value, NULL);

        if (line != NULL)
            list = http->curl.slist_append(list, line);
    }
    return list;
}

static bool may_pass(CURLcode code)
{
    static const CURLcode passing[] = {CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_PARTIAL_FILE,
                                       CURLE_OPERATION_TIMEDOUT,   CURLE_GOT_NOTHING,     CURLE_SEND_ERROR,
                                       CURLE_RECV_ERROR,           CURLE_SEND_FAIL_REWIND};

    for (unsigned i = 0; i < G_N_ELEMENTS(passing); i++)
        if (code == passing[i])
            return true;
    return false;
}

static bool status_may_pass(unsigned status)
{
    return status == 429 || status == 408 || (status >= 500 && status != 501 && status != 505);
}

static bool is_secure(const char *url)
{
    return g_str_has_prefix(url, "https://");
}

/* Where the server says to go on, unless that leaves TLS: this machine's own servers are nobody's to send bytes to. */
static char *location_of(const Round *round)
{
    g_autofree char *location = round->location == NULL ? NULL : okse_url_resolve(round->url, round->location, NULL);

    return location == NULL || (is_secure(round->url) && !is_secure(location)) ? NULL : g_steal_pointer(&location);
}

/* What became of a transfer. A body that was not wanted and was cut short is no failure. */
static bool conclude(Round *round, CURLcode code, const char *url, GError **error)
{
    OkseHttpAnswer *answer = round->answer;

    answer->status = status_of(round->http);
    answer->again = status_may_pass(answer->status);
    answer->location = location_of(round);
    if (round->said != NULL && answer->status >= 400)
        answer->said = g_strndup(round->said->str, round->said->len);
    if (round->error != NULL) {
        g_propagate_prefixed_error(error, g_steal_pointer(&round->error), "%s: ", url);
        return false;
    }
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && answer->status != 200 && answer->status != 206))
        return true;
    if (okse_interrupted())
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    answer->again = may_pass(code);
    return okse_fail(error, OKSE_ERROR_SYSTEM, "%s: %s", url, round->http->curl.easy_strerror(code));
}

/* Which verb, with which body. */
static void set_method(OkseHttp *http, Round *round)
{
    const OkseHttpRequest *request = round->request;
    const OkseCurl *curl = &http->curl;

    if (request->body != NULL) {
        const void *data = g_bytes_get_data(request->body, NULL);

        curl->easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)g_bytes_get_size(request->body));
        curl->easy_setopt(http->easy, CURLOPT_POSTFIELDS, data != NULL ? data : "");
    }
    if (request->upload != NULL) {
        curl->easy_setopt(http->easy, CURLOPT_UPLOAD, 1L);
        curl->easy_setopt(http->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->upload->size);
        curl->easy_setopt(http->easy, CURLOPT_READFUNCTION, on_read);
        curl->easy_setopt(http->easy, CURLOPT_READDATA, round);
        curl->easy_setopt(http->easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl->easy_setopt(http->easy, CURLOPT_SEEKDATA, round);
    }
    if (g_strcmp0(request->method, "HEAD") == 0)
        curl->easy_setopt(http->easy, CURLOPT_NOBODY, 1L);
    else if (request->method != NULL)
        curl->easy_setopt(http->easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static bool perform(Round *round, const char *url, bool with_secret, GError **error)
{
    OkseHttp *http = round->http;
    const OkseHttpRequest *request = round->request;
    const OkseCurl *curl = &http->curl;
    struct curl_slist *headers = headers_of(http, request, with_secret);
    g_autofree char *range = request->from == 0 ? NULL : g_strdup_printf("%" G_GUINT64_FORMAT "-", request->from);
    g_autofree char *shown = okse_url_shown(url);
    CURLcode code;

    curl->easy_reset(http->easy);
    set_policy(http, request);
    set_callbacks(http, round);
    curl->easy_setopt(http->easy, CURLOPT_URL, url);
    curl->easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers);
    if (range != NULL)
        curl->easy_setopt(http->easy, CURLOPT_RANGE, range);
    set_method(http, round);
    code = curl->easy_perform(http->easy);
    curl->slist_free_all(headers);
    return conclude(round, code, shown, error);
}

static bool is_redirect(unsigned status, const Round *round)
{
    return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
           round->location != NULL;
}

/* The next address, judged: never from https to http, to another host only where that was allowed. */
static char *follow(const Round *round, const char *url, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *next = okse_url_resolve(url, round->location, &cause);
    g_autofree char *shown = okse_url_shown(round->location);
    g_auto(OkseOrigin) from = {0}, to = {0};

    if (next == NULL) {
        okse_fail(error, OKSE_ERROR_REFUSED, "is redirected to '%s': %s", shown, cause->message);
        return NULL;
    }
    if (!okse_origin_read(url, &from, error) || !okse_origin_read(next, &to, error))
        return NULL;
    if (from.secure && !to.secure) {
        okse_fail(error, OKSE_ERROR_REFUSED, "is redirected from https to '%s'", shown);
        return NULL;
    }
    if (!okse_origin_equal(&from, &to) &&
        (!round->request->elsewhere || round->request->body != NULL || round->request->upload != NULL)) {
        okse_fail(error, OKSE_ERROR_REFUSED, "is redirected to another host, '%s'; name that one, if you trust it",
                  shown);
        return NULL;
    }
    return g_steal_pointer(&next);
}

bool okse_http_exchange(OkseHttp *http, const OkseHttpRequest *request, OkseHttpAnswer *answer, GError **error)
{
    g_autofree char *url = g_strdup(request->url), *shown = okse_url_shown(request->url);
    g_auto(OkseOrigin) home = {0};

    answer->challenges = g_ptr_array_new_with_free_func(g_free);
    if (!okse_origin_read(url, &home, error))
        return false;
    for (unsigned i = 0; i <= OKSE_HTTP_REDIRECTS; i++) {
        g_auto(Round) round = {.request = request, .http = http, .answer = answer, .url = url};
        g_auto(OkseOrigin) here = {0};
        g_autofree char *next = NULL;

        if (!okse_origin_read(url, &here, error))
            return false;
        answer->away = !okse_origin_equal(&here, &home);
        if (!perform(&round, url, !answer->away, error))
            return false;
        if (!is_redirect(answer->status, &round))
            return true;
        next = follow(&round, url, error);
        if (next == NULL) {
            g_prefix_error(error, "%s: ", shown);
            return false;
        }
        g_free(url);
        url = g_steal_pointer(&next);
    }
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: more than %u redirects", shown, OKSE_HTTP_REDIRECTS);
}

bool okse_http_wait(const OkseHttp *http, const OkseHttpAnswer *answer, unsigned *tries)
{
    unsigned wait = MAX(FIRST_WAIT << MIN(*tries, 7u), answer->wait * 1000);

    if (!answer->again || *tries >= http->retries)
        return false;
    ++*tries;
    for (unsigned waited = 0; waited < wait && !okse_interrupted(); waited += 50)
        poll(NULL, 0, 50);
    return !okse_interrupted();
}

/* What a registry says of an error: {"errors": [{"code", "message"}]}; anything else is not worth a line. */
static char *reason_of(const OkseHttpAnswer *answer)
{
    g_autoptr(GBytes) bytes = answer->said == NULL ? NULL : g_bytes_new(answer->said, strlen(answer->said));
    g_autoptr(json_t) json = bytes == NULL ? NULL : okse_json_read(bytes, SAID_LIMIT, "answer", NULL);
    const json_t *first = json_array_get(json_object_get(json, "errors"), 0);
    const char *code = okse_json_peek_text(first, "code"), *message = okse_json_peek_text(first, "message");
    g_autofree char *text = code == NULL ? NULL : g_strdup_printf("%s: %s", code, message != NULL ? message : "");
    g_autofree char *shown = text == NULL ? NULL : okse_text_show(text, (gssize)MIN(strlen(text), 300), false);

    return shown == NULL ? g_strdup("") : g_strconcat(": ", shown, NULL);
}

bool okse_http_fail_status(const OkseHttpAnswer *answer, const char *origin, GError **error)
{
    g_autofree char *reason = reason_of(answer);

    switch (answer->status) {
    case 401:
    case 403:
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: access denied (status %u)%s", origin, answer->status, reason);
    case 404:
        return okse_fail(error, OKSE_ERROR_NOT_FOUND, "%s: the server has none (status 404)", origin);
    default:
        return okse_fail(error, OKSE_ERROR_SYSTEM, "%s: the server answers with status %u%s", origin, answer->status,
                         reason);
    }
}
