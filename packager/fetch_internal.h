#pragma once

#include "packager/fetch.h"
#include "packager/stack.h"

/* For fetch*.c only. */
typedef struct {
    const OkseFetchRequest *request;
    OkseHttp *http;
    int cache_fd, partial_fd;
    uint64_t fetched, reused; /* bytes, of the source at hand */
} Fetch;

/* Both add what they found to row. Errors: as okse_fetch(). */
bool fetch_image(Fetch *fetch, const OkseStackSource *source, json_t *row, GError **error);
bool fetch_repository(Fetch *fetch, const OkseStackSource *source, json_t *row, GError **error);
