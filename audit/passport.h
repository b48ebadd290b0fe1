#pragma once

#include "core/json.h"
#include "core/resource.h"

/* The passport of a package: one page for people who decide about it without reading it. What it is, who made it, how
 * it scored, what it may be used for, what was checked and who signed. What nobody has said is "unknown", never left
 * out. Format: docs/passport.md. */
typedef struct {
    const json_t *facts;    /* okse.facts.v1 of the bundle: install, documents, licenses, evaluations */
    const json_t *models;   /* [{"component","config"}]: the ModelPack config of each weights component */
    const json_t *sealed;   /* the findings in the bundle, or NULL */
    const json_t *verified; /* {"verdict","at","policy","signatures":[…],"reasons":[…]}, or NULL: nobody looked */
    unsigned statements;    /* signed statements in the bundle */
} OksePassportRequest;

/* {"schema":"okse.passport.v1", …}; a new value. */
json_t *okse_passport(const OksePassportRequest *request) G_GNUC_WARN_UNUSED_RESULT;

/* As one self-contained page without scripts. language: "ko", or NULL for English. Same passport, same bytes.
 * Errors: INVALID for a language without a catalogue; those of reading the data. */
GBytes *okse_passport_html(const json_t *passport, const char *language, const OkseResources *resources,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
