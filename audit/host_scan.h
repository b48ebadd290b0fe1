#pragma once

#include "core/resource.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Hosts that stand in any bytes as part of a URL: in plain, as UTF-16, and behind base64. A stream is seen once, in
 * memory of about 1 MiB; one thread at a time. */
typedef struct OkseHostScan OkseHostScan;

typedef enum { OKSE_HOST_PLAIN, OKSE_HOST_UTF16, OKSE_HOST_BASE64, OKSE_HOST_ENCODINGS } OkseHostEncoding;

extern const char *const okse_host_encodings[OKSE_HOST_ENCODINGS];

typedef struct {
    const char *scheme, *host; /* lower case; without brackets */
    unsigned port;             /* 0: none */
    uint64_t offset;           /* of "://" in the stream, or of what stands for it */
    unsigned line;             /* from 1; 0 in a stream with a NUL before it */
    OkseHostEncoding encoding;
} OkseHostFound;

typedef void (*OkseHostSink)(void *context, const OkseHostFound *found);

OkseHostScan *okse_host_scan_new(void) G_GNUC_WARN_UNUSED_RESULT;
void okse_host_scan_free(OkseHostScan *scan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseHostScan, okse_host_scan_free)

void okse_host_scan_begin(OkseHostScan *scan, OkseHostSink sink, void *context);
void okse_host_scan_feed(OkseHostScan *scan, const uint8_t *data, size_t length);
/* What the last bytes held is reported now. */
void okse_host_scan_end(OkseHostScan *scan);
