#pragma once

#include "core/json.h"

/* An image of a bundle, unpacked for a trial. */
typedef struct {
    char *root;     /* a directory of our own; removed by clear */
    char **command; /* Entrypoint and Cmd of the image */
    char **environment;
    char *directory; /* WorkingDir, or NULL */
    json_t *subject; /* {"component","digest","identity"} */
} OkseTryImage;

/* component: its name, or NULL when the bundle has one image only. Errors: INVALID (no such image, none or several
 * without a name, no command), REFUSED (other bytes than promised), those of unpacking. */
bool okse_try_image_open(const char *bundle, const char *component, OkseTryImage *image, GError **error);
void okse_try_image_clear(OkseTryImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseTryImage, okse_try_image_clear)
