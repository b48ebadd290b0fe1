#pragma once

#include "core/json.h"
#include "core/resource.h"

/* What fits together (manifests/compatibility.yaml). */

/* The table, checked. A new value. Errors: those of reading the data; INVALID with every place. */
json_t *okse_compatibility_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Compare packages ([{"name","version"}]) with each other and with models ([{"component","architecture"}]). Returns
 * [{"rule","subject","needs","found","agrees","confidence"}]: one for every model and every program of it that is
 * there, and one for every package of a train; sorted. A new value. */
json_t *okse_compatibility_compare(const json_t *table, const json_t *packages,
                                   const json_t *models) G_GNUC_WARN_UNUSED_RESULT;
