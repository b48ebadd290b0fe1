/* /etc/fstab as configured state: servers that would be asked when the machine starts, mounted now or not. Source:
 * fstab(5); mount.s3fs: "bucket /mnt fuse.s3fs url=…" or "s3fs#bucket /mnt fuse …". */
#include "audit/storage_chain.h"
#include "core/digest.h"

#include <string.h>

#define FILE_LIMIT (1u << 20)

/* The type, where an old way of writing puts it into the source. */
static char *type_of(const char *source, const char *type)
{
    const char *mark = strchr(source, '#');

    if (strcmp(type, "fuse") == 0 && mark != NULL) {
        g_autofree char *program = g_strndup(source, (gsize)(mark - source));

        return g_strconcat("fuse.", program, NULL);
    }
    return g_strdup(type);
}

static void use_line(OkseCollection *collection, const char *line, unsigned number, const char *digest)
{
    g_auto(GStrv) words = g_regex_split_simple("[ \\t]+", line, 0, 0);
    bool whole = g_strv_length(words) >= 4;
    g_autofree char *type = whole ? type_of(words[0], words[2]) : NULL;
    g_autofree char *server = NULL, *masked = NULL;

    if (!whole || **words == '#')
        return;
    server = okse_mount_server(type, words[0], words[3]);
    if (server == NULL)
        return;
    masked = okse_collect_mask(collection, line);
    okse_facts_endpoint(collection->facts,
                        &(OkseEndpointFact){.host = server,
                                            .protocol = type,
                                            .tls = okse_mount_tls(type, words[3]),
                                            .direction = "out",
                                            .role = "remote-fs",
                                            .state = "configured",
                                            .source = okse_facts_source(&(OkseSourceFact){.collector = "mounts",
                                                                                          .path = "/etc/fstab",
                                                                                          .line = number,
                                                                                          .digest = digest,
                                                                                          .excerpt = masked,
                                                                                          .via = "structured"})});
}

void okse_storage_fstab(OkseCollection *collection)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = okse_collect_read(collection, "/etc/fstab", FILE_LIMIT, &error);
    g_autofree char *raw = bytes == NULL ? NULL : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_autofree char *text = raw == NULL ? NULL : g_utf8_make_valid(raw, -1);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    OkseSha256 digest;
    char shown[OKSE_SHA256_TEXT];

    if (bytes == NULL && !g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        okse_facts_coverage(collection->facts, "mounts", OKSE_PARTIAL, "/etc/fstab could not be read");
    if (bytes == NULL)
        return;
    digest = okse_sha256_of_bytes(bytes);
    okse_sha256_text(&digest, shown);
    for (unsigned i = 0; lines[i] != NULL; i++)
        use_line(collection, g_strstrip(lines[i]), i + 1, shown);
}
