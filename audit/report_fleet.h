#pragma once

#include "core/resource.h"

#include <jansson.h>

/* The renderers behind okse_fleet_render(); the document is checked, the language is known. */
GBytes *okse_fleet_text(const json_t *fleet, const char *language, const OkseResources *resources, GError **error);
GBytes *okse_fleet_csv(const json_t *fleet, const char *language, const OkseResources *resources, GError **error);
GBytes *okse_fleet_markdown(const json_t *fleet, const char *language, const OkseResources *resources, GError **error);
GBytes *okse_fleet_html(const json_t *fleet, const char *language, const OkseResources *resources, GError **error);
