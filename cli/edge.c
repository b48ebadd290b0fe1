#include "cli/edge.h"

#include "core/fd.h"
#include "core/text.h"

#include <openssl/crypto.h>
#include <string.h>
#include <time.h>

#define PASSPHRASE_LIMIT 1024u

bool okse_edge_signing_time(gint64 *seconds, GError **error)
{
    const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
    guint64 value;

    if (epoch == NULL || epoch[0] == '\0') {
        *seconds = (gint64)time(NULL);
        return true;
    }
    if (!g_ascii_string_to_unsigned(epoch, 10, 0, 253402300799u, &value, NULL)) /* the end of the year 9999 */
        return okse_fail(error, OKSE_ERROR_INVALID, "SOURCE_DATE_EPOCH is no number of seconds since 1970");
    *seconds = (gint64)value;
    return true;
}

bool okse_edge_verification_time(const char *at, gint64 *seconds, const char **clock, GError **error)
{
    *clock = at != NULL ? "--at" : "system";
    if (at == NULL) {
        *seconds = (gint64)time(NULL);
        return true;
    }
    return okse_text_time_parse(at, seconds) ||
           okse_fail(error, OKSE_ERROR_INVALID, "--at '%s' is no time (2026-11-23 or 2026-11-23T07:30:00Z)", at);
}

bool okse_edge_passphrase(const char *number, OksePassphrase *passphrase, GError **error)
{
    g_autofree char *buffer = NULL;
    size_t length = 0;
    guint64 fd;

    if (number == NULL)
        return true;
    if (!g_ascii_string_to_unsigned(number, 10, 0, 65535, &fd, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--passphrase-fd '%s' is no descriptor number", number);
    buffer = g_malloc0(PASSPHRASE_LIMIT + 1);
    while (length < PASSPHRASE_LIMIT) {
        ssize_t got = read((int)fd, buffer + length, PASSPHRASE_LIMIT - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            OPENSSL_cleanse(buffer, PASSPHRASE_LIMIT);
            return okse_fail_errno(error, "read the passphrase from descriptor %s", number);
        }
        if (got == 0 || memchr(buffer + length, '\n', (size_t)got) != NULL)
            break;
        length += (size_t)got;
    }
    buffer[strcspn(buffer, "\r\n")] = '\0';
    passphrase->text = g_steal_pointer(&buffer);
    return true;
}

void okse_passphrase_clear(OksePassphrase *passphrase)
{
    if (passphrase->text != NULL)
        OPENSSL_cleanse(passphrase->text, PASSPHRASE_LIMIT);
    g_clear_pointer(&passphrase->text, g_free);
}
