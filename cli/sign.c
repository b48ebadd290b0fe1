/* okse sign: put a statement about a bundle into it. */
#include "packager/sign.h"
#include "cli/commands.h"
#include "cli/edge.h"
#include "cli/sign_audit.h"
#include "cli/signing_key.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/approval.h"
#include "packager/cms.h"
#include "packager/oms.h"
#include "packager/timestamp.h"

#define CHAIN_LIMIT (1u << 20)

typedef struct {
    char *rollback_from, *reason;
    char *key, *certificate, *role, *expires, *not_before, *passphrase_fd, *tsa, *request, *response, *trust, *model,
        *output;
    char *model_key, *model_certificate, *document, *audit, *cms;
    char **evidence;
    gboolean check, no_model, summary;
} SignOptions;

static const OkseOption sign_options[] = {
    {OKSE_OPTION_PATH, "key", 'k', "URI", "private key: a PEM or PKCS#12 file, or a pkcs11: URI",
     offsetof(SignOptions, key)},
    {OKSE_OPTION_PATH, "cert", 0, "PEM", "certificate chain of the key, its own first",
     offsetof(SignOptions, certificate)},
    {OKSE_OPTION_TEXT, "role", 0, "ROLE", "sign as vendor (default), ministry, operator, …",
     offsetof(SignOptions, role)},
    {OKSE_OPTION_TEXT, "expires", 0, "DATE", "the signature ends then", offsetof(SignOptions, expires)},
    {OKSE_OPTION_TEXT, "not-before", 0, "DATE", "the signature counts from then on", offsetof(SignOptions, not_before)},
    {OKSE_OPTION_TEXT, "passphrase-fd", 0, "N", "read the key's passphrase or PIN there",
     offsetof(SignOptions, passphrase_fd)},
    {OKSE_OPTION_PATH, "trust", 0, "FILE", "countersign: verify by this policy first, and say so",
     offsetof(SignOptions, trust)},
    {OKSE_OPTION_TEXT, "rollback-from", 0, "SEQUENCE",
     "order that this bundle is accepted where that sequence was (with --reason, --expires)",
     offsetof(SignOptions, rollback_from)},
    {OKSE_OPTION_TEXT, "reason", 0, "TEXT", "why, for the record", offsetof(SignOptions, reason)},
    {OKSE_OPTION_FLAG, "check", 0, NULL, "hash the whole payload before signing", offsetof(SignOptions, check)},
    {OKSE_OPTION_TEXT, "tsa", 0, "URL", "have the signature timestamped there (RFC 3161 over http)",
     offsetof(SignOptions, tsa)},
    {OKSE_OPTION_PATH, "tsa-request", 0, "FILE", "write a timestamp request here", offsetof(SignOptions, request)},
    {OKSE_OPTION_PATH, "tsa-response", 0, "FILE", "attach this timestamp (no --key)", offsetof(SignOptions, response)},
    {OKSE_OPTION_PATH, "oms-key", 0, "URI", "sign weights with this ECDSA key (default: --key, if it is one)",
     offsetof(SignOptions, model_key)},
    {OKSE_OPTION_PATH, "oms-cert", 0, "PEM", "certificate chain of --oms-key",
     offsetof(SignOptions, model_certificate)},
    {OKSE_OPTION_FLAG, "no-oms", 0, NULL, "leave weights without a model signature", offsetof(SignOptions, no_model)},
    {OKSE_OPTION_PATH, "oms", 0, "DIR", "sign a model (OpenSSF Model Signing), no bundle",
     offsetof(SignOptions, model)},
    {OKSE_OPTION_PATH, "document", 0, "FILE", "approve a document as --role (waiver, export-control, …), no bundle",
     offsetof(SignOptions, document)},
    {OKSE_OPTION_PATH, "audit", 0, "FILE", "attest findings as their auditor (in-toto test-result), no bundle",
     offsetof(SignOptions, audit)},
    {OKSE_OPTION_LIST, "evidence", 0, "FILE", "with --audit: what they were made from; may be repeated",
     offsetof(SignOptions, evidence)},
    {OKSE_OPTION_FLAG, "summary", 0, NULL, "with --audit: only which law the package complies with (in-toto svr)",
     offsetof(SignOptions, summary)},
    {OKSE_OPTION_PATH, "cms", 0, "FILE", "sign a file for others' tools (CMS, detached), no bundle",
     offsetof(SignOptions, cms)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE",
     "the signature (--oms: DIR/model.sig; --cms: FILE.p7s; else FILE.sigstore.json)", offsetof(SignOptions, output)},
    {0},
};

static bool date_read(const char *name, const char *text, gint64 *seconds, GError **error)
{
    *seconds = OKSE_TIME_NONE;
    return text == NULL || okse_text_time_parse(text, seconds) ||
           okse_fail(error, OKSE_ERROR_INVALID, "--%s '%s' is no date (2027-12-31 or 2027-12-31T00:00:00Z)", name,
                     text);
}

static bool terms_read(const SignOptions *options, OkseSigning *signing, GError **error)
{
    if (!okse_edge_signing_time(&signing->signed_at, error) ||
        !date_read("expires", options->expires, &signing->expires, error) ||
        !date_read("not-before", options->not_before, &signing->not_before, error))
        return false;
    if (signing->expires != OKSE_TIME_NONE && signing->expires <= signing->signed_at)
        return okse_fail(error, OKSE_ERROR_INVALID, "--expires %s is in the past", options->expires);
    return true;
}

/* An order to go back says from where, why and until when. */
static bool override_read(const SignOptions *options, OkseSigning *signing, GError **error)
{
    guint64 from = 0;

    if (options->rollback_from == NULL)
        return options->reason == NULL || okse_fail(error, OKSE_ERROR_INVALID, "--reason belongs to --rollback-from");
    if (!g_ascii_string_to_unsigned(options->rollback_from, 10, 1, G_MAXINT64, &from, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--rollback-from must be a sequence, a whole number from 1");
    if (options->reason == NULL || *options->reason == '\0' || options->expires == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--rollback-from needs --reason TEXT and --expires DATE");
    if (options->role != NULL || options->trust != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--rollback-from is an override, no signature for a role: leave out --role and --trust");
    signing->rollback_from = from;
    signing->reason = options->reason;
    signing->role = "override";
    return true;
}

static bool sign(const char *path, const SignOptions *options, OkseSigned *made, GError **error)
{
    OkseSigning signing = {
        .role = options->role != NULL ? options->role : "vendor", .tsa = options->tsa, .check = options->check};
    g_autoptr(OkseProgress) progress = NULL;
    g_autoptr(OkseTrust) trust = NULL;
    g_auto(OkseSigningKey) signer = {NULL, NULL}, model = {NULL, NULL};
    OkseModelKeyOptions models = {options->model_key, options->model_certificate, options->no_model};

    /* a release vouches for the model; a countersigner or an order only when asked to */
    if (options->model_key == NULL && (options->trust != NULL || options->rollback_from != NULL))
        models.never = true;
    if (!terms_read(options, &signing, error) || !override_read(options, &signing, error) ||
        !okse_signing_key_open(options->key, options->certificate, options->passphrase_fd, &signer, error))
        return false;
    if (options->trust != NULL && (trust = okse_trust_open(options->trust, error)) == NULL)
        return false;
    signing.key = signer.key;
    signing.chain = signer.chain;
    if (!okse_model_key_open(&models, &signer, &model, &signing.model_key, &signing.model_chain, error))
        return false;
    signing.policy = trust;
    if (options->check || trust != NULL)
        signing.progress = progress = okse_progress_new("checking", 0);
    if (!okse_sign_bundle(path, &signing, made, error))
        return false;
    okse_model_key_note(&models, made);
    return true;
}

static bool stamp(const char *path, const SignOptions *options, OkseSigned *made, GError **error)
{
    g_autoptr(GBytes) response = okse_read_path(options->response, CHAIN_LIMIT, error);

    return response != NULL && okse_sign_timestamp(path, response, made, error);
}

static bool request_write(const SignOptions *options, const OkseSigned *made, GError **error)
{
    g_autoptr(GBytes) request = NULL;

    if (options->request == NULL)
        return true;
    request = okse_timestamp_request(made->signature, error);
    return request != NULL && okse_write_path(options->request, request, error);
}

static json_t *texts_json(const GPtrArray *texts)
{
    json_t *list = json_array();

    for (guint i = 0; texts != NULL && i < texts->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(texts, i)));
    return list;
}

static bool result_print(const OkseInvocation *invocation, const SignOptions *options, const OkseSigned *made,
                         GError **error)
{
    const char *role = options->rollback_from != NULL ? "override" : options->role != NULL ? options->role : "vendor";
    char identity[OKSE_SHA256_TEXT], statement[OKSE_SHA256_TEXT];
    g_autoptr(json_t) document = NULL;

    okse_sha256_text(&made->identity, identity);
    okse_sha256_text(&made->statement, statement);
    if (made->restored)
        okse_note("note: an earlier signing was interrupted and has been undone first");
    if (made->present)
        okse_note("note: this very statement was there already; nothing was changed");
    if (!options->check && options->trust == NULL && options->response == NULL)
        okse_note("note: the payload was not checked before signing (--check does)");
    if (invocation->json) {
        document = json_pack("{s:s, s:s, s:s, s:s, s:b}", "schema", "okse.signed.v1", "identity", identity, "statement",
                             statement, "role", role, "payload_checked", options->check || options->trust != NULL);
        json_object_set_new(document, "models", texts_json(made->models));
        json_object_set_new(document, "unsigned_models", texts_json(made->unsigned_models));
        return okse_print_json(document, error);
    }
    if (options->response != NULL)
        okse_print("timestamped %s\n", identity);
    else
        okse_print("signed %s as %s\n", identity, role);
    return true;
}

static bool model_sign(const SignOptions *options, const char *output, GError **error)
{
    g_auto(OkseSigningKey) signer = {NULL, NULL};
    g_autoptr(GBytes) signature = NULL;

    if (!okse_signing_key_open(options->key, options->certificate, options->passphrase_fd, &signer, error))
        return false;
    signature = okse_oms_sign_path(options->model, "model.sig", signer.key, signer.chain, error);
    return signature != NULL && okse_write_path(output, signature, error);
}

static int model_run(const OkseInvocation *invocation, GError **error)
{
    const SignOptions *options = invocation->options;
    g_autofree char *beside =
        options->output != NULL ? g_strdup(options->output) : g_build_filename(options->model, "model.sig", NULL);
    g_autoptr(json_t) document = NULL;

    if (invocation->count > 0 || options->key == NULL || options->response != NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "sign --oms DIR needs --key URI and no bundle");
        return 2;
    }
    if (!model_sign(options, beside, error))
        return 2;
    if (!invocation->json) {
        okse_print("signed %s: %s\n", options->model, beside);
        return 0;
    }
    document = json_pack("{s:s, s:s, s:s}", "schema", "okse.signed.v1", "model", options->model, "signature", beside);
    return okse_print_json(document, error) ? 0 : 2;
}

static bool document_sign(const SignOptions *options, const char *output, GError **error)
{
    g_auto(OkseSigningKey) signer = {NULL, NULL};
    g_autoptr(GBytes) document = okse_read_path(options->document, OKSE_LIMIT_DOCUMENT, error), signature = NULL;
    g_autofree char *name = g_path_get_basename(options->document);
    OkseApproving approving = {.role = options->role};

    if (document == NULL || !okse_edge_signing_time(&approving.signed_at, error) ||
        !date_read("expires", options->expires, &approving.expires, error) ||
        !okse_signing_key_open(options->key, options->certificate, options->passphrase_fd, &signer, error))
        return false;
    approving.key = signer.key;
    approving.chain = signer.chain;
    signature = okse_approval_sign(document, name, &approving, error);
    return signature != NULL && okse_write_path(output, signature, error);
}

static int document_run(const OkseInvocation *invocation, GError **error)
{
    const SignOptions *options = invocation->options;
    g_autofree char *beside = options->output != NULL ? g_strdup(options->output)
                                                      : g_strconcat(options->document, OKSE_APPROVAL_SUFFIX, NULL);
    g_autoptr(json_t) result = NULL;

    if (invocation->count > 0 || options->key == NULL || options->role == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "sign --document FILE needs --key URI and --role ROLE, and no bundle");
        return 2;
    }
    if (!document_sign(options, beside, error))
        return 2;
    if (!invocation->json) {
        okse_print("approved %s as %s: %s\n", options->document, options->role, beside);
        return 0;
    }
    result = json_pack("{s:s, s:s, s:s, s:s}", "schema", "okse.signed.v1", "document", options->document, "role",
                       options->role, "signature", beside);
    return okse_print_json(result, error) ? 0 : 2;
}

static bool audit_sign(const SignOptions *options, const char *output, GError **error)
{
    g_auto(OkseSigningKey) signer = {NULL, NULL};
    OkseAuditSigning signing = {options->audit, options->evidence, options->summary, &signer};
    g_autoptr(GBytes) signature = NULL;

    if (!okse_signing_key_open(options->key, options->certificate, options->passphrase_fd, &signer, error))
        return false;
    signature = okse_audit_sign(&signing, error);
    return signature != NULL && okse_write_path(output, signature, error);
}

static int audit_run(const OkseInvocation *invocation, GError **error)
{
    const SignOptions *options = invocation->options;
    g_autofree char *beside =
        options->output != NULL ? g_strdup(options->output) : g_strconcat(options->audit, OKSE_APPROVAL_SUFFIX, NULL);
    g_autoptr(json_t) result = NULL;

    if (invocation->count > 0 || options->key == NULL || (options->summary && options->evidence != NULL)) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "sign --audit FILE needs --key URI and no bundle; --summary is about no --evidence");
        return 2;
    }
    if (!audit_sign(options, beside, error))
        return 2;
    if (!invocation->json) {
        okse_print("attested %s: %s\n", options->audit, beside);
        return 0;
    }
    result = json_pack("{s:s, s:s, s:s}", "schema", "okse.signed.v1", "findings", options->audit, "signature", beside);
    return okse_print_json(result, error) ? 0 : 2;
}

static bool cms_sign(const SignOptions *options, const char *output, GError **error)
{
    g_auto(OkseSigningKey) signer = {NULL, NULL};
    g_autoptr(GBytes) content = okse_read_path(options->cms, OKSE_LIMIT_EVIDENCE, error), signature = NULL;
    gint64 signed_at;

    if (content == NULL || !okse_edge_signing_time(&signed_at, error) ||
        !okse_signing_key_open(options->key, options->certificate, options->passphrase_fd, &signer, error))
        return false;
    signature = okse_cms_sign(content, signer.key, signer.chain, &signed_at, error);
    return signature != NULL && okse_write_path(output, signature, error);
}

static int cms_run(const OkseInvocation *invocation, GError **error)
{
    const SignOptions *options = invocation->options;
    g_autofree char *beside =
        options->output != NULL ? g_strdup(options->output) : g_strconcat(options->cms, ".p7s", NULL);
    g_autoptr(json_t) result = NULL;

    if (invocation->count > 0 || options->key == NULL || options->certificate == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "sign --cms FILE needs --key URI and --cert PEM, and no bundle");
        return 2;
    }
    if (options->tsa != NULL || options->request != NULL || options->response != NULL || options->expires != NULL ||
        options->not_before != NULL || options->role != NULL) {
        okse_fail(
            error, OKSE_ERROR_INVALID,
            "sign --cms FILE makes no timestamp and no statement: leave out --tsa…, --role, --expires, --not-before");
        return 2;
    }
    if (!cms_sign(options, beside, error))
        return 2;
    if (!invocation->json) {
        okse_print("signed %s: %s\n", options->cms, beside);
        return 0;
    }
    result = json_pack("{s:s, s:s, s:s}", "schema", "okse.signed.v1", "file", options->cms, "signature", beside);
    return okse_print_json(result, error) ? 0 : 2;
}

/* Each signs one thing, and what would be left out nobody would miss. */
static bool one_thing(const SignOptions *options, GError **error)
{
    unsigned things =
        (options->model != NULL) + (options->document != NULL) + (options->audit != NULL) + (options->cms != NULL);

    return things <= 1 || okse_fail(error, OKSE_ERROR_INVALID,
                                    "of --oms, --document, --audit and --cms only one can be signed at once");
}

static int sign_run(const OkseInvocation *invocation, GError **error)
{
    const SignOptions *options = invocation->options;
    g_auto(OkseSigned) made = {0};
    const char *path = invocation->arguments[0];
    bool good;

    if (!one_thing(options, error))
        return 2;
    if (options->audit == NULL && (options->evidence != NULL || options->summary)) {
        okse_fail(error, OKSE_ERROR_INVALID, "--evidence and --summary belong to --audit FILE");
        return 2;
    }
    if (options->model != NULL)
        return model_run(invocation, error);
    if (options->document != NULL)
        return document_run(invocation, error);
    if (options->audit != NULL)
        return audit_run(invocation, error);
    if (options->cms != NULL)
        return cms_run(invocation, error);
    if (path == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "sign needs a bundle, --oms DIR, --document FILE, --audit FILE or --cms FILE");
        return 2;
    }
    if ((options->key == NULL) == (options->response == NULL)) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "sign needs --key URI, or --tsa-response FILE (make a key with: okse key new -o key.pem)");
        return 2;
    }
    if (options->tsa != NULL && (options->request != NULL || options->response != NULL)) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "--tsa asks an authority now; --tsa-request and --tsa-response are for a courier");
        return 2;
    }
    good = options->response != NULL ? stamp(path, options, &made, error)
                                     : sign(path, options, &made, error) && request_write(options, &made, error);
    if (!good || !result_print(invocation, options, &made, error))
        return 2;
    return 0;
}

const OkseCommand okse_command_sign = {
    .name = "sign",
    .arguments = "BUNDLE",
    .minimum = 0,
    .maximum = 1,
    .summary = "Sign or countersign a bundle; its identity stays the same.",
    .details = "The statement goes into the bundle's own file; the payload is never touched. An interrupted\n"
               "signing is undone by the next one. The time of signing is SOURCE_DATE_EPOCH when set.",
    .options = sign_options,
    .options_size = sizeof(SignOptions),
    .run = sign_run,
};
