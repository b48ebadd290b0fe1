#pragma once

#include <gio/gio.h>
#include <stdbool.h>

/* The YAML block at the beginning of a model card. Source: huggingface.co/docs/hub/model-cards. */

/* Is a file of this name a model card (README.md, model_card.md)? Case does not matter, nor where it lies. */
bool okse_front_matter_is_card(const char *path);

/* The block between the first line and the next one of three dashes; it begins in the second line of the file. NULL
 * when there is none; *open: then whether one begins and never ends. */
GBytes *okse_front_matter(GBytes *bytes, bool *open) G_GNUC_WARN_UNUSED_RESULT;
