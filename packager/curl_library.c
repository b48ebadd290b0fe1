#include "packager/curl_library.h"

#include <dlfcn.h>

#define SONAME "libcurl.so.4"

bool okse_curl_load(OkseCurl *curl, GError **error)
{
    typeof(curl_global_init) *global_init = NULL;
    const struct {
        const char *name;
        void *at;
    } wanted[] = {
        {"curl_global_init", &global_init},         {"curl_easy_init", &curl->easy_init},
        {"curl_easy_setopt", &curl->easy_setopt},   {"curl_easy_perform", &curl->easy_perform},
        {"curl_easy_getinfo", &curl->easy_getinfo}, {"curl_easy_reset", &curl->easy_reset},
        {"curl_easy_cleanup", &curl->easy_cleanup}, {"curl_easy_strerror", &curl->easy_strerror},
        {"curl_slist_append", &curl->slist_append}, {"curl_slist_free_all", &curl->slist_free_all},
    };

    curl->handle = dlopen(SONAME, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
    if (curl->handle == NULL)
        return okse_fail(error, OKSE_ERROR_SYSTEM,
                         "libcurl cannot be loaded, and fetching needs it (Debian: libcurl4)");
    for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++) {
        void *symbol = dlsym(curl->handle, wanted[i].name);

        if (symbol == NULL)
            return okse_fail(error, OKSE_ERROR_SYSTEM, "libcurl has no %s; it is too old", wanted[i].name);
        *(void **)wanted[i].at = symbol; /* as dlsym(3) prescribes */
    }
    return global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ||
           okse_fail(error, OKSE_ERROR_SYSTEM, "libcurl cannot be started");
}
