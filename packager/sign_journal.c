#include "packager/sign_journal.h"

#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"
#include "packager/dsse.h"
#include "packager/sign_layout.h"

#include <string.h>
#include <sys/stat.h>

#define JOURNAL_SCHEMA "okse.journal.v1"

struct OkseJournal {
    uint64_t file_size;
    GPtrArray *regions; /* OkseWrite: what was there */
};

static void region_free(gpointer memory)
{
    OkseWrite *region = memory;

    g_bytes_unref(region->bytes);
    g_free(region);
}

static OkseJournal *journal_empty(uint64_t file_size)
{
    OkseJournal *journal = g_new(OkseJournal, 1);

    *journal = (OkseJournal){file_size, g_ptr_array_new_with_free_func(region_free)};
    return journal;
}

void okse_journal_free(OkseJournal *journal)
{
    if (journal == NULL)
        return;
    g_ptr_array_unref(journal->regions);
    g_free(journal);
}

char *okse_journal_path(const char *bundle)
{
    return g_strconcat(bundle, ".journal", NULL);
}

static void region_add(OkseJournal *journal, uint64_t offset, GBytes *bytes)
{
    OkseWrite *region = g_new(OkseWrite, 1);

    *region = (OkseWrite){offset, bytes};
    g_ptr_array_add(journal->regions, region);
}

OkseJournal *okse_journal_new(int fd, uint64_t file_size, const GPtrArray *writes, GError **error)
{
    g_autoptr(OkseJournal) journal = journal_empty(file_size);

    for (guint i = 0; i < writes->len; i++) {
        const OkseWrite *write = g_ptr_array_index(writes, i);
        uint64_t room = write->offset < file_size ? file_size - write->offset : 0;
        size_t length = (size_t)MIN(room, g_bytes_get_size(write->bytes));
        g_autofree void *old = g_malloc(length + 1);

        if (!okse_pread_exact(fd, old, length, write->offset, "bundle", error))
            return NULL;
        region_add(journal, write->offset, g_bytes_new(old, length));
    }
    return g_steal_pointer(&journal);
}

bool okse_journal_save(const OkseJournal *journal, const char *path, GError **error)
{
    json_t *regions = json_array();
    g_autoptr(json_t) value = NULL;
    g_autoptr(GBytes) bytes = NULL;

    for (guint i = 0; i < journal->regions->len; i++) {
        const OkseWrite *region = g_ptr_array_index(journal->regions, i);
        g_autofree char *data = okse_base64_write(region->bytes);

        json_array_append_new(regions, json_pack("{s:I, s:s}", "offset", (json_int_t)region->offset, "data", data));
    }
    value = json_pack("{s:s, s:I, s:o}", "schema", JOURNAL_SCHEMA, "file_size", (json_int_t)journal->file_size,
                      "regions", regions);
    bytes = okse_json_write(value);
    return okse_write_path(path, bytes, error);
}

static bool region_read(OkseJournal *journal, const json_t *entry, const char *path, GError **error)
{
    uint64_t offset, end;
    const char *text;
    GBytes *bytes;

    if (!okse_json_unsigned(entry, "offset", &offset, path, error))
        return false;
    text = okse_json_text(entry, "data", path, error);
    bytes = text != NULL ? okse_base64_read(text, path, error) : NULL;
    if (bytes == NULL)
        return false;
    region_add(journal, offset, bytes);
    return (!__builtin_add_overflow(offset, g_bytes_get_size(bytes), &end) && end <= journal->file_size) ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: a region lies outside the bundle", path);
}

OkseJournal *okse_journal_open(const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_DOCUMENT, error);

    return bytes != NULL ? okse_journal_read(bytes, path, error) : NULL;
}

OkseJournal *okse_journal_read(GBytes *bytes, const char *path, GError **error)
{
    g_autoptr(json_t) value = okse_json_read(bytes, OKSE_LIMIT_DOCUMENT, path, error);
    const char *schema = value != NULL ? okse_json_text(value, "schema", path, error) : NULL;
    const json_t *regions = schema != NULL ? okse_json_array(value, "regions", path, error) : NULL;
    g_autoptr(OkseJournal) journal = journal_empty(0);

    if (regions == NULL || !okse_json_unsigned(value, "file_size", &journal->file_size, path, error))
        return NULL;
    if (strcmp(schema, JOURNAL_SCHEMA) != 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is no " JOURNAL_SCHEMA " document", path);
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(regions); i++)
        if (!region_read(journal, json_array_get(regions, i), path, error))
            return NULL;
    return g_steal_pointer(&journal);
}

bool okse_journal_restore(const OkseJournal *journal, int fd, const char *name, GError **error)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return okse_fail_errno(error, "%s", name);
    if ((uint64_t)status.st_size < journal->file_size)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the journal beside it belongs to a larger file", name);
    for (guint i = 0; i < journal->regions->len; i++) {
        const OkseWrite *region = g_ptr_array_index(journal->regions, i);
        gsize length;
        const void *data = g_bytes_get_data(region->bytes, &length);

        if (!okse_pwrite_all(fd, data, length, region->offset, name, error))
            return false;
    }
    if (ftruncate(fd, (off_t)journal->file_size) < 0 || fsync(fd) < 0)
        return okse_fail_errno(error, "restore %s", name);
    return true;
}

bool okse_journal_remove(const char *path, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    okse_autofd fd = okse_open_directory(directory, error);

    if (fd < 0)
        return false;
    if ((unlink(path) < 0 && errno != ENOENT) || fsync(fd) < 0)
        return okse_fail_errno(error, "remove %s", path);
    return true;
}
