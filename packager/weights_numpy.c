/* .npy: a header that is a Python literal, then values; with a dtype of objects the values are a pickle.
 * Source: numpy/lib/format.py (format versions 1 to 3). */
#include "packager/weights_internal.h"

#include <string.h>

#define HEADER_LIMIT (1u << 20)

/* 'O', '|O', '|O8' … as a whole text, wherever it stands: also inside a list of fields. */
static bool has_objects(const char *header)
{
    g_autoptr(GRegex) objects = g_regex_new("['\"][|<>=]?O[0-9]*['\"]", 0, 0, NULL);

    return g_regex_match(objects, header, 0, NULL);
}

void weights_numpy(WeightsScan *scan, const WeightsFile *file, json_t *row)
{
    g_auto(WeightsCursor) cursor = {0};
    g_autofree char *header = NULL, *valid = NULL;
    uint64_t major = 0, minor = 0, length = 0;
    uint64_t data;

    weights_cursor_open(&cursor, file, 0, file->size);
    if (weights_skip(&cursor, 6) && weights_take_number(&cursor, 1, &major) &&
        weights_take_number(&cursor, 1, &minor) && weights_take_number(&cursor, major == 1 ? 2 : 4, &length))
        header = weights_take_text(&cursor, length, HEADER_LIMIT);
    data = cursor.at;
    weights_failed(scan, g_steal_pointer(&cursor.error));
    if (header == NULL || major < 1 || major > 3) {
        weights_finding(scan, file, WEIGHTS_CRITICAL, "numpy.header", 0, "its header cannot be read");
        return;
    }
    valid = g_utf8_make_valid(header, (gssize)length);
    if (has_objects(valid)) {
        json_object_set_new(row, "objects", json_true());
        weights_pickle(scan, file, row, data, true);
    } else if (data < file->size) {
        weights_pickle(scan, file, row, data, false);
    }
}
