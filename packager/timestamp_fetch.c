#include "packager/timestamp_fetch.h"

#include "core/text.h"
#include "core/worker.h"
#include "packager/key.h"
#include "packager/openssl_bytes.h"
#include "packager/timestamp.h"

#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/ts.h>
#include <poll.h>

#define ANSWER_LIMIT (1u << 20)
#define ANSWER_SECONDS 30

typedef struct {
    char *host, *port, *path;
} Place;

static void place_clear(Place *place)
{
    OPENSSL_free(place->host);
    OPENSSL_free(place->port);
    OPENSSL_free(place->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

static bool place_read(const char *url, Place *place, GError **error)
{
    g_autofree char *shown = okse_text_show(url, -1, false);
    char *user = NULL, *query = NULL, *fragment = NULL;
    int secure = 0;
    bool parsed = OSSL_HTTP_parse_url(url, &secure, &user, &place->host, &place->port, NULL, &place->path, &query,
                                      &fragment) == 1;
    bool plain = parsed && user != NULL && *user == '\0' && query != NULL && *query == '\0';

    OPENSSL_free(user);
    OPENSSL_free(query);
    OPENSSL_free(fragment);
    ERR_clear_error();
    if (!parsed || !g_str_has_prefix(url, "http"))
        return okse_fail(error, OKSE_ERROR_INVALID, "--tsa: '%s' is no URL (http://tsa.example/path)", shown);
    if (secure)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--tsa: '%s': use the authority's http:// address; a timestamp carries its own proof", shown);
    return plain || okse_fail(error, OKSE_ERROR_INVALID, "--tsa: '%s' must have no user and no query", shown);
}

/* OpenSSL's own way to connect tries again until the time is up, also where nobody listens. */
static BIO *connected(const Place *place)
{
    BIO *bio = BIO_new(BIO_s_connect());
    int done = 0;

    if (bio == NULL)
        return NULL;
    BIO_set_conn_hostname(bio, place->host);
    BIO_set_conn_port(bio, place->port);
    BIO_set_nbio(bio, 1);
    for (unsigned waited = 0; waited < ANSWER_SECONDS && !okse_interrupted(); waited++) {
        struct pollfd wait = {.events = POLLOUT};

        done = (int)BIO_do_connect(bio);
        if (done == 1 || !BIO_should_retry(bio))
            break;
        wait.fd = (int)BIO_get_fd(bio, NULL);
        poll(&wait, 1, 1000);
    }
    if (done == 1)
        return bio;
    BIO_free(bio);
    return NULL;
}

static BIO *post(const Place *place, GBytes *request)
{
    BIO *connection = connected(place);
    BIO *body = connection != NULL ? okse_openssl_bio(request) : NULL;
    BIO *answer = body == NULL
                      ? NULL
                      : OSSL_HTTP_transfer(NULL, place->host, place->port, place->path, 0, NULL, NULL, connection, NULL,
                                           NULL, NULL, 0, NULL, "application/timestamp-query", body,
                                           "application/timestamp-reply", 1, ANSWER_LIMIT, ANSWER_SECONDS, 0);

    BIO_free(body);
    BIO_free(connection);
    return answer;
}

/* What an authority says that does not grant (RFC 3161 §2.4.2), as text for messages; NULL when it grants. */
static char *refusal_of(TS_RESP *response)
{
    static const char *const words[] = {"granted", "granted with modifications", "rejection", "waiting"};
    TS_STATUS_INFO *info = TS_RESP_get_status_info(response);
    int64_t status = -1;
    const STACK_OF(ASN1_UTF8STRING) *text = TS_STATUS_INFO_get0_text(info);
    g_autofree char *more = NULL;

    if (ASN1_INTEGER_get_int64(&status, TS_STATUS_INFO_get0_status(info)) == 1 && (status == 0 || status == 1))
        return NULL;
    if (sk_ASN1_UTF8STRING_num(text) > 0) {
        const ASN1_UTF8STRING *first = sk_ASN1_UTF8STRING_value(text, 0);

        more = okse_text_show((const char *)ASN1_STRING_get0_data(first), ASN1_STRING_length(first), false);
    }
    return g_strdup_printf("%s%s%s",
                           status > 1 && status < (int64_t)G_N_ELEMENTS(words) ? words[status] : "status unknown",
                           more != NULL ? ": " : "", more != NULL ? more : "");
}

/* Status, imprint, nonce and policy as asked; the token's own signature is checked by whoever trusts the authority. */
static bool answers(TS_RESP *response, GBytes *question)
{
    const unsigned char *at = g_bytes_get_data(question, NULL);
    TS_REQ *request = d2i_TS_REQ(NULL, &at, (long)g_bytes_get_size(question));
    TS_VERIFY_CTX *context = request != NULL ? TS_REQ_to_TS_VERIFY_CTX(request, NULL) : NULL;
    bool good = context != NULL && TS_RESP_verify_response(context, response) == 1;

    TS_VERIFY_CTX_free(context);
    TS_REQ_free(request);
    return good;
}

static GBytes *der_of(TS_RESP *response)
{
    unsigned char *der = NULL;
    int length = i2d_TS_RESP(response, &der);
    GBytes *bytes = length > 0 ? g_bytes_new(der, (gsize)length) : NULL;

    OPENSSL_free(der);
    return bytes;
}

GBytes *okse_timestamp_fetch(const char *url, GBytes *signature, GError **error)
{
    g_auto(Place) place = {0};
    g_autoptr(GBytes) question = NULL;
    g_autofree char *refusal = NULL;
    GBytes *made = NULL;
    TS_RESP *response;
    BIO *answer;

    if (!place_read(url, &place, error))
        return NULL;
    question = okse_timestamp_request(signature, error);
    if (question == NULL)
        return NULL;
    ERR_clear_error();
    answer = post(&place, question);
    response = answer != NULL ? d2i_TS_RESP_bio(answer, NULL) : NULL;
    if (response == NULL)
        okse_fail(error, OKSE_ERROR_SYSTEM, "no timestamp from %s: %s; nothing was signed", url, okse_openssl_reason());
    else if ((refusal = refusal_of(response)) != NULL)
        okse_fail(error, OKSE_ERROR_REFUSED, "%s does not timestamp it (%s); nothing was signed", url, refusal);
    else if (!answers(response, question))
        okse_fail(error, OKSE_ERROR_REFUSED,
                  "the answer of %s is no timestamp of this signature: %s; nothing was signed", url,
                  okse_openssl_reason());
    else if ((made = der_of(response)) == NULL)
        okse_fail(error, OKSE_ERROR_SYSTEM, "the timestamp cannot be kept: %s", okse_openssl_reason());
    ERR_clear_error();
    TS_RESP_free(response);
    BIO_free(answer);
    return made;
}
