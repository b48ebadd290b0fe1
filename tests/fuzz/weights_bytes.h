#pragma once

#include "packager/weights.h"

/* Bytes under a file name, examined as okse weights does: always a report, always with valid findings, twice the same.
 */
static inline int fuzz_weights(const char *name, const uint8_t *data, size_t size)
{
    static OkseWeightsRules *rules;
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) report = NULL;
    const json_t *row;
    size_t i;

    if (rules == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        rules = okse_weights_rules_read(resources, NULL);
        g_assert(rules != NULL);
    }
    report = okse_weights_examine_bytes(rules, name, bytes, &error);
    if (report == NULL)
        g_error("no report: %s", error->message);
    json_array_foreach(json_object_get(report, "findings"), i, row)
    {
        g_autofree char *text = okse_weights_finding_text(row);

        g_assert(g_utf8_validate(text, -1, NULL));
    }
    return 0;
}
