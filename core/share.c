#include "core/share.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool okse_copy_way_parse(const char *text, OkseCopyWay *way, GError **error)
{
    static const char *const names[] = {"auto", "reflink", "range", "plain"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *way = (OkseCopyWay)i;
            return true;
        }
    return okse_fail(error, OKSE_ERROR_INVALID, "must be auto, reflink, range or plain");
}

void okse_copied_add(OkseCopied *sum, const OkseCopied *more)
{
    sum->reflink += more->reflink;
    sum->range += more->range;
    sum->written += more->written;
}

/* Not an error of this file but a call that these file systems, or what confines this process, do not have. */
static bool is_not_possible(int number)
{
    return number == EXDEV || number == EOPNOTSUPP || number == EINVAL || number == ENOTTY || number == ENOSYS ||
           number == EPERM || number == ETXTBSY;
}

bool okse_share_blocks(const OkseSpan *span, uint64_t *shared, int *why, GError **error)
{
    struct file_clone_range range = {.src_fd = span->from,
                                     .src_offset = span->from_at,
                                     .src_length = span->size / OKSE_SHARE_BLOCK * OKSE_SHARE_BLOCK,
                                     .dest_offset = span->to_at};
    int number = 0;

    if (range.src_length > 0) { /* 0 would mean: to the end of the file */
        do
            number = ioctl(span->to, FICLONERANGE, &range) == 0 ? 0 : errno;
        while (number == EINTR);
        if (number != 0 && !is_not_possible(number)) {
            errno = number;
            return okse_fail_errno(error, "share blocks");
        }
    }
    if (why != NULL)
        *why = number;
    *shared = number == 0 ? range.src_length : 0;
    return true;
}

bool okse_copy_range(const OkseSpan *span, uint64_t *copied, int *why, GError **error)
{
    off_t from = (off_t)span->from_at, to = (off_t)span->to_at;
    uint64_t done = 0;
    int number = 0;

    while (done < span->size && number == 0) {
        ssize_t put = copy_file_range(span->from, &from, span->to, &to, (size_t)(span->size - done), 0);

        if (put == 0)
            break;
        if (put > 0)
            done += (uint64_t)put;
        else if (errno != EINTR)
            number = errno;
    }
    if (number != 0 && !is_not_possible(number)) {
        errno = number;
        return okse_fail_errno(error, "copy_file_range");
    }
    if (why != NULL)
        *why = number;
    *copied = done;
    return true;
}
