/* Where the file says that a byte of a text stands, there it stands: the member `x` of any YAML document. */
#include "audit/expression_place.h"
#include "core/yaml.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OFFSETS 64u

/* The byte at a line and column, or -1. */
static int byte_at(const uint8_t *data, size_t size, const OksePlace *place)
{
    unsigned line = 1, column = 1;

    for (size_t i = 0; i < size; i++) {
        if (line == place->line && column == place->column)
            return data[i];
        column = data[i] == '\n' ? 1 : column + 1;
        line += data[i] == '\n';
    }
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(OkseYaml) yaml = okse_yaml_read(bytes, "fuzz", NULL);
    const OkseNode *node = yaml == NULL ? NULL : okse_node_get(okse_yaml_root(yaml), "x");
    const char *text = node == NULL ? NULL : okse_node_text(node);
    OksePlace start;

    if (text == NULL)
        return 0;
    start = okse_node_place(node);
    for (size_t offset = 0; offset <= MIN(strlen(text), OFFSETS); offset++) {
        OksePlace found;

        if (okse_scalar_place(bytes, &start, text, offset, &found) && g_ascii_isgraph(text[offset]))
            g_assert_cmpint(byte_at(data, size, &found), ==, (unsigned char)text[offset]);
    }
    return 0;
}
