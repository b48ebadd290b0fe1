#include "audit/report_pdf_sign.h"

#include <string.h>

#define ROOM 12288u /* bytes of a signature with its chain of certificates */
/* Where the ranges will stand: numbers that no such file reaches, in as many digits as there may be. */
#define RANGES "/ByteRange [ 0 9999999991 9999999992 9999999993 ]"

char *okse_pdf_signature_room(gint64 signed_at)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(signed_at);
    g_autofree char *date = g_date_time_format(time, "%Y%m%d%H%M%S");
    g_autofree char *zeros = g_strnfill(2 * (gsize)ROOM, '0');

    return g_strdup_printf("<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /M (D:%sZ) " RANGES
                           " /Contents <%s> >>",
                           date, zeros);
}

/* The one occurrence of `text` at or behind `from`; NULL when there is none or another one. */
static char *find_only(char *from, const char *end, const char *text)
{
    char *found = memmem(from, (size_t)(end - from), text, strlen(text));

    return found != NULL && memmem(found + 1, (size_t)(end - found - 1), text, strlen(text)) == NULL ? found : NULL;
}

/* Source: ISO 32000-1 §12.8.1: everything but the hexadecimal string with its brackets. */
static bool write_ranges(char *ranges, size_t before, size_t after, size_t length)
{
    char text[sizeof RANGES];
    int written = g_snprintf(text, sizeof text, "/ByteRange [ 0 %zu %zu %zu", before, after, length - after);

    if (written < 0 || (size_t)written + 2 > strlen(RANGES))
        return false;
    memset(ranges, ' ', strlen(RANGES));
    memcpy(ranges, text, (size_t)written);
    ranges[strlen(RANGES) - 1] = ']';
    return true;
}

static bool write_signature(char *room, GBytes *signature, GError **error)
{
    gsize length;
    const guchar *bytes = g_bytes_get_data(signature, &length);

    if (length > ROOM)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "the signature with its certificates takes %zu bytes, and a PDF has room for %u: leave the "
                         "root out of the chain",
                         length, ROOM);
    for (gsize i = 0; i < length; i++) {
        room[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        room[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    return true;
}

GBytes *okse_pdf_sign(GBytes *pdf, const OkseKey *key, const OkseCertificates *chain, GError **error)
{
    gsize length;
    const char *data = g_bytes_get_data(pdf, &length);
    g_autofree char *copy = g_memdup2(data, length);
    char *ranges = find_only(copy, copy + length, RANGES), *room;
    g_autoptr(GByteArray) covered = g_byte_array_new();
    g_autoptr(GBytes) content = NULL, signature = NULL;
    size_t before, after;

    room = ranges != NULL ? memmem(ranges, (size_t)(copy + length - ranges), "/Contents <", 11) : NULL;
    if (room == NULL || room + 11 + 2 * (size_t)ROOM >= copy + length || length > G_MAXINT)
        return (void)okse_fail(error, OKSE_ERROR_SYSTEM, "the PDF has no room for a signature"), NULL;
    before = (size_t)(room - copy) + 10;
    after = before + 2 + 2 * (size_t)ROOM;
    if (copy[before] != '<' || copy[after - 1] != '>' || !write_ranges(ranges, before, after, length))
        return (void)okse_fail(error, OKSE_ERROR_SYSTEM, "the PDF has no room for a signature"), NULL;
    g_byte_array_append(covered, (const guint8 *)copy, (guint)before);
    g_byte_array_append(covered, (const guint8 *)copy + after, (guint)(length - after));
    content = g_byte_array_free_to_bytes(g_steal_pointer(&covered));
    signature = okse_cms_sign(content, key, chain, NULL, error);
    if (signature == NULL || !write_signature(copy + before + 1, signature, error))
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&copy), length);
}
