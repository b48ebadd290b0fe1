#include "packager/wheel_record.h"

#include "core/digest.h"
#include "core/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#define MEMBERS_MOST 100000u
#define BYTES_MOST (UINT64_C(8) << 30) /* of all members, unpacked */
#define RECORD_LIMIT (16u << 20)
#define TOLD_MOST 20u

typedef struct {
    char *digest; /* as RECORD writes it */
    uint64_t size;
} Member;

typedef struct {
    GHashTable *members; /* path → Member */
    GString *record;     /* NULL: not seen */
    json_t *native, *faults;
    unsigned untold;
    uint64_t bytes;
} Wheel;

static void member_free(gpointer data)
{
    Member *member = data;

    g_free(member->digest);
    g_free(member);
}

static void fault(Wheel *wheel, const char *path, const char *why)
{
    g_autofree char *shown = okse_text_show(path, -1, false);

    if (json_array_size(wheel->faults) < TOLD_MOST)
        json_array_append_new(wheel->faults, json_sprintf("%s: %s", shown, why));
    else
        wheel->untold++;
}

/* URL-safe base64 without padding, as RECORD has it. */
static char *digest_text(const OkseSha256 *digest)
{
    g_autofree char *text = g_base64_encode(digest->bytes, OKSE_SHA256_LENGTH);

    g_strdelimit(text, "+", '-');
    g_strdelimit(text, "/", '_');
    text[strcspn(text, "=")] = '\0';
    return g_strconcat("sha256=", text, NULL);
}

static bool is_record(const char *path)
{
    return g_str_has_suffix(path, ".dist-info/RECORD");
}

/* Signatures of RECORD cannot be in it. */
static bool is_exempt(const char *path)
{
    return is_record(path) || g_str_has_suffix(path, ".dist-info/RECORD.jws") ||
           g_str_has_suffix(path, ".dist-info/RECORD.p7s");
}

/* Read a member to its end. Returns false when the archive is broken or too large. */
static bool read_member(Wheel *wheel, struct archive *archive, const char *path)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    Member *member = g_new0(Member, 1);
    OkseSha256 digest;
    char buffer[65536], first[4] = "";
    la_ssize_t got;

    while ((got = archive_read_data(archive, buffer, sizeof buffer)) > 0) {
        if (member->size == 0)
            memcpy(first, buffer, MIN((size_t)got, sizeof first));
        if (is_record(path) && wheel->record->len < RECORD_LIMIT)
            g_string_append_len(wheel->record, buffer, got);
        okse_sha256_stream_update(stream, buffer, (size_t)got);
        member->size += (uint64_t)got;
        wheel->bytes += (uint64_t)got;
        if (wheel->bytes > BYTES_MOST)
            break;
    }
    digest = okse_sha256_stream_end(stream);
    member->digest = digest_text(&digest);
    if (!g_hash_table_insert(wheel->members, g_strdup(path), member))
        fault(wheel, path, "is there twice");
    if (memcmp(first, "\177ELF", 4) == 0 && json_array_size(wheel->native) < TOLD_MOST) {
        g_autofree char *shown = okse_text_show(path, -1, false);

        json_array_append_new(wheel->native, json_string(shown));
    }
    return got == 0;
}

static bool read_all(Wheel *wheel, GBytes *bytes)
{
    struct archive *archive = archive_read_new();
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    struct archive_entry *entry;
    int status = ARCHIVE_FATAL;
    bool good = archive_read_support_format_zip_seekable(archive) == ARCHIVE_OK &&
                archive_read_open_memory(archive, data, length) == ARCHIVE_OK;

    while (good && (status = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        const char *path = archive_entry_pathname(entry);

        if (path == NULL || g_hash_table_size(wheel->members) >= MEMBERS_MOST)
            good = false;
        else if (archive_entry_filetype(entry) == AE_IFREG)
            good = read_member(wheel, archive, path);
    }
    archive_read_free(archive);
    return good && status == ARCHIVE_EOF;
}

/* The next cell of a row; quotes are doubled inside quotes. Source: RFC 4180. */
static char *take_cell(const char **at)
{
    GString *cell = g_string_new(NULL);
    bool quoted = **at == '"';

    for (*at += quoted; **at != '\0' && (quoted || (**at != ',' && **at != '\n' && **at != '\r')); (*at)++) {
        if (quoted && **at == '"' && (*at)[1] != '"') {
            ++*at;
            break;
        }
        if (quoted && **at == '"')
            ++*at;
        g_string_append_c(cell, **at);
    }
    if (**at == ',')
        ++*at;
    return g_string_free(cell, FALSE);
}

static void check_row(Wheel *wheel, const char *path, const char *digest, const char *size, GHashTable *listed)
{
    const Member *member = g_hash_table_lookup(wheel->members, path);
    guint64 bytes = 0;

    if (!g_hash_table_add(listed, g_strdup(path)))
        fault(wheel, path, "is listed twice");
    if (member == NULL)
        fault(wheel, path, "is listed in RECORD and is not there");
    else if (is_exempt(path))
        return;
    else if (!g_str_has_prefix(digest, "sha256="))
        fault(wheel, path, "has no SHA-256 in RECORD");
    else if (strcmp(digest, member->digest) != 0)
        fault(wheel, path, "has other bytes than RECORD says");
    else if (*size != '\0' &&
             (!g_ascii_string_to_unsigned(size, 10, 0, G_MAXUINT64, &bytes, NULL) || bytes != member->size))
        fault(wheel, path, "has another size than RECORD says");
}

static void check_record(Wheel *wheel)
{
    g_autoptr(GHashTable) listed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iterator;
    gpointer path;

    for (const char *at = wheel->record->str; *at != '\0';) {
        g_autofree char *name = take_cell(&at), *digest = take_cell(&at), *size = take_cell(&at);

        at += strcspn(at, "\n");
        at += *at == '\n';
        if (*name != '\0')
            check_row(wheel, name, digest, size, listed);
    }
    g_hash_table_iter_init(&iterator, wheel->members);
    while (g_hash_table_iter_next(&iterator, &path, NULL))
        if (!is_exempt(path) && !g_hash_table_contains(listed, path))
            fault(wheel, path, "is not listed in RECORD");
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

/* A hash table gives its members in an order of its own. */
static json_t *sorted(const json_t *texts)
{
    g_autofree json_t **list = g_new0(json_t *, json_array_size(texts) + 1);
    json_t *result = json_array();

    for (size_t i = 0; i < json_array_size(texts); i++)
        list[i] = json_array_get(texts, i);
    qsort(list, json_array_size(texts), sizeof *list, compare_texts);
    for (size_t i = 0; i < json_array_size(texts); i++)
        json_array_append(result, list[i]);
    return result;
}

json_t *okse_wheel_check(GBytes *bytes)
{
    g_autoptr(GHashTable) members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, member_free);
    g_autoptr(json_t) native = json_array(), faults = json_array();
    Wheel wheel = {.members = members, .record = g_string_new(NULL), .native = native, .faults = faults};
    json_t *told;

    if (!read_all(&wheel, bytes))
        fault(&wheel, "the wheel", "is no zip that can be read to its end");
    else if (wheel.record->len == 0)
        fault(&wheel, "RECORD", "is missing or empty");
    else if (wheel.record->len >= RECORD_LIMIT)
        fault(&wheel, "RECORD", "is too large to be looked at");
    else
        check_record(&wheel);
    told = sorted(faults);
    if (wheel.untold > 0)
        json_array_append_new(told, json_sprintf("and %u more", wheel.untold));
    g_string_free(wheel.record, TRUE);
    return json_pack("{s:i,s:o,s:o}", "members", (int)g_hash_table_size(members), "native", sorted(native), "faults",
                     told);
}
