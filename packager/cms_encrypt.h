#pragma once

#include "packager/certificate.h"

/* Bytes become a CMS AuthEnvelopedData message (RFC 5083) under AES-256-GCM, in DER, as they come: key and nonce are
 * fresh for every message, and memory is flat. `openssl cms -decrypt -inform DER -binary` opens it. */
typedef bool (*OkseCmsSink)(void *context, const void *data, size_t length, GError **error);
typedef struct OkseCmsWriter OkseCmsWriter;

/* recipients: borrowed for the call; every certificate is one, all checked by okse_cms_recipient_check(), at most
 * OKSE_LIMIT_CMS_RECIPIENTS. size: the plain bytes that will come, at most OKSE_LIMIT_CMS_PART. Writes nothing yet.
 * Errors: SYSTEM. */
OkseCmsWriter *okse_cms_writer_new(const OkseCertificates *recipients, uint64_t size,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* How long the message will be. */
uint64_t okse_cms_writer_length(const OkseCmsWriter *writer);
/* Plain bytes, in pieces of any length; the first call writes the front too. Errors: those of the sink; SYSTEM. */
bool okse_cms_writer_write(OkseCmsWriter *writer, const void *data, size_t length, OkseCmsSink sink, void *context,
                           GError **error);
/* After exactly `size` bytes. */
bool okse_cms_writer_end(OkseCmsWriter *writer, OkseCmsSink sink, void *context, GError **error);
void okse_cms_writer_free(OkseCmsWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseCmsWriter, okse_cms_writer_free)
