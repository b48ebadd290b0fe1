/* okse install: verify, write beside, switch. */
#include "packager/install.h"
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/copied.h"
#include "cli/edge.h"
#include "core/fd.h"
#include "core/sandbox.h"
#include "core/text.h"
#include "packager/install_root.h"
#include "packager/site.h"
#include "packager/verification.h"

#include <string.h>
#include <sys/stat.h>

#define DEFAULT_ROOT "/srv/okse"

typedef struct {
    char *root, *trust, *site, *expect, *copy;
    char **bases;
    char **parts;
    gboolean dry_run;
} InstallOptions;

static const OkseOption install_options[] = {
    {OKSE_OPTION_PATH, "root", 0, "DIR", "where to install (default: " DEFAULT_ROOT ")",
     offsetof(InstallOptions, root)},
    {OKSE_OPTION_PATH, "trust", 't', "FILE", "the trust policy (okse trust init writes one)",
     offsetof(InstallOptions, trust)},
    {OKSE_OPTION_PATH, "site", 0, "FILE", "check this site.yaml, and that the bundle is for its country",
     offsetof(InstallOptions, site)},
    {OKSE_OPTION_TEXT, "expect", 0, "IDENTITY", "install only this identity", offsetof(InstallOptions, expect)},
    {OKSE_OPTION_LIST, "base", 0, "BUNDLE|ROOT", "where the payload is that a thin bundle leaves out (repeatable)",
     offsetof(InstallOptions, bases)},
    {OKSE_OPTION_TEXT, "copy", 0, "WAY", "auto (default), reflink, range or plain; same bytes",
     offsetof(InstallOptions, copy)},
    {OKSE_OPTION_LIST, "part", 0, "DIR", "where more parts of BUNDLE lie, when it is a directory of parts or one part",
     offsetof(InstallOptions, parts)},
    {OKSE_OPTION_FLAG, "dry-run", 0, NULL, "check everything, write nothing", offsetof(InstallOptions, dry_run)},
    {0},
};

typedef struct {
    const char *path, *root;
    OkseBytes *bytes;
    const OkseThinReport *thin; /* borrowed from the bytes */
    OkseTrust *trust;
    OkseTrustState *memory; /* seen.json of the root */
    OkseSite *site;
    OkseSha256 expect;
    const char *clock;
    OkseCopyWay way;
    OkseVerifying verifying;
    OkseVerified verified;
} Session;

static void session_clear(Session *session)
{
    okse_verified_clear(&session->verified);
    g_clear_pointer(&session->trust, okse_trust_free);
    g_clear_pointer(&session->memory, okse_trust_state_free);
    g_clear_pointer(&session->site, okse_site_free);
    g_clear_pointer(&session->bytes, okse_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)

/* What the root has accepted before; a root that is not there yet has accepted nothing. */
static bool memory_open(Session *session, GError **error)
{
    g_autoptr(GError) cause = NULL;
    okse_autofd root_fd = okse_root_open(session->root, false, &cause);

    if (root_fd < 0 && g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return true;
    if (root_fd < 0) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    session->memory = okse_trust_state_open(root_fd, error);
    return session->memory != NULL;
}

static bool session_open(Session *session, const OkseInvocation *invocation, GError **error)
{
    const InstallOptions *options = invocation->options;
    OkseJudgeTerms *terms = &session->verifying.terms;

    session->path = invocation->arguments[0];
    session->root = options->root != NULL ? options->root : DEFAULT_ROOT;
    if (options->trust == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "install needs --trust trust.yaml: who must have signed (write one with: okse trust init -o "
                         "trust.yaml)");
    if (options->expect != NULL && !okse_sha256_parse(options->expect, &session->expect, error)) {
        g_prefix_error(error, "--expect: ");
        return false;
    }
    if (!okse_copy_option(options->copy, &session->way, error))
        return false;
    session->site = options->site != NULL ? okse_site_open(options->site, error) : NULL;
    if ((options->site != NULL && session->site == NULL) ||
        !okse_edge_verification_time(NULL, &terms->now, &session->clock, error))
        return false;
    session->trust = okse_trust_open(options->trust, error);
    if (session->trust != NULL)
        session->bytes = okse_bundle_input_open(
            session->path, &(OkseBundlePlaces){options->parts, options->bases, session->root}, &session->thin, error);
    if (session->bytes == NULL || !memory_open(session, error))
        return false;
    terms->expect = options->expect != NULL ? &session->expect : NULL;
    terms->country = session->site != NULL ? session->site->country : NULL;
    terms->state = session->memory;
    terms->shown = session->path;
    session->verifying.trust = session->trust;
    session->verifying.payload_later = true;
    return true;
}

static uint64_t payload_size(const OkseBundle *bundle)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < okse_bundle_blobs(bundle); i++)
        total += okse_bundle_blob(bundle, i)->payload ? okse_bundle_blob(bundle, i)->size : 0;
    return total;
}

/* Verification remembers too, so that `okse verify --state ROOT` and the next install judge alike. */
static bool remember(const Session *session, GError **error)
{
    okse_autofd root_fd = okse_root_open(session->root, false, error);
    g_autoptr(OkseTrustState) memory = root_fd < 0 ? NULL : okse_trust_state_open(root_fd, error);
    OkseBundleFacts facts = okse_bundle_facts(session->verified.bundle);

    if (memory == NULL)
        return false;
    okse_trust_state_record(memory, facts.name, facts.sequence, facts.identity, session->verified.verification->newest);
    return okse_trust_state_save(memory, root_fd, error);
}

static json_t *result_json(const Session *session, const OkseInstallResult *result, bool dry_run)
{
    g_autofree char *root = g_utf8_make_valid(session->root, -1);
    char identity[OKSE_SHA256_TEXT];
    const char *status = dry_run ? "would-install" : result->already ? "already" : "installed";
    json_t *value =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:b, s:b, s:s?}", "schema", "okse.install.v1", "status", status,
                  "root", root, "generation", result->generation, "identity",
                  okse_sha256_text(okse_bundle_identity(session->verified.bundle), identity), "previous",
                  result->previous, "already", result->already, "reused", result->reused, "drift", result->drift);

    g_assert(value != NULL);
    json_object_set_new(value, "files", json_integer((json_int_t)result->files));
    json_object_set_new(value, "bytes", json_integer((json_int_t)result->bytes));
    json_object_set_new(value, "sealed", json_integer((json_int_t)result->sealed));
    if (!dry_run)
        json_object_set_new(value, "copied", okse_copied_json(&result->copied));
    json_object_set_new(
        value, "space",
        json_pack("{s:I, s:I}", "needed", (json_int_t)result->needed, "available", (json_int_t)result->available));
    return value;
}

static void result_print(const Session *session, const OkseInstallResult *result, bool dry_run)
{
    g_autofree char *size = okse_text_size(result->bytes), *needed = okse_text_size(result->needed);
    g_autofree char *copied = okse_copied_words(&result->copied);
    g_autofree char *available = okse_text_size(result->available), *root = okse_text_show(session->root, -1, false);

    if (result->already && result->drift != NULL)
        okse_print("generation %s is in service already, and has drifted: %s\nsee: okse status --root %s\n",
                   result->generation, result->drift, root);
    else if (result->already)
        okse_print("generation %s is in service already%s\n", result->generation,
                   dry_run ? "" : ", nothing has drifted");
    else
        okse_print("%s generation %s in %s: %" G_GUINT64_FORMAT " files, %s%s\n",
                   dry_run ? "would install" : "installed", result->generation, root, result->files, size,
                   result->reused ? " (it was there, complete)" : "");
    if (!result->already && result->previous != NULL && !dry_run)
        okse_print("before: %s (to go back: okse rollback --root %s)\n", result->previous, root);
    if (result->needed > 0)
        okse_print("space: %s needed, %s free\n", needed, available);
    if (*copied != '\0')
        okse_print("copied: %s\n", copied);
    if (!dry_run && !result->already && !result->reused)
        okse_print("sealed by fs-verity: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " files%s\n", result->sealed,
                   result->files, result->sealed == 0 ? " (the file system does not take it)" : "");
}

static int refusal_print(const OkseInvocation *invocation, const Session *session, GError **error)
{
    g_autoptr(json_t) document = NULL;

    if (!invocation->json) {
        g_autofree char *words = okse_verification_words(&session->verified, &session->verifying, session->clock);

        okse_note("%s", words);
        okse_fail(error, session->verified.verification->malformed ? OKSE_ERROR_INVALID : OKSE_ERROR_REFUSED,
                  "%s: verification refuses it; nothing was installed", session->path);
        return 1;
    }
    document = json_pack("{s:s, s:s, s:o}", "schema", "okse.install.v1", "status", "refused", "verification",
                         okse_verification_json(&session->verified, &session->verifying, session->clock));
    if (!okse_print_json(document, error))
        return 3;
    return session->verified.verification->malformed ? 2 : 1;
}

static int install_verified(const OkseInvocation *invocation, Session *session, GError **error)
{
    const InstallOptions *options = invocation->options;
    g_autoptr(json_t) verification = okse_verification_json(&session->verified, &session->verifying, session->clock);
    g_autoptr(GArray) models = okse_verified_models(&session->verified);
    g_autoptr(OkseProgress) progress = okse_progress_new("installing", payload_size(session->verified.bundle));
    g_auto(OkseInstallResult) result = {0};
    const OkseInstall install = {.root = session->root,
                                 .bundle = session->verified.bundle,
                                 .models = models,
                                 .verification = verification,
                                 .rollback = session->verified.verification->rollback,
                                 .now = session->verifying.terms.now,
                                 .dry_run = options->dry_run,
                                 .way = session->way,
                                 .progress = progress};

    if (!okse_install(&install, &result, error) || (!options->dry_run && !remember(session, error)))
        return 3;
    g_clear_pointer(&progress, okse_progress_free);
    if (invocation->json) {
        g_autoptr(json_t) document = result_json(session, &result, options->dry_run);

        return okse_print_json(document, error) ? 0 : 3;
    }
    result_print(session, &result, options->dry_run);
    return 0;
}

/* From here on nothing is opened but beneath the root and in bases; a root that is still to be made, beneath its
 * parent. */
static bool sandbox_enter(const Session *session, const InstallOptions *options, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(session->root);
    bool there = g_file_test(session->root, G_FILE_TEST_IS_DIR);
    const char *beneath[] = {there ? session->root : parent, NULL};
    g_autoptr(GPtrArray) readable = okse_bundle_bases_roots(options->bases);

    if (options->dry_run)
        g_ptr_array_insert(readable, 0, (gpointer)(uintptr_t)beneath[0]);
    return okse_sandbox_enter((const char *const *)readable->pdata, options->dry_run ? NULL : beneath, NULL, error);
}

static int install_run(const OkseInvocation *invocation, GError **error)
{
    const InstallOptions *options = invocation->options;
    g_auto(Session) session = {0};
    OkseVerifyInput input;

    if (!session_open(&session, invocation, error) || !sandbox_enter(&session, options, error))
        return 3;
    input = (OkseVerifyInput){.bytes = session.bytes, .pipe = -1, .origin = session.path, .thin = session.thin};
    if (!okse_verify_bundle(&input, &session.verifying, &session.verified, error))
        return 3;
    if (!session.verified.verification->verified)
        return refusal_print(invocation, &session, error);
    return install_verified(invocation, &session, error);
}

const OkseCommand okse_command_install = {
    .name = "install",
    .arguments = "BUNDLE",
    .minimum = 1,
    .maximum = 1,
    .summary = "Verify a bundle and put it in service, in one instant.",
    .details = "Every byte is checked while it is written beside what runs; then `current` is switched. Killed at any\n"
               "moment, a target runs either the old or the new generation. Nothing outside --root is touched.",
    .options = install_options,
    .options_size = sizeof(InstallOptions),
    .run = install_run,
};
