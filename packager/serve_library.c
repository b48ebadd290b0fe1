#include "packager/serve_library.h"

#include "core/library.h"

bool okse_httpd_load(OkseHttpd *httpd, GError **error)
{
    static const OkseLibrary library = {"libmicrohttpd.so.12", "libmicrohttpd12", "serving"};
    const OkseLibraryFunction functions[] = {
        {"MHD_start_daemon", &httpd->start_daemon},
        {"MHD_quiesce_daemon", &httpd->quiesce_daemon},
        {"MHD_stop_daemon", &httpd->stop_daemon},
        {"MHD_is_feature_supported", &httpd->is_feature_supported},
        {"MHD_get_connection_info", &httpd->get_connection_info},
        {"MHD_lookup_connection_value", &httpd->lookup_connection_value},
        {"MHD_get_connection_values", &httpd->get_connection_values},
        {"MHD_queue_response", &httpd->queue_response},
        {"MHD_add_response_header", &httpd->add_response_header},
        {"MHD_destroy_response", &httpd->destroy_response},
        {"MHD_create_response_from_fd_at_offset64", &httpd->response_from_fd},
        {"MHD_create_response_from_callback", &httpd->response_from_callback},
        {"MHD_create_response_from_buffer_with_free_callback_cls", &httpd->response_from_buffer},
    };

    return okse_library_load(&library, functions, G_N_ELEMENTS(functions), error);
}
