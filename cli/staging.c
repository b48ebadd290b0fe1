/* A stack that a command makes itself: policy packs, and what a site returns. */
#include "cli/staging.h"

#include "cli/edge.h"
#include "core/fd.h"
#include "core/json.h"

#include <string.h>

#define STACK "stack.yaml"

bool okse_staging_open(OkseStaging *staging, GError **error)
{
    g_autoptr(GError) cause = NULL;

    staging->path = g_dir_make_tmp("okse-stack-XXXXXX", &cause);
    if (staging->path == NULL)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "make a temporary directory: %s", cause->message);
    staging->stack = g_build_filename(staging->path, STACK, NULL);
    staging->fd = okse_open_directory(staging->path, error);
    return staging->fd >= 0;
}

bool okse_staging_file(const OkseStaging *staging, const char *component, const char *path, GBytes *bytes,
                       GError **error)
{
    g_autofree char *target = g_strconcat(component, "/", path, NULL), *directory = g_path_get_dirname(target);

    return okse_make_directories(staging->fd, directory, error) &&
           okse_write_beneath(staging->fd, target, bytes, 0644, error);
}

bool okse_staging_stack(const OkseStaging *staging, GBytes *yaml, GError **error)
{
    return okse_write_beneath(staging->fd, STACK, yaml, 0644, error);
}

void okse_staging_clear(OkseStaging *staging)
{
    okse_fd_clear(&staging->fd);
    if (staging->path != NULL)
        okse_remove_tree(AT_FDCWD, staging->path, NULL);
    g_clear_pointer(&staging->path, g_free);
    g_clear_pointer(&staging->stack, g_free);
}

/* JSON is YAML, and quotes every text. */
GBytes *okse_staging_yaml(const char *kind, json_t *value)
{
    g_autoptr(json_t) owned = value;
    char *text;

    json_object_set_new(owned, "okse", json_string(kind));
    text = okse_json_write_pretty(owned);
    return g_bytes_new_take(text, strlen(text));
}

bool okse_staging_sign(const char *bundle, const OkseSigningKey *signer, const char *role, const char *tsa,
                       GError **error)
{
    OkseSigning signing = {.key = signer->key,
                           .chain = signer->chain,
                           .role = role != NULL ? role : "vendor",
                           .built = true,
                           .tsa = tsa,
                           .not_before = OKSE_TIME_NONE,
                           .expires = OKSE_TIME_NONE};
    g_auto(OkseSigned) made = {0};

    if (okse_edge_signing_time(&signing.signed_at, error) && okse_sign_bundle(bundle, &signing, &made, error))
        return true;
    g_prefix_error(error, "%s is written, but not signed: ", bundle);
    return false;
}
