/* A file of certificates, on arbitrary bytes: whatever it is, what is told of it is valid UTF-8 and bounded. The same
 * bytes as a list of TLS versions: the answer is one of those there are. */
#include "audit/collect_tls.h"
#include "audit/tls_words.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(const char *text)
{
    static const char *const known[] = {"0.2", "0.3", "1.0", "1.1", "1.2", "1.3", NULL};
    const char *list = okse_tls_minimum("protocols", text), *one = okse_tls_minimum("minimum", text);

    g_assert(list == NULL || g_strv_contains(known, list));
    g_assert(one == NULL || g_strv_contains(known, one));
    g_assert(okse_tls_minimum("ciphers", text) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) facts = NULL;
    g_autofree char *text = size == 0 ? g_strdup("") : g_strndup((const char *)data, size);
    char *dump;
    bool more = false;

    check_words(text);
    facts = okse_certificates_describe(bytes, "x.pem", &more, &error);
    g_assert(facts == NULL || (error == NULL && json_array_size(facts) <= OKSE_CERTIFICATES_OF_FILE));
    g_assert(facts == NULL || json_array_size(facts) > 0);
    dump = facts == NULL ? NULL : json_dumps(facts, JSON_COMPACT);
    g_assert(facts == NULL || (dump != NULL && g_utf8_validate(dump, -1, NULL)));
    g_assert(dump == NULL || strstr(dump, "\"subject\":") != NULL);
    free(dump);
    return 0;
}
