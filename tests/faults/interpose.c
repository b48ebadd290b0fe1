/* Preloaded into okse by tests/e2e/test_faults.py: counts the calls of libc that touch files, and makes one of them
 * fail.
 *
 *   OKSE_FAULT_LOG   a file of OKSE_FAULT_LOG_SIZE zero bytes, mapped shared: one line "function site" per call,
 * counted without a system call, so that a sandboxed or forked process is counted too OKSE_FAULT_AT    "function site n
 * kind": the n-th (from 1) call of that function from that site fails. With n "n+", every later call of the same
 * function fails too (a disk that stays full).
 *
 * A site is a digest of the return addresses inside the program's own text, relative to its start: the same in every
 * run of one binary, and different for each way the program reaches the call. Kinds: an errno name; "short" (half of
 * what was asked for is done, at least one byte); "end" (nothing is read, as at the end of a file). */
/* both the plain and the 64-bit names are defined here */
#undef _FILE_OFFSET_BITS

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOG_SIZE (1 << 22)
#define LINE 40

typedef struct {
    char function[24];
    unsigned long site;
    unsigned long at;
    bool and_later;
    char kind[16];
} Fault;

static Fault fault;
static char *log_area;
static atomic_ulong log_used;
static atomic_ulong seen;
static uintptr_t text_start, text_end;
static bool ready;
static __thread bool inside; /* backtrace() may itself open and map on its first call */

static int find_text(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X) != 0) {
            text_start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            text_end = text_start + info->dlpi_phdr[i].p_memsz;
        }
    return 1; /* the first one is the program */
}

__attribute__((constructor)) static void setup(void)
{
    const char *log = getenv("OKSE_FAULT_LOG");
    const char *at = getenv("OKSE_FAULT_AT");
    char number[24] = "";
    void *warm[4];

    dl_iterate_phdr(find_text, NULL);
    (void)backtrace(warm, 4);
    if (at != NULL && sscanf(at, "%23s %lx %23s %15s", fault.function, &fault.site, number, fault.kind) == 4) {
        fault.at = strtoul(number, NULL, 10);
        fault.and_later = strchr(number, '+') != NULL;
    }
    if (log != NULL) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_RDWR | O_CLOEXEC);
        log_area = fd >= 0 ? mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
        if (log_area == MAP_FAILED)
            abort();
        close(fd);
    }
    ready = true;
}

static unsigned long call_site(void)
{
    void *frames[48];
    int count = backtrace(frames, 48);
    unsigned long site = 5381;

    for (int i = 0; i < count; i++)
        if ((uintptr_t)frames[i] >= text_start && (uintptr_t)frames[i] < text_end)
            site = site * 33 + (unsigned long)((uintptr_t)frames[i] - text_start);
    return site & 0xffffffffUL;
}

/* The kind of failure this call meets, or NULL. */
static const char *meet(const char *function)
{
    unsigned long site;
    int saved = errno;

    if (!ready || inside)
        return NULL;
    inside = true;
    site = call_site();
    inside = false;
    errno = saved;
    if (log_area != NULL) {
        unsigned long at = atomic_fetch_add(&log_used, LINE);
        char line[LINE + 1];

        snprintf(line, sizeof line, "%-28.28s %08lx  \n", function, site);
        if (at + LINE <= LOG_SIZE)
            memcpy(log_area + at, line, LINE);
    }
    if (strcmp(function, fault.function) != 0)
        return NULL;
    if (site == fault.site && atomic_fetch_add(&seen, 1) + 1 == fault.at)
        return fault.kind;
    return fault.and_later && atomic_load(&seen) >= fault.at ? fault.kind : NULL;
}

static int errno_of(const char *kind)
{
    static const struct {
        const char *name;
        int number;
    } kinds[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EINTR", EINTR}, {"EACCES", EACCES},
                 {"ENOMEM", ENOMEM}, {"EMFILE", EMFILE}, {"EROFS", EROFS}, {"EDQUOT", EDQUOT}};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kind, kinds[i].name) == 0)
            return kinds[i].number;
    return 0;
}

static bool fails(const char *kind)
{
    int number = kind != NULL ? errno_of(kind) : 0;

    if (number != 0)
        errno = number;
    return number != 0;
}

/* What is asked of the real call instead of `length`. */
static size_t asked(const char *kind, size_t length)
{
    return kind != NULL && strcmp(kind, "short") == 0 && length > 1 ? length / 2 : length;
}

static bool ends(const char *kind)
{
    return kind != NULL && strcmp(kind, "end") == 0;
}

#define REAL(name)                                                                                                     \
    static __typeof__(&name) real;                                                                                     \
    if (real == NULL)                                                                                                  \
    real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* Calls that either happen or fail. */
#define WHOLE(result, name, label, parameters, arguments)                                                              \
    result name parameters                                                                                             \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        return fails(meet(label)) ? (result)-1 : real arguments;                                                       \
    }

/* Calls that may do less than asked. */
#define PARTLY(name, label, parameters, before, length, after, reads)                                                  \
    ssize_t name parameters                                                                                            \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        const char *kind = meet(label);                                                                                \
        if (fails(kind))                                                                                               \
            return -1;                                                                                                 \
        return (reads) && ends(kind) ? 0 : real(before, asked(kind, length) after);                                    \
    }
#define AND(...) , __VA_ARGS__

PARTLY(read, "read", (int fd, void *data, size_t length), fd AND(data), length, , true)
PARTLY(pread, "pread", (int fd, void *data, size_t length, off_t at), fd AND(data), length, AND(at), true)
PARTLY(pread64, "pread", (int fd, void *data, size_t length, off64_t at), fd AND(data), length, AND(at), true)
PARTLY(write, "write", (int fd, const void *data, size_t length), fd AND(data), length, , false)
PARTLY(pwrite, "pwrite", (int fd, const void *data, size_t length, off_t at), fd AND(data), length, AND(at), false)
PARTLY(pwrite64, "pwrite", (int fd, const void *data, size_t length, off64_t at), fd AND(data), length, AND(at), false)
PARTLY(copy_file_range, "copy_file_range",
       (int from, off64_t *at, int to, off64_t *to_at, size_t length, unsigned flags), from AND(at, to, to_at), length,
       AND(flags), true)

WHOLE(int, fsync, "fsync", (int fd), (fd))
WHOLE(int, fdatasync, "fdatasync", (int fd), (fd))
WHOLE(int, syncfs, "syncfs", (int fd), (fd))
WHOLE(int, fallocate, "fallocate", (int fd, int mode, off_t at, off_t length), (fd, mode, at, length))
WHOLE(int, fallocate64, "fallocate", (int fd, int mode, off64_t at, off64_t length), (fd, mode, at, length))
WHOLE(int, ftruncate, "ftruncate", (int fd, off_t length), (fd, length))
WHOLE(int, ftruncate64, "ftruncate", (int fd, off64_t length), (fd, length))
WHOLE(int, rename, "rename", (const char *from, const char *to), (from, to))
WHOLE(int, renameat, "renameat", (int from, const char *name, int to, const char *new_name), (from, name, to, new_name))
WHOLE(int, renameat2, "renameat2", (int from, const char *name, int to, const char *new_name, unsigned flags),
      (from, name, to, new_name, flags))
WHOLE(int, link, "link", (const char *from, const char *to), (from, to))
WHOLE(int, linkat, "linkat", (int from, const char *name, int to, const char *new_name, int flags),
      (from, name, to, new_name, flags))
WHOLE(int, symlinkat, "symlinkat", (const char *target, int fd, const char *name), (target, fd, name))
WHOLE(int, mkdir, "mkdir", (const char *name, mode_t mode), (name, mode))
WHOLE(int, mkdirat, "mkdirat", (int fd, const char *name, mode_t mode), (fd, name, mode))
WHOLE(int, unlink, "unlink", (const char *name), (name))
WHOLE(int, unlinkat, "unlinkat", (int fd, const char *name, int flags), (fd, name, flags))
WHOLE(int, fchmod, "fchmod", (int fd, mode_t mode), (fd, mode))
WHOLE(int, fstat, "fstat", (int fd, struct stat *status), (fd, status))
WHOLE(int, fstat64, "fstat", (int fd, struct stat64 *status), (fd, status))
WHOLE(int, fstatat, "fstatat", (int fd, const char *name, struct stat *status, int flags), (fd, name, status, flags))
WHOLE(int, fstatat64, "fstatat", (int fd, const char *name, struct stat64 *status, int flags),
      (fd, name, status, flags))
WHOLE(off64_t, lseek64, "lseek", (int fd, off64_t at, int whence), (fd, at, whence))
WHOLE(ssize_t, readlinkat, "readlinkat", (int fd, const char *name, char *target, size_t size),
      (fd, name, target, size))

/* mmap runs before the constructor and inside the allocator; only the maps of files are of interest. */
static void *map(void *address, size_t length, int protection, int flags, int fd, off64_t at)
{
    if (fd >= 0 && fails(meet("mmap")))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, at);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t at)
{
    return map(address, length, protection, flags, fd, at);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t at)
{
    return map(address, length, protection, flags, fd, at);
}

static int opened(const char *function, int fd, const char *name, int flags, mode_t mode)
{
    return fails(meet(function)) ? -1 : (int)syscall(SYS_openat, fd, name, flags, mode);
}

#define OPEN(name, label, before, fd)                                                                                  \
    int name(before const char *path, int flags, ...)                                                                  \
    {                                                                                                                  \
        va_list more;                                                                                                  \
        mode_t mode;                                                                                                   \
        va_start(more, flags);                                                                                         \
        mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;                                      \
        va_end(more);                                                                                                  \
        return opened(label, fd, path, flags, mode);                                                                   \
    }
OPEN(open, "open", , AT_FDCWD)
OPEN(open64, "open", , AT_FDCWD)
OPEN(openat, "openat", int directory AND(), directory)
OPEN(openat64, "openat", int directory AND(), directory)

int ioctl(int fd, unsigned long request, ...)
{
    REAL(ioctl);
    va_list more;
    void *argument;

    va_start(more, request);
    argument = va_arg(more, void *);
    va_end(more);
    return fails(meet("ioctl")) ? -1 : real(fd, request, argument);
}

/* openat2 has no wrapper in this libc. */
long syscall(long number, ...)
{
    REAL(syscall);
    long words[6];
    va_list more;

    va_start(more, number);
    for (int i = 0; i < 6; i++)
        words[i] = va_arg(more, long);
    va_end(more);
    if (number == SYS_openat2 && fails(meet("openat2")))
        return -1;
    return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/* A listing that breaks off: NULL with errno set. */
#define READDIR(type, name)                                                                                            \
    type *name(DIR *directory)                                                                                         \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        return fails(meet("readdir")) ? NULL : real(directory);                                                        \
    }
READDIR(struct dirent, readdir)
READDIR(struct dirent64, readdir64)
