#include "packager/oms.h"

#include "core/text.h"
#include "packager/oms_files.h"
#include "packager/oms_legacy.h"
#include "packager/oms_statement.h"
#include "packager/sigstore_bundle.h"
#include "packager/statement.h"

#include <string.h>

/* What model_signing leaves out by default. */
static const char *const git_paths[] = {".git", ".gitattributes", ".github", ".gitignore"};

typedef struct {
    const OkseOmsTerms *terms;
    OkseVerification *verification;
    OkseSigstoreBundle *bundle;
    OkseKey *leaf; /* owned */
    OkseCertificates *chain;
} Case;

static OkseSignatureVerdict *verdict_of(Case *one)
{
    return g_ptr_array_index(one->verification->signatures, 0);
}

static bool refuse(Case *one, const char *status, const char *reason)
{
    verdict_of(one)->status = status;
    g_free(verdict_of(one)->reason);
    verdict_of(one)->reason = g_strdup(reason);
    okse_verification_refuse(one->verification, "%s", reason);
    return false;
}

static bool refuse_cause(Case *one, const GError *cause)
{
    bool malformed = g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID);

    one->verification->malformed = one->verification->malformed || malformed;
    return refuse(one, malformed ? "malformed" : "rejected", cause->message);
}

static void signer_show(Case *one, const OkseKey *key, const char *label)
{
    OkseSignatureVerdict *verdict = verdict_of(one);
    char hex[OKSE_SHA256_HEX];

    verdict->signer = g_strdup(label);
    verdict->key = g_strdup(okse_sha256_hex(okse_key_id(key), hex));
    verdict->algorithm = g_strdup(okse_key_algorithm(key));
}

/* The hint is the SHA-256 of the PEM text; older versions wrote none. */
static bool hint_fits(Case *one, const OkseKey *key)
{
    g_autoptr(GBytes) pem = okse_key_public_pem(key);
    OkseSha256 digest = okse_sha256_of_bytes(pem);
    char hex[OKSE_SHA256_HEX];

    return one->bundle->hint == NULL || strcmp(one->bundle->hint, okse_sha256_hex(&digest, hex)) == 0 ||
           refuse(one, "rejected", "the signature names another key than the one given");
}

static const OkseKey *signer_find(Case *one)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *subject = NULL;

    if (one->bundle->keyless) {
        refuse(one, "rejected",
               "a keyless signature (transparency log): it needs an online trust root, and there is no local one");
        return NULL;
    }
    if (one->terms->key != NULL) {
        if (one->bundle->certificates->len > 0) {
            refuse(one, "rejected", "made with a certificate: give its roots (--ca) instead of a key");
            return NULL;
        }
        signer_show(one, one->terms->key, "the given key");
        return hint_fits(one, one->terms->key) ? one->terms->key : NULL;
    }
    if (one->bundle->certificates->len == 0) {
        refuse(one, "rejected", "made with a bare key: give it (--key) instead of roots");
        return NULL;
    }
    one->chain = okse_certificates_read_der(one->bundle->certificates, "the certificate chain", &cause);
    one->leaf = one->chain != NULL ? okse_certificate_key(one->chain, 0, &cause) : NULL;
    if (one->leaf == NULL) {
        refuse_cause(one, cause);
        return NULL;
    }
    subject = okse_certificate_subject(okse_certificates_get(one->chain, 0));
    signer_show(one, one->leaf, subject);
    return one->leaf;
}

static bool legacy_holds(const Case *one, const OkseKey *key)
{
    const OkseEnvelope *envelope = &one->bundle->envelope;
    g_autoptr(GBytes) message = okse_oms_legacy_message(envelope->type, envelope->payload);

    return okse_key_verify_sha256(key, message, envelope->signature);
}

static bool signature_check(Case *one, const OkseKey *key)
{
    const OkseEnvelope *envelope = &one->bundle->envelope;
    g_autoptr(GBytes) message = okse_dsse_pae(envelope->type, envelope->payload);

    if (strcmp(envelope->type, OKSE_DSSE_TYPE) != 0)
        return refuse(one, "rejected", "the payload's type is not " OKSE_DSSE_TYPE);
    if (!g_str_has_prefix(okse_key_algorithm(key), "ecdsa-"))
        return refuse(one, "rejected", "model signatures are made with ECDSA keys only (P-256, P-384, P-521)");
    if (okse_key_verify(key, message, envelope->signature))
        return true;
    if (!legacy_holds(one, key))
        return refuse(one, "rejected",
                      "the signature is not this signer's over this statement: it was changed or forged");
    if (!one->terms->legacy)
        return refuse(
            one, "rejected",
            "made by model_signing 0.2, whose envelope is broken (--allow-legacy-oms accepts it nevertheless)");
    g_ptr_array_add(one->verification->notes,
                    g_strdup("legacy envelope of model_signing 0.2, accepted because --allow-legacy-oms was given"));
    return true;
}

static bool chain_check(Case *one)
{
    g_autoptr(OkseCertificates) none = okse_certificates_new();
    g_autoptr(OkseCertificates) path = NULL;
    g_autoptr(GError) cause = NULL;

    if (one->chain == NULL)
        return true;
    path = okse_chain_verify(one->chain, one->terms->roots, none, one->terms->now, &cause);
    return path != NULL || refuse(one, "rejected", cause->message);
}

/* Everything that was left out is said: what is ignored is not vouched for. */
static GPtrArray *ignored_collect(const Case *one, const OkseOmsStatement *statement)
{
    GPtrArray *all = g_ptr_array_new();
    g_autofree char *names = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(git_paths); i++)
        g_ptr_array_add(all, (gpointer)(uintptr_t)git_paths[i]);
    for (size_t i = 0; one->terms->ignored != NULL && one->terms->ignored[i] != NULL; i++)
        g_ptr_array_add(all, (gpointer)(uintptr_t)one->terms->ignored[i]);
    for (guint i = 0; i < statement->ignored->len; i++)
        g_ptr_array_add(all, g_ptr_array_index(statement->ignored, i));
    g_ptr_array_add(all, NULL);
    names = g_strjoinv(", ", (char **)all->pdata);
    g_ptr_array_add(one->verification->notes, g_strdup_printf("not covered by the signature: %s", names));
    return all;
}

static void item_compare(Case *one, const OkseOmsStatement *statement, const OkseOmsItem *item, unsigned *agreeing)
{
    const char *expected = g_hash_table_lookup(statement->expected, item->name);

    if (expected == NULL) {
        okse_verification_refuse(one->verification, "%s: is there but was not signed", item->name);
        return;
    }
    if (strcmp(expected, item->digest) != 0)
        okse_verification_refuse(one->verification, "%s: differs from what was signed", item->name);
    else
        (*agreeing)++;
    g_hash_table_remove(statement->expected, item->name);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static void files_compare(Case *one, const OkseOmsStatement *statement, const OkseOmsModel *model, unsigned *agreeing)
{
    GList *missing;

    for (guint i = 0; i < model->faults->len; i++)
        okse_verification_refuse(one->verification, "%s", (const char *)g_ptr_array_index(model->faults, i));
    for (guint i = 0; i < model->items->len; i++)
        item_compare(one, statement, g_ptr_array_index(model->items, i), agreeing);
    missing = g_list_sort(g_hash_table_get_keys(statement->expected), compare_names);
    for (const GList *name = missing; name != NULL; name = name->next)
        okse_verification_refuse(one->verification, "%s: was signed but is missing", (const char *)name->data);
    g_list_free(missing);
}

static bool model_check(Case *one, const char *path, OkseOmsVerified *made, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseOmsStatement) statement = okse_oms_statement_read(one->bundle->envelope.payload, &cause);
    g_autoptr(GPtrArray) ignored = NULL;
    g_autoptr(OkseOmsModel) model = NULL;

    if (statement == NULL) {
        refuse_cause(one, cause);
        return true;
    }
    made->model = g_strdup(statement->model);
    ignored = ignored_collect(one, statement);
    model = okse_oms_model_open(path, (const char *const *)ignored->pdata, statement->shard_size, error);
    if (model == NULL || !okse_oms_hash(model, statement->hash, error))
        return false;
    files_compare(one, statement, model, &made->files);
    return true;
}

static bool case_judge(Case *one, const char *path, OkseOmsVerified *made, GError **error)
{
    const OkseKey *key = signer_find(one);

    if (key == NULL || !signature_check(one, key) || !chain_check(one))
        return true;
    return model_check(one, path, made, error);
}

bool okse_oms_verify(const char *path, GBytes *signature, const OkseOmsTerms *terms, OkseOmsVerified *verified,
                     GError **error)
{
    g_auto(OkseOmsVerified) made = {okse_verification_new(), NULL, 0};
    Case one = {.terms = terms, .verification = made.verification};
    g_autoptr(GError) cause = NULL;
    OkseSignatureVerdict *verdict = g_new0(OkseSignatureVerdict, 1);
    bool answered = true;

    verdict->status = "valid";
    g_ptr_array_add(made.verification->signatures, verdict);
    one.bundle = okse_sigstore_read(signature, "model signature", &cause);
    if (one.bundle == NULL)
        refuse_cause(&one, cause);
    else
        answered = case_judge(&one, path, &made, error);
    okse_sigstore_free(one.bundle);
    okse_key_free(one.leaf);
    okse_certificates_free(one.chain);
    if (!answered)
        return false;
    *verified = made;
    made = (OkseOmsVerified){NULL, NULL, 0};
    return true;
}

void okse_oms_verified_clear(OkseOmsVerified *verified)
{
    g_clear_pointer(&verified->verification, okse_verification_free);
    g_clear_pointer(&verified->model, g_free);
}

static int compare_files(gconstpointer a, gconstpointer b)
{
    return strcmp(((const OkseOmsFile *)a)->name, ((const OkseOmsFile *)b)->name);
}

static GBytes *payload_write(const char *model, GArray *files)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    json_t *resources = json_array(), *ignored = json_pack("[s]", "model.sig");
    g_autoptr(json_t) value = NULL;
    OkseSha256 root;
    char hex[OKSE_SHA256_HEX];

    g_array_sort(files, compare_files);
    for (guint i = 0; i < files->len; i++) {
        const OkseOmsFile *file = &g_array_index(files, OkseOmsFile, i);

        okse_sha256_stream_update(stream, file->digest.bytes, OKSE_SHA256_LENGTH);
        json_array_append_new(resources, json_pack("{s:s, s:s, s:s}", "algorithm", "sha256", "digest",
                                                   okse_sha256_hex(&file->digest, hex), "name", file->name));
    }
    root = okse_sha256_stream_end(stream);
    for (size_t i = 0; i < G_N_ELEMENTS(git_paths); i++)
        json_array_append_new(ignored, json_string(git_paths[i]));
    value = json_pack("{s:s, s:[{s:s, s:{s:s}}], s:s, s:{s:{s:s, s:s, s:b, s:o}, s:o}}", "_type", OKSE_STATEMENT_TYPE,
                      "subject", "name", model, "digest", "sha256", okse_sha256_hex(&root, hex), "predicateType",
                      OKSE_OMS_PREDICATE, "predicate", "serialization", "method", "files", "hash_type", "sha256",
                      "allow_symlinks", 0, "ignore_paths", ignored, "resources", resources);
    g_assert(value != NULL);
    return okse_json_write(value);
}

GBytes *okse_oms_sign(const char *model, GArray *files, const OkseKey *key, const OkseCertificates *chain,
                      GError **error)
{
    g_autoptr(GBytes) payload = NULL, message = NULL, signature = NULL;
    g_autoptr(GBytes) pem = okse_key_public_pem(key);
    OkseSha256 digest = okse_sha256_of_bytes(pem);
    g_autoptr(GPtrArray) certificates = chain != NULL ? okse_certificates_der(chain) : NULL;
    char hint[OKSE_SHA256_HEX];
    OkseSigstoreMaterial material = {okse_sha256_hex(&digest, hint), certificates, NULL};

    if (!g_str_has_prefix(okse_key_algorithm(key), "ecdsa-")) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "model signatures need an ECDSA key (P-256, P-384, P-521); this one is %s: use a second key for the "
                  "weights",
                  okse_key_algorithm(key));
        return NULL;
    }
    payload = payload_write(model, files);
    message = okse_dsse_pae(OKSE_DSSE_TYPE, payload);
    signature = okse_key_sign(key, message, error);
    return signature != NULL ? okse_sigstore_write(payload, signature, &material) : NULL;
}

GBytes *okse_oms_sign_path(const char *path, const char *signature, const OkseKey *key, const OkseCertificates *chain,
                           GError **error)
{
    const char *const ignored[] = {signature, git_paths[0], git_paths[1], git_paths[2], git_paths[3], NULL};
    g_autoptr(OkseOmsModel) model = okse_oms_model_open(path, ignored, 0, error);
    g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(OkseOmsFile));

    if (model == NULL || !okse_oms_hash(model, "SHA256", error))
        return NULL;
    if (model->faults->len > 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s", (const char *)g_ptr_array_index(model->faults, 0));
        return NULL;
    }
    for (guint i = 0; i < model->items->len; i++) {
        const OkseOmsItem *item = g_ptr_array_index(model->items, i);
        OkseOmsFile file = {.name = item->name};

        if (!okse_sha256_parse(item->digest, &file.digest, error))
            return NULL;
        g_array_append_val(files, file);
    }
    return okse_oms_sign(model->name, files, key, chain, error);
}
