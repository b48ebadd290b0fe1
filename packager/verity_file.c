#include "packager/verity_file.h"

#include "core/fd.h"
#include "core/verity.h"

#include <linux/fsverity.h>
#include <string.h>
#include <sys/ioctl.h>

#define PROBE ".verity-probe"

bool okse_verity_enable(int dir_fd, const char *path)
{
    struct fsverity_enable_arg how = {
        .version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = OKSE_VERITY_BLOCK};
    okse_autofd fd = okse_open_beneath(dir_fd, path, O_RDONLY, 0, NULL);

    return fd >= 0 && (ioctl(fd, FS_IOC_ENABLE_VERITY, &how) == 0 || errno == EEXIST);
}

bool okse_verity_supported(int dir_fd, bool *supported, GError **error)
{
    okse_autofd fd = okse_open_beneath(dir_fd, PROBE, O_WRONLY | O_CREAT | O_TRUNC, 0644, error);

    if (fd < 0 || !okse_write_all(fd, "x", 1, PROBE, error))
        return false;
    okse_fd_clear(&fd);
    *supported = okse_verity_enable(dir_fd, PROBE);
    return unlinkat(dir_fd, PROBE, 0) == 0 || okse_fail_errno(error, "remove %s", PROBE);
}

bool okse_verity_measure(int fd, OkseSha256 *digest)
{
    union {
        struct fsverity_digest header;
        uint8_t room[sizeof(struct fsverity_digest) + 64];
    } measured = {.header = {.digest_size = 64}};

    if (ioctl(fd, FS_IOC_MEASURE_VERITY, &measured) != 0 ||
        measured.header.digest_algorithm != FS_VERITY_HASH_ALG_SHA256 ||
        measured.header.digest_size != OKSE_SHA256_LENGTH)
        return false;
    memcpy(digest->bytes, measured.room + sizeof(struct fsverity_digest), OKSE_SHA256_LENGTH);
    return true;
}
