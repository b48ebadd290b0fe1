/* NAME.journal beside a bundle, from whoever had the disk: nothing outside the file's size may be written back. */
#include "packager/sign_journal.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_SIZE 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseJournal) journal = okse_journal_read(bytes, "fuzz", &error);
    int fd;

    g_assert((journal == NULL) == (error != NULL));
    if (journal == NULL)
        return 0;
    fd = memfd_create("bundle", MFD_CLOEXEC);
    g_assert(fd >= 0 && ftruncate(fd, FILE_SIZE) == 0);
    if (okse_journal_restore(journal, fd, "fuzz", NULL))
        g_assert(lseek(fd, 0, SEEK_END) <= FILE_SIZE);
    close(fd);
    return 0;
}
