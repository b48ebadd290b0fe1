/* The verdict itself: whatever becomes of a statement that was once signed, only the payloads that were signed are ever
 * believed. The private key of the corpus is gone. */
#include "packager/dsse.h"
#include "packager/oms.h"
#include "packager/sigstore_bundle.h"
#include "packager/trust_judge.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key[] = "-----BEGIN PUBLIC KEY-----\n"
                          "MCowBQYDK2VwAyEASnL3pfTdTKhkbMTITVlYItNJRuQ6pWdq3HQf+VHMiN8=\n"
                          "-----END PUBLIC KEY-----\n";

static const char policy[] = "okse: trust/v1\n"
                             "roles: {vendor: {signers: [{key: k.pub}]}}\n"
                             "override: {signers: [{key: k.pub}]}\n";

/* SHA-256 of the payloads that the key has signed. */
static const char *const releases[] = {"sha256:65ebe6568c7d141355d36d89b6a5e8cfe27e0d9547797532646e248fac308855",
                                       "sha256:70ee64a242d8e5804537e926f2284aad40d19c8570370b0dcc32fda5ae280d7e"};
static const char override[] = "sha256:f5d2d12eb6dd4a6a64792bdb41e4e1d65c4eea1c5f44f44e898bd88904fbe432";
static const char model[] = "sha256:710335e2f3a708d6e20505b74d76ace04e9925cb56c2ac6579fc1162106d6c3d";

static GBytes *open_key(const char *name, void *context, GError **error)
{
    (void)name;
    (void)context;
    (void)error;
    return g_bytes_new_static(key, strlen(key));
}

static bool payload_is(GBytes *statement, const char *digest)
{
    g_autoptr(OkseSigstoreBundle) bundle = okse_sigstore_read(statement, "fuzz", NULL);
    char text[OKSE_SHA256_TEXT];
    OkseSha256 found;

    if (bundle == NULL)
        return false;
    found = okse_sha256_of_bytes(bundle->envelope.payload);
    return strcmp(okse_sha256_text(&found, text), digest) == 0;
}

static void judge(GBytes *statement, const OkseTrust *trust, const GPtrArray *models)
{
    g_autoptr(GPtrArray) statements = g_ptr_array_new();
    OkseJudgeTerms terms = {.now = 1800000000, .shown = "fuzz"};
    g_autoptr(OkseVerification) verification = NULL;
    const OkseSignatureVerdict *verdict;
    OkseSha256 identity;
    OkseBundleFacts facts = {.identity = &identity,
                             .name = "civic-search",
                             .version = "1.0.0",
                             .country = "VN",
                             .sequence = 12,
                             .models = models};

    memset(identity.bytes, 0x11, OKSE_SHA256_LENGTH);
    g_ptr_array_add(statements, statement);
    verification = okse_trust_judge(&facts, statements, trust, &terms);
    verdict = g_ptr_array_index(verification->signatures, 0);
    g_assert_false(verification->rollback); /* no memory, nothing to go back from */
    g_assert(verification->verified == (verification->reasons->len == 0));
    if (verification->verified)
        g_assert(models == NULL && (payload_is(statement, releases[0]) || payload_is(statement, releases[1])));
    if (strcmp(verdict->status, "valid") == 0)
        g_assert(models != NULL ? payload_is(statement, model)
                                : payload_is(statement, releases[0]) || payload_is(statement, releases[1]));
    if (g_strcmp0(verdict->role, "override") == 0 && verdict->key != NULL)
        g_assert(payload_is(statement, override));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseTrust *trust; /* read once: what is fuzzed is the statement */
    g_autoptr(GBytes) statement = g_bytes_new(data, size);
    g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(OkseOmsFile));
    OkseOmsFile file = {"config.json", okse_sha256_of("{}", 2)};
    OkseOmsModelFacts weights = {"minilm", files};
    g_autoptr(GPtrArray) models = g_ptr_array_new();

    if (trust == NULL) {
        g_autoptr(GBytes) yaml = g_bytes_new_static(policy, strlen(policy));

        trust = okse_trust_read(yaml, "policy", open_key, NULL, NULL);
        g_assert_nonnull(trust);
    }
    g_array_append_val(files, file);
    g_ptr_array_add(models, &weights);
    judge(statement, trust, NULL);
    judge(statement, trust, models);
    return 0;
}
