#pragma once

#include "audit/place.h"

/* Inside the repair: which facts stand on a line of a configuration file, and the facts without it. */
typedef struct {
    char *path, *excerpt; /* as the facts say; excerpt: the line, stripped, secrets masked */
    char *digest;         /* of the file */
    char *component;      /* of the installed bundle, or NULL */
    unsigned number;      /* of the line, from 1 */
    json_t *hosts;        /* of the endpoints on it, sorted, each once */
    json_t *replaced;     /* host → other host, for those that get another; empty: the line goes */
} OkseRepairLine;

void okse_repair_line_free(gpointer line);
/* By path and number; for g_ptr_array_sort(). */
int okse_repair_line_compare(gconstpointer a, gconstpointer b);

/* The lines on which something stands that goes away with the line, out of the evidence of `findings` that are open and
 * mandatory: OkseRepairLine, in the order of path and number, each once. replacements: host → other host. */
GPtrArray *okse_repair_lines(const json_t *facts, const json_t *findings,
                             const json_t *replacements) G_GNUC_WARN_UNUSED_RESULT;

/* Where replaced hosts are; site: as in the facts, or JSON null. Errors: those of okse_atlas_open(). */
typedef struct {
    OkseSite *site; /* may be NULL */
    OkseAtlas *atlas;
} OkseRepairPlaces;
bool okse_repair_places_open(const json_t *site, const OkseResources *resources, OkseRepairPlaces *places,
                             GError **error);
void okse_repair_places_clear(OkseRepairPlaces *places);

/* The facts without what stands on those of `lines` whose `taken` is set, and with replaced endpoints where they go
 * now. What follows from facts inside the document follows again; what a collector would have to look at is as before.
 * A new value that shares what did not change. */
json_t *okse_repair_without(const json_t *facts, const GPtrArray *lines, const bool *taken,
                            const OkseRepairPlaces *places) G_GNUC_WARN_UNUSED_RESULT;
