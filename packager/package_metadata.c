/* Formats: PyPA core metadata, deb(5), and the header section of an RPM (rpm.org, "Package format"). */
#include "packager/package_metadata.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/package_deb.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#define METADATA_NAME ".dist-info/METADATA"
#define MEMBER_LIMIT (8u << 20)
#define VALUE_LIMIT 256u
#define RPM_LEAD 96u

typedef struct archive Archive;
static void archive_close(Archive *archive)
{
    archive_read_free(archive);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Archive, archive_close)

bool okse_package_is_candidate(const char *path, uint64_t size)
{
    return size <= OKSE_LIMIT_PACKAGE && (g_str_has_suffix(path, ".whl") || g_str_has_suffix(path, ".deb") ||
                                          g_str_has_suffix(path, ".rpm") || g_str_has_suffix(path, METADATA_NAME));
}

/* Short texts only, made safe: they go into documents that people read. */
static json_t *package_new(const char *type, const char *name, const char *version, const char *license)
{
    const char *const values[] = {name, version, license};
    json_t *package;

    for (unsigned i = 0; i < G_N_ELEMENTS(values); i++)
        if (values[i] != NULL && (strlen(values[i]) > VALUE_LIMIT || !g_utf8_validate(values[i], -1, NULL)))
            return NULL;
    if (name == NULL || version == NULL || *name == '\0' || *version == '\0')
        return NULL;
    package = json_pack("{s:s,s:s,s:s}", "type", type, "name", name, "version", version);
    if (license != NULL && *license != '\0')
        json_object_set_new(package, "license", json_string(license));
    return package;
}

/* The value of the first "Key: value" line before the first empty line, or NULL. */
static char *field(const char *text, const char *key)
{
    size_t length = strlen(key);

    for (const char *line = text; *line != '\0' && *line != '\n' && *line != '\r';) {
        size_t size = strcspn(line, "\n");

        if (size > length && g_ascii_strncasecmp(line, key, length) == 0 && line[length] == ':') {
            g_autofree char *value = g_strndup(line + length + 1, size - length - 1);
            g_autofree char *shown = okse_text_show(g_strstrip(value), -1, false);

            return g_steal_pointer(&shown);
        }
        line += size + (line[size] == '\n');
    }
    return NULL;
}

static json_t *from_fields(const char *type, const char *text, const char *name_key)
{
    g_autofree char *name = field(text, name_key), *version = field(text, "Version");
    g_autofree char *expression = field(text, "License-Expression"), *license = field(text, "License");

    return package_new(type, name, version, expression != NULL ? expression : license);
}

/* The first member of an archive in memory whose name ends or begins so, as bytes; NULL when there is none. */
typedef struct {
    const char *prefix, *suffix;
} Wanted;

static bool is_wanted(const char *path, const Wanted *wanted)
{
    if (path == NULL)
        return false;
    while (g_str_has_prefix(path, "./"))
        path += 2;
    return g_str_has_prefix(path, wanted->prefix) && g_str_has_suffix(path, wanted->suffix);
}

static GBytes *read_data(Archive *archive)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    char buffer[65536];

    for (;;) {
        la_ssize_t got = archive_read_data(archive, buffer, sizeof buffer);

        if (got == 0)
            return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
        if (got < 0 || bytes->len > MEMBER_LIMIT)
            return NULL;
        g_byte_array_append(bytes, (const guint8 *)buffer, (guint)got);
    }
}

static GBytes *member(GBytes *package, const Wanted *wanted)
{
    g_autoptr(Archive) archive = archive_read_new();
    struct archive_entry *entry = NULL;

    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_format_ar(archive);
    archive_read_support_format_tar(archive);
    archive_read_support_format_zip(archive);
    if (archive_read_open_memory(archive, g_bytes_get_data(package, NULL), g_bytes_get_size(package)) != ARCHIVE_OK)
        return NULL;
    for (unsigned i = 0; i < OKSE_LIMIT_RAW_FILES * 64 && archive_read_next_header(archive, &entry) == ARCHIVE_OK; i++)
        if (is_wanted(archive_entry_pathname(entry), wanted))
            return read_data(archive);
    return NULL;
}

static json_t *read_wheel(GBytes *bytes)
{
    g_autoptr(GBytes) metadata = member(bytes, &(Wanted){"", METADATA_NAME});
    g_autofree char *text = metadata == NULL ? NULL : okse_text_of_bytes(metadata);

    return text == NULL ? NULL : from_fields("wheel", text, "Name");
}

static json_t *read_deb(GBytes *bytes)
{
    g_autoptr(GBytes) inner = member(bytes, &(Wanted){"control.tar", ""});
    g_autoptr(GBytes) control = inner == NULL ? NULL : member(inner, &(Wanted){"control", "control"});
    g_autofree char *text = control == NULL ? NULL : okse_text_of_bytes(control);
    json_t *package = text == NULL ? NULL : from_fields("deb", text, "Package");
    g_autofree char *licenses = package == NULL ? NULL : okse_deb_licenses(bytes);

    if (licenses != NULL)
        json_object_set_new(package, "license", json_string(licenses));
    return package;
}

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* One header section: 16 bytes, an index of 16 bytes an entry, a store. */
typedef struct {
    const uint8_t *index, *store;
    uint32_t count, size;
} RpmHeader;

static bool rpm_header(const uint8_t *data, size_t length, size_t at, RpmHeader *header, size_t *end)
{
    static const uint8_t magic[] = {0x8e, 0xad, 0xe8, 0x01};
    uint64_t index_size;

    if (length < at || length - at < 16 || memcmp(data + at, magic, sizeof magic) != 0)
        return false;
    header->count = big_endian(data + at + 8);
    header->size = big_endian(data + at + 12);
    index_size = (uint64_t)header->count * 16;
    if (index_size + header->size > length - at - 16)
        return false;
    header->index = data + at + 16;
    header->store = header->index + index_size;
    *end = at + 16 + (size_t)index_size + header->size;
    return true;
}

/* A text tag (type 6) of the header, or NULL. */
static char *rpm_text(const RpmHeader *header, uint32_t tag)
{
    for (uint32_t i = 0; i < header->count; i++) {
        const uint8_t *entry = header->index + (size_t)i * 16;
        uint32_t offset = big_endian(entry + 8);

        if (big_endian(entry) != tag || big_endian(entry + 4) != 6 || offset >= header->size)
            continue;
        if (memchr(header->store + offset, '\0', header->size - offset) == NULL)
            return NULL;
        return okse_text_show((const char *)header->store + offset, -1, false);
    }
    return NULL;
}

/* The lead, the signature's header padded to 8 bytes, the header. */
static json_t *read_rpm(GBytes *bytes)
{
    size_t length, end = 0;
    const uint8_t *data = g_bytes_get_data(bytes, &length);
    RpmHeader header;
    g_autofree char *name = NULL, *version = NULL, *release = NULL, *license = NULL, *full = NULL;

    if (!rpm_header(data, length, RPM_LEAD, &header, &end) ||
        !rpm_header(data, length, (end + 7) / 8 * 8, &header, &end))
        return NULL;
    name = rpm_text(&header, 1000);
    version = rpm_text(&header, 1001);
    release = rpm_text(&header, 1002);
    license = rpm_text(&header, 1014);
    full = version == NULL || release == NULL ? NULL : g_strconcat(version, "-", release, NULL);
    return package_new("rpm", name, full, license);
}

json_t *okse_package_read(const char *path, GBytes *bytes)
{
    g_autofree char *text = NULL;

    if (g_str_has_suffix(path, ".whl"))
        return read_wheel(bytes);
    if (g_str_has_suffix(path, ".deb"))
        return read_deb(bytes);
    if (g_str_has_suffix(path, ".rpm"))
        return read_rpm(bytes);
    if (!g_str_has_suffix(path, METADATA_NAME))
        return NULL;
    text = okse_text_of_bytes(bytes);
    return from_fields("wheel", text, "Name");
}
