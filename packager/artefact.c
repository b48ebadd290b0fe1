/* Nothing of the compiled code is read. Source: manifests/compatibility.yaml names the document of each form. */
#include "packager/artefact.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/archive_read.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#define MEMBERS_MOST 100000u
#define VALUE_LIMIT 256u /* bytes of a text */
#define NODES_MOST 20000u

/* The bytes of a member that is small enough; NULL when it is not, or broken. */
static GBytes *take_member(struct archive *archive)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    char buffer[65536];
    la_ssize_t got;

    while ((got = archive_read_data(archive, buffer, sizeof buffer)) > 0) {
        if (bytes->len + (size_t)got > OKSE_LIMIT_METADATA)
            return NULL;
        g_byte_array_append(bytes, (const guint8 *)buffer, (guint)got);
    }
    return got == 0 ? g_byte_array_free_to_bytes(g_steal_pointer(&bytes)) : NULL;
}

static bool is_member(const char *path, const char *wanted)
{
    while (path != NULL && g_str_has_prefix(path, "./"))
        path += 2;
    return g_strcmp0(path, wanted) == 0;
}

/* The member of an archive; NULL without an error when there is none that can be read. */
static GBytes *member_of(const OkseReadable *file, const char *wanted, GError **error)
{
    g_autoptr(GError) cause = NULL;
    const char *kind = okse_archive_kind(file, &cause);
    g_autoptr(OkseArchiveInput) input =
        kind == NULL || strcmp(kind, "zlib") == 0 ? NULL : okse_archive_input_new(file, kind);
    struct archive *archive = input == NULL ? NULL : okse_archive_input_archive(input);
    struct archive_entry *entry;
    GBytes *found = NULL;

    for (unsigned i = 0; input != NULL && found == NULL && i < MEMBERS_MOST; i++) {
        if (archive_read_next_header(archive, &entry) != ARCHIVE_OK)
            break;
        if (!is_member(archive_entry_pathname(entry), wanted))
            continue;
        found = take_member(archive);
        break;
    }
    if (cause == NULL && input != NULL)
        cause = okse_archive_input_failure(input);
    if (cause == NULL)
        return found;
    g_clear_pointer(&found, g_bytes_unref);
    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

static GBytes *whole(const OkseReadable *file, GError **error)
{
    g_autofree uint8_t *data = file->size > OKSE_LIMIT_METADATA ? NULL : g_malloc((gsize)file->size + 1);

    if (data == NULL || !file->read(file->context, 0, data, (size_t)file->size, error))
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&data), (gsize)file->size);
}

/* A scalar that can be shown: a text, a number, a flag; the first of a list; a version inside an object. NULL: none. */
static json_t *scalar(const json_t *value)
{
    const char *text = json_string_value(value);

    if (json_is_array(value))
        return json_array_size(value) == 1 ? scalar(json_array_get(value, 0)) : NULL;
    if (json_is_object(value))
        return scalar(json_object_get(value, "version"));
    if (text != NULL) {
        g_autofree char *shown = strlen(text) > VALUE_LIMIT ? NULL : okse_text_show(text, -1, false);

        return shown == NULL ? NULL : json_string(shown);
    }
    return json_is_integer(value) || json_is_boolean(value) ? json_deep_copy(value) : NULL;
}

typedef struct {
    const char *key;
    json_t *found;
    bool twice;
    unsigned nodes;
} Search;

static void look_for(Search *search, const json_t *value)
{
    json_t *member;
    const char *key;
    size_t i;

    if (search->nodes++ > NODES_MOST)
        return;
    json_array_foreach(value, i, member) look_for(search, member);
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        g_autoptr(json_t) here = strcmp(key, search->key) == 0 ? scalar(member) : NULL;

        if (here != NULL && search->found != NULL)
            search->twice = search->twice || !json_equal(here, search->found);
        else if (here != NULL)
            search->found = json_incref(here);
        look_for(search, member);
    }
}

/* The one value that stands under a key, or null. */
static json_t *value_of(const json_t *document, const char *key)
{
    Search search = {.key = key};

    look_for(&search, document);
    if (search.found != NULL && !search.twice && search.nodes <= NODES_MOST)
        return search.found;
    json_decref(search.found);
    return json_null();
}

/* The first key that says something, as a text; null otherwise. */
static json_t *first_of(const json_t *document, const json_t *keys)
{
    const json_t *key;
    size_t i;

    json_array_foreach(keys, i, key)
    {
        g_autoptr(json_t) value = value_of(document, json_string_value(key));

        if (json_is_string(value))
            return g_steal_pointer(&value);
    }
    return json_null();
}

json_t *okse_artefact_read(const json_t *rule, const OkseReadable *file, GError **error)
{
    const char *member = okse_json_peek_text(rule, "member");
    const json_t *keys = json_object_get(rule, "same"), *key;
    bool readable = json_object_get(rule, "train") != NULL;
    g_autoptr(GError) cause = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) document = NULL;
    json_t *same = json_object();
    size_t i;

    if (readable)
        bytes = member != NULL ? member_of(file, member, &cause) : whole(file, &cause);
    if (cause != NULL) {
        json_decref(same);
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    document = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, file->path, NULL);
    json_array_foreach(keys, i, key)
    {
        json_t *value = value_of(document, json_string_value(key));

        if (json_is_null(value))
            json_decref(value);
        else
            json_object_set_new(same, json_string_value(key), value);
    }
    return json_pack("{s:o,s:o,s:o,s:b}", "train", first_of(document, json_object_get(rule, "train")), "architecture",
                     first_of(document, json_object_get(rule, "architecture")), "same", same, "read",
                     json_is_object(document));
}
