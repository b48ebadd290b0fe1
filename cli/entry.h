#pragma once

#include "core/json.h"
#include "packager/tree.h"

/* A file, link or directory of a component, as inspect and diff show it. docs/formats/inspection.md. */

/* {"digest","size","mode","fsverity"?} of a file, {"link"} of a link, {"directory":true}; a new reference. */
json_t *okse_entry_json(const OkseTreeEntry *entry) G_GNUC_WARN_UNUSED_RESULT;

/* "10.0 KiB", "-> TARGET" or "directory"; for people. */
char *okse_entry_words(const OkseTreeEntry *entry) G_GNUC_WARN_UNUSED_RESULT;

/* The same type with the same content, target and mode. */
bool okse_entry_equal(const OkseTreeEntry *one, const OkseTreeEntry *other);
