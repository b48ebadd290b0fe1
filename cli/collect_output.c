#include "cli/collect_output.h"

#include "cli/edge.h"
#include "cli/options.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/approval.h"

#include <string.h>

#define KEY_LEAST 32u
#define KEY_MOST 4096u

OkseEvidence *okse_evidence_open(const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_EVIDENCE, error);

    return bytes == NULL ? NULL : okse_evidence_read(bytes, path, error);
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *okse_evidence_list(const char *directory, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    okse_autofd fd = okse_open_directory(directory, error);
    DIR *listing = fd < 0 ? NULL : fdopendir(okse_fd_steal(&fd));
    const struct dirent *entry = NULL;
    bool whole;

    if (listing == NULL)
        return NULL;
    while ((whole = okse_directory_next(listing, &entry, directory, error)) && entry != NULL)
        if (g_str_has_suffix(entry->d_name, ".tar"))
            g_ptr_array_add(paths, g_build_filename(directory, entry->d_name, NULL));
    closedir(listing);
    if (!whole)
        return NULL;
    g_ptr_array_sort(paths, compare_paths);
    return g_steal_pointer(&paths);
}

/* The newest archive of a directory, by the time in it; NULL without an error when there is none. */
static bool find_newest(const char *directory, OkseEvidence **newest, GError **error)
{
    g_autoptr(GPtrArray) paths = okse_evidence_list(directory, error);

    for (guint i = 0; paths != NULL && i < paths->len; i++) {
        g_autoptr(OkseEvidence) one = okse_evidence_open(g_ptr_array_index(paths, i), error);

        if (one == NULL)
            return false;
        if (*newest != NULL && strcmp(okse_evidence_time(one), okse_evidence_time(*newest)) < 0)
            continue;
        okse_evidence_free(*newest);
        *newest = g_steal_pointer(&one);
    }
    return paths != NULL;
}

/* evidence-20261123T073000Z.tar, or with -2 and so on when there is one: an archive is never replaced. */
static char *name_in(const char *directory, gint64 now)
{
    g_autofree char *time = okse_text_time(now);
    GString *stamp = g_string_new(NULL);
    char *path = NULL;

    for (const char *at = time; *at != '\0'; at++)
        if (*at != '-' && *at != ':')
            g_string_append_c(stamp, *at);
    for (unsigned i = 1; path == NULL || g_file_test(path, G_FILE_TEST_EXISTS); i++) {
        g_autofree char *number = i > 1 ? g_strdup_printf("-%u", i) : g_strdup("");
        g_autofree char *name = g_strdup_printf("evidence-%s%s.tar", stamp->str, number);

        g_free(path);
        path = g_build_filename(directory, name, NULL);
    }
    g_string_free(stamp, TRUE);
    return path;
}

static bool check(const OkseCollectOutputOptions *options, bool archive, GError **error)
{
    if (!archive && (options->previous != NULL || options->redaction_key != NULL || options->key != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--previous, --redaction-key and --key are of an evidence archive: give -o EVIDENCE.tar");
    if (options->key == NULL &&
        (options->certificate != NULL || options->role != NULL || options->passphrase_fd != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--cert, --role and --passphrase-fd belong to --key");
    return true;
}

static bool keys_read(const OkseCollectOutputOptions *options, OkseCollectOutput *output, GError **error)
{
    if (options->redaction_key != NULL) {
        output->redaction_key = okse_read_path(options->redaction_key, KEY_MOST, error);
        if (output->redaction_key == NULL)
            return false;
        if (g_bytes_get_size(output->redaction_key) < KEY_LEAST)
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "%s: a key of hashes has at least %u bytes (head -c 32 /dev/urandom)",
                             options->redaction_key, KEY_LEAST);
    }
    return options->key == NULL ||
           (okse_edge_signing_time(&output->signed_at, error) &&
            okse_signing_key_open(options->key, options->certificate, options->passphrase_fd, &output->signer, error));
}

bool okse_collect_output_prepare(const OkseCollectOutputOptions *options, gint64 now, OkseCollectOutput *output,
                                 GError **error)
{
    bool directory = options->output != NULL && g_file_test(options->output, G_FILE_TEST_IS_DIR);

    output->options = options;
    output->archive = options->output != NULL && (directory || !g_str_has_suffix(options->output, ".json"));
    if (!check(options, output->archive, error) || !keys_read(options, output, error))
        return false;
    if (options->previous != NULL && (output->previous = okse_evidence_open(options->previous, error)) == NULL)
        return false;
    if (directory && options->previous == NULL && !find_newest(options->output, &output->previous, error))
        return false;
    if (output->previous != NULL) {
        g_autofree char *time = okse_text_time(now);

        if (strcmp(okse_evidence_time(output->previous), time) > 0)
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "the archive before was collected at %s, after this one (%s): is the clock behind?",
                             okse_evidence_time(output->previous), time);
    }
    output->path = directory ? name_in(options->output, now) : g_strdup(options->output);
    return true;
}

static GBytes *bytes_of(const OkseCollectOutput *output, const OkseCollected *collected, GError **error)
{
    OkseEvidenceParts parts = {.facts = collected->facts,
                               .excerpts = collected->excerpts,
                               .landlock = collected->landlock,
                               .key_kept = output->redaction_key != NULL};

    if (!output->archive)
        return okse_json_write(collected->facts);
    if (output->previous != NULL) {
        parts.previous = &output->previous->digest;
        parts.previous_at = okse_evidence_time(output->previous);
    }
    return okse_evidence_write(&parts, error);
}

/* Made before the archive is written: an archive that should be signed never stands there unsigned. */
static GBytes *signature_of(const OkseCollectOutput *output, GBytes *bytes, GError **error)
{
    g_autofree char *name = g_path_get_basename(output->path);
    OkseApproving approving = {.key = output->signer.key,
                               .chain = output->signer.chain,
                               .role = output->options->role != NULL ? output->options->role : "auditor",
                               .signed_at = output->signed_at,
                               .expires = OKSE_TIME_NONE};

    return okse_approval_sign(bytes, name, &approving, error);
}

bool okse_collect_output_write(OkseCollectOutput *output, const OkseCollected *collected, GError **error)
{
    g_autoptr(GBytes) bytes = NULL, signature = NULL;
    g_autofree char *beside = NULL;

    if (output->path == NULL)
        return true;
    bytes = bytes_of(output, collected, error);
    signature = bytes != NULL && output->signer.key != NULL ? signature_of(output, bytes, error) : NULL;
    if (bytes == NULL || (output->signer.key != NULL && signature == NULL))
        return false;
    output->digest = okse_sha256_of_bytes(bytes);
    beside = g_strconcat(output->path, OKSE_APPROVAL_SUFFIX, NULL);
    return (signature == NULL || okse_write_path(beside, signature, error)) &&
           okse_write_path(output->path, bytes, error);
}

void okse_collect_output_print(const OkseCollectOutput *output)
{
    char digest[OKSE_SHA256_TEXT];

    if (output->archive)
        okse_print("%s %s%s%s\n", okse_sha256_text(&output->digest, digest), output->path,
                   output->previous != NULL ? ", after the one of " : "",
                   output->previous != NULL ? okse_evidence_time(output->previous) : "");
}

void okse_collect_output_clear(OkseCollectOutput *output)
{
    g_clear_pointer(&output->path, g_free);
    g_clear_pointer(&output->previous, okse_evidence_free);
    g_clear_pointer(&output->redaction_key, g_bytes_unref);
    okse_signing_key_clear(&output->signer);
}
