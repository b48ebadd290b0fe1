/* Preloaded into okse by tests/e2e/test_parts.py: a medium whose reader dies. Reading any file whose name ends in
 * OKSE_DEAD_FILE fails with EIO once it reaches byte OKSE_DEAD_AT. */
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t pread64(int fd, void *data, size_t length, off64_t at);

static int is_dead(int fd, off64_t end)
{
    const char *name = getenv("OKSE_DEAD_FILE"), *from = getenv("OKSE_DEAD_AT");
    char link[64], path[4096];
    ssize_t got;
    size_t size;

    if (name == NULL || from == NULL || end <= atoll(from))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    got = readlink(link, path, sizeof path);
    size = strlen(name);
    return got >= (ssize_t)size && memcmp(path + got - size, name, size) == 0;
}

ssize_t pread64(int fd, void *data, size_t length, off64_t at)
{
    static ssize_t (*next)(int, void *, size_t, off64_t);

    if (next == NULL)
        next = (ssize_t(*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");
    if (is_dead(fd, at + (off64_t)length)) {
        errno = EIO;
        return -1;
    }
    return next(fd, data, length, at);
}
