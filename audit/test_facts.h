#pragma once

#include <jansson.h>

/* The facts of a test: `given` replaces members of empty facts (every list empty), in each fact what is left out is
 * filled from the `default` values of the facts' schema, facts without id get one, and collectors that are not named
 * are complete. A new value. */
json_t *okse_test_facts(const json_t *given, const json_t *schema);
