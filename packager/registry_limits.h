#pragma once

#include "core/resource.h"

#include <stdint.h>

/* What registries are known to refuse (manifests/registries.yaml). */
typedef struct {
    char *name, *title, *source, *date, *confidence;
    GStrv hosts;                        /* glob patterns */
    uint64_t layer_size, manifest_size; /* bytes; 0: not known */
    uint64_t layers;                    /* of one manifest; 0: not known */
} OkseRegistryLimits;

/* OkseRegistryLimits, owned by the array, in the file's order. Errors: INVALID, NOT_FOUND. */
GPtrArray *okse_registry_limits_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same from bytes. */
GPtrArray *okse_registry_limits_parse(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Is this about the registry with this host (with its port)? */
bool okse_registry_limits_apply(const OkseRegistryLimits *limits, const char *host);
