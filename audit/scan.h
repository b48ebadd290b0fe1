#pragma once

#include "core/resource.h"

#include <jansson.h>

/* Finding every place in a text where data can go: URLs, host:port, addresses, forwarding directives, image references;
 * with the key that it stands under and the role that follows from key, file, scheme and host
 * (manifests/endpoint-roles.yaml). Works on any bytes; lines over 8 KiB are looked at in their first 8 KiB and reported
 * as cut. */
typedef struct OkseScanner OkseScanner;

/* plain: every expression on every line, which is slow and finds the same. */
OkseScanner *okse_scanner_new(const OkseResources *resources, bool plain, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_scanner_free(OkseScanner *scanner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseScanner, okse_scanner_free)

/* manifests/scan.yaml as parsed: which files are configuration. Borrowed. */
const json_t *okse_scanner_rules(const OkseScanner *scanner);

typedef struct {
    const char *host;
    unsigned port;                /* 0: none */
    const char *scheme;           /* lower case, or NULL */
    const char *key;              /* path of keys it stands under, or NULL */
    const char *role;             /* NULL where noise is not */
    const char *direction;        /* "out" or "in" */
    const char *noise;            /* NULL, or why it is none: "comment", "namespace", "version", … */
    const char *line;             /* the whole line, without its end */
    unsigned line_number, column; /* from 1 */
} OkseScanEndpoint;

typedef struct {
    const char *name, *value, *line;
    unsigned line_number;
} OkseScanSetting;

typedef struct {
    void (*endpoint)(void *context, const OkseScanEndpoint *found);
    void (*setting)(void *context, const OkseScanSetting *found); /* environment variables */
    void *context;
} OkseScanSink;

/* file: its path, for the role. Returns false when a line was cut: over 8 KiB, or with more than 256 matches. */
bool okse_scan_text(const OkseScanner *scanner, const char *file, const char *text, size_t length,
                    const OkseScanSink *sink);
