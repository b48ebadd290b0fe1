/* A bundle index and the manifests it leads to, all taken from the input: no crash, and what was understood is safe to
 * write below a directory. Every blob that is asked for is the input's next section (split at NUL). */
#include "core/fd.h"
#include "core/limits.h"
#include "packager/part.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const uint8_t *data;
    size_t size;
} Rest;

static GBytes *next_section(const OkseSha256 *digest, uint64_t limit, void *context, GError **error)
{
    Rest *rest = context;
    const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, 0, rest->size);
    size_t length = end == NULL ? rest->size : (size_t)(end - rest->data);
    GBytes *bytes;

    (void)digest;
    if (rest->size == 0 || length > limit) {
        okse_fail(error, OKSE_ERROR_REFUSED, "no more input");
        return NULL;
    }
    bytes = g_bytes_new(rest->data, length);
    rest->data += end == NULL ? length : length + 1;
    rest->size -= end == NULL ? length : length + 1;
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Rest rest = {data, size};
    const OkseBlobs blobs = {next_section, &rest};
    g_autoptr(GArray) digests = g_array_new(FALSE, FALSE, sizeof(OkseSha256));
    g_autoptr(GBytes) first = next_section(NULL, OKSE_LIMIT_METADATA, &rest, NULL);
    g_autoptr(json_t) index = first == NULL ? NULL : okse_json_read(first, OKSE_LIMIT_METADATA, "fuzz", NULL);
    g_autoptr(GPtrArray) parts = NULL;

    if (index == NULL)
        return 0;
    parts = okse_parts_read(index, &blobs, NULL);
    for (guint i = 0; parts != NULL && i < parts->len; i++) {
        const OksePart *part = g_ptr_array_index(parts, i);

        g_assert((part->tree == NULL) == (part->fault != NULL));
        g_assert(okse_path_check(part->name, NULL) && strchr(part->name, '/') == NULL && part->name[0] != '.');
        for (unsigned k = 0; part->tree != NULL && k < okse_tree_count(part->tree); k++)
            g_assert(okse_path_check(okse_tree_entry(part->tree, k)->path, NULL));
    }
    rest = (Rest){data, size};
    okse_parts_metadata(index, &blobs, digests, NULL);
    okse_parts_statements(index, &blobs, digests, NULL);
    json_t *stack = okse_parts_stack(index, &blobs, NULL);
    json_decref(stack);
    return 0;
}
