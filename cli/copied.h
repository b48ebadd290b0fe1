#pragma once

#include "core/share.h"

#include <jansson.h>

/* --copy WAY: NULL is auto. Errors: INVALID. */
bool okse_copy_option(const char *text, OkseCopyWay *way, GError **error);

/* {"reflink": bytes, "copy_file_range": bytes, "written": bytes} */
json_t *okse_copied_json(const OkseCopied *copied) G_GNUC_WARN_UNUSED_RESULT;
/* The same for people: "1.0 GiB shared, 512 B written". */
char *okse_copied_words(const OkseCopied *copied) G_GNUC_WARN_UNUSED_RESULT;
