#include "packager/upload_memory.h"

#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"
#include "packager/remote.h"

#include <string.h>
#include <sys/stat.h>

#define SCHEMA "okse.upload.v1"
#define LIMIT 65536u

static char *name_of(const OkseUploadMemory *memory)
{
    OkseSha256 digest = okse_sha256_of(memory->registry, strlen(memory->registry));
    char hex[OKSE_SHA256_HEX];

    return g_strconcat("upload-", okse_sha256_hex(&digest, hex), ".json", NULL);
}

char *okse_upload_read(GBytes *bytes, const char *registry, const OkseSha256 *digest)
{
    g_autoptr(json_t) json = okse_json_read(bytes, LIMIT, "upload", NULL);
    const char *url = okse_json_peek_text(json, "location");
    g_auto(OkseOrigin) origin = {0};
    char text[OKSE_SHA256_TEXT];

    if (g_strcmp0(okse_json_peek_text(json, "schema"), SCHEMA) != 0 ||
        g_strcmp0(okse_json_peek_text(json, "registry"), registry) != 0 ||
        g_strcmp0(okse_json_peek_text(json, "digest"), okse_sha256_text(digest, text)) != 0)
        return NULL;
    return url != NULL && okse_origin_read(url, &origin, NULL) ? g_strdup(url) : NULL;
}

char *okse_upload_remembered(const OkseUploadMemory *memory, const OkseSha256 *digest)
{
    g_autofree char *name = memory == NULL ? NULL : name_of(memory);
    okse_autofd fd = name == NULL ? -1 : okse_open_beneath(memory->directory_fd, name, O_RDONLY | O_NONBLOCK, 0, NULL);
    struct stat info;
    g_autoptr(GBytes) bytes = NULL;

    if (fd < 0 || fstat(fd, &info) < 0 || info.st_uid != geteuid() || (info.st_mode & 077) != 0)
        return NULL;
    bytes = okse_read_fd(fd, LIMIT, name, NULL);
    return bytes == NULL ? NULL : okse_upload_read(bytes, memory->registry, digest);
}

void okse_upload_remember(const OkseUploadMemory *memory, const OkseSha256 *digest, const char *url)
{
    g_autofree char *name = memory == NULL ? NULL : name_of(memory);
    g_autoptr(json_t) json = NULL;
    g_autoptr(GBytes) bytes = NULL;
    char text[OKSE_SHA256_TEXT];

    if (memory == NULL)
        return;
    json = json_pack("{s:s,s:s,s:s,s:s}", "schema", SCHEMA, "registry", memory->registry, "digest",
                     okse_sha256_text(digest, text), "location", url);
    bytes = okse_json_write(json);
    (void)okse_write_beneath(memory->directory_fd, name, bytes, 0600, NULL);
}

void okse_upload_forget(const OkseUploadMemory *memory)
{
    g_autofree char *name = memory == NULL ? NULL : name_of(memory);

    if (memory != NULL)
        unlinkat(memory->directory_fd, name, 0);
}
