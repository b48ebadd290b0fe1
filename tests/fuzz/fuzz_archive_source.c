/* An archive as a source: what is listed is safe to write anywhere, and a second pass delivers exactly what was listed.
 */
#include "core/fd.h"
#include "packager/source.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const OkseSource *source;
    uint64_t *delivered;
} Sum;

static bool add(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    const Sum *sum = context;

    (void)data;
    (void)error;
    g_assert(entry < okse_source_count(sum->source) && length > 0);
    sum->delivered[entry] += length;
    return true;
}

static void check_entries(const OkseSource *source)
{
    for (unsigned i = 0; i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);

        g_assert(okse_path_check(entry->path, NULL));
        g_assert(i == 0 || strcmp(okse_source_entry(source, i - 1)->path, entry->path) < 0);
        g_assert(okse_source_find(source, entry->path) == i);
        g_assert((entry->kind == OKSE_ENTRY_LINK) == (entry->target != NULL));
        g_assert(entry->target == NULL || *entry->target != '/');
        g_assert((entry->kind == OKSE_ENTRY_FILE) == entry->has_digest);
    }
}

static void check_contents(const OkseSource *source)
{
    g_autoptr(GError) error = NULL;
    g_autofree uint64_t *delivered = g_new0(uint64_t, okse_source_count(source));
    Sum sum = {source, delivered};

    if (!okse_source_copy(source, NULL, add, &sum, &error))
        g_error("listed but not delivered: %s", error->message);
    for (unsigned i = 0; i < okse_source_count(source); i++)
        g_assert(delivered[i] == okse_source_entry(source, i)->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    okse_autofd fd = memfd_create("fuzz", MFD_CLOEXEC);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseSource) source = NULL;

    g_assert(fd >= 0 && okse_write_all(fd, data, size, "memfd", NULL));
    source = okse_source_open_archive(AT_FDCWD, path, "fuzz", &error);
    g_assert((source == NULL) == (error != NULL));
    if (source == NULL)
        return 0;
    check_entries(source);
    check_contents(source);
    return 0;
}
