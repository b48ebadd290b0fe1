/* A sigstore bundle from a courier: read, its certificates, timestamps and statement too. What is read is written and
 * read again to the same signed bytes. */
#include "packager/certificate.h"
#include "packager/sigstore_bundle.h"
#include "packager/statement.h"
#include "packager/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_statement(GBytes *payload)
{
    g_autoptr(GError) error = NULL;
    g_auto(OkseStatement) statement = {0};
    g_auto(OkseRelease) release = {0};
    bool read = okse_statement_read(payload, "fuzz", &statement, &error);

    g_assert(read == (error == NULL));
    if (!read || !okse_statement_counts(&statement))
        return;
    read = okse_release_read(&statement, "fuzz", &release, &error);
    g_assert(read == (error == NULL));
    if (read) {
        g_autoptr(GBytes) written = okse_release_write(&release, &statement.subject);
        g_auto(OkseStatement) again = {0};

        g_assert_true(okse_statement_read(written, "again", &again, NULL));
        g_assert_true(okse_sha256_equal(&again.subject, &statement.subject));
    }
}

static void look_at_material(const OkseSigstoreBundle *bundle)
{
    g_autoptr(OkseCertificates) chain = okse_certificates_read_der(bundle->certificates, "fuzz", NULL);
    g_autoptr(OkseCertificates) none = okse_certificates_new();

    if (chain != NULL && okse_certificates_count(chain) > 0) {
        g_autoptr(OkseKey) key = okse_certificate_key(chain, 0, NULL);
        g_autoptr(OkseCertificates) path = okse_chain_verify(chain, none, none, 1790000000, NULL);
        OkseConstraints constraints = {.san = (char *)(uintptr_t) "x", .eku = (char *)(uintptr_t) "codeSigning"};

        g_assert_null(path); /* without anchors nothing is trusted */
        g_assert(key == NULL || okse_key_algorithm(key) != NULL);
        okse_certificate_matches(okse_certificates_get(chain, 0), &constraints);
    }
    for (guint i = 0; i < bundle->timestamps->len; i++) {
        gint64 time;

        g_assert_false(okse_timestamp_verify(g_ptr_array_index(bundle->timestamps, i), bundle->envelope.signature, none,
                                             &time, NULL));
        okse_timestamp_over(g_ptr_array_index(bundle->timestamps, i), bundle->envelope.signature);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseSigstoreBundle) bundle = okse_sigstore_read(bytes, "fuzz", &error);

    g_assert((bundle == NULL) == (error != NULL));
    look_at_statement(bytes);
    if (bundle != NULL) {
        OkseSigstoreMaterial material = {bundle->hint != NULL ? bundle->hint : "", bundle->certificates, NULL};
        g_autoptr(GBytes) written =
            okse_sigstore_write(bundle->envelope.payload, bundle->envelope.signature, &material);
        g_autoptr(OkseSigstoreBundle) again = okse_sigstore_read(written, "again", NULL);

        g_assert_nonnull(again);
        g_assert_true(g_bytes_equal(again->envelope.payload, bundle->envelope.payload));
        g_assert_true(g_bytes_equal(again->envelope.signature, bundle->envelope.signature));
        look_at_statement(bundle->envelope.payload);
        look_at_material(bundle);
    }
    return 0;
}
