#pragma once

#include "audit/collector.h"

/* What a program's configuration says of TLS, from the tables of manifests/software/. */
typedef struct {
    const char *program, *what; /* protocols minimum ciphers kex macs */
    const char *value, *path;
    unsigned line;
    json_t *source; /* stolen */
} OkseTlsSetting;
void okse_collect_tls_setting(OkseCollection *collection, const OkseTlsSetting *setting);

/* The configuration of a program on the host, at `path`, names a file of certificates. */
void okse_collect_certificate_named(OkseCollection *collection, const char *program, const char *path,
                                    const char *value);

/* Why the certificates or keys of a host are looked for there: manifests/certificates.yaml. A new value. Errors: those
 * of reading the data; INVALID. */
json_t *okse_certificate_places_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* certificates: those that configuration names and those in the usual places. After all configuration was read. */
void okse_collect_certificates(OkseCollection *collection);

#define OKSE_CERTIFICATES_OF_FILE 64u /* that are told */

/* The certificates of a file (PEM, or one in DER) as facts without path, source and state; at most
 * OKSE_CERTIFICATES_OF_FILE, *more when there are others. NULL without an error: it holds none. Errors: INVALID. */
json_t *okse_certificates_describe(GBytes *bytes, const char *origin, bool *more,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
