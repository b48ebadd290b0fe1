#include "cli/verify_oms.h"

#include "cli/edge.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/sandbox.h"
#include "core/text.h"
#include "packager/oms.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SIGNATURE_LIMIT (512u << 20)
#define PEM_LIMIT (4u << 20)

typedef struct {
    OkseOmsTerms terms;
    OkseKey *key;
    OkseCertificates *roots;
    GBytes *signature;
    GStrv ignored;
    const char *clock;
} Inputs;

static void inputs_clear(Inputs *inputs)
{
    g_clear_pointer(&inputs->key, okse_key_free);
    g_clear_pointer(&inputs->roots, okse_certificates_free);
    g_clear_pointer(&inputs->signature, g_bytes_unref);
    g_clear_pointer(&inputs->ignored, g_strfreev);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Inputs, inputs_clear)

/* A path that lies in the model is taken relative to it; any other name is one in the model. NULL: it lies elsewhere.
 */
static char *inside(const char *model, const char *path)
{
    g_autofree char *root = realpath(model, NULL);
    g_autofree char *real = realpath(path, NULL);
    size_t length = root != NULL ? strlen(root) : 0;

    if (real != NULL && root != NULL && strncmp(real, root, length) == 0 && real[length] == '/')
        return g_strdup(real + length + 1);
    return NULL;
}

static GStrv ignored_make(const OmsOptions *options)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autofree char *signature = inside(options->model, options->signature);

    if (signature != NULL)
        g_strv_builder_add(builder, signature);
    for (size_t i = 0; options->ignored != NULL && options->ignored[i] != NULL; i++) {
        g_autofree char *path = inside(options->model, options->ignored[i]);

        g_strv_builder_add(builder, path != NULL ? path : options->ignored[i]);
    }
    return g_strv_builder_end(builder);
}

static bool inputs_open(const OmsOptions *options, const char *at, Inputs *inputs, GError **error)
{
    g_autoptr(GBytes) pem = NULL;

    if (options->signature == NULL || (options->key == NULL) == (options->roots == NULL))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "verify --oms needs --signature FILE and one of --key PEM, --ca PEM");
    if (!okse_edge_verification_time(at, &inputs->terms.now, &inputs->clock, error))
        return false;
    pem = okse_read_path(options->key != NULL ? options->key : options->roots, PEM_LIMIT, error);
    if (pem == NULL)
        return false;
    if (options->key != NULL)
        inputs->key = okse_key_read_public(pem, options->key, error);
    else
        inputs->roots = okse_certificates_read_pem(pem, options->roots, error);
    if (inputs->key == NULL && inputs->roots == NULL)
        return false;
    inputs->signature = okse_read_path(options->signature, SIGNATURE_LIMIT, error);
    inputs->ignored = ignored_make(options);
    inputs->terms.key = inputs->key;
    inputs->terms.roots = inputs->roots;
    inputs->terms.ignored = (const char *const *)inputs->ignored;
    inputs->terms.legacy = options->legacy;
    return inputs->signature != NULL;
}

static bool sandbox_enter(const char *model, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(model);
    struct stat status;
    const char *readable[] = {stat(model, &status) == 0 && S_ISDIR(status.st_mode) ? model : parent, NULL};

    return okse_sandbox_enter(readable, NULL, NULL, error);
}

static json_t *texts_json(const GPtrArray *texts)
{
    json_t *list = json_array();

    for (guint i = 0; i < texts->len; i++) {
        g_autofree char *text = g_utf8_make_valid(g_ptr_array_index(texts, i), -1);

        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *verdict_json(const OkseOmsVerified *verified, const Inputs *inputs)
{
    const OkseVerification *verification = verified->verification;
    const OkseSignatureVerdict *signature = g_ptr_array_index(verification->signatures, 0);
    g_autofree char *time = okse_text_time(inputs->terms.now);

    return json_pack("{s:s, s:s, s:s?, s:I, s:s, s:s, s:s?, s:s?, s:s?, s:o, s:o}", "schema",
                     "okse.oms-verification.v1", "verdict", verification->verified ? "verified" : "refused", "model",
                     verified->model, "files", (json_int_t)verified->files, "clock", inputs->clock, "time", time,
                     "signer", signature->signer, "key", signature->key, "algorithm", signature->algorithm, "reasons",
                     texts_json(verification->reasons), "notes", texts_json(verification->notes));
}

static void lines_print(const char *label, const GPtrArray *lines)
{
    for (guint i = 0; i < lines->len; i++) {
        g_autofree char *shown = okse_text_show(g_ptr_array_index(lines, i), -1, false);

        okse_print("  %-9s %s\n", label, shown);
    }
}

static void verdict_print(const OkseOmsVerified *verified, const Inputs *inputs)
{
    const OkseVerification *verification = verified->verification;
    const OkseSignatureVerdict *signature = g_ptr_array_index(verification->signatures, 0);
    g_autofree char *model = okse_text_show(verified->model != NULL ? verified->model : "?", -1, false);
    g_autofree char *signer = okse_text_show(signature->signer != NULL ? signature->signer : "?", -1, false);
    g_autofree char *time = okse_text_time(inputs->terms.now);

    okse_print("%s\n  model     %s\n  signer    %s%s%s\n  clock     %s (%s)\n  files     %u agree with the signature\n",
               verification->verified ? "VERIFIED" : "REFUSED", model, signer, signature->algorithm != NULL ? ", " : "",
               signature->algorithm != NULL ? signature->algorithm : "", time, inputs->clock, verified->files);
    lines_print("note", verification->notes);
    lines_print("refused:", verification->reasons);
}

int okse_verify_oms(const OkseInvocation *invocation, const OmsOptions *options, const char *at, GError **error)
{
    g_auto(Inputs) inputs = {.key = NULL};
    g_auto(OkseOmsVerified) verified = {NULL, NULL, 0};

    if (invocation->count > 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "verify --oms takes a model, not a bundle too");
        return 2;
    }
    if (!inputs_open(options, at, &inputs, error) || !sandbox_enter(options->model, error) ||
        !okse_oms_verify(options->model, inputs.signature, &inputs.terms, &verified, error))
        return 2;
    if (invocation->json) {
        g_autoptr(json_t) document = verdict_json(&verified, &inputs);

        if (!okse_print_json(document, error))
            return 2;
    } else {
        verdict_print(&verified, &inputs);
    }
    if (verified.verification->verified)
        return 0;
    return verified.verification->malformed ? 2 : 1;
}
