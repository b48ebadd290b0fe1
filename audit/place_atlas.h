#pragma once

#include "audit/place.h"
#include "core/digest.h"

#include <maxminddb.h>

/* What is inside an atlas: for audit/place*.c only. */
struct OkseAtlas {
    const OkseSite *site;
    json_t *table;
    GArray *patterns; /* Pattern */
    MMDB_s geo;
    bool has_geo;
    OkseSha256 geo_digest;
};

/* The country code of an entry of the database, or NULL. Owned by the caller. */
char *okse_atlas_geo_country(MMDB_entry_s *entry) G_GNUC_WARN_UNUSED_RESULT;
