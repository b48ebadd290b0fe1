#pragma once

#include "core/json.h"
#include "core/resource.h"

/* What fits together (manifests/compatibility.yaml). */

/* The table, checked. A new value. Errors: those of reading the data; INVALID with every place. */
json_t *okse_compatibility_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What is compared:
 *   packages   {"component","type","name","version","by"}: of packages, and of programs that an image's config names
 *   models     {"component","architecture","config"}
 *   artefacts  {"component","path","kit","format","train","architecture","same","compiled":{…}|null,"confidence"}
 *   drivers    {"component","devices","kernel","systems","architectures","train"}
 *   hosts      {"name","kernel","system","architecture","devices","by"}, null where nobody says
 * Returns [{"rule","subject","needs","found","agrees","confidence","by"}]; agrees is null where it is not known, and
 * found says why. A new value. */
json_t *okse_compatibility_compare(const json_t *table, const json_t *fitting) G_GNUC_WARN_UNUSED_RESULT;

/* The programs whose version an image's config states: [{"name","version","by"}], by "env NAME" or "label NAME". A new
 * value, with texts made safe. */
json_t *okse_compatibility_image(const json_t *table, const json_t *config) G_GNUC_WARN_UNUSED_RESULT;
