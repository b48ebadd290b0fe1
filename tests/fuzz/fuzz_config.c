/* A configuration of any format: the first byte chooses it. Every node stands in the text. */
#include "audit/config_tree.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool check(void *context, const OkseConfigNode *node)
{
    g_assert(node->key != NULL && node->line >= 1 && node->line <= *(const unsigned *)context && node->column >= 1);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(OkseConfig) config = NULL;
    g_autoptr(GError) error = NULL;
    unsigned lines = 2, count = 0;

    while (okse_config_formats[count] != NULL)
        count++;
    if (size == 0)
        return 0;
    bytes = g_bytes_new(data + 1, size - 1);
    for (size_t i = 1; i < size; i++)
        lines += data[i] == '\n';
    config = okse_config_read(okse_config_formats[data[0] % count], bytes, "fuzz", &error);
    g_assert((config == NULL) == (error != NULL));
    if (config != NULL)
        okse_config_each(okse_config_root(config), "**", check, &lines);
    return 0;
}
