/* What anybody on the network may ask a registry: the first line is the target, then Host, Range, If-Range,
 * If-None-Match and If-Match, each a line of its own, may follow (an empty line: none). Whatever is asked, the answer
 * is one of those that there are, within the item that it is about, and its headers end no header. */
#include "core/limits.h"
#include "packager/media_types.h"
#include "packager/serve_answer.h"
#include "packager/serve_target.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const subject = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

static OkseCatalogItem item(unsigned byte, uint64_t length, const char *media_type)
{
    OkseCatalogItem made = {.size = length, .offset = 4096, .media_type = media_type};

    memset(made.digest.bytes, (int)byte, sizeof made.digest.bytes);
    return made;
}

static const OkseCatalog *catalog(void)
{
    static OkseCatalog *made;
    const OkseCatalogItem items[] = {item(0x11, 1000, NULL), item(0x22, 500, OKSE_TYPE_MANIFEST),
                                     item(0x33, OKSE_LIMIT_FILE_SIZE, NULL), item(0x44, 0, NULL)};
    g_autoptr(json_t) referrer = NULL;

    if (made != NULL)
        return made;
    made = okse_catalog_new();
    for (size_t i = 0; i < G_N_ELEMENTS(items); i++)
        okse_catalog_add(made, &items[i]);
    okse_catalog_tag(made, "civic", "1.4.0+vn", &items[1].digest);
    okse_catalog_tag(made, "civic", "1.4.0", &items[1].digest);
    okse_catalog_tag(made, "civic/tags", "1.4.0", &items[1].digest);
    referrer = json_pack("{s:s}", "artifactType", OKSE_TYPE_SIGSTORE);
    okse_catalog_refer(made, &items[1].digest, referrer);
    return made;
}

static void check_header(const char *value)
{
    g_assert(value == NULL || strpbrk(value, "\r\n") == NULL);
}

static void check_answer(const OkseRequest *request, const OkseAnswer *answer)
{
    static const unsigned known[] = {200, 206, 304, 400, 404, 405, 412, 413, 414, 416, 421};
    unsigned found = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        found += answer->status == known[i];
    g_assert(found == 1);
    check_header(answer->content_range);
    check_header(answer->link);
    g_assert((answer->status < 400) == (answer->item != NULL || answer->status == 200) || answer->bytes != NULL);
    if (answer->bytes != NULL)
        g_assert(answer->from == 0 && answer->length == g_bytes_get_size(answer->bytes) && answer->item == NULL);
    else
        g_assert(answer->item != NULL && answer->from <= answer->item->size &&
                 answer->length <= answer->item->size - answer->from);
    g_assert(answer->status != 206 || (request->range != NULL && answer->length > 0));
    g_assert((answer->status == 304) == (answer->media_type == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 6);
    const char *given[6] = {NULL};
    g_auto(OkseServeTarget) target = {.kind = OKSE_SERVE_NOWHERE};

    for (size_t i = 0; i < 6 && lines[i] != NULL; i++)
        given[i] = i == 0 || *lines[i] != '\0' ? lines[i] : NULL;
    if (given[0] == NULL)
        return 0;
    for (unsigned i = 0; i < 4; i++) {
        OkseRequest request = {.method = i == 2   ? "HEAD"
                                         : i == 3 ? "PUT"
                                                  : "GET",
                               .target = given[0],
                               .host = given[1],
                               .range = given[2],
                               .if_range = given[3],
                               .if_none_match = given[4],
                               .if_match = given[5],
                               .local = i == 1};
        g_auto(OkseAnswer) answer = {.status = 0};

        okse_answer(catalog(), &request, &answer);
        check_answer(&request, &answer);
        g_assert(i != 3 || answer.status == 405);
    }
    okse_serve_target_read(given[0], &target);
    g_assert(target.kind != OKSE_SERVE_BLOB || strchr(target.reference, '/') == NULL);
    g_assert(target.name == NULL || !okse_serve_target_name_is_good(target.name) || strstr(target.name, "..") == NULL);
    g_assert(okse_serve_target_digest_is_good(subject));
    return 0;
}
