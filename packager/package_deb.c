/* A package is an ar archive with a compressed tar in it, which may be far larger than memory: it is read as a stream.
 */
#include "packager/package_deb.h"

#include "core/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MEMBERS_LIMIT 200000u
#define UNPACKED_LIMIT ((int64_t)1 << 30) /* bytes of the tar that are gone through */
#define COPYRIGHT_LIMIT (4u << 20)
#define TEXT_LIMIT 200u

typedef struct archive Archive;
static void archive_close(Archive *archive)
{
    archive_read_free(archive);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Archive, archive_close)

typedef struct {
    Archive *outer;
    char buffer[65536];
} Inner;

static la_ssize_t read_inner(struct archive *archive, void *context, const void **data)
{
    Inner *inner = context;

    (void)archive;
    *data = inner->buffer;
    return archive_read_data(inner->outer, inner->buffer, sizeof inner->buffer);
}

static bool enter_data(Archive *outer)
{
    struct archive_entry *entry = NULL;

    for (unsigned i = 0; i < 16 && archive_read_next_header(outer, &entry) == ARCHIVE_OK; i++) {
        const char *name = archive_entry_pathname(entry);

        if (name != NULL && g_str_has_prefix(name, "data.tar"))
            return true;
    }
    return false;
}

static bool is_copyright(struct archive_entry *entry)
{
    const char *path = archive_entry_pathname(entry);

    while (path != NULL && g_str_has_prefix(path, "./"))
        path += 2;
    return path != NULL && g_str_has_prefix(path, "usr/share/doc/") && g_str_has_suffix(path, "/copyright") &&
           archive_entry_filetype(entry) == AE_IFREG;
}

static char *read_text(Archive *archive, int64_t size)
{
    g_autofree char *text = NULL;
    size_t have = 0;

    if (size <= 0 || size > (int64_t)COPYRIGHT_LIMIT)
        return NULL;
    text = g_malloc0((size_t)size + 1);
    while (have < (size_t)size) {
        la_ssize_t got = archive_read_data(archive, text + have, (size_t)size - have);

        if (got <= 0)
            return NULL;
        have += (size_t)got;
    }
    return g_steal_pointer(&text);
}

/* Going past an entry means unpacking it, so its size is asked first. */
static char *find_copyright(Archive *archive)
{
    struct archive_entry *entry = NULL;
    int64_t gone = 0;

    for (unsigned i = 0; i < MEMBERS_LIMIT && archive_read_next_header(archive, &entry) == ARCHIVE_OK; i++) {
        int64_t size = archive_entry_size(entry);

        if (is_copyright(entry))
            return read_text(archive, size);
        if (size < 0 || size > UNPACKED_LIMIT - gone)
            return NULL;
        gone += size;
    }
    return NULL;
}

static char *copyright_of(GBytes *deb)
{
    g_autoptr(Archive) outer = archive_read_new(), archive = archive_read_new();
    g_autofree Inner *inner = g_new0(Inner, 1);

    archive_read_support_format_ar(outer);
    archive_read_support_format_tar(archive);
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_zstd(archive);
    if (archive_read_open_memory(outer, g_bytes_get_data(deb, NULL), g_bytes_get_size(deb)) != ARCHIVE_OK ||
        !enter_data(outer))
        return NULL;
    inner->outer = outer;
    return archive_read_open(archive, inner, NULL, read_inner, NULL) == ARCHIVE_OK ? find_copyright(archive) : NULL;
}

/* The value behind "Key:", trimmed; NULL when the line has another key or none. */
static char *value_of(const char *line, size_t length, const char *key)
{
    size_t size = strlen(key);
    g_autofree char *value = NULL;

    if (length <= size || g_ascii_strncasecmp(line, key, size) != 0 || line[size] != ':')
        return NULL;
    value = g_strndup(line + size + 1, length - size - 1);
    return okse_text_show(g_strstrip(value), -1, false);
}

/* name: stolen. */
static void add_license(GString *names, GHashTable *seen, char *name)
{
    bool empty = *name == '\0';

    if (!g_hash_table_add(seen, name) || empty || g_str_has_suffix(names->str, "…"))
        return;
    if (names->len + strlen(name) + 2 > TEXT_LIMIT)
        g_string_append(names, names->len > 0 ? ", …" : "…");
    else
        g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", name);
}

char *okse_deb_licenses(GBytes *deb)
{
    g_autofree char *text = copyright_of(deb);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GString) names = g_string_new(NULL);
    bool has_format = false;

    for (const char *line = text; line != NULL && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        g_autofree char *format = value_of(line, length, "Format");
        char *license = value_of(line, length, "License");

        has_format = has_format || (format != NULL && strstr(format, "copyright-format") != NULL) ||
                     (format != NULL && strstr(format, "dep5") != NULL);
        if (license != NULL)
            add_license(names, seen, license);
        line += length + (line[length] == '\n');
    }
    return has_format && names->len > 0 ? g_string_free(g_steal_pointer(&names), FALSE) : NULL;
}
