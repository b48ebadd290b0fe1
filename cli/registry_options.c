#include "cli/registry_options.h"

#include "core/fd.h"
#include "core/limits.h"

#include <stdlib.h>
#include <string.h>

#define RETRIES 5u
#define LEAST_RATE 16384u /* below that a transfer looks like one that stands still */

static OkseCredentials *read_credentials(const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_METADATA, error);

    return bytes == NULL ? NULL : okse_credentials_read(bytes, path, error);
}

bool cli_credentials_find(const char *named, OkseCredentials **credentials, GError **error)
{
    g_autofree char *usual = g_build_filename(g_get_home_dir(), ".docker", "config.json", NULL);
    g_autoptr(GError) cause = NULL;

    if (named == NULL)
        named = getenv("REGISTRY_AUTH_FILE"); /* NOLINT(concurrency-mt-unsafe) */
    *credentials = read_credentials(named != NULL ? named : usual, &cause);
    if (*credentials != NULL || (named == NULL && g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND)))
        return true;
    g_propagate_prefixed_error(error, g_steal_pointer(&cause), "credentials: ");
    return false;
}

static bool read_rate(const char *text, uint64_t *rate)
{
    static const char units[] = "KMG";
    size_t length = strlen(text);
    const char *unit = length == 0 ? NULL : strchr(units, g_ascii_toupper(text[length - 1]));
    g_autofree char *digits = g_strndup(text, unit != NULL ? length - 1 : length);
    unsigned shift = unit != NULL ? (unsigned)(unit - units + 1) * 10 : 0;
    guint64 number = 0;

    if (!g_ascii_string_to_unsigned(digits, 10, 1, G_MAXUINT32, &number, NULL))
        return false;
    *rate = number << shift;
    return *rate >= LEAST_RATE;
}

bool cli_patience_read(const char *retries, const char *rate, OkseHttpSettings *settings, GError **error)
{
    guint64 tries = RETRIES;

    if (retries != NULL && !g_ascii_string_to_unsigned(retries, 10, 0, 100, &tries, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--retries must be a number from 0 to 100");
    settings->retries = (unsigned)tries;
    return rate == NULL || read_rate(rate, &settings->rate) ||
           okse_fail(error, OKSE_ERROR_INVALID,
                     "--limit-rate must be bytes a second, at least 16K: 500K, 10M, 1G or a plain number");
}
