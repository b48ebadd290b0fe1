/* okse verify: is this bundle what trusted people say it is? */
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/edge.h"
#include "cli/verify_oms.h"
#include "cli/verify_shard.h"
#include "core/fd.h"
#include "core/sandbox.h"
#include "packager/sign_journal.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SHARD_CHECKED 4 /* the exit status of a shard with nothing to refuse: one part of a payload is no verdict */

typedef struct {
    char *trust, *at, *state, *expect, *country, *record;
    char **bases;
    char **parts;
    gboolean all, fast_fail, both;
    ShardOptions shards;
    OmsOptions oms;
} VerifyOptions;

static const OkseOption verify_options[] = {
    {OKSE_OPTION_PATH, "trust", 't', "FILE", "the trust policy (okse trust init writes one)",
     offsetof(VerifyOptions, trust)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "judge as of this time instead of now", offsetof(VerifyOptions, at)},
    {OKSE_OPTION_PATH, "state", 0, "DIR", "remember here what was accepted and how far it came; refuse older",
     offsetof(VerifyOptions, state)},
    {OKSE_OPTION_TEXT, "expect", 0, "IDENTITY", "accept only this identity", offsetof(VerifyOptions, expect)},
    {OKSE_OPTION_TEXT, "country", 0, "ISO2", "accept only bundles for this country", offsetof(VerifyOptions, country)},
    {OKSE_OPTION_LIST, "base", 0, "BUNDLE|ROOT", "where the payload is that a thin bundle leaves out (repeatable)",
     offsetof(VerifyOptions, bases)},
    {OKSE_OPTION_PATH, "record", 0, "FILE", "write what was checked, as a verification summary",
     offsetof(VerifyOptions, record)},
    {OKSE_OPTION_FLAG, "fast-fail", 0, NULL, "stop at the first damaged blob (the default)",
     offsetof(VerifyOptions, fast_fail)},
    {OKSE_OPTION_FLAG, "all", 0, NULL, "report every damaged blob, not only the first", offsetof(VerifyOptions, all)},
    {OKSE_OPTION_FLAG, "both", 0, NULL, "check files by their SHA-256 too, not only by their fs-verity tree",
     offsetof(VerifyOptions, both)},
    {OKSE_OPTION_TEXT, "shard", 0, "I/N", "check one of N parts of the payload; needs --record, and is no verdict",
     offsetof(VerifyOptions, shards.shard)},
    {OKSE_OPTION_FLAG, "merge", 0, NULL, "read no payload: RECORD… of all shards say what they checked",
     offsetof(VerifyOptions, shards.merge)},
    {OKSE_OPTION_TEXT, "since", 0, "TIME", "with --merge: refuse records that are older (default: one day)",
     offsetof(VerifyOptions, shards.since)},
    {OKSE_OPTION_TEXT, "signed", 0, "ROLE", "with --merge: each RECORD needs a RECORD.sigstore.json of this role",
     offsetof(VerifyOptions, shards.is_signed)},
    {OKSE_OPTION_LIST, "part", 0, "DIR", "where more parts of BUNDLE lie, when it is a directory of parts or one part",
     offsetof(VerifyOptions, parts)},
    {OKSE_OPTION_PATH, "oms", 0, "DIR", "verify a model's OpenSSF signature instead of a bundle",
     offsetof(VerifyOptions, oms.model)},
    {OKSE_OPTION_PATH, "signature", 0, "FILE", "with --oms: the signature (model.sig)",
     offsetof(VerifyOptions, oms.signature)},
    {OKSE_OPTION_PATH, "key", 0, "PEM", "with --oms: the signer's public key", offsetof(VerifyOptions, oms.key)},
    {OKSE_OPTION_PATH, "ca", 0, "PEM", "with --oms: the roots of the signer's certificate",
     offsetof(VerifyOptions, oms.roots)},
    {OKSE_OPTION_LIST, "ignore", 0, "PATH", "with --oms: a path that was not signed",
     offsetof(VerifyOptions, oms.ignored)},
    {OKSE_OPTION_FLAG, "allow-legacy-oms", 0, NULL, "with --oms: take envelopes of model_signing 0.2",
     offsetof(VerifyOptions, oms.legacy)},
    {0},
};

/* Everything that is opened by name is opened here, before the sandbox closes. */
typedef struct {
    OkseTrust *trust;
    OkseTrustState *state;
    OkseCheckpoint *checkpoint;
    OkseSha256 expect;
    OkseOutput record;
    OkseBytes *bytes;
    OkseVerifyInput input;
    const char *clock;
    char *journal; /* of an interrupted signing, when there is one */
    int state_fd;
    OkseVerifying verifying;
    ShardSession shards;
} Session;

static void session_clear(Session *session)
{
    okse_output_clear(&session->record);
    okse_shard_session_clear(&session->shards);
    g_clear_pointer(&session->trust, okse_trust_free);
    g_clear_pointer(&session->state, okse_trust_state_free);
    g_clear_pointer(&session->checkpoint, okse_checkpoint_free);
    g_clear_pointer(&session->journal, g_free);
    g_clear_pointer(&session->verifying.checking.progress, okse_progress_free);
    okse_fd_clear(&session->state_fd);
    g_clear_pointer(&session->bytes, okse_bytes_unref);
    if (session->input.pipe != STDIN_FILENO)
        okse_fd_clear(&session->input.pipe);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)

static bool pipe_open(Session *session, const char *path, GError **error)
{
    session->input.origin = strcmp(path, "-") == 0 ? "(standard input)" : path;
    session->input.pipe = strcmp(path, "-") == 0 ? STDIN_FILENO : okse_open(path, O_RDONLY | O_NOCTTY, 0, error);
    return session->input.pipe >= 0;
}

static bool input_open(Session *session, const char *path, const VerifyOptions *options, GError **error)
{
    struct stat status;

    if (strcmp(path, "-") == 0 || (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)))
        return pipe_open(session, path, error);
    session->input.origin = path;
    session->bytes = okse_bundle_input_open(path, &(OkseBundlePlaces){options->parts, options->bases, NULL},
                                            &session->input.thin, error);
    if (session->bytes == NULL)
        return false;
    session->input.bytes = session->bytes;
    session->journal = okse_journal_path(path);
    if (access(session->journal, F_OK) != 0)
        g_clear_pointer(&session->journal, g_free);
    return true;
}

static bool state_open(Session *session, const char *directory, GError **error)
{
    if (directory == NULL)
        return true;
    if (g_mkdir_with_parents(directory, 0755) < 0)
        return okse_fail_errno(error, "make directory %s", directory);
    session->state_fd = okse_open_directory(directory, error);
    session->state = session->state_fd >= 0 ? okse_trust_state_open(session->state_fd, error) : NULL;
    if (session->state == NULL)
        g_prefix_error(error, "%s: ", directory);
    return session->state != NULL;
}

/* Payload comes from an install, whose files are opened one by one: nobody knows later whether they are still the same.
 */
static bool takes_from_root(const Session *session, const VerifyOptions *options)
{
    g_autoptr(GPtrArray) roots = okse_bundle_bases_roots(options->bases);

    return session->input.thin != NULL && roots->len > 1;
}

/* With --state, an interrupted verification of a file can be gone on with. */
static const OkseCheckpoint *checkpoint_open(Session *session, const VerifyOptions *options)
{
    if (session->state == NULL || session->bytes == NULL)
        return NULL;
    if (takes_from_root(session, options)) {
        okse_note("note: everything is checked: files of an install can change unseen");
        return NULL;
    }
    session->checkpoint = okse_checkpoint_open(session->state_fd, session->bytes, (gint64)time(NULL));
    if (okse_checkpoint_note(session->checkpoint) != NULL)
        okse_note("note: everything is checked: %s", okse_checkpoint_note(session->checkpoint));
    return session->checkpoint;
}

/* There is a verdict, so nothing is left to go on with. */
static void checkpoint_close(const Session *session, const OkseVerified *verified)
{
    if (session->checkpoint == NULL)
        return;
    if (okse_checkpoint_found(session->checkpoint) && verified->checked.since == NULL)
        okse_note(
            "note: everything was checked: what an interrupted verification left was about another bundle, or the "
            "file, its medium or the machine's boot is not the same");
    okse_checkpoint_remove(session->checkpoint);
}

static bool country_check(const char *country, GError **error)
{
    return country == NULL || (strlen(country) == 2 && g_ascii_isalpha(country[0]) && g_ascii_isalpha(country[1])) ||
           okse_fail(error, OKSE_ERROR_INVALID, "--country '%s' is no ISO 3166-1 alpha-2 code", country);
}

/* A shard is a part of one file, and accepts nothing; several machines go on from nothing. */
static bool shards_check(const OkseInvocation *invocation, GError **error)
{
    const VerifyOptions *options = invocation->options;
    const ShardOptions *shards = &options->shards;

    if (shards->shard == NULL && !shards->merge)
        return invocation->count == 1 ||
               okse_fail(error, OKSE_ERROR_INVALID,
                         "verify needs a bundle (or - for standard input), or --oms DIR; several are for --merge");
    if (shards->shard != NULL && shards->merge)
        return okse_fail(error, OKSE_ERROR_INVALID, "--shard and --merge exclude each other");
    if (shards->merge && invocation->count < 2)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--merge needs the bundle and the records: okse verify BUNDLE "
                         "--trust trust.yaml --merge RECORD…");
    if (shards->shard != NULL && (invocation->count != 1 || options->record == NULL || options->state != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--shard needs one bundle and --record FILE, and no --state: what was accepted is remembered "
                         "by --merge --state");
    return strcmp(invocation->arguments[0], "-") != 0 ||
           okse_fail(error, OKSE_ERROR_INVALID, "a pipe has no parts: --shard and --merge need a file");
}

static bool shards_open(Session *session, const OkseInvocation *invocation, GError **error)
{
    const VerifyOptions *options = invocation->options;
    OkseChecking *checking = &session->verifying.checking;
    bool divided = options->shards.shard != NULL || options->shards.merge;

    if (divided && session->bytes == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: --shard and --merge need a file", session->input.origin);
    if (divided && takes_from_root(session, options))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "%s: --shard and --merge are about files that are the same for all of them, and an install is "
                         "not (make it whole first: okse thin %s --base ROOT --complete -o FILE)",
                         session->input.origin, session->input.origin);
    session->shards.terms = (OkseShardTerms){.policy = &session->trust->digest,
                                             .trust = session->trust,
                                             .clock = session->clock,
                                             .now = session->verifying.terms.now};
    if (!okse_shard_session_open(&session->shards, invocation, &options->shards, error))
        return false;
    checking->shard = session->shards.record;
    checking->merge = session->shards.merge;
    if (checking->merge != NULL)
        g_clear_pointer(&checking->progress, okse_progress_free);
    return true;
}

static bool session_open(Session *session, const OkseInvocation *invocation, GError **error)
{
    const VerifyOptions *options = invocation->options;
    OkseJudgeTerms *terms = &session->verifying.terms;

    if (options->trust == NULL)
        return okse_fail(
            error, OKSE_ERROR_INVALID,
            "verify needs --trust trust.yaml: who must have signed (write one with: okse trust init -o trust.yaml)");
    if (options->all && options->fast_fail)
        return okse_fail(error, OKSE_ERROR_INVALID, "--all and --fast-fail exclude each other");
    if (options->expect != NULL && !okse_sha256_parse(options->expect, &session->expect, error)) {
        g_prefix_error(error, "--expect: ");
        return false;
    }
    if (!country_check(options->country, error) ||
        !okse_edge_verification_time(options->at, &terms->now, &session->clock, error))
        return false;
    session->trust = okse_trust_open(options->trust, error);
    if (session->trust == NULL || !state_open(session, options->state, error) ||
        !input_open(session, invocation->arguments[0], options, error) ||
        (options->record != NULL && !okse_output_open(&session->record, options->record, error)))
        return false;
    terms->expect = options->expect != NULL ? &session->expect : NULL;
    terms->country = options->country;
    terms->state = session->state;
    terms->shown = invocation->arguments[0];
    session->verifying.trust = session->trust;
    session->verifying.checking = (OkseChecking){
        .both = options->both,
        .all = options->all,
        .progress = okse_progress_new("verifying", session->bytes != NULL ? okse_bytes_length(session->bytes) : 0),
        .checkpoint = options->shards.merge ? NULL : checkpoint_open(session, options)};
    return shards_open(session, invocation, error);
}

static bool sandbox_enter(const VerifyOptions *options, GError **error)
{
    g_autofree char *record = options->record != NULL ? g_path_get_dirname(options->record) : NULL;
    g_autoptr(GPtrArray) readable = okse_bundle_bases_roots(options->bases);
    const char *writable[3] = {NULL, NULL, NULL};
    unsigned count = 0;

    if (record != NULL)
        writable[count++] = record;
    if (options->state != NULL)
        writable[count++] = options->state;
    return okse_sandbox_enter((const char *const *)readable->pdata, writable, NULL, error);
}

static bool remember(Session *session, const OkseVerified *verified, GError **error)
{
    OkseBundleFacts facts;

    if (session->state == NULL || !verified->verification->verified)
        return true;
    facts = okse_bundle_facts(verified->bundle);
    okse_trust_state_record(session->state, facts.name, facts.sequence, facts.identity, verified->verification->newest);
    return okse_trust_state_save(session->state, session->state_fd, error);
}

static bool record_write(Session *session, const OkseVerified *verified, GError **error)
{
    g_autoptr(GBytes) record = NULL;
    gsize length;
    const void *data;

    if (session->record.path == NULL)
        return true;
    record = session->shards.record != NULL ? okse_shard_session_record(&session->shards, verified)
                                            : okse_verification_record(verified, &session->verifying, session->clock);
    if (record == NULL)
        return true;
    data = g_bytes_get_data(record, &length);
    return okse_write_all(session->record.fd, data, length, session->record.path, error) &&
           okse_output_finish(&session->record, error);
}

static bool verdict_print(const OkseInvocation *invocation, const Session *session, const OkseVerified *verified,
                          GError **error)
{
    if (session->shards.record != NULL && verified->verification->verified)
        return okse_shard_session_print(&session->shards, invocation, verified, error);
    if (invocation->json) {
        g_autoptr(json_t) document = okse_verification_json(verified, &session->verifying, session->clock);

        return okse_print_json(document, error);
    }
    g_autofree char *words = okse_verification_words(verified, &session->verifying, session->clock);

    okse_print("%s", words);
    return true;
}

static int verify_run(const OkseInvocation *invocation, GError **error)
{
    const VerifyOptions *options = invocation->options;
    g_auto(Session) session = {.input = {.pipe = -1}, .state_fd = -1, .record = OKSE_OUTPUT_INIT};
    g_auto(OkseVerified) verified = OKSE_VERIFIED_INIT;

    if (options->oms.model != NULL)
        return okse_verify_oms(invocation, &options->oms, options->at, error);
    if (!shards_check(invocation, error) || !session_open(&session, invocation, error) ||
        !sandbox_enter(options, error) || !okse_verify_bundle(&session.input, &session.verifying, &verified, error))
        return 2;
    g_clear_pointer(&session.verifying.checking.progress, okse_progress_free);
    checkpoint_close(&session, &verified);
    if (session.journal != NULL && !verified.verification->verified)
        okse_verification_refuse(verified.verification,
                                 "a signing was interrupted (%s is there): the next okse sign undoes it",
                                 session.journal);
    if (!remember(&session, &verified, error) || !record_write(&session, &verified, error) ||
        !verdict_print(invocation, &session, &verified, error))
        return 2;
    if (verified.verification->verified)
        return session.shards.record != NULL ? SHARD_CHECKED : 0;
    return verified.verification->malformed ? 2 : 1;
}

const OkseCommand okse_command_verify = {
    .name = "verify",
    .arguments = "BUNDLE|- [--merge RECORD…]",
    .minimum = 0,
    .maximum = 1 + OKSE_LIMIT_SHARDS,
    .summary = "Check every byte and every signature of a bundle, offline.",
    .details =
        "Opens no connection: the process gives up its right to. With --state, what was accepted is remembered,\n"
        "and an older bundle of the same stack is refused afterwards.\n\n"
        "Many machines share one verification of a file that all of them read: each runs --shard I/N --record FILE\n"
        "(exit status 4: checked, and no verdict), then one gives the verdict with --merge RECORD….",
    .options = verify_options,
    .options_size = sizeof(VerifyOptions),
    .run = verify_run,
};
