/* What an API server and a kubeconfig say. The first byte says which. Whatever is taken leads to a path below /api or
 * /apis and can be sent in a header; what is kept of a page is read again as the same objects. */
#include "audit/cluster_list.h"
#include "audit/kubeconfig.h"
#include "core/limits.h"
#include "packager/credentials.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_versions(GBytes *bytes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) versions = okse_cluster_versions(bytes, "server", &error);

    g_assert((versions == NULL) == (error != NULL));
    for (guint i = 0; versions != NULL && i < versions->len; i++) {
        const char *version = g_ptr_array_index(versions, i);

        g_assert(strpbrk(version, "?#%\\ \r\n\t") == NULL && strstr(version, "//") == NULL && *version != '/');
    }
}

static void check_kinds(GBytes *bytes)
{
    g_autoptr(json_t) all = json_pack("[s]", "*"), never = json_pack("[s]", "Secret");
    g_autoptr(GPtrArray) kinds = g_ptr_array_new_with_free_func(okse_cluster_kind_free);
    g_autoptr(GError) error = NULL;
    bool read = okse_cluster_kinds(bytes, "apps/v1", &(OkseClusterWanted){all, never}, kinds, &error);

    g_assert(read == (error == NULL) && (read || kinds->len == 0));
    for (guint i = 0; i < kinds->len; i++) {
        const OkseClusterKind *kind = g_ptr_array_index(kinds, i);

        g_assert(g_str_has_prefix(kind->path, "/apis/apps/v1/") && strpbrk(kind->path, "?#%\\ \r\n\t") == NULL);
        g_assert(strchr(kind->path + strlen("/apis/apps/v1/"), '/') == NULL && strcmp(kind->kind, "Secret") != 0);
    }
}

static void check_page(GBytes *bytes)
{
    char path[] = "/api/v1/pods", api[] = "v1", name[] = "Pod";
    const OkseClusterKind kind = {path, api, name};
    g_auto(OkseClusterPage) page = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) text = NULL;
    g_autoptr(json_t) again = NULL;

    if (!okse_cluster_page(bytes, &kind, &page, &error)) {
        g_assert(error != NULL && page.items == NULL && page.next == NULL);
        return;
    }
    text = okse_cluster_document(page.items, 0, json_array_size(page.items));
    again = okse_json_read(text, UINT64_MAX, "again", NULL);
    g_assert(again == NULL || json_equal(json_object_get(again, "items"), page.items));
    g_assert(memchr(g_bytes_get_data(text, NULL), '<', g_bytes_get_size(text)) == NULL);
}

static void check_config(GBytes *bytes)
{
    g_auto(OkseKubeconfig) config = {0};
    g_autoptr(GError) error = NULL;

    g_assert(okse_kubeconfig_read(bytes, "dir/config", &config, &error) == (error == NULL));
    if (error != NULL)
        return;
    g_assert(config.server != NULL && (config.token != NULL || config.token_file != NULL));
    g_assert(config.token == NULL || strpbrk(config.token, " \r\n") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(GBytes *) = {check_versions, check_kinds, check_page, check_config};
    g_autoptr(GBytes) bytes = size == 0 ? NULL : g_bytes_new(data + 1, size - 1);

    if (bytes != NULL)
        checks[data[0] % G_N_ELEMENTS(checks)](bytes);
    return 0;
}
