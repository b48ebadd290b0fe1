#include "packager/serve_library.h"

#include <dlfcn.h>

#define SONAME "libmicrohttpd.so.12"

bool okse_httpd_load(OkseHttpd *httpd, GError **error)
{
    const struct {
        const char *name;
        void *at;
    } wanted[] = {
        {"MHD_start_daemon", &httpd->start_daemon},
        {"MHD_quiesce_daemon", &httpd->quiesce_daemon},
        {"MHD_stop_daemon", &httpd->stop_daemon},
        {"MHD_is_feature_supported", &httpd->is_feature_supported},
        {"MHD_get_connection_info", &httpd->get_connection_info},
        {"MHD_lookup_connection_value", &httpd->lookup_connection_value},
        {"MHD_queue_response", &httpd->queue_response},
        {"MHD_add_response_header", &httpd->add_response_header},
        {"MHD_destroy_response", &httpd->destroy_response},
        {"MHD_create_response_from_fd_at_offset64", &httpd->response_from_fd},
        {"MHD_create_response_from_callback", &httpd->response_from_callback},
        {"MHD_create_response_from_buffer_with_free_callback_cls", &httpd->response_from_buffer},
    };

    httpd->handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE); /* nothing can be loaded later */
    if (httpd->handle == NULL)
        return okse_fail(error, OKSE_ERROR_SYSTEM,
                         "libmicrohttpd cannot be loaded, and serving needs it (Debian: libmicrohttpd12)");
    for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++) {
        void *symbol = dlsym(httpd->handle, wanted[i].name);

        if (symbol == NULL)
            return okse_fail(error, OKSE_ERROR_SYSTEM, "libmicrohttpd has no %s; it is too old", wanted[i].name);
        *(void **)wanted[i].at = symbol; /* as dlsym(3) prescribes */
    }
    return true;
}
