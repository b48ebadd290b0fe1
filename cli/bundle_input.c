#include "cli/bundle_input.h"

#include "cli/options.h"
#include "cli/parts_input.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"

#include <sys/stat.h>

static OkseBytes *file_bytes(int *fd, const char *path, GError **error)
{
    g_autoptr(OkseBytes) bytes = NULL;
    struct stat info;

    if (fstat(*fd, &info) == 0 && !S_ISREG(info.st_mode)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", path,
                  S_ISDIR(info.st_mode) ? "is a directory where a bundle belongs"
                                        : "a bundle is read from a file, not a pipe or device (copy it first)");
        return NULL;
    }
    bytes = okse_bytes_of_file(*fd, path, error);
    if (bytes == NULL)
        return NULL;
    okse_bytes_keep_fd(bytes, fd);
    return g_steal_pointer(&bytes);
}

/* A file, or parts where they lie. A bundle is opened once: what takes its name after the first look is never read. */
static OkseBytes *input_open(const char *path, char *const *parts, GError **error)
{
    okse_autofd fd = okse_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);

    if (fd < 0)
        return NULL;
    return okse_parts_input_is_at(fd, path) ? okse_parts_input_open(path, parts, error) : file_bytes(&fd, path, error);
}

static OkseBase *base_of_file(const char *path, GError **error)
{
    g_autoptr(OkseBytes) bytes = input_open(path, NULL, error);
    OkseBundle *bundle;

    if (bytes == NULL)
        return NULL;
    if (okse_thin_is(bytes)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is thin itself (make it whole first: okse thin %s --complete)", path,
                  path);
        return NULL;
    }
    bundle = okse_bundle_of(bytes, path, error);
    return bundle == NULL ? NULL : okse_base_of_bundle(bundle, path);
}

/* A directory that holds no parts. */
static bool is_root(const char *path)
{
    return g_file_test(path, G_FILE_TEST_IS_DIR) && !okse_parts_input_is(path);
}

static void base_let_go(gpointer base)
{
    okse_base_free(base);
}

GPtrArray *okse_bundle_bases_open(const OkseBundlePlaces *places, GError **error)
{
    g_autoptr(GPtrArray) opened = g_ptr_array_new_with_free_func(base_let_go);
    OkseBase *root;

    for (char *const *path = places == NULL ? NULL : places->bases; path != NULL && *path != NULL; path++) {
        OkseBase *base = is_root(*path) ? okse_base_of_root(*path, error) : base_of_file(*path, error);

        if (base == NULL)
            return NULL;
        if (opened->len >= OKSE_LIMIT_BASES) {
            okse_base_free(base);
            okse_fail(error, OKSE_ERROR_INVALID, "--base: more than %u", OKSE_LIMIT_BASES);
            return NULL;
        }
        g_ptr_array_add(opened, base);
    }
    root = places == NULL || places->root == NULL ? NULL : okse_base_of_root(places->root, NULL);
    if (root != NULL) /* one that is not there yet, or is none, has nothing to give; others say so */
        g_ptr_array_add(opened, root);
    return g_steal_pointer(&opened);
}

json_t *okse_thinned_json(const OkseThinned *thinned)
{
    return json_pack("{s:{s:I, s:I, s:I}, s:{s:I, s:I}}", "leftOut", "blobs", (json_int_t)thinned->left_out, "bytes",
                     (json_int_t)thinned->left_out_bytes, "recipes", (json_int_t)thinned->recipes, "carried", "bytes",
                     (json_int_t)thinned->carried, "pieces", (json_int_t)thinned->pieces);
}

void okse_print_thinned(const char *label, const OkseThinned *thinned)
{
    g_autofree char *left = okse_text_size(thinned->left_out_bytes), *carried = okse_text_size(thinned->carried);
    g_autofree char *pieces = okse_text_size(thinned->pieces);

    okse_print("%s%" G_GUINT64_FORMAT " blobs (%s) left out, %s of payload carried", label, thinned->left_out, left,
               carried);
    if (thinned->recipes > 0)
        okse_print("; %" G_GUINT64_FORMAT " of the blobs are put together from what is there and %s of new pieces",
                   thinned->recipes, pieces);
    okse_print("\n");
}

void okse_print_thin(const char *label, const OkseThinReport *thin)
{
    g_autofree char *size = okse_text_size(thin->left_out_bytes);

    okse_print("%s%" G_GUINT64_FORMAT
               " payload blobs (%s) are not in this file; okse verify and okse install take them "
               "from --base\n",
               label, thin->left_out, size);
}

GPtrArray *okse_bundles_open(char *const *paths, const char *option, GError **error)
{
    for (char *const *path = paths; *path != NULL; path++)
        if (is_root(*path)) {
            okse_fail(error, OKSE_ERROR_INVALID, "%s: %s is a directory where a bundle belongs", option, *path);
            return NULL;
        }
    return okse_bundle_bases_open(&(OkseBundlePlaces){.bases = paths}, error);
}

GPtrArray *okse_bundle_bases_roots(char *const *bases)
{
    GPtrArray *roots = g_ptr_array_new();

    for (; bases != NULL && *bases != NULL; bases++)
        if (is_root(*bases))
            g_ptr_array_add(roots, *bases);
    g_ptr_array_add(roots, NULL);
    return roots;
}

static void thin_let_go(gpointer thin)
{
    okse_thin_free(thin);
}

static void bases_let_go(gpointer bases)
{
    g_ptr_array_unref(bases);
}

static OkseBytes *thin_open(const OkseBytes *bytes, const char *path, const OkseBundlePlaces *places,
                            const OkseThinReport **report, GError **error)
{
    g_autoptr(OkseThin) thin = okse_thin_open(bytes, path, error);
    g_autoptr(GPtrArray) opened = thin == NULL ? NULL : okse_bundle_bases_open(places, error);
    g_autoptr(OkseBytes) whole = opened == NULL ? NULL : okse_thin_complete(thin, opened, error);

    if (whole == NULL)
        return NULL;
    if (report != NULL)
        *report = okse_thin_report(thin);
    okse_bytes_keep(whole, g_steal_pointer(&opened), bases_let_go);
    okse_bytes_keep(whole, g_steal_pointer(&thin), thin_let_go);
    return g_steal_pointer(&whole);
}

OkseBytes *okse_bundle_input_open(const char *path, const OkseBundlePlaces *places, const OkseThinReport **thin,
                                  GError **error)
{
    g_autoptr(OkseBytes) bytes = input_open(path, places == NULL ? NULL : places->parts, error);

    if (thin != NULL)
        *thin = NULL;
    if (bytes == NULL)
        return NULL;
    return okse_thin_is(bytes) ? thin_open(bytes, path, places, thin, error) : g_steal_pointer(&bytes);
}

OkseBundle *okse_bundle_input_read(const char *path, const OkseThinReport **thin, GError **error)
{
    g_autoptr(OkseBytes) bytes = okse_bundle_input_open(path, NULL, thin, error);

    return bytes == NULL ? NULL : okse_bundle_of(bytes, path, error);
}

OkseBytes *okse_bundle_input_open_whole(const char *path, GError **error)
{
    const OkseThinReport *thin;
    g_autoptr(OkseBytes) bytes = okse_bundle_input_open(path, NULL, &thin, error);

    if (bytes != NULL && thin != NULL) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "%s: is thin: %" G_GUINT64_FORMAT " of its blobs are not in it (make it whole first: okse thin %s "
                  "--base BUNDLE --complete -o FILE)",
                  path, thin->left_out, path);
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

OkseBundle *okse_bundle_input_read_as_it_is(const char *path, OkseBytes **lies, GError **error)
{
    g_autoptr(OkseBytes) bytes = input_open(path, NULL, error);
    g_autoptr(OkseBytes) whole = NULL;
    OkseBundle *bundle;

    if (bytes == NULL)
        return NULL;
    whole = okse_thin_is(bytes) ? thin_open(bytes, path, NULL, NULL, error) : okse_bytes_ref(bytes);
    bundle = whole == NULL ? NULL : okse_bundle_of(whole, path, error);
    if (bundle != NULL)
        *lies = g_steal_pointer(&bytes);
    return bundle;
}
