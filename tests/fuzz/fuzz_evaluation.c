/* Evaluation results of strangers, under every name by which they are found: what is taken is bounded and safe to show,
 * numbers are numbers, and what an index may be lies between 0 and 100. */
#include "core/json.h"
#include "packager/evaluation_index.h"
#include "packager/evaluation_read.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const json_t *row)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, key, value)
    {
        const char *text = json_string_value(value);

        g_assert(text == NULL || (*text != '\0' && strpbrk(text, "\n\r\033") == NULL));
        g_assert(!json_is_real(value) || isfinite(json_real_value(value)));
    }
    g_assert(json_integer_value(json_object_get(row, "line")) >= 0);
}

static void check_record(const OkseIndices *indices, const json_t *record)
{
    static const char *const lists[] = {"subjects", "judges", "scores", "indices", "outputs", "faults"};
    json_t *row;
    size_t i;

    g_assert(json_is_object(json_object_get(record, "sampling")));
    for (size_t k = 0; k < G_N_ELEMENTS(lists); k++) {
        g_assert(json_array_size(json_object_get(record, lists[k])) <= OKSE_LIMIT_EVALUATION_ROWS);
        json_array_foreach(json_object_get(record, lists[k]), i, row) check_row(row);
    }
    json_array_foreach(json_object_get(record, "indices"), i, row)
    {
        double lowest, highest;

        okse_indices_recompute(indices, json_object_get(record, "scores"), row);
        lowest = json_number_value(json_object_get(row, "lowest"));
        highest = json_number_value(json_object_get(row, "highest"));
        g_assert(lowest >= 0 && lowest <= highest && highest <= 100.000001);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"evaluation.yaml", "results_1.json", ".eval_results/hle.yaml", "README.md"};
    static OkseIndices *indices;
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);

    if (indices == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        indices = okse_indices_read(resources, NULL);
        g_assert(indices != NULL);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(json_t) record = okse_evaluation_read(names[i], bytes);

        g_assert(okse_evaluation_is_candidate("evaluation", names[i]));
        if (record != NULL)
            check_record(indices, record);
    }
    return 0;
}
