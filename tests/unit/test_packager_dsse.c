#include "packager/dsse.h"

#include <string.h>

static void pae_as_specified(void)
{
    /* DSSE protocol.md, "Test Vectors" */
    g_autoptr(GBytes) payload = g_bytes_new_static("hello world", 11);
    g_autoptr(GBytes) message = okse_dsse_pae("http://example.com/HelloWorld", payload);
    const char *text = "DSSEv1 29 http://example.com/HelloWorld 11 hello world";
    g_autoptr(GBytes) expected = g_bytes_new_static(text, strlen(text));

    g_assert_true(g_bytes_equal(message, expected));
}

static void base64_is_canonical(void)
{
    const char *const good[] = {"", "QQ==", "QUI=", "QUJD", "-_-_", "+/+/", NULL};
    const char *const bad[] = {
        "Q", "QQ", "QQ=", "QR==", "QUJ=", "QQ==\n", " QQ==", "Q Q=", "+_+_", "QQ==QQ==", "=", "\xc3\xa9==", NULL};

    for (gsize i = 0; good[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes = okse_base64_read(good[i], "x", &error);

        g_assert_no_error(error);
        g_assert_nonnull(bytes);
    }
    for (gsize i = 0; bad[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes = okse_base64_read(bad[i], "x", &error);

        if (bytes != NULL)
            g_error("'%s' was taken", bad[i]);
        g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/packager/dsse/pae-as-specified", pae_as_specified);
    g_test_add_func("/packager/dsse/base64-is-canonical", base64_is_canonical);
    return g_test_run();
}
