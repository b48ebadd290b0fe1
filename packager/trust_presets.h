#pragma once

#include "core/resource.h"

/* Lists of signature algorithms that countries and bodies publish (manifests/algorithm-presets.yaml). */
typedef struct {
    char *name, *title, *note, *source, *confidence;
    GStrv algorithms; /* names of okse_key_algorithms(), never empty */
} OkseAlgorithmPreset;

/* All of them (OkseAlgorithmPreset, owned by the array), in the file's order. Errors: INVALID. */
GPtrArray *okse_algorithm_presets_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The one with this name. Errors: INVALID, naming those there are. Borrowed. */
const OkseAlgorithmPreset *okse_algorithm_preset_find(const GPtrArray *presets, const char *name, GError **error);
