/* The one error domain. See error.h for which code means what. */
#include "core/error.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* GLib's own macro for this is no atomic store, and workers fail at the same time. */
GQuark okse_error_quark(void)
{
    static _Atomic GQuark quark;

    if (atomic_load(&quark) == 0)
        atomic_store(&quark, g_quark_from_static_string("okse-error-quark"));
    return atomic_load(&quark);
}

bool okse_fail(GError **error, OkseError code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (error != NULL)
        *error = g_error_new_valist(OKSE_ERROR, (int)code, format, arguments);
    va_end(arguments);
    return false;
}

bool okse_fail_errno(GError **error, const char *format, ...)
{
    int saved = errno;
    OkseError code = saved == ENOENT || saved == ENOTDIR ? OKSE_ERROR_NOT_FOUND : OKSE_ERROR_SYSTEM;
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return okse_fail(error, code, "%s: %s", what, g_strerror(saved));
}

int okse_exit_status(const GError *error)
{
    if (error == NULL)
        return 0;
    if (error->domain != OKSE_ERROR)
        return error->domain == G_OPTION_ERROR ? 2 : 3;
    switch ((OkseError)error->code) { /* no default: -Wswitch-enum finds a new code */
    case OKSE_ERROR_REFUSED:
        return 1;
    case OKSE_ERROR_INVALID:
        return 2;
    case OKSE_ERROR_SYSTEM:
    case OKSE_ERROR_NOT_FOUND:
    case OKSE_ERROR_CANCELLED:
        return 3;
    }
    return 3;
}
