/* What registries say while something is pushed or pulled, and the files that this leans on: ranges and chunk sizes of
 * uploads, links, lists of referrers, remembered uploads, the table of limits. The first byte says which. */
#include "core/limits.h"
#include "packager/challenge.h"
#include "packager/referrers.h"
#include "packager/registry_limits.h"
#include "packager/remote.h"
#include "packager/upload_memory.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_range(GBytes *bytes, const char *text)
{
    uint64_t length = 0, minimum = 0;

    (void)bytes;
    g_assert(!okse_range_received(text, &length) || length <= OKSE_LIMIT_FILE_SIZE);
    g_assert(!okse_chunk_minimum(text, &minimum) || minimum <= OKSE_LIMIT_FILE_SIZE);
}

static void check_link(GBytes *bytes, const char *text)
{
    g_autofree char *next = okse_link_next(text);

    (void)bytes;
    g_assert(next == NULL || (strstr(text, next) != NULL && strchr(next, '>') == NULL));
}

/* Each is in the list once, and what is added is found afterwards. */
static void check_referrers(GBytes *bytes, const char *text)
{
    g_autoptr(GPtrArray) referrers = okse_referrers_new(), again = okse_referrers_new();
    OkseSha256 digest = okse_sha256_of(text, strlen(text));
    char name[OKSE_SHA256_TEXT];
    g_autoptr(json_t) added = json_pack("{s:s,s:s,s:i}", "mediaType", "application/vnd.oci.image.manifest.v1+json",
                                        "digest", okse_sha256_text(&digest, name), "size", 7);
    g_autoptr(GBytes) longer = NULL;

    if (!okse_referrers_read(referrers, bytes, "list", NULL))
        return;
    g_assert(referrers->len <= OKSE_LIMIT_REFERRERS);
    for (guint i = 0; i < referrers->len; i++)
        for (guint k = 0; k < i; k++)
            g_assert(!okse_sha256_equal(&((OkseReferrer *)g_ptr_array_index(referrers, i))->digest,
                                        &((OkseReferrer *)g_ptr_array_index(referrers, k))->digest));
    longer = okse_referrers_add(bytes, added, "list", NULL);
    g_assert(longer == NULL ||
             (okse_referrers_read(again, longer, "list", NULL) && okse_referrers_have(again, &digest)));
}

static void check_memory(GBytes *bytes, const char *text)
{
    OkseSha256 digest = okse_sha256_of("{}", 2);
    g_autofree char *url = okse_upload_read(bytes, "registry.example/a", &digest);
    g_auto(OkseOrigin) origin = {0};

    (void)text;
    g_assert(url == NULL || okse_origin_read(url, &origin, NULL));
}

static void check_limits(GBytes *bytes, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) table = okse_registry_limits_parse(bytes, "registries.yaml", &error);

    (void)text;
    g_assert((table == NULL) == (error != NULL));
    for (guint i = 0; table != NULL && i < table->len; i++)
        (void)okse_registry_limits_apply(g_ptr_array_index(table, i), "registry.example:5000");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(GBytes *, const char *) = {check_range, check_link, check_referrers, check_memory,
                                                             check_limits};
    g_autofree char *text = size == 0 ? NULL : g_strndup((const char *)data + 1, size - 1);
    g_autoptr(GBytes) bytes = size == 0 ? NULL : g_bytes_new(data + 1, size - 1);

    if (size > 0)
        checks[data[0] % G_N_ELEMENTS(checks)](bytes, text);
    return 0;
}
