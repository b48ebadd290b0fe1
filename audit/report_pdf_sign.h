#pragma once

#include "packager/cms.h"

/* A signature inside a PDF, as PAdES baseline B asks. Source: ETSI EN 319 142-1 §5.3, §6.3. */

/* A signature dictionary with room for the signature. */
char *okse_pdf_signature_room(gint64 signed_at) G_GNUC_WARN_UNUSED_RESULT;

/* Sign a PDF that was made with room. The bytes besides the room do not change. Errors: INVALID as okse_cms_sign(), or
 * when the certificates take more than the room; SYSTEM. */
GBytes *okse_pdf_sign(GBytes *pdf, const OkseKey *key, const OkseCertificates *chain,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
