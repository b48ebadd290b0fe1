/* trust.yaml; the files it names hold a key, or the input itself (certificates, revocation lists, keys). */
#include "packager/trust.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* openssl genpkey -algorithm ed25519 | openssl pkey -pubout */
static const char key[] = "-----BEGIN PUBLIC KEY-----\n"
                          "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                          "-----END PUBLIC KEY-----\n";

static GBytes *open_file(const char *name, void *context, GError **error)
{
    GBytes *input = context;

    if (g_str_has_suffix(name, ".pub"))
        return g_bytes_new_static(key, strlen(key));
    if (g_str_has_prefix(name, "missing")) {
        okse_fail(error, OKSE_ERROR_NOT_FOUND, "%s: is not there", name);
        return NULL;
    }
    return g_bytes_ref(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseTrust) trust = okse_trust_read(bytes, "fuzz", open_file, bytes, &error);
    g_autoptr(OkseCrl) crl = okse_crl_read(bytes, "fuzz", 0, NULL);
    g_autoptr(OkseCertificates) certificates = okse_certificates_read_pem(bytes, "fuzz", NULL);
    g_autoptr(OkseKey) public_key = okse_key_read_public(bytes, "fuzz", NULL);

    g_assert((trust == NULL) == (error != NULL));
    g_assert(public_key == NULL || okse_key_algorithm(public_key) != NULL);
    g_assert(certificates == NULL || okse_certificates_count(certificates) > 0);
    if (crl != NULL) {
        g_autofree char *issuer = okse_crl_issuer(crl);

        g_assert_nonnull(issuer);
        okse_crl_fresh(crl, 1790000000, NULL);
    }
    if (trust != NULL) {
        g_autofree char *words = okse_trust_describe(trust);

        g_assert_cmpuint(trust->roles->len, >, 0);
        g_assert_cmpuint(strlen(words), >, 0);
    }
    return 0;
}
