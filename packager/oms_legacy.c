#include "packager/oms_legacy.h"

#include <string.h>

/* repr(bytes): single quotes unless only those occur inside; printable ASCII as it is. */
static void append_repr(GString *out, const guint8 *data, gsize length)
{
    char quote = memchr(data, '\'', length) != NULL && memchr(data, '"', length) == NULL ? '"' : '\'';

    g_string_append_printf(out, "b%c", quote);
    for (gsize i = 0; i < length; i++) {
        guint8 c = data[i];

        if (c == '\\' || c == (guint8)quote)
            g_string_append_printf(out, "\\%c", c);
        else if (c == '\t')
            g_string_append(out, "\\t");
        else if (c == '\n')
            g_string_append(out, "\\n");
        else if (c == '\r')
            g_string_append(out, "\\r");
        else if (c < 0x20 || c >= 0x7f)
            g_string_append_printf(out, "\\x%02x", c);
        else
            g_string_append_c(out, (char)c);
    }
    g_string_append_c(out, quote);
}

GBytes *okse_oms_legacy_message(const char *type, GBytes *payload)
{
    GString *message = g_string_new(NULL);
    gsize length;
    const guint8 *data = g_bytes_get_data(payload, &length);

    g_string_append_printf(message, "DSSEV1 %zu %s %" G_GSIZE_FORMAT " ", strlen(type), type, length);
    append_repr(message, data != NULL ? data : (const guint8 *)"", length);
    return g_string_free_to_bytes(message);
}
