#pragma once

#include "core/error.h"

#include <curl/curl.h>

/* libcurl, loaded when something is fetched and at no other time: it brings fifteen libraries with it, which every
 * start of every command would pay for (docs/decisions/0023-libcurl-on-demand.md). */
typedef struct {
    void *handle;
    typeof(curl_easy_init) *easy_init;
    typeof(curl_easy_setopt) *easy_setopt;
    typeof(curl_easy_perform) *easy_perform;
    typeof(curl_easy_getinfo) *easy_getinfo;
    typeof(curl_easy_reset) *easy_reset;
    typeof(curl_easy_cleanup) *easy_cleanup;
    typeof(curl_easy_strerror) *easy_strerror;
    typeof(curl_slist_append) *slist_append;
    typeof(curl_slist_free_all) *slist_free_all;
} OkseCurl;

/* Errors: SYSTEM when it is not installed or too old. It stays loaded. */
bool okse_curl_load(OkseCurl *curl, GError **error);
