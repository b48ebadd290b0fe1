#pragma once

#include <gio/gio.h>
#include <jansson.h>
#include <stdbool.h>

/* What a model's own files say of its license and of what it was made from: the front matter of a model card,
 * config.json and adapter_config.json, the metadata of a GGUF. The files are anybody's: short texts, made safe, are all
 * that is taken. Meaning is given elsewhere (license_table.h). */

/* Is a file of this name read by okse_license_said()? */
bool okse_license_is_card(const char *path);

/* {"licenses": [SAID], "bases": [SAID], "name": SAID?, "broken": TEXT?}, SAID = {"text", "line"} with the line from 1,
 * or 0 where there is none. "other" gives way to the name beside it. broken: why the file could not be read.
 * path: decides what is tried. A new reference. */
json_t *okse_license_said(const char *path, GBytes *bytes) G_GNUC_WARN_UNUSED_RESULT;

/* The same of a file's row in okse_weights_examine()'s report: its "metadata". */
json_t *okse_license_said_by_gguf(const json_t *metadata) G_GNUC_WARN_UNUSED_RESULT;
