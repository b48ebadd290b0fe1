#include "packager/sign.h"

#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"
#include "packager/bundle_tree.h"
#include "packager/oms.h"
#include "packager/oms_statement.h"
#include "packager/provenance.h"
#include "packager/sign_journal.h"
#include "packager/sign_layout.h"
#include "packager/sigstore_bundle.h"
#include "packager/thin.h"
#include "packager/timestamp.h"
#include "packager/timestamp_fetch.h"
#include "packager/verify.h"

#include <string.h>
#include <sys/file.h>

/* A bundle's file opened for signing. */
typedef struct {
    const char *path;
    char *journal;
    int fd;
    OkseThin *thin; /* NULL: a whole bundle */
    OkseBundle *bundle;
} Target;

static void target_clear(Target *target)
{
    g_clear_pointer(&target->bundle, okse_bundle_free);
    g_clear_pointer(&target->thin, okse_thin_free);
    g_clear_pointer(&target->journal, g_free);
    okse_fd_clear(&target->fd);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Target, target_clear)

static bool undo_interrupted(Target *target, bool *restored, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseJournal) journal = okse_journal_open(target->journal, &cause);

    if (g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return true;
    if (journal == NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    *restored = true;
    return okse_journal_restore(journal, target->fd, target->path, error) &&
           okse_journal_remove(target->journal, error);
}

/* The bundle as it is now. A thin one is read as the whole that it is of: what it leaves out is not needed to sign. */
static bool target_read(Target *target, GError **error)
{
    g_autoptr(OkseBytes) bytes = okse_bytes_of_file(target->fd, target->path, error);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(OkseBytes) whole = NULL;

    g_clear_pointer(&target->bundle, okse_bundle_free);
    g_clear_pointer(&target->thin, okse_thin_free);
    if (bytes == NULL)
        return false;
    if (okse_thin_is(bytes)) {
        target->thin = okse_thin_open(bytes, target->path, error);
        whole = target->thin == NULL ? NULL : okse_thin_complete(target->thin, none, error);
        if (whole == NULL)
            return false;
    }
    target->bundle = okse_bundle_of(whole != NULL ? whole : bytes, target->path, error);
    return target->bundle != NULL;
}

/* Where a place of the bundle lies in the file. */
static uint64_t place_in_file(const Target *target, uint64_t at)
{
    return target->thin == NULL ? at : okse_thin_place(target->thin, at);
}

static bool target_open(Target *target, const char *path, bool *restored, GError **error)
{
    target->path = path;
    target->journal = okse_journal_path(path);
    target->fd = okse_open(path, O_RDWR | O_NOCTTY, 0, error);
    if (target->fd < 0)
        return false;
    if (flock(target->fd, LOCK_EX | LOCK_NB) < 0)
        return okse_fail_errno(error, "%s: another okse sign is at work on it", path);
    return undo_interrupted(target, restored, error) && target_read(target, error);
}

static bool writes_apply(const Target *target, const GPtrArray *writes, GError **error)
{
    for (guint i = 0; i < writes->len; i++) {
        const OkseWrite *write = g_ptr_array_index(writes, i);
        gsize length;
        const void *data = g_bytes_get_data(write->bytes, &length);

        if (!okse_pwrite_all(target->fd, data, length, write->offset, target->path, error))
            return false;
        /* the blobs must be on the disk before index.json names them */
        if (fdatasync(target->fd) < 0)
            return okse_fail_errno(error, "write %s", target->path);
    }
    return true;
}

/* The new file must read cleanly and still be the same bundle, before the way back is thrown away. */
static bool result_check(const Target *target, GError **error)
{
    Target again = {.path = target->path, .fd = target->fd};
    bool read = target_read(&again, error);

    if (read)
        g_assert(okse_sha256_equal(okse_bundle_identity(again.bundle), okse_bundle_identity(target->bundle)));
    g_clear_pointer(&again.bundle, okse_bundle_free);
    g_clear_pointer(&again.thin, okse_thin_free);
    return read;
}

static bool statement_put(const Target *target, const OkseNewStatement *added, OkseSigned *made, GError **error)
{
    OkseBundleSlots slots = okse_bundle_slots(target->bundle);
    g_autoptr(GPtrArray) writes = okse_sign_plan(target->bundle, added, &made->present, error);
    g_autoptr(OkseJournal) journal = NULL;

    if (writes == NULL)
        return false;
    made->identity = *okse_bundle_identity(target->bundle);
    made->statement = okse_sha256_of_bytes(added->sigstore);
    if (made->present)
        return true;
    for (guint i = 0; i < writes->len; i++) {
        OkseWrite *write = g_ptr_array_index(writes, i);

        write->offset = place_in_file(target, write->offset);
    }
    journal = okse_journal_new(target->fd, place_in_file(target, slots.file_size), writes, error);
    if (journal == NULL || !okse_journal_save(journal, target->journal, error))
        return false;
    if (!writes_apply(target, writes, error) || !result_check(target, error)) {
        if (okse_journal_restore(journal, target->fd, target->path, NULL))
            okse_journal_remove(target->journal, NULL);
        return false;
    }
    return okse_journal_remove(target->journal, error);
}

static GBytes *summary_write(const OkseBundle *bundle, const OkseSigning *signing, const OkseRelease *release)
{
    g_autofree OkseSha256 *inputs = g_new(OkseSha256, okse_bundle_statements(bundle) + 1);
    OkseSummary summary = {"okse " OKSE_VERSION, signing->policy->digest, inputs, okse_bundle_statements(bundle)};

    for (unsigned i = 0; i < summary.input_count; i++)
        inputs[i] = okse_bundle_statement(bundle, i)->digest;
    return okse_summary_write(release, okse_bundle_identity(bundle), &summary);
}

static GBytes *payload_make(const OkseBundle *bundle, const OkseSigning *signing)
{
    g_auto(OkseRelease) release = {
        .name = g_strdup(okse_bundle_name(bundle)),
        .version = g_strdup(okse_bundle_version(bundle)),
        .sequence = okse_bundle_sequence(bundle),
        .destination = g_strdup(okse_bundle_country(bundle)),
        .role = g_strdup(signing->role),
        .signed_at = signing->signed_at,
        .not_before = signing->not_before != OKSE_TIME_NONE ? signing->not_before : signing->signed_at,
        .expires = signing->expires,
        .rollback_from = signing->rollback_from,
        .reason = g_strdup(signing->reason),
    };
    g_autofree char *title = g_strdup_printf("jurisdictions/%s.yaml", okse_bundle_country(bundle));
    GBytes *law = okse_bundle_document(bundle, title);

    if (law != NULL) {
        OkseSha256 digest = okse_sha256_of_bytes(law);
        char text[OKSE_SHA256_TEXT];

        release.jurisdiction_digest = g_strdup(okse_sha256_text(&digest, text));
    }
    return signing->policy != NULL ? summary_write(bundle, signing, &release)
                                   : okse_release_write(&release, okse_bundle_identity(bundle));
}

static const char *predicate_of(const OkseSigning *signing)
{
    if (signing->rollback_from > 0)
        return OKSE_PREDICATE_OVERRIDE;
    return signing->policy != NULL ? OKSE_PREDICATE_VSA : OKSE_PREDICATE_RELEASE;
}

/* What a countersigner vouches for was really looked at. */
static bool policy_holds(const Target *target, const OkseSigning *signing, GError **error)
{
    OkseJudgeTerms terms = {.now = signing->signed_at, .shown = target->path, .except_role = signing->role};
    g_autoptr(OkseVerification) verification = NULL;
    g_autofree char *reasons = NULL;

    if (signing->policy == NULL)
        return true;
    verification = okse_bundle_judge(target->bundle, signing->policy, &terms);
    if (verification->verified)
        return true;
    g_ptr_array_add(verification->reasons, NULL);
    reasons = g_strjoinv("\n", (char **)verification->reasons->pdata);
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: not countersigned, the policy refuses it:\n%s", target->path,
                     reasons);
}

static bool chain_fits(const OkseSigning *signing, GError **error)
{
    g_autoptr(OkseKey) leaf = NULL;

    if (signing->chain == NULL)
        return true;
    leaf = okse_certificate_key(signing->chain, 0, error);
    if (leaf == NULL)
        return false;
    return okse_sha256_equal(okse_key_id(leaf), okse_key_id(signing->key)) ||
           okse_fail(error, OKSE_ERROR_INVALID, "the first certificate of the chain is not that of the key");
}

/* ECDSA signatures of one payload differ each time: look whether this signer's is there. */
static bool model_signed(const OkseBundle *bundle, const OkseBundleComponent *component, GBytes *sigstore,
                         const OkseKey *key)
{
    g_autoptr(OkseSigstoreBundle) mine = okse_sigstore_read(sigstore, "model signature", NULL);
    g_autoptr(GBytes) message = okse_dsse_pae(OKSE_DSSE_TYPE, mine->envelope.payload);

    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++) {
        g_autoptr(OkseSigstoreBundle) other = NULL;

        if (okse_bundle_statement_component(bundle, i) != component)
            continue;
        other = okse_sigstore_read(okse_bundle_statement(bundle, i)->bytes, "statement", NULL);
        if (other != NULL && g_bytes_equal(other->envelope.payload, mine->envelope.payload) &&
            okse_key_verify(key, message, other->envelope.signature))
            return true;
    }
    return false;
}

static bool model_sign(Target *target, const OkseSigning *signing, unsigned index, OkseSigned *made, GError **error)
{
    const OkseBundleComponent *component = okse_bundle_component(target->bundle, index);
    g_autoptr(OkseTree) tree = okse_bundle_tree(target->bundle, component, error);
    g_autoptr(GArray) files = NULL;
    g_autoptr(GBytes) sigstore = NULL;
    OkseSigned put = {0};
    bool carried = false;

    if (tree == NULL)
        return false;
    files = okse_oms_files(tree, &carried);
    if (carried) {
        g_ptr_array_add(made->unsigned_models,
                        g_strdup_printf("%s: it has a " OKSE_OMS_NAME " of its own, which stays", component->name));
        return true;
    }
    sigstore = okse_oms_sign(component->name, files, signing->model_key, signing->model_chain, error);
    if (sigstore == NULL)
        return false;
    if (g_bytes_get_size(sigstore) > OKSE_LIMIT_METADATA) {
        g_ptr_array_add(made->unsigned_models, g_strdup_printf("%s: a signature over %u files is larger than 4 MiB",
                                                               component->name, files->len));
        return true;
    }
    g_ptr_array_add(made->models, g_strdup(component->name));
    return model_signed(target->bundle, component, sigstore, signing->model_key) ||
           (statement_put(target, &(OkseNewStatement){sigstore, OKSE_OMS_PREDICATE, component}, &put, error) &&
            target_read(target, error));
}

static bool models_sign(Target *target, const OkseSigning *signing, OkseSigned *made, GError **error)
{
    made->models = g_ptr_array_new_with_free_func(g_free);
    made->unsigned_models = g_ptr_array_new_with_free_func(g_free);
    for (unsigned i = 0; i < okse_bundle_components(target->bundle); i++) {
        if (strcmp(okse_bundle_component(target->bundle, i)->kind, "weights") != 0)
            continue;
        made->weights++;
        if (signing->model_key != NULL && !model_sign(target, signing, i, made, error))
            return false;
    }
    return true;
}

/* Sign a payload and have it stamped: everything that can fail outside, before the bundle is touched. */
static GBytes *payload_seal(const OkseSigning *signing, GBytes *payload, GBytes **signature, GError **error)
{
    g_autoptr(GPtrArray) certificates = signing->chain != NULL ? okse_certificates_der(signing->chain) : NULL;
    g_autoptr(GBytes) message = okse_dsse_pae(OKSE_DSSE_TYPE, payload), timestamp = NULL;
    char hint[OKSE_SHA256_HEX];
    OkseSigstoreMaterial material = {okse_sha256_hex(okse_key_id(signing->key), hint), certificates, NULL};

    *signature = okse_key_sign(signing->key, message, error);
    if (*signature == NULL)
        return NULL;
    timestamp = signing->tsa != NULL ? okse_timestamp_fetch(signing->tsa, *signature, error) : NULL;
    if (signing->tsa != NULL && timestamp == NULL)
        return NULL;
    material.timestamp = timestamp;
    return okse_sigstore_write(payload, *signature, &material);
}

static GBytes *provenance_make(const OkseBundle *bundle, const OkseSigning *signing, GError **error)
{
    GBytes *bytes = okse_bundle_document(bundle, "lock.json");
    g_autoptr(json_t) lock = okse_json_read(bytes, OKSE_LIMIT_METADATA, "lock.json", error);
    OkseProvenance provenance = {.name = okse_bundle_name(bundle),
                                 .version = okse_bundle_version(bundle),
                                 .country = okse_bundle_country(bundle),
                                 .sequence = okse_bundle_sequence(bundle),
                                 .lock = lock,
                                 .key_id = okse_key_id(signing->key),
                                 .finished = signing->signed_at};
    g_autoptr(GBytes) payload = NULL, signature = NULL;

    if (lock == NULL)
        return NULL;
    payload = okse_provenance_write(&provenance, okse_bundle_identity(bundle));
    return payload_seal(signing, payload, &signature, error);
}

static bool may_sign(const Target *target, const OkseSigning *signing, GError **error)
{
    const OkseChecking checking = {.both = true, .progress = signing->progress}; /* who signs stands for both */

    if (signing->rollback_from > 0 && signing->rollback_from <= okse_bundle_sequence(target->bundle))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "%s: has sequence %" G_GUINT64_FORMAT ", which is not below %" G_GUINT64_FORMAT
                         ": there is nothing to go back from",
                         target->path, okse_bundle_sequence(target->bundle), signing->rollback_from);
    return policy_holds(target, signing, error) &&
           ((!signing->check && signing->policy == NULL) || okse_bundle_check(target->bundle, &checking, NULL, error));
}

/* The release comes last: whoever finds it finds the others, too. */
static bool statements_put(Target *target, const OkseSigning *signing, GBytes *provenance, GBytes *release,
                           OkseSigned *made, GError **error)
{
    OkseSigned put = {0};

    return models_sign(target, signing, made, error) &&
           (provenance == NULL ||
            (statement_put(target, &(OkseNewStatement){provenance, OKSE_PREDICATE_PROVENANCE, NULL}, &put, error) &&
             target_read(target, error))) &&
           statement_put(target, &(OkseNewStatement){release, predicate_of(signing), NULL}, made, error);
}

bool okse_sign_bundle(const char *path, const OkseSigning *signing, OkseSigned *made, GError **error)
{
    g_auto(Target) target = {.fd = -1};
    g_auto(OkseSigned) result = {0};
    g_autoptr(GBytes) payload = NULL, release = NULL, provenance = NULL;

    if (!chain_fits(signing, error) || !target_open(&target, path, &result.restored, error) ||
        !may_sign(&target, signing, error))
        return false;
    payload = payload_make(target.bundle, signing);
    release = payload_seal(signing, payload, &result.signature, error);
    provenance = release != NULL && signing->built ? provenance_make(target.bundle, signing, error) : NULL;
    if (release == NULL || (signing->built && provenance == NULL) ||
        !statements_put(&target, signing, provenance, release, &result, error))
        return false;
    *made = result;
    result = (OkseSigned){0};
    return true;
}

/* The statement whose signature the response's imprint names. */
static OkseSigstoreBundle *statement_stamped(const OkseBundle *bundle, GBytes *response, const char **predicate_type,
                                             const OkseBundleComponent **component)
{
    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++) {
        const OkseBundleStatement *statement = okse_bundle_statement(bundle, i);
        g_autoptr(OkseSigstoreBundle) read = okse_sigstore_read(statement->bytes, "statement", NULL);

        if (read != NULL && read->timestamps->len == 0 && okse_timestamp_over(response, read->envelope.signature)) {
            *predicate_type = statement->predicate_type;
            *component = okse_bundle_statement_component(bundle, i);
            return g_steal_pointer(&read);
        }
    }
    return NULL;
}

bool okse_sign_timestamp(const char *path, GBytes *response, OkseSigned *made, GError **error)
{
    g_auto(Target) target = {.fd = -1};
    g_auto(OkseSigned) result = {0};
    g_autoptr(OkseSigstoreBundle) stamped = NULL;
    g_autoptr(GBytes) sigstore = NULL;
    const OkseBundleComponent *stamped_component = NULL;
    const char *predicate_type = NULL;
    OkseSigstoreMaterial material;

    if (!target_open(&target, path, &result.restored, error))
        return false;
    stamped = statement_stamped(target.bundle, response, &predicate_type, &stamped_component);
    if (stamped == NULL)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the timestamp is over none of its signatures", path);
    material = (OkseSigstoreMaterial){stamped->hint != NULL ? stamped->hint : "", stamped->certificates, response};
    sigstore = okse_sigstore_write(stamped->envelope.payload, stamped->envelope.signature, &material);
    if (!statement_put(&target, &(OkseNewStatement){sigstore, predicate_type, stamped_component}, &result, error))
        return false;
    *made = result;
    result = (OkseSigned){0};
    return true;
}

void okse_signed_clear(OkseSigned *made)
{
    g_clear_pointer(&made->models, g_ptr_array_unref);
    g_clear_pointer(&made->unsigned_models, g_ptr_array_unref);
    g_clear_pointer(&made->signature, g_bytes_unref);
}
