/* Answers of a read-only registry. Whatever a client sends is compared with what there is and never used otherwise. */
#include "packager/serve_answer.h"

#include "core/limits.h"
#include "packager/media_types.h"
#include "packager/serve_target.h"

#include <string.h>

#define TYPE_JSON "application/json"

void okse_answer_clear(OkseAnswer *answer)
{
    g_clear_pointer(&answer->bytes, g_bytes_unref);
    g_clear_pointer(&answer->content_range, g_free);
    g_clear_pointer(&answer->link, g_free);
}

static void answer_document(OkseAnswer *answer, unsigned status, const char *media_type, const json_t *document)
{
    answer->status = status;
    answer->media_type = media_type;
    answer->bytes = okse_json_write(document);
    answer->length = g_bytes_get_size(answer->bytes);
}

void okse_answer_error(OkseAnswer *answer, unsigned status, const char *code, const char *message)
{
    g_autoptr(json_t) document = json_pack("{s:[{s:s,s:s}]}", "errors", "code", code, "message", message);

    answer_document(answer, status, TYPE_JSON, document);
}

/* A list of names with its neighbours left out: n at most, those behind `last`. Errors are answered. */
static bool page(const OkseServeTarget *target, const GPtrArray *names, guint *from, guint *to, OkseAnswer *answer)
{
    guint64 most = G_MAXUINT;

    if (target->count != NULL && !g_ascii_string_to_unsigned(target->count, 10, 0, G_MAXUINT, &most, NULL)) {
        okse_answer_error(answer, 400, "PAGINATION_NUMBER_INVALID", "n must be a number");
        return false;
    }
    *from = 0;
    *to = names->len - 1;
    while (target->last != NULL && *from < *to && strcmp(g_ptr_array_index(names, *from), target->last) <= 0)
        (*from)++;
    if (most < *to - *from)
        *to = *from + (guint)most;
    return true;
}

static void answer_names(const char *path, const char *key, const char *name, const GPtrArray *names,
                         const OkseServeTarget *target, OkseAnswer *answer)
{
    g_autoptr(json_t) document = json_object();
    json_t *list = json_array();
    guint from, to;

    json_object_set_new(document, key, list);
    if (!page(target, names, &from, &to, answer))
        return;
    for (guint i = from; i < to; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(names, i)));
    if (name != NULL)
        json_object_set_new(document, "name", json_string(name));
    answer_document(answer, 200, TYPE_JSON, document);
    if (to > from && to < names->len - 1) {
        g_autofree char *last = g_uri_escape_string(g_ptr_array_index(names, to - 1), NULL, FALSE);

        answer->link = g_strdup_printf("<%s?n=%u&last=%s>; rel=\"next\"", path, to - from, last);
    }
}

static void answer_tags(const OkseCatalog *catalog, const OkseServeTarget *target, OkseAnswer *answer)
{
    g_autofree char *path = g_strdup_printf("/v2/%s/tags/list", target->name);

    answer_names(path, "tags", target->name, okse_catalog_tags(catalog, target->name), target, answer);
}

static void answer_referrers(const OkseCatalog *catalog, const OkseServeTarget *target, OkseAnswer *answer)
{
    json_t *list = json_array();
    g_autoptr(json_t) document =
        json_pack("{s:o,s:s,s:i}", "manifests", list, "mediaType", OKSE_TYPE_INDEX, "schemaVersion", 2);
    const GPtrArray *found = NULL;
    OkseSha256 digest;

    if (!okse_serve_target_digest_is_good(target->reference)) {
        okse_answer_error(answer, 400, "DIGEST_INVALID", "this is no digest");
        return;
    }
    if (okse_sha256_parse(target->reference, &digest, NULL))
        found = okse_catalog_referrers(catalog, &digest);
    for (guint i = 0; found != NULL && i < found->len; i++) {
        json_t *descriptor = g_ptr_array_index(found, i);

        if (target->filter == NULL || g_strcmp0(okse_json_peek_text(descriptor, "artifactType"), target->filter) == 0)
            json_array_append(list, descriptor);
    }
    answer_document(answer, 200, OKSE_TYPE_INDEX, document);
    answer->filtered = target->filter != NULL;
}

/* Is this item's entity tag, its digest, in the list? weak: one that is marked as weak counts, too. */
static bool names_tag(const char *list, const OkseCatalogItem *item, bool weak)
{
    char text[OKSE_SHA256_TEXT];
    g_auto(GStrv) tags = g_strsplit(list, ",", 64);

    okse_sha256_text(&item->digest, text);
    for (char **tag = tags; *tag != NULL; tag++) {
        const char *word = g_strstrip(*tag);

        if (strcmp(word, "*") == 0)
            return true;
        if (weak && g_str_has_prefix(word, "W/"))
            word += 2;
        if (*word == '"' && strncmp(word + 1, text, strlen(text)) == 0 && strcmp(word + 1 + strlen(text), "\"") == 0)
            return true;
    }
    return false;
}

/* A number of a range; one that is larger than any file is as good as the largest. *text moves behind it. */
static bool range_number(const char **text, uint64_t *number)
{
    const char *begin = *text;

    *number = 0;
    for (; g_ascii_isdigit(**text); (*text)++)
        *number = MIN(*number * 10 + (uint64_t)(**text - '0'), OKSE_LIMIT_BUNDLE_SIZE);
    return *text > begin;
}

typedef enum { RANGE_NONE, RANGE_PART, RANGE_BEYOND } Range;

/* One range of bytes. What is none, or several, is not looked at, as RFC 9110 (14.2) allows. */
static Range range_read(const char *text, uint64_t size, uint64_t *from, uint64_t *length)
{
    uint64_t first, last = OKSE_LIMIT_BUNDLE_SIZE;
    bool has_first, has_last;

    if (g_ascii_strncasecmp(text, "bytes=", 6) != 0)
        return RANGE_NONE;
    text += 6;
    has_first = range_number(&text, &first);
    if (*text++ != '-')
        return RANGE_NONE;
    has_last = range_number(&text, &last);
    if (*text != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first))
        return RANGE_NONE;
    if (!has_first) {              /* the last so many bytes */
        if (size == 0 && last > 0) /* all of nothing, which no Content-Range can say */
            return RANGE_NONE;
        first = last < size ? size - last : 0;
        if (last == 0)
            first = size;
        last = OKSE_LIMIT_BUNDLE_SIZE;
    } else if (!has_last) {
        last = OKSE_LIMIT_BUNDLE_SIZE;
    }
    if (first >= size)
        return RANGE_BEYOND;
    *from = first;
    *length = MIN(last, size - 1) - first + 1;
    return RANGE_PART;
}

static void answer_range(const OkseRequest *request, const OkseCatalogItem *item, OkseAnswer *answer)
{
    bool wanted =
        request->range != NULL && strcmp(request->method, "GET") == 0 &&
        (request->if_range == NULL || (request->if_range[0] == '"' && strchr(request->if_range, ',') == NULL &&
                                       names_tag(request->if_range, item, false)));
    Range range = wanted ? range_read(request->range, item->size, &answer->from, &answer->length) : RANGE_NONE;

    if (range == RANGE_PART) {
        answer->status = 206;
        answer->content_range = g_strdup_printf("bytes %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT,
                                                answer->from, answer->from + answer->length - 1, item->size);
    } else if (range == RANGE_BEYOND) {
        answer->item = NULL;
        okse_answer_error(answer, 416, "RANGE_INVALID", "there are no such bytes");
        answer->content_range = g_strdup_printf("bytes */%" G_GUINT64_FORMAT, item->size);
    }
}

static void answer_item(const OkseRequest *request, const OkseCatalogItem *item, const char *media_type,
                        OkseAnswer *answer)
{
    answer->status = 200;
    answer->item = item;
    answer->length = item->size;
    answer->media_type = media_type;
    if (request->if_match != NULL && !names_tag(request->if_match, item, false)) {
        answer->item = NULL;
        okse_answer_error(answer, 412, "UNSUPPORTED", "what is here has another entity tag, its digest");
    } else if (request->if_none_match != NULL && names_tag(request->if_none_match, item, true)) {
        answer->status = 304;
        answer->media_type = NULL;
    } else if (answer->ranges) {
        answer_range(request, item, answer);
    }
}

static void answer_manifest(const OkseCatalog *catalog, const OkseRequest *request, const OkseServeTarget *target,
                            OkseAnswer *answer)
{
    bool by_digest = strchr(target->reference, ':') != NULL;
    const OkseCatalogItem *item = NULL;
    OkseSha256 digest;

    if (by_digest && !okse_serve_target_digest_is_good(target->reference)) {
        okse_answer_error(answer, 400, "DIGEST_INVALID", "this is no digest");
        return;
    }
    if (!by_digest && !okse_serve_target_tag_is_good(target->reference)) {
        okse_answer_error(answer, 404, "MANIFEST_UNKNOWN", "this is no tag");
        return;
    }
    if (!by_digest)
        item = okse_catalog_tagged(catalog, target->name, target->reference);
    else if (okse_sha256_parse(target->reference, &digest, NULL))
        item = okse_catalog_find(catalog, &digest);
    if (item == NULL || item->media_type == NULL)
        okse_answer_error(answer, 404, "MANIFEST_UNKNOWN",
                          by_digest ? "the bundle has no such manifest" : "no such tag; see tags/list");
    else
        answer_item(request, item, item->media_type, answer);
}

static void answer_blob(const OkseCatalog *catalog, const OkseRequest *request, const OkseServeTarget *target,
                        OkseAnswer *answer)
{
    const OkseCatalogItem *item = NULL;
    OkseSha256 digest;

    if (!okse_serve_target_digest_is_good(target->reference)) {
        okse_answer_error(answer, 400, "DIGEST_INVALID", "this is no digest");
        return;
    }
    if (okse_sha256_parse(target->reference, &digest, NULL))
        item = okse_catalog_find(catalog, &digest);
    if (item == NULL) {
        okse_answer_error(answer, 404, "BLOB_UNKNOWN", "the bundle has no such blob");
        return;
    }
    answer->ranges = true;
    answer_item(request, item, OKSE_TYPE_FILE, answer);
}

static void answer_target(const OkseCatalog *catalog, const OkseRequest *request, const OkseServeTarget *target,
                          OkseAnswer *answer)
{
    g_autoptr(json_t) empty = json_object();

    if (target->name != NULL && !okse_serve_target_name_is_good(target->name)) {
        okse_answer_error(answer, 400, "NAME_INVALID", "this is no name of a repository");
        return;
    }
    if (target->name != NULL && !okse_catalog_has(catalog, target->name)) {
        okse_answer_error(answer, 404, "NAME_UNKNOWN", "no such repository; see /v2/_catalog");
        return;
    }
    switch (target->kind) {
    case OKSE_SERVE_BASE:
        answer_document(answer, 200, TYPE_JSON, empty);
        break;
    case OKSE_SERVE_CATALOG:
        answer_names("/v2/_catalog", "repositories", NULL, okse_catalog_repositories(catalog), target, answer);
        break;
    case OKSE_SERVE_TAGS:
        answer_tags(catalog, target, answer);
        break;
    case OKSE_SERVE_MANIFEST:
        answer_manifest(catalog, request, target, answer);
        break;
    case OKSE_SERVE_BLOB:
        answer_blob(catalog, request, target, answer);
        break;
    case OKSE_SERVE_REFERRERS:
        answer_referrers(catalog, target, answer);
        break;
    case OKSE_SERVE_MALFORMED:
        okse_answer_error(answer, 400, "UNSUPPORTED", "this is no path of a registry");
        break;
    case OKSE_SERVE_NOWHERE:
        okse_answer_error(answer, 404, "UNSUPPORTED", "a registry is asked below /v2/");
        break;
    }
}

/* Addresses, and names that are this machine's by definition (RFC 6761). */
static bool host_is_local(const char *host)
{
    size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    g_autofree char *name = g_ascii_strdown(host, (gssize)MIN(length, strlen(host)));

    if (*name == '[')
        return true;
    return strcmp(name, "localhost") == 0 || g_str_has_suffix(name, ".localhost") ||
           (*name != '\0' && strspn(name, "0123456789.") == strlen(name));
}

void okse_answer(const OkseCatalog *catalog, const OkseRequest *request, OkseAnswer *answer)
{
    g_auto(OkseServeTarget) target = {.kind = OKSE_SERVE_NOWHERE};

    *answer = (OkseAnswer){.status = 0};
    if (request->ambiguous) {
        okse_answer_error(answer, 400, "UNSUPPORTED",
                          "a header is there twice that may be there once, or has a name that is none");
    } else if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        okse_answer_error(answer, 405, "UNSUPPORTED", "this registry is only read: GET and HEAD");
    } else if (request->body) {
        okse_answer_error(answer, 413, "UNSUPPORTED", "this registry takes nothing");
    } else if (strlen(request->target) > OKSE_LIMIT_REQUEST_TARGET) {
        okse_answer_error(answer, 414, "UNSUPPORTED", "the path is longer than any that there is");
    } else if (request->local && request->host != NULL && !host_is_local(request->host)) {
        okse_answer_error(answer, 421, "DENIED",
                          "only this machine is served, and this is another's name: ask for localhost or 127.0.0.1");
    } else {
        okse_serve_target_read(request->target, &target);
        answer_target(catalog, request, &target, answer);
    }
}
