#pragma once

#include "core/error.h"

#include <jansson.h>

/* JSON as YAML for people: block style, two spaces, members in the order of the value, texts without quotes where
 * nobody could take them for anything else, texts of several lines as literal blocks; a final newline. A new value.
 * Source: YAML 1.2.2; texts that YAML 1.1 readers would take for flags are quoted, too. */
char *okse_yaml_write(const json_t *value) G_GNUC_WARN_UNUSED_RESULT;
