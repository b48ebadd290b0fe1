#pragma once

#include "packager/plan.h"

/* What an infrastructure template is called with: {"stack","country","site","telemetry","parameters"}, in the shapes of
 * docs/templates.md. The plan's other components must be planned. A new value.
 * Errors: those of reading the country's file and the switches; INVALID. */
json_t *okse_template_arguments(const OksePlan *plan, const OkseStackComponent *component,
                                const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
