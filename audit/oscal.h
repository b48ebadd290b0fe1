#pragma once

#include "audit/report_uuid.h"

#include <glib.h>
#include <jansson.h>

/* Small parts of every OSCAL document that Okse writes. Source: NIST OSCAL 1.1.3, JSON schemas and constraints. */
#define OKSE_OSCAL_VERSION "1.1.3"
#define OKSE_OSCAL_NS "https://okse.dev/ns/oscal"

/* One line without white space at its ends, never empty: what OSCAL's string types ask for. NULL becomes "-". */
json_t *okse_oscal_line(const char *text) G_GNUC_WARN_UNUSED_RESULT;
/* The English of a language map, as a line. */
json_t *okse_oscal_line_of(const json_t *texts) G_GNUC_WARN_UNUSED_RESULT;

/* {"name","ns","value"}, in Okse's name space. */
json_t *okse_oscal_property(const char *name, const char *value) G_GNUC_WARN_UNUSED_RESULT;

/* Empty lists are not allowed in OSCAL: they are left out. Takes `list`. */
void okse_oscal_set_list(json_t *object, const char *key, json_t *list);

/* The UUID of the catalog of a law: of its digest and the profiles that tailored it (their list, or NULL). Returns
 * text. */
char *okse_oscal_catalog_uuid(const char *manifests, const json_t *profiles, char text[OKSE_UUID_TEXT]);
