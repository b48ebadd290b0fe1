#pragma once

#include "core/json.h"
#include "packager/readable.h"

/* What a file that was compiled for a device says of itself: the release of the kit that made it, the architecture of
 * the model, and values that must be those of the model's config.json. rule: a row of `artefacts` of
 * manifests/compatibility.yaml, whose keys are looked for at any depth; a key with two values says nothing.
 * Returns {"train","architecture","same":{key: scalar},"read":true|false}, null where nothing is said; read is false
 * where the file has no form that can be read. A new value, with texts made safe. Errors: those of reading the file. */
json_t *okse_artefact_read(const json_t *rule, const OkseReadable *file, GError **error) G_GNUC_WARN_UNUSED_RESULT;
