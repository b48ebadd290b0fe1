/* DER from a courier, where no base64 and JSON stand in the fuzzer's way: a certificate, a timestamp, a revocation
 * list. */
#include "packager/certificate.h"
#include "packager/revocation.h"
#include "packager/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_certificate(GBytes *der, const OkseCertificates *none)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    g_autoptr(OkseCertificates) chain = NULL;
    gint64 from, until;

    g_ptr_array_add(list, der);
    chain = okse_certificates_read_der(list, "fuzz", NULL);
    if (chain == NULL)
        return;
    for (unsigned i = 0; i < okse_certificates_count(chain); i++) {
        X509 *certificate = okse_certificates_get(chain, i);
        g_autofree char *subject = okse_certificate_subject(certificate);
        g_autoptr(OkseKey) key = okse_certificate_key(chain, i, NULL);
        OkseConstraints constraints = {.subject = (char *)(uintptr_t) "CN=a,O=b",
                                       .issuer = (char *)(uintptr_t) "CN=c",
                                       .san = (char *)(uintptr_t) "a@example.org",
                                       .eku = (char *)(uintptr_t) "1.3.6.1.5.5.7.3.3"};

        g_assert_nonnull(subject);
        g_assert(key == NULL || okse_key_algorithm(key) != NULL);
        okse_certificate_validity(certificate, &from, &until);
        okse_certificate_matches(certificate, &constraints);
    }
    /* its own anchor: whatever holds then must not crash on the way */
    okse_certificates_free(okse_chain_verify(chain, chain, none, 1790000000, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) der = g_bytes_new(data, size);
    g_autoptr(GBytes) signature = g_bytes_new_static("signature", 9);
    g_autoptr(OkseCertificates) none = okse_certificates_new();
    g_autoptr(OkseCrl) crl = okse_crl_read(der, "fuzz", 86400, NULL);
    gint64 time;

    look_at_certificate(der, none);
    g_assert_false(okse_timestamp_verify(der, signature, none, &time, NULL));
    okse_timestamp_over(der, signature);
    if (crl != NULL) {
        g_autofree char *issuer = okse_crl_issuer(crl);

        g_assert_nonnull(issuer);
        okse_crl_fresh(crl, 1790000000, NULL);
    }
    return 0;
}
