#pragma once

#include "core/json.h"

/* A container image, unpacked to be looked at. */
typedef struct {
    char *root;          /* a directory of our own, without links in its path; removed by clear */
    json_t *target;      /* {"kind":"image","name","digest"} for the facts */
    GBytes *environment; /* NAME=VALUE lines of the image's configuration, or NULL */
} OkseCollectImage;

/* name: an OCI layout (directory), an OCI or Docker archive; behind a colon a tag or digest where it holds several.
 * platform: "os/arch", or NULL. Layers are compared with their digests. Errors: those of reading an image; INVALID
 * (several images and no platform; a layer with other bytes), SYSTEM. */
bool okse_collect_image_open(const char *name, const char *platform, OkseCollectImage *image, GError **error);
void okse_collect_image_clear(OkseCollectImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseCollectImage, okse_collect_image_clear)
