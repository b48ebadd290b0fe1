#pragma once

#include "packager/image.h"

/* What the two forms of an image share: for image.c and image_docker.c only. */
typedef struct {
    const OkseSource *source;
    const char *platform; /* wanted, or NULL */
    OkseImage *image;     /* being filled */
} ImageReading;

#define IMAGE_LAYERS_LIMIT 1024u

/* The platform of an image config. Errors: INVALID when it names none. */
json_t *image_platform(GBytes *config, const char *origin, GError **error);
/* wanted: "os/arch[/variant]", or NULL for any; without a variant, every variant matches. */
bool image_platform_matches(const char *wanted, const json_t *platform);

/* Always false: no such reference, or none was given; known: texts, made safe to show. */
bool image_fail_reference(const OkseSource *source, const char *reference, const GPtrArray *known, GError **error);

bool image_read_docker(ImageReading *reading, const char *reference, GError **error);
