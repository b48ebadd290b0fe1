#pragma once

#include "core/digest.h"
#include "core/resource.h"

/* Which license a text is: by its bytes, by its words, or by how many runs of words it shares with a known text.
 * Definitions: docs/licenses.md. */
#define OKSE_SKETCH 128u
typedef struct {
    OkseSha256 bytes, words; /* of the file; of its words, joined by one space */
    uint16_t sketch[OKSE_SKETCH];
    bool has_sketch; /* five words or more */
} OkseFingerprint;

OkseFingerprint okse_fingerprint_of(GBytes *text);

/* The words of a text in order, as they are compared, joined by one space. For what must be found inside others. */
char *okse_license_words(GBytes *text) G_GNUC_WARN_UNUSED_RESULT;

/* Known texts: manifests/license-texts.yaml. */
typedef struct OkseLicenseTexts OkseLicenseTexts;
OkseLicenseTexts *okse_license_texts_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_license_texts_free(OkseLicenseTexts *texts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseLicenseTexts, okse_license_texts_free)

typedef struct {
    const char *id; /* of the nearest text, even when it is not near enough; NULL when nothing is shared; borrowed */
    const char *method; /* "digest", "normalised", "similarity"; NULL when it is none of the known texts */
    unsigned score;     /* hundredths that are shared, rounded down */
} OkseLicenseMatch;
OkseLicenseMatch okse_license_match(const OkseLicenseTexts *texts, const OkseFingerprint *fingerprint);
