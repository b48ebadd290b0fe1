#include "packager/verification.h"

#include "core/text.h"
#include "packager/provenance.h"
#include "packager/shard_merge.h"
#include "packager/statement.h"

#include <string.h>

static void optional_set(json_t *object, const char *key, const char *value)
{
    json_object_set_new(object, key, value != NULL ? json_string(value) : json_null());
}

static json_t *signature_json(const OkseSignatureVerdict *verdict)
{
    json_t *object = json_object();

    optional_set(object, "role", verdict->role);
    optional_set(object, "signer", verdict->signer);
    optional_set(object, "key", verdict->key);
    optional_set(object, "algorithm", verdict->algorithm);
    optional_set(object, "predicate_type", verdict->predicate);
    optional_set(object, "component", verdict->component);
    optional_set(object, "signed_at", verdict->signed_at);
    optional_set(object, "timestamp", verdict->timestamp);
    optional_set(object, "status", verdict->status);
    optional_set(object, "reason", verdict->reason);
    return object;
}

static json_t *texts_json(const GPtrArray *texts)
{
    json_t *list = json_array();

    for (guint i = 0; i < texts->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(texts, i)));
    return list;
}

static void bundle_set(json_t *document, const OkseBundle *bundle)
{
    static const char *const keys[] = {"identity", "name", "version", "sequence", "country"};
    char identity[OKSE_SHA256_TEXT];

    if (bundle == NULL) {
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
            json_object_set_new(document, keys[i], json_null());
        return;
    }
    optional_set(document, "identity", okse_sha256_text(okse_bundle_identity(bundle), identity));
    optional_set(document, "name", okse_bundle_name(bundle));
    optional_set(document, "version", okse_bundle_version(bundle));
    optional_set(document, "country", okse_bundle_country(bundle));
    json_object_set_new(document, "sequence", json_integer((json_int_t)okse_bundle_sequence(bundle)));
}

/* By which digest a component's payload was checked; install compares SHA-256 while it copies. */
static const char *component_digest(const OkseBundle *bundle, const OkseBundleComponent *component,
                                    const OkseVerifying *verifying)
{
    guint trees = 0;

    if (component->form != OKSE_FORM_RAW || verifying->payload_later)
        return "sha256";
    if (verifying->checking.both)
        return "both";
    for (guint i = 0; i < component->files->len; i++)
        trees += okse_bundle_by_verity(bundle, &((OkseBundleFile *)g_ptr_array_index(component->files, i))->digest);
    return trees == component->files->len ? "fs-verity" : trees == 0 ? "sha256" : "mixed";
}

static json_t *checked_json(const OkseVerified *verified, const OkseVerifying *verifying)
{
    const OkseChecked *checked = &verified->checked;
    const OkseShardMerge *merge = verifying->checking.merge;
    json_t *components = json_array();
    json_t *resumed = checked->since == NULL
                          ? NULL
                          : json_pack("{s:I, s:s}", "bytes", (json_int_t)checked->resumed, "since", checked->since);
    unsigned trees = 0, others = 0, count = verified->bundle != NULL ? okse_bundle_components(verified->bundle) : 0;

    for (unsigned i = 0; i < count; i++) {
        const OkseBundleComponent *component = okse_bundle_component(verified->bundle, i);
        const char *digest = component_digest(verified->bundle, component, verifying);

        trees += strcmp(digest, "fs-verity") == 0;
        others += strcmp(digest, "sha256") == 0 || strcmp(digest, "both") == 0;
        json_array_append_new(components, json_pack("{s:s, s:s}", "name", component->name, "digest", digest));
    }
    return json_pack("{s:s, s:s, s:{s:I, s:I}, s:I, s:o?, s:o, s:o*}", "digest",
                     count == others  ? "sha256"
                     : count == trees ? "fs-verity"
                                      : "mixed",
                     "how",
                     merge != NULL      ? "shards"
                     : verified->stream ? "stream"
                                        : "file",
                     "bytes", "fs-verity", (json_int_t)checked->by_verity, "sha256", (json_int_t)checked->by_sha256,
                     "read", (json_int_t)checked->read, "resumed", resumed, "components", components, "shards",
                     merge != NULL ? okse_shard_merge_json(merge) : NULL);
}

json_t *okse_verification_json(const OkseVerified *verified, const OkseVerifying *verifying, const char *clock)
{
    const OkseVerification *verification = verified->verification;
    g_autofree char *time = okse_text_time(verifying->terms.now);
    json_t *document = json_object();
    json_t *signatures = json_array();
    char policy[OKSE_SHA256_TEXT];

    for (guint i = 0; i < verification->signatures->len; i++)
        json_array_append_new(signatures, signature_json(g_ptr_array_index(verification->signatures, i)));
    optional_set(document, "schema", "okse.verification.v1");
    optional_set(document, "verdict", verification->verified ? "verified" : "refused");
    bundle_set(document, verified->bundle);
    optional_set(document, "clock", clock);
    optional_set(document, "time", time);
    optional_set(document, "policy", okse_sha256_text(&verifying->trust->digest, policy));
    json_object_set_new(document, "checked", checked_json(verified, verifying));
    json_object_set_new(document, "signatures", signatures);
    json_object_set_new(document, "reasons", texts_json(verification->reasons));
    json_object_set_new(document, "notes", texts_json(verification->notes));
    if (verified->thin != NULL)
        json_object_set_new(document, "thin", okse_thin_json(verified->thin));
    if (verified->thin != NULL)
        json_object_set(document, "missing", json_object_get(json_object_get(document, "thin"), "missing"));
    return document;
}

static json_t *inputs_json(const OkseBundle *bundle)
{
    json_t *inputs = json_array();
    char hex[OKSE_SHA256_HEX];

    for (unsigned i = 0; bundle != NULL && i < okse_bundle_statements(bundle); i++) {
        okse_sha256_hex(&okse_bundle_statement(bundle, i)->digest, hex);
        json_array_append_new(inputs, json_pack("{s:{s:s}}", "digest", "sha256", hex));
    }
    return inputs;
}

GBytes *okse_verification_record(const OkseVerified *verified, const OkseVerifying *verifying, const char *clock)
{
    const OkseBundle *bundle = verified->bundle;
    g_autofree char *time = okse_text_time(verifying->terms.now);
    g_autofree char *name = bundle != NULL
                                ? g_strdup_printf("%s@%s", okse_bundle_name(bundle), okse_bundle_version(bundle))
                                : g_strdup("unread");
    char policy[OKSE_SHA256_HEX], identity[OKSE_SHA256_HEX];
    json_t *predicate = json_pack(
        "{s:{s:s}, s:s, s:s, s:{s:s, s:{s:s}}, s:o, s:s, s:[], s:s, s:o}", "verifier", "id", "okse " OKSE_VERSION,
        "timeVerified", time, "resourceUri", name, "policy", "uri", "trust.yaml", "digest", "sha256",
        okse_sha256_hex(&verifying->trust->digest, policy), "inputAttestations", inputs_json(bundle),
        "verificationResult", verified->verification->verified ? "PASSED" : "FAILED", "verifiedLevels", "slsaVersion",
        "1.0", "okse_verification", okse_verification_json(verified, verifying, clock));
    g_autoptr(json_t) statement = json_pack("{s:s, s:[], s:s, s:o}", "_type", OKSE_STATEMENT_TYPE, "subject",
                                            "predicateType", OKSE_PREDICATE_VSA, "predicate", predicate);

    if (bundle != NULL)
        json_array_append_new(json_object_get(statement, "subject"),
                              json_pack("{s:s, s:{s:s}}", "name", name, "digest", "sha256",
                                        okse_sha256_hex(okse_bundle_identity(bundle), identity)));
    return okse_json_write(statement);
}

static void signature_words(GString *text, const OkseSignatureVerdict *verdict)
{
    g_autofree char *model = verdict->component != NULL ? g_strdup_printf("weights %s", verdict->component) : NULL;
    bool built = g_strcmp0(verdict->predicate, OKSE_PREDICATE_PROVENANCE) == 0;
    const char *what = model != NULL ? model : verdict->role != NULL ? verdict->role : built ? "provenance" : "?";
    g_autofree char *role = okse_text_show(what, -1, false);
    g_autofree char *signer = okse_text_show(verdict->signer != NULL ? verdict->signer : "unknown signer", -1, false);

    g_string_append_printf(text, "  %-9s %s: %s", verdict->status, role, signer);
    if (verdict->algorithm != NULL)
        g_string_append_printf(text, ", %s", verdict->algorithm);
    if (verdict->signed_at != NULL)
        g_string_append_printf(text, ", signed %s", verdict->signed_at);
    if (verdict->timestamp != NULL)
        g_string_append_printf(text, ", timestamped %s", verdict->timestamp);
    g_string_append_c(text, '\n');
    if (verdict->reason != NULL) {
        g_autofree char *reason = okse_text_show(verdict->reason, -1, false);

        g_string_append_printf(text, "            %s\n", reason);
    }
}

static void bundle_words(GString *text, const OkseBundle *bundle)
{
    g_autofree char *name = okse_text_show(okse_bundle_name(bundle), -1, false);
    g_autofree char *version = okse_text_show(okse_bundle_version(bundle), -1, false);
    g_autofree char *country = okse_text_show(okse_bundle_country(bundle), -1, false);
    char identity[OKSE_SHA256_TEXT];

    g_string_append_printf(text, "  bundle    %s %s (sequence %" G_GUINT64_FORMAT ", for %s)\n  identity  %s\n", name,
                           version, okse_bundle_sequence(bundle), country,
                           okse_sha256_text(okse_bundle_identity(bundle), identity));
}

static void checked_words(GString *text, const OkseVerified *verified, const OkseVerifying *verifying)
{
    const OkseChecked *checked = &verified->checked;
    g_autofree char *by_verity = okse_text_size(checked->by_verity);
    g_autofree char *by_sha256 = okse_text_size(checked->by_sha256);
    g_autofree char *resumed = okse_text_size(checked->resumed);

    g_string_append_printf(text, "  checked   %u blobs, every byte: ", okse_bundle_blobs(verified->bundle));
    if (verifying->checking.both)
        g_string_append_printf(text, "%s by SHA-256, %s of it by fs-verity tree too\n", by_sha256, by_verity);
    else if (checked->by_sha256 == 0)
        g_string_append_printf(text, "%s by fs-verity tree\n", by_verity);
    else if (checked->by_verity == 0)
        g_string_append_printf(text, "%s by SHA-256\n", by_sha256);
    else
        g_string_append_printf(text, "%s by fs-verity tree, %s by SHA-256\n", by_verity, by_sha256);
    if (checked->since != NULL)
        g_string_append_printf(text, "            %s of it in a run that began %s and was interrupted\n", resumed,
                               checked->since);
    if (verifying->checking.merge != NULL)
        g_string_append_printf(text, "            by %u shards, whose records were believed\n",
                               okse_shard_merge_count(verifying->checking.merge));
}

static void thin_words(GString *text, const OkseThinReport *thin)
{
    g_autofree char *words = okse_thin_words(thin);
    g_autofree char *shown = okse_text_show(words, -1, false);

    g_string_append_printf(text, "  thin      %s\n", shown);
}

char *okse_verification_words(const OkseVerified *verified, const OkseVerifying *verifying, const char *clock)
{
    const OkseVerification *verification = verified->verification;
    GString *text = g_string_new(verification->verified ? "VERIFIED\n" : "REFUSED\n");
    g_autofree char *time = okse_text_time(verifying->terms.now);

    if (verified->bundle != NULL)
        bundle_words(text, verified->bundle);
    if (verification->verified)
        checked_words(text, verified, verifying);
    if (verified->thin != NULL)
        thin_words(text, verified->thin);
    g_string_append_printf(text, "  clock     %s (%s)\n  policy    %s\n", time, clock, verifying->trust->origin);
    for (guint i = 0; i < verification->signatures->len; i++)
        signature_words(text, g_ptr_array_index(verification->signatures, i));
    for (guint i = 0; i < verification->notes->len; i++) {
        g_autofree char *note = okse_text_show(g_ptr_array_index(verification->notes, i), -1, false);

        g_string_append_printf(text, "  note      %s\n", note);
    }
    for (guint i = 0; i < verification->reasons->len; i++) {
        g_autofree char *reason = okse_text_show(g_ptr_array_index(verification->reasons, i), -1, false);

        g_string_append_printf(text, "  refused:  %s\n", reason);
    }
    return g_string_free(text, FALSE);
}
