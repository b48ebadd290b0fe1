#include "packager/verify.h"

#include "core/text.h"
#include "packager/bundle_tree.h"
#include "packager/oms.h"

#include <string.h>

#define MISSING_LISTED 20u /* reasons; all stand in the JSON */

OkseBundleFacts okse_bundle_facts(const OkseBundle *bundle)
{
    return (OkseBundleFacts){
        .identity = okse_bundle_identity(bundle),
        .name = okse_bundle_name(bundle),
        .version = okse_bundle_version(bundle),
        .country = okse_bundle_country(bundle),
        .sequence = okse_bundle_sequence(bundle),
    };
}

/* Its statements (GBytes); a new array of references. */
static GPtrArray *statement_list(const OkseBundle *bundle)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++)
        g_ptr_array_add(list, g_bytes_ref(okse_bundle_statement(bundle, i)->bytes));
    return list;
}

static void model_free(gpointer data)
{
    OkseOmsModelFacts *model = data;

    if (model != NULL && model->files != NULL)
        g_array_unref(model->files);
    g_free(model);
}

/* For each statement the weights that it is about, or NULL. trees: keeps what the facts borrow from. */
static GPtrArray *model_list(const OkseBundle *bundle, GPtrArray *trees)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(model_free);

    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_statement_component(bundle, i);
        OkseOmsModelFacts *model = component != NULL ? g_new0(OkseOmsModelFacts, 1) : NULL;
        OkseTree *tree = component != NULL ? okse_bundle_tree(bundle, component, NULL) : NULL;
        bool carried;

        if (model != NULL)
            model->component = component->name;
        if (tree != NULL) {
            g_ptr_array_add(trees, tree);
            model->files = okse_oms_files(tree, &carried);
        }
        g_ptr_array_add(list, model);
    }
    return list;
}

static void tree_free(gpointer data)
{
    okse_tree_free(data);
}

/* What a statement's manifest says it is must be what was signed: inspect and other OCI tools read the manifest. Only
 * payloads under a signature that holds are compared; the others count for nothing and may not be looked at. */
static void labels_judge(const OkseBundle *bundle, OkseVerification *verification)
{
    for (guint i = 0; i < verification->signatures->len; i++) {
        const OkseSignatureVerdict *verdict = g_ptr_array_index(verification->signatures, i);
        const char *label = okse_bundle_statement(bundle, i)->predicate_type;
        g_autofree char *shown = okse_text_show(label, (gssize)MIN(strlen(label), 80), false);

        if (verdict->predicate != NULL && strcmp(verdict->predicate, label) != 0)
            okse_verification_refuse(
                verification, "statement %u: its manifest says it is of type %s, what was signed is not", i + 1, shown);
    }
}

OkseVerification *okse_bundle_judge(const OkseBundle *bundle, const OkseTrust *trust, const OkseJudgeTerms *terms)
{
    OkseBundleFacts facts = okse_bundle_facts(bundle);
    g_autoptr(GPtrArray) statements = statement_list(bundle);
    g_autoptr(GPtrArray) trees = g_ptr_array_new_with_free_func(tree_free);
    g_autoptr(GPtrArray) models = model_list(bundle, trees);
    OkseVerification *verification;

    facts.models = models;
    verification = okse_trust_judge(&facts, statements, trust, terms);
    labels_judge(bundle, verification);
    return verification;
}

/* REFUSED and INVALID are an answer; anything else is a failure to answer. */
static bool answer(OkseVerification *verification, GError *cause, GError **error)
{
    if (!g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_REFUSED) &&
        !g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID)) {
        g_propagate_error(error, cause);
        return false;
    }
    okse_verification_refuse(verification, "%s", cause->message);
    verification->malformed = verification->malformed || g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID);
    g_error_free(cause);
    return true;
}

static bool payload_check(OkseVerified *verified, const OkseVerifying *verifying, GError **error)
{
    GError *cause = NULL;

    if (okse_bundle_check(verified->bundle, &verifying->checking, &verified->checked, &cause))
        return true;
    if (verified->checked.faults == NULL)
        return answer(verified->verification, cause, error);
    g_error_free(cause);
    return true;
}

static void faults_refuse(const OkseVerified *verified)
{
    const GPtrArray *faults = verified->checked.faults;

    for (guint i = 0; faults != NULL && i < faults->len; i++)
        okse_verification_refuse(verified->verification, "%s", (const char *)g_ptr_array_index(faults, i));
}

/* What is missing, one reason each; of very many the first. */
static void missing_refuse(const OkseVerified *verified)
{
    const OkseThinReport *thin = verified->thin;
    g_autofree char *words = okse_thin_words(thin);

    okse_verification_refuse(verified->verification, "%s", words);
    for (guint i = 0; i < MIN(thin->missing->len, MISSING_LISTED); i++) {
        const OkseMissing *missing = &g_array_index(thin->missing, OkseMissing, i);
        char text[OKSE_SHA256_TEXT];

        okse_verification_refuse(verified->verification, "missing: %s %s (%" G_GUINT64_FORMAT " bytes)", missing->files,
                                 okse_sha256_text(&missing->digest, text), missing->size);
    }
}

bool okse_verify_bundle(const OkseVerifyInput *input, const OkseVerifying *verifying, OkseVerified *verified,
                        GError **error)
{
    g_auto(OkseVerified) made = OKSE_VERIFIED_INIT;
    GError *cause = NULL;

    made.stream = input->bytes == NULL;
    made.thin = input->thin;
    made.bundle = made.stream
                      ? okse_bundle_read_stream(input->pipe, input->origin, &verifying->checking, &made.checked, &cause)
                      : okse_bundle_of(input->bytes, input->origin, &cause);
    if (made.bundle != NULL) {
        made.verification = okse_bundle_judge(made.bundle, verifying->trust, &verifying->terms);
        if (made.thin != NULL && made.thin->missing->len > 0)
            missing_refuse(&made);
        else if (!made.stream && !verifying->payload_later && !payload_check(&made, verifying, error))
            return false;
    } else {
        made.verification = okse_verification_new();
        if (!answer(made.verification, cause, error))
            return false;
    }
    faults_refuse(&made);
    *verified = made;
    made = (OkseVerified)OKSE_VERIFIED_INIT;
    return true;
}

static bool has_model(const GArray *models, const char *component)
{
    for (guint i = 0; i < models->len; i++)
        if (strcmp(g_array_index(models, OkseModelSignature, i).component, component) == 0)
            return true;
    return false;
}

GArray *okse_verified_models(const OkseVerified *verified)
{
    GArray *models = g_array_new(FALSE, FALSE, sizeof(OkseModelSignature));

    for (unsigned i = 0; i < okse_bundle_statements(verified->bundle); i++) {
        const OkseSignatureVerdict *verdict = g_ptr_array_index(verified->verification->signatures, i);
        const OkseBundleComponent *component = okse_bundle_statement_component(verified->bundle, i);
        OkseModelSignature model;

        if (component == NULL || strcmp(verdict->status, "valid") != 0 || has_model(models, component->name))
            continue;
        model = (OkseModelSignature){component->name, okse_bundle_statement(verified->bundle, i)->digest};
        g_array_append_val(models, model);
    }
    return models;
}

void okse_verified_clear(OkseVerified *verified)
{
    g_clear_pointer(&verified->bundle, okse_bundle_free);
    g_clear_pointer(&verified->verification, okse_verification_free);
    okse_checked_clear(&verified->checked);
}
