/* okse rebuild: a second builder proves the identity that the first one announced. */
#include "packager/rebuild.h"
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/edge.h"
#include "cli/preflight.h"
#include "cli/signing_key.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/build.h"
#include "packager/media_types.h"
#include "packager/sign.h"

#include <stdlib.h>
#include <sys/stat.h>

typedef struct {
    char *expect, *country, *output, *threads, *cache;
    char *gate, *site, *geo, *at, *trust, *waivers;
    char **profiles;
    char *key, *certificate, *role, *passphrase_fd, *tsa;
} RebuildOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_PATH, "expect", 0, "IDENTITY|BUNDLE", "what must come out: sha256:… or the first builder's bundle",
     offsetof(RebuildOptions, expect)},
    {OKSE_OPTION_TEXT, "country", 0, "ISO2", "destination country (default: the bundle's)",
     offsetof(RebuildOptions, country)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "keep the bundle (default: compute its identity and write nothing)",
     offsetof(RebuildOptions, output)},
    {OKSE_OPTION_TEXT, "gate", 0, "warn|off", "was there a pre-flight? (default: as in the bundle, else warn)",
     offsetof(RebuildOptions, gate)},
    {OKSE_OPTION_PATH, "cache", 0, "DIR", "of what okse fetch brought (default: .okse-cache beside STACK)",
     offsetof(RebuildOptions, cache)},
    {OKSE_OPTION_PATH, "site", 0, "FILE", "as it was built with", offsetof(RebuildOptions, site)},
    {OKSE_OPTION_PATH, "geo", 0, "FILE", "as it was built with", offsetof(RebuildOptions, geo)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "as it was built with (default: the bundle's)", offsetof(RebuildOptions, at)},
    {OKSE_OPTION_PATH, "trust", 0, "FILE", "as it was built with", offsetof(RebuildOptions, trust)},
    {OKSE_OPTION_PATH, "waivers", 0, "FILE", "as it was built with", offsetof(RebuildOptions, waivers)},
    {OKSE_OPTION_LIST, "profile", 0, "FILE", "as it was built with, in the same order",
     offsetof(RebuildOptions, profiles)},
    {OKSE_OPTION_TEXT, "threads", 0, "N", "worker threads (default: all processors)",
     offsetof(RebuildOptions, threads)},
    {OKSE_OPTION_PATH, "key", 'k', "URI", "when the identity is the same, add a statement to -o FILE or else BUNDLE",
     offsetof(RebuildOptions, key)},
    {OKSE_OPTION_PATH, "cert", 0, "PEM", "certificate chain of the key, its own first",
     offsetof(RebuildOptions, certificate)},
    {OKSE_OPTION_TEXT, "role", 0, "ROLE", "sign as builder (default), …", offsetof(RebuildOptions, role)},
    {OKSE_OPTION_TEXT, "passphrase-fd", 0, "N", "read the key's passphrase or PIN there",
     offsetof(RebuildOptions, passphrase_fd)},
    {OKSE_OPTION_TEXT, "tsa", 0, "URL", "have the signature timestamped there (RFC 3161 over http)",
     offsetof(RebuildOptions, tsa)},
    {0},
};

typedef struct {
    const RebuildOptions *given;
    OkseSha256 expected;
    int fd; /* of the first builder's bundle; -1 when only its identity is known */
    OkseBundle *bundle;
    char *country; /* owned, from the bundle */
    OkseDifference difference;
    OkseSigningKey signer;
} Session;

static void session_clear(Session *session)
{
    okse_signing_key_clear(&session->signer);
    okse_difference_clear(&session->difference);
    g_clear_pointer(&session->bundle, okse_bundle_free);
    g_clear_pointer(&session->country, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)

/* A file is a bundle, even if it is called sha256:…; anything else must be an identity. */
static bool read_expectation(Session *session, GError **error)
{
    const char *expect = session->given->expect;
    g_autoptr(OkseBytes) bytes = NULL;
    g_autoptr(GError) cause = NULL;

    if (expect == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--expect is missing: give an identity (sha256:…) or a bundle");
    bytes = okse_bundle_input_open(expect, NULL, NULL, &cause);
    if (bytes == NULL && okse_sha256_parse(expect, &session->expected, NULL))
        return true;
    if (bytes == NULL) {
        g_propagate_prefixed_error(error, g_steal_pointer(&cause), "--expect: no identity (sha256:…), and: ");
        return false;
    }
    session->bundle = okse_bundle_of(bytes, expect, error);
    if (session->bundle == NULL)
        return false;
    session->expected = *okse_bundle_identity(session->bundle);
    session->country = g_strdup(okse_bundle_country(session->bundle));
    return true;
}

/* SOURCE_DATE_EPOCH, else what the bundle says, else the time of the sources. */
static bool read_epoch(const Session *session, gint64 *epoch, GError **error)
{
    const char *text = getenv("SOURCE_DATE_EPOCH"); /* NOLINT(concurrency-mt-unsafe): before any thread */
    const json_t *notes =
        session->bundle == NULL ? NULL : json_object_get(okse_bundle_index(session->bundle), "annotations");
    const char *created = okse_json_peek_text(notes, OKSE_NOTE_CREATED);

    if ((text == NULL || *text == '\0') && created != NULL)
        return okse_text_time_parse(created, epoch) ||
               okse_fail(error, OKSE_ERROR_INVALID, "%s: the time of its creation is malformed",
                         session->given->expect);
    return text == NULL || *text == '\0' || g_ascii_string_to_signed(text, 10, 0, 253402300799, epoch, NULL) ||
           okse_fail(error, OKSE_ERROR_INVALID, "SOURCE_DATE_EPOCH must be whole seconds since 1970");
}

/* Findings rest on the profiles: another file, or none, could not give the identity. */
static bool check_profiles(const RebuildOptions *given, const json_t *findings, GError **error)
{
    const json_t *sealed = json_object_get(json_object_get(findings, "inputs"), "profiles"), *one;
    guint count = given->profiles == NULL ? 0 : g_strv_length(given->profiles);
    size_t i;

    json_array_foreach(sealed, i, one)
    {
        const char *name = okse_json_peek_text(one, "name"), *digest = okse_json_peek_text(one, "digest");
        g_autoptr(GBytes) bytes = NULL;
        char text[OKSE_SHA256_TEXT];
        OkseSha256 found;

        if (i >= count)
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "%s: was built with the profile '%s' (%s): give it by --profile", given->expect, name,
                             digest);
        if ((bytes = okse_read_path(given->profiles[i], OKSE_LIMIT_DOCUMENT, error)) == NULL)
            return false;
        found = okse_sha256_of_bytes(bytes);
        if (g_strcmp0(okse_sha256_text(&found, text), digest) != 0)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: is %s, but %s was built with the profile '%s' of %s",
                             given->profiles[i], text, given->expect, name, digest);
    }
    return findings == NULL || count == json_array_size(sealed) ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: %s was built without this profile",
                     given->profiles[json_array_size(sealed)], given->expect);
}

/* The pre-flight is part of what was built: made again, under the law of the same day. */
static bool read_preflight(const Session *session, OksePreflight *preflight, GError **error)
{
    const RebuildOptions *given = session->given;
    GBytes *bytes = session->bundle == NULL ? NULL : okse_bundle_document(session->bundle, "findings.json");
    g_autoptr(json_t) findings = NULL;
    const char *at = given->at;

    preflight->gate = session->bundle != NULL && bytes == NULL ? OKSE_GATE_OFF : OKSE_GATE_WARN;
    if (given->gate != NULL && !okse_gate_read(given->gate, &preflight->gate, error))
        return false;
    if (bytes != NULL) {
        findings = okse_json_read(bytes, OKSE_LIMIT_METADATA, "findings.json", error);
        if (findings == NULL)
            return false;
    }
    if (at == NULL)
        at = okse_json_peek_text(findings, "audited_at");
    if (preflight->gate == OKSE_GATE_OFF && given->profiles != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--profile belongs to the pre-flight, which there was none of");
    if (!check_profiles(given, findings, error))
        return false;
    return at == NULL || okse_text_time_parse(at, &preflight->at) ||
           okse_fail(error, OKSE_ERROR_INVALID, "--at: '%s' is no date or RFC 3339 time with an offset", at);
}

/* The new bundle would take the place of the one it is compared with, and of the statements in that. */
static bool check_output(const Session *session, GError **error)
{
    const char *output = session->given->output;
    const OkseBytes *bytes = session->bundle == NULL ? NULL : okse_bundle_bytes(session->bundle);
    struct stat there;

    if (output == NULL || bytes == NULL || stat(output, &there) < 0)
        return true;
    return !okse_bytes_lie_in(bytes, &there) ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: is the bundle to compare with; write elsewhere", output);
}

static bool check_options(Session *session, OkseBuildRequest *request, OksePreflight *preflight, GError **error)
{
    const RebuildOptions *given = session->given;
    guint64 threads = 0;

    if (!read_expectation(session, error) || !check_output(session, error))
        return false;
    request->country = given->country != NULL ? given->country : session->country;
    if (request->country == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--country ISO2 is missing: an identity alone does not tell it");
    if (given->key != NULL && given->output == NULL && session->bundle == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--key needs a bundle to put the statement in: give -o FILE, or "
                         "--expect BUNDLE");
    if (given->waivers != NULL && given->trust == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--waivers needs --trust FILE, which says who may waive");
    if (given->key == NULL && (given->tsa != NULL || given->role != NULL || given->certificate != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--role, --cert and --tsa belong to --key");
    if (given->threads != NULL && !g_ascii_string_to_unsigned(given->threads, 10, 1, 1024, &threads, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--threads must be a number from 1 to 1024");
    request->threads = (unsigned)threads;
    preflight->country = request->country;
    return read_epoch(session, &request->epoch, error) && read_preflight(session, preflight, error);
}

static bool watch(void *context, const OksePlan *plan, GError **error)
{
    Session *session = context;

    return session->bundle == NULL || okse_rebuild_compare(plan, session->bundle, &session->difference, error);
}

/* What a builder says of a bundle that came out the same; provenance belongs here too. */
static bool add_statement(const Session *session, GError **error)
{
    const RebuildOptions *given = session->given;
    const char *path = given->output != NULL ? given->output : given->expect;
    OkseSigning signing = {.key = session->signer.key,
                           .chain = session->signer.chain,
                           .role = given->role != NULL ? given->role : "builder",
                           .built = true,
                           .tsa = given->tsa,
                           .not_before = OKSE_TIME_NONE,
                           .expires = OKSE_TIME_NONE};
    g_auto(OkseSigned) made = {0};

    if (!okse_edge_signing_time(&signing.signed_at, error) || !okse_sign_bundle(path, &signing, &made, error))
        return false;
    return okse_sha256_equal(&made.identity, &session->expected) ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s: was replaced while it was rebuilt", path);
}

static json_t *difference_json(const OkseDifference *difference)
{
    return difference->aspect == NULL
               ? json_null()
               : json_pack("{s:s?,s:s?,s:s,s:s?,s:s?}", "component", difference->component, "path", difference->path,
                           "aspect", difference->aspect, "expected", difference->expected, "found", difference->found);
}

static bool print_json(const Session *session, const OkseBuildResult *result, bool is_signed, GError **error)
{
    char identity[OKSE_SHA256_TEXT], expected[OKSE_SHA256_TEXT];
    g_autoptr(json_t) document = json_pack(
        "{s:s,s:b,s:s,s:s,s:s?,s:b,s:o}", "schema", "okse.rebuild.v1", "same",
        okse_sha256_equal(&result->identity, &session->expected), "identity",
        okse_sha256_text(&result->identity, identity), "expected", okse_sha256_text(&session->expected, expected),
        "path", session->given->output, "signed", (int)is_signed, "difference", difference_json(&session->difference));

    return okse_print_json(document, error);
}

static void print_difference(const OkseDifference *difference)
{
    g_autofree char *where = difference->component == NULL ? g_strdup("the bundle index")
                                                           : g_strdup_printf("component '%s'", difference->component);
    g_autofree char *path = difference->path == NULL ? g_strdup("") : okse_text_show(difference->path, -1, false);
    g_autofree char *expected =
        difference->expected == NULL ? g_strdup("nothing") : okse_text_show(difference->expected, -1, false);
    g_autofree char *found =
        difference->found == NULL ? g_strdup("nothing") : okse_text_show(difference->found, -1, false);

    if (difference->aspect != NULL)
        okse_print("first difference: %s, %s%s%s\n  expected  %.200s\n  found     %.200s\n", where, difference->aspect,
                   *path != '\0' ? " of " : "", path, expected, found);
}

static void print_words(const Session *session, const OkseBuildResult *result, bool is_signed)
{
    char identity[OKSE_SHA256_TEXT], expected[OKSE_SHA256_TEXT];

    okse_sha256_text(&session->expected, expected);
    if (okse_sha256_equal(&result->identity, &session->expected)) {
        okse_print("same: %s\n", expected);
        if (is_signed)
            okse_print("signed as %s\n", session->given->role != NULL ? session->given->role : "builder");
        return;
    }
    okse_print("different: expected %s\n           built    %s\n", expected,
               okse_sha256_text(&result->identity, identity));
    print_difference(&session->difference);
    if (session->bundle == NULL)
        okse_note("Give --expect the first builder's bundle to hear what differs.");
}

static bool build(OkseBuildRequest *request, OksePreflight *preflight, const char *manifests, OkseBuildResult *result,
                  GError **error)
{
    g_autoptr(OkseResources) resources = okse_resources_open(manifests, error);
    bool built;

    preflight->resources = resources;
    built = resources != NULL && okse_build(request, resources, result, error);
    preflight->resources = NULL;
    return built;
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const RebuildOptions *given = invocation->options;
    g_auto(Session) session = {.given = given, .fd = -1};
    g_auto(OksePreflight) preflight = {.site = given->site,
                                       .geo = given->geo,
                                       .at = OKSE_TIME_NONE,
                                       .waivers = given->waivers,
                                       .profiles = given->profiles};
    g_autoptr(OkseTrust) trust = NULL;
    OkseBuildRequest request = {.stack_path = invocation->arguments[0],
                                .site = given->site,
                                .cache = given->cache,
                                .output = given->output,
                                .discard = given->output == NULL,
                                .epoch = OKSE_EPOCH_OF_SOURCES,
                                .show_progress = true,
                                .examine = okse_preflight,
                                .examine_context = &preflight,
                                .watch = watch,
                                .watch_context = &session};
    g_auto(OkseBuildResult) result = {0};
    bool same;

    if (!check_options(&session, &request, &preflight, error))
        return 2;
    if (given->key != NULL &&
        !okse_signing_key_open(given->key, given->certificate, given->passphrase_fd, &session.signer, error))
        return 3;
    if (given->trust != NULL && (trust = okse_trust_open(given->trust, error)) == NULL)
        return 3;
    preflight.trust = trust;
    if (!build(&request, &preflight, invocation->manifests, &result, error))
        return 3;
    same = okse_sha256_equal(&result.identity, &session.expected);
    if (same && given->key != NULL && !add_statement(&session, error))
        return 3;
    if (!invocation->json)
        print_words(&session, &result, same && given->key != NULL);
    else if (!print_json(&session, &result, same && given->key != NULL, error))
        return 3;
    return same ? 0 : 1;
}

const OkseCommand okse_command_rebuild = {
    .name = "rebuild",
    .arguments = "STACK",
    .minimum = 1,
    .maximum = 1,
    .summary = "Prove that a stack gives the identity that was announced.",
    .details = "Packs STACK again, from its sources, and compares identities: exit 0 same, 1 different. With --expect\n"
               "BUNDLE the first difference is named from the lock inside, and country, time and day of the law are\n"
               "the bundle's. Payload of BUNDLE is not read: that it is what the identity says is for okse verify.",
    .options = options,
    .options_size = sizeof(RebuildOptions),
    .run = run,
};
