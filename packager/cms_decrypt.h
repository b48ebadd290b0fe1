#pragma once

#include "packager/certificate.h"

/* A CMS AuthEnvelopedData message in a file, decrypted from its front to its end in flat memory. OpenSSL reads its
 * structure, unwraps the key and deciphers; the profile and its limits: cms_structure.h. What is read is not to be
 * believed before okse_cms_reader_is_authentic(): GCM's tag is checked when the last byte has been read. Whoever must
 * not see a byte before reads it all, rewinds, and reads again. */
typedef struct OkseCmsReader OkseCmsReader;

/* fd: borrowed, a regular file; read by position. name: copied, for messages. Needs no key. Errors: INVALID (no such
 * message, damaged), SYSTEM. */
OkseCmsReader *okse_cms_reader_new(int fd, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_cms_reader_free(OkseCmsReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseCmsReader, okse_cms_reader_free)

/* Plain bytes; and the recipients by name (char, okse_cms_recipients()), borrowed. */
uint64_t okse_cms_reader_size(const OkseCmsReader *reader);
const GPtrArray *okse_cms_reader_recipients(const OkseCmsReader *reader);

/* Unwrap the content key. key: borrowed, in a file or a token. certificate: the key's, when it is known, else NULL;
 * then every recipient is tried. Errors: REFUSED (the message is for others: who), INVALID (a key that cannot decrypt,
 * a damaged recipient), SYSTEM. */
bool okse_cms_reader_unlock(OkseCmsReader *reader, const OkseKey *key, X509 *certificate, GError **error);

/* The next plain bytes, as many as asked for or as are left: *got; 0 at the end. Errors: REFUSED (the tag says that
 * the message was changed, or that the key is another), INVALID (the file changed or ends early), SYSTEM. */
bool okse_cms_reader_read(OkseCmsReader *reader, void *buffer, size_t length, size_t *got, GError **error);
/* The tag was good since the last rewind. */
bool okse_cms_reader_is_authentic(const OkseCmsReader *reader);
/* To the front again. Errors: SYSTEM. */
bool okse_cms_reader_rewind(OkseCmsReader *reader, GError **error);
