#pragma once

#include "core/error.h"

#include <microhttpd.h>

/* GNU libmicrohttpd, loaded when something is served and at no other time: with GnuTLS behind it it is larger than Okse
 * (docs/decisions/0052-registry-by-libmicrohttpd.md). */
typedef struct {
    typeof(MHD_start_daemon) *start_daemon;
    typeof(MHD_quiesce_daemon) *quiesce_daemon;
    typeof(MHD_stop_daemon) *stop_daemon;
    typeof(MHD_is_feature_supported) *is_feature_supported;
    typeof(MHD_get_connection_info) *get_connection_info;
    typeof(MHD_lookup_connection_value) *lookup_connection_value;
    typeof(MHD_get_connection_values) *get_connection_values;
    typeof(MHD_queue_response) *queue_response;
    typeof(MHD_add_response_header) *add_response_header;
    typeof(MHD_destroy_response) *destroy_response;
    typeof(MHD_create_response_from_fd_at_offset64) *response_from_fd;
    typeof(MHD_create_response_from_callback) *response_from_callback;
    typeof(MHD_create_response_from_buffer_with_free_callback_cls) *response_from_buffer;
} OkseHttpd;

/* Errors: SYSTEM when it is not installed or too old. It stays loaded. */
bool okse_httpd_load(OkseHttpd *httpd, GError **error);
