/* okse serve: a bundle as a read-only registry. */
#include "packager/serve.h"
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/edge.h"
#include "cli/serve_options.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/sandbox.h"
#include "core/text.h"
#include "packager/verification.h"

#include <string.h>
#include <time.h>

#define DEFAULT_CONNECTIONS 256
#define CONNECTIONS_LIMIT 16384
#define DEFAULT_PATIENCE 30
#define PATIENCE_LIMIT 3600

/* Everything that is opened or loaded is opened here, before the sandbox closes. */
typedef struct {
    const char *path, *clock;
    OkseBytes *bytes;
    const OkseThinReport *thin; /* borrowed from the bytes */
    OkseTrust *trust;
    OkseSha256 expect;
    OkseListener listener;
    OkseHttpd httpd;
    char *certificate, *key;
    OkseVerifying verifying;
    OkseVerified verified;
    OkseBundle *unverified;
    OkseCatalog *catalog;
    OkseServing serving;
    OkseServer *server;
} Session;

static void secret_clear(char **text)
{
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    g_clear_pointer(text, g_free);
}

static void session_clear(Session *session)
{
    g_clear_pointer(&session->server, okse_server_free);
    g_clear_pointer(&session->catalog, okse_catalog_free);
    g_clear_pointer(&session->unverified, okse_bundle_free);
    okse_verified_clear(&session->verified);
    g_clear_pointer(&session->verifying.checking.progress, okse_progress_free);
    g_clear_pointer(&session->trust, okse_trust_free);
    okse_listener_clear(&session->listener);
    g_clear_pointer(&session->certificate, g_free);
    secret_clear(&session->key);
    g_clear_pointer(&session->bytes, okse_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)

static bool options_check(const ServeOptions *options, Session *session, GError **error)
{
    guint64 connections = DEFAULT_CONNECTIONS, patience = DEFAULT_PATIENCE;

    if ((options->trust != NULL) == (bool)options->unverified)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "serve needs either --trust trust.yaml: who must have signed (write one with: okse trust init "
                         "-o trust.yaml), or --unverified");
    if (options->unverified && options->at != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--at says when signatures are judged, and --unverified that none is");
    if ((options->certificate != NULL) != (options->key != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--tls-cert and --tls-key come together");
    if (options->connections != NULL &&
        !g_ascii_string_to_unsigned(options->connections, 10, 1, CONNECTIONS_LIMIT, &connections, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--connections must be a number from 1 to %d", CONNECTIONS_LIMIT);
    if (options->patience != NULL &&
        !g_ascii_string_to_unsigned(options->patience, 10, 1, PATIENCE_LIMIT, &patience, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--patience must be seconds from 1 to %d", PATIENCE_LIMIT);
    session->serving.connections = (unsigned)connections;
    session->serving.patience = (unsigned)patience;
    if (options->expect != NULL && !okse_sha256_parse(options->expect, &session->expect, error)) {
        g_prefix_error(error, "--expect: ");
        return false;
    }
    return true;
}

static bool pem_read(const char *path, char **text, GError **error)
{
    g_autoptr(GBytes) bytes = path == NULL ? NULL : okse_read_path(path, OKSE_LIMIT_METADATA, error);

    if (bytes != NULL)
        *text = okse_text_of_bytes(bytes);
    return path == NULL || bytes != NULL;
}

/* An installed root opens its files when they are asked for, which this process will not be able to. */
static bool input_open(Session *session, const ServeOptions *options, GError **error)
{
    const OkseBundlePlaces places = {options->parts, options->bases, NULL};
    g_autoptr(GPtrArray) roots = okse_bundle_bases_roots(options->bases);
    g_autofree char *words = NULL;

    if (roots->pdata[0] != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--base: %s is a directory: serving opens no file once it has begun, so give the bundle that "
                         "was installed there",
                         (const char *)roots->pdata[0]);
    session->bytes = okse_bundle_input_open(session->path, &places, &session->thin, error);
    if (session->bytes == NULL || session->thin == NULL || session->thin->missing->len == 0)
        return session->bytes != NULL;
    words = okse_thin_words(session->thin);
    return okse_fail(error, OKSE_ERROR_REFUSED,
                     "%s: %s; name the bundle that has them (--base BUNDLE; okse verify lists them)", session->path,
                     words);
}

static bool session_open(Session *session, const ServeOptions *options, GError **error)
{
    OkseJudgeTerms *terms = &session->verifying.terms;

    if (!options_check(options, session, error) ||
        !okse_edge_verification_time(options->at, &terms->now, &session->clock, error))
        return false;
    if (options->trust != NULL) {
        session->trust = okse_trust_open(options->trust, error);
        if (session->trust == NULL)
            return false;
    }
    terms->expect = options->expect != NULL ? &session->expect : NULL;
    terms->shown = session->path;
    session->verifying.trust = session->trust;
    session->verifying.payload_later = !options->check;
    return input_open(session, options, error) && pem_read(options->certificate, &session->certificate, error) &&
           pem_read(options->key, &session->key, error) && okse_httpd_load(&session->httpd, error) &&
           okse_listener_open(options->listen != NULL ? options->listen : SERVE_LISTEN, &session->listener, error);
}

static bool read_verified(Session *session, GError **error)
{
    const OkseVerifyInput input = {.bytes = session->bytes, .pipe = -1, .origin = session->path, .thin = session->thin};
    const OkseVerification *verification;
    g_autofree char *words = NULL;

    if (!okse_verify_bundle(&input, &session->verifying, &session->verified, error))
        return false;
    verification = session->verified.verification;
    if (verification->verified)
        return true;
    words = okse_verification_words(&session->verified, &session->verifying, session->clock);
    return okse_fail(error, verification->malformed ? OKSE_ERROR_INVALID : OKSE_ERROR_REFUSED, "not served:\n%s",
                     g_strchomp(words));
}

static bool read_unverified(Session *session, const ServeOptions *options, GError **error)
{
    session->unverified = okse_bundle_of(session->bytes, session->path, error);
    if (session->unverified == NULL)
        return false;
    if (options->expect != NULL && !okse_sha256_equal(okse_bundle_identity(session->unverified), &session->expect))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: has another identity than --expect", session->path);
    return !options->check || okse_bundle_check(session->unverified, &session->verifying.checking, NULL, error);
}

static const OkseBundle *bundle_read(Session *session, const ServeOptions *options, GError **error)
{
    if (options->check)
        session->verifying.checking.progress = okse_progress_new("checking", okse_bytes_length(session->bytes));
    if (options->unverified ? !read_unverified(session, options, error) : !read_verified(session, error))
        return NULL;
    g_clear_pointer(&session->verifying.checking.progress, okse_progress_free);
    return options->unverified ? session->unverified : session->verified.bundle;
}

/* One write a line, so that lines of several threads do not mix. */
static void log_line(const OkseServed *served, void *context)
{
    g_autofree char *now = okse_text_time((gint64)time(NULL)), *target = okse_text_show(served->target, -1, false),
                    *method = okse_text_show(served->method, -1, false), *line = NULL;

    (void)context;
    line = g_strdup_printf("%s %s %s %s %u %" G_GUINT64_FORMAT " %.3f%s\n", now, served->address, method, target,
                           served->status, served->length, served->seconds, served->whole ? "" : " cut-off");
    okse_write_all(STDERR_FILENO, line, strlen(line), "standard error", NULL);
}

static json_t *repositories_json(const OkseCatalog *catalog)
{
    const GPtrArray *names = okse_catalog_repositories(catalog);
    json_t *list = json_array();

    for (guint i = 0; i + 1 < names->len; i++) {
        const GPtrArray *tags = okse_catalog_tags(catalog, g_ptr_array_index(names, i));
        json_t *tagged = json_array();

        for (guint k = 0; k + 1 < tags->len; k++)
            json_array_append_new(tagged, json_string(g_ptr_array_index(tags, k)));
        json_array_append_new(list, json_pack("{s:s,s:o}", "name", g_ptr_array_index(names, i), "tags", tagged));
    }
    return list;
}

static bool print_start(const Session *session, const OkseBundle *bundle, bool json, GError **error)
{
    const GPtrArray *names = okse_catalog_repositories(session->catalog);
    const char *scheme = session->certificate != NULL ? "https" : "http";
    char identity[OKSE_SHA256_TEXT];

    okse_sha256_text(okse_bundle_identity(bundle), identity);
    if (json) {
        g_autofree char *url = g_strdup_printf("%s://%s/v2/", scheme, session->listener.text);
        g_autoptr(json_t) document = json_pack(
            "{s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:o}", "schema", "okse.serving.v1", "listen", session->listener.text, "url",
            url, "name", okse_bundle_name(bundle), "version", okse_bundle_version(bundle), "identity", identity,
            "verified", session->trust != NULL, "repositories", repositories_json(session->catalog));

        return okse_print_json(document, error);
    }
    okse_print("%s %s on %s://%s, read only, until Ctrl-C\n  identity  %s%s\n", okse_bundle_name(bundle),
               okse_bundle_version(bundle), scheme, session->listener.text, identity,
               session->trust != NULL ? "" : ", not verified");
    for (guint i = 0; i + 1 < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        const GPtrArray *tags = okse_catalog_tags(session->catalog, name);

        for (guint k = 0; k + 1 < tags->len && (strchr(name, '/') != NULL || k == 0); k++)
            okse_print("  %s/%s:%s\n", session->listener.text, name, (const char *)g_ptr_array_index(tags, k));
    }
    return fflush(stdout) == 0 || okse_fail_errno(error, "write to standard output");
}

static bool serve(Session *session, const OkseInvocation *invocation, GError **error)
{
    const ServeOptions *options = invocation->options;
    const OkseBundle *bundle = bundle_read(session, options, error);

    if (bundle == NULL)
        return false;
    session->catalog = okse_catalog_of_bundle(bundle);
    session->serving.httpd = &session->httpd;
    session->serving.catalog = session->catalog;
    session->serving.listener = &session->listener;
    session->serving.file = session->bytes;
    session->serving.origin = session->path;
    session->serving.certificate = session->certificate;
    session->serving.key = session->key;
    session->serving.log = options->log ? log_line : NULL;
    session->server = okse_server_start(&session->serving, error);
    return session->server != NULL && print_start(session, bundle, invocation->json, error) &&
           okse_server_run(session->server, error);
}

static int run(const OkseInvocation *invocation, GError **error)
{
    g_auto(Session) session = {.path = invocation->arguments[0], .listener = OKSE_LISTENER_INIT};

    if (!session_open(&session, invocation->options, error) || !okse_sandbox_enter_serving(NULL, error) ||
        !serve(&session, invocation, error))
        return 2;
    return 0;
}

const OkseCommand okse_command_serve = {
    .name = "serve",
    .arguments = "BUNDLE",
    .minimum = 1,
    .maximum = 1,
    .summary = SERVE_SUMMARY,
    .details =
        "Only this machine is served unless --listen says otherwise. Blobs go out straight from the bundle, which\n"
        "takes no further disk; clients check them by digest (docs/serve.md).",
    .options = serve_options,
    .options_size = sizeof(ServeOptions),
    .run = run,
};
