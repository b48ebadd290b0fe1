/* An install root has no blobs but the files that were made of them: a raw file is its blob, a layer of an image is one
 * in its layout directory, and a tar is its headers, which follow from the listing, with the files between them. */
#include "packager/base.h"

#include "core/fd.h"
#include "packager/generation.h"
#include "packager/install_root.h"
#include "packager/records.h"
#include "packager/tar_extract.h"
#include "packager/tar_header.h"

/* One installed blob: a file, or the tar of a component. */
typedef struct Installed Installed;
struct Installed {
    OkseSha256 digest; /* the key */
    char *path;        /* beneath the root; of a tar: its component's directory */
    uint64_t size;     /* of a file */
    const OksePart *tar;
    OkseBytes *bytes; /* once it was asked for */
    Installed *older; /* the same blob in a generation before, for when this one is gone; owned */
};

struct OkseBase {
    char *name;
    OkseBundle *bundle; /* or … */
    int root_fd;        /* … this */
    GHashTable *blobs;  /* OkseSha256 → Installed */
    GPtrArray *records; /* OkseRecords: the parts borrow from them */
};

static void installed_free(gpointer data)
{
    Installed *installed = data, *older;

    for (; installed != NULL; installed = older) {
        older = installed->older;
        okse_bytes_unref(installed->bytes);
        g_free(installed->path);
        g_free(installed);
    }
}

OkseBase *okse_base_of_bundle(OkseBundle *bundle, const char *name)
{
    OkseBase *base = g_new0(OkseBase, 1);

    *base = (OkseBase){.name = g_strdup(name), .bundle = bundle, .root_fd = -1};
    return base;
}

static void add(OkseBase *base, const Installed *added)
{
    Installed *known = g_hash_table_lookup(base->blobs, &added->digest);
    Installed *installed = g_memdup2(added, sizeof *added);

    if (known == NULL) {
        g_hash_table_insert(base->blobs, &installed->digest, installed);
        return;
    }
    installed->older = known->older;
    known->older = installed;
}

/* Files of a tar are no blobs by themselves, but of another bundle they may be: one place is enough of each. */
static void add_tree(OkseBase *base, const OkseTree *tree, const char *generation, const char *directory, bool of_tar)
{
    for (unsigned i = 0; i < okse_tree_count(tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(tree, i);

        if (entry->type != OKSE_TREE_FILE || entry->any_content ||
            (of_tar && g_hash_table_contains(base->blobs, &entry->digest)))
            continue;
        add(base, &(Installed){.digest = entry->digest,
                               .path = g_strdup_printf("generations/%s/%s/%s", generation, directory, entry->path),
                               .size = entry->size});
    }
}

static void add_generation(OkseBase *base, const char *generation)
{
    okse_autofd fd = okse_root_generation(base->root_fd, generation, NULL);
    OkseRecords *records = fd < 0 ? NULL : okse_records_read(fd, generation, NULL);

    if (records == NULL)
        return;
    g_ptr_array_add(base->records, records);
    if (records->own != NULL)
        add_tree(base, records->own, generation, OKSE_RECORDS, false);
    for (guint i = 0; records->parts != NULL && i < records->parts->len; i++) {
        const OksePart *part = g_ptr_array_index(records->parts, i);

        if (part->tree == NULL)
            continue;
        if (part->form == OKSE_FORM_TAR)
            add(base, &(Installed){.digest = part->archive,
                                   .path = g_strdup_printf("generations/%s/%s", generation, part->name),
                                   .tar = part});
        add_tree(base, part->tree, generation, part->name, part->form == OKSE_FORM_TAR);
    }
}

static void records_let_go(gpointer records)
{
    okse_records_free(records);
}

OkseBase *okse_base_of_root(const char *path, GError **error)
{
    g_autoptr(OkseBase) base = g_new0(OkseBase, 1);
    g_autoptr(OkseState) state = NULL;

    base->name = g_strdup(path);
    base->blobs = g_hash_table_new_full(okse_sha256_hash, okse_sha256_same, NULL, installed_free);
    base->records = g_ptr_array_new_with_free_func(records_let_go);
    base->root_fd = okse_root_open(path, false, error);
    state = base->root_fd < 0 ? NULL : okse_state_load(base->root_fd, error);
    if (state == NULL)
        return NULL;
    if (state->installed->len == 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: nothing is installed there", path);
        return NULL;
    }
    for (guint i = state->installed->len; i > 0; i--) /* the newest is the likeliest to be whole */
        add_generation(base, ((const OkseInstalled *)g_ptr_array_index(state->installed, i - 1))->generation);
    return g_steal_pointer(&base);
}

void okse_base_free(OkseBase *base)
{
    if (base == NULL)
        return;
    g_clear_pointer(&base->blobs, g_hash_table_unref);
    g_clear_pointer(&base->records, g_ptr_array_unref);
    okse_fd_clear(&base->root_fd);
    okse_bundle_free(base->bundle);
    g_free(base->name);
    g_free(base);
}

const char *okse_base_name(const OkseBase *base)
{
    return base->name;
}

const OkseBundle *okse_base_bundle(const OkseBase *base)
{
    return base->bundle;
}

bool okse_base_lies_in(const OkseBase *base, const struct stat *file)
{
    return base->bundle != NULL && okse_bytes_lie_in(okse_bundle_bytes(base->bundle), file);
}

/* The file as it lies there now; NULL when it is gone or has another size. */
static OkseBytes *file_open(const OkseBase *base, const char *path, uint64_t size)
{
    okse_autofd fd = okse_open_beneath(base->root_fd, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, NULL);
    g_autofree char *name = g_build_filename(base->name, path, NULL);
    g_autoptr(OkseBytes) bytes = fd < 0 ? NULL : okse_bytes_of_file(fd, name, NULL);

    if (bytes == NULL || okse_bytes_length(bytes) != size)
        return NULL;
    okse_bytes_keep_fd(bytes, &fd);
    return g_steal_pointer(&bytes);
}

/* A member of a tar, opened for each reading: a component may have more files than a process may open. */
typedef struct {
    int root_fd;
    char *path;
} Member;

static void member_free(gpointer data)
{
    g_free(((Member *)data)->path);
    g_free(data);
}

static bool member_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Member *member = context;
    okse_autofd fd = okse_open_beneath(member->root_fd, member->path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);

    return fd >= 0 && okse_pread_exact(fd, buffer, length, offset, member->path, error);
}

static void tar_append(const OkseBase *base, OkseBytes *bytes, const char *directory, const OkseTreeEntry *entry)
{
    uint64_t size = entry->type == OKSE_TREE_FILE ? entry->size : 0;
    g_autoptr(GBytes) header = okse_tar_tree_entry(entry);
    Member *member;

    okse_bytes_append_memory(bytes, header);
    if (size == 0)
        return;
    member = g_new(Member, 1);
    *member = (Member){base->root_fd, g_build_filename(directory, entry->path, NULL)};
    okse_bytes_keep(bytes, member, member_free);
    okse_bytes_append_source(bytes, &(OkseSourcePiece){member_read, member, 0, size});
    okse_bytes_append_zeros(bytes, okse_tar_padded(size) - size);
}

static bool lies_there(const OkseBase *base, const char *directory, const OkseTreeEntry *entry)
{
    g_autofree char *path = g_build_filename(directory, entry->path, NULL);
    okse_autofd fd = okse_open_beneath(base->root_fd, path, O_PATH, 0, NULL);
    struct stat info;

    return fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == entry->size;
}

/* NULL when one of its files is gone or has another size. */
static OkseBytes *tar_open(const OkseBase *base, const Installed *installed)
{
    g_autoptr(OkseBytes) bytes = okse_bytes_new();
    const OkseTree *tree = installed->tar->tree;

    for (unsigned i = 0; i < okse_tree_count(tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(tree, i);

        if (!entry->beside && entry->type == OKSE_TREE_FILE && !lies_there(base, installed->path, entry))
            return NULL;
    }
    for (unsigned i = 0; i < okse_tree_count(tree); i++)
        if (!okse_tree_entry(tree, i)->beside)
            tar_append(base, bytes, installed->path, okse_tree_entry(tree, i));
    okse_bytes_append_zeros(bytes, 2 * (uint64_t)OKSE_TAR_BLOCK);
    return g_steal_pointer(&bytes);
}

bool okse_base_find(OkseBase *base, const OkseSha256 *digest, uint64_t size, OkseBaseBlob *blob)
{
    const OkseBlob *stored = base->bundle != NULL ? okse_bundle_find(base->bundle, digest) : NULL;
    Installed *installed = base->blobs != NULL ? g_hash_table_lookup(base->blobs, digest) : NULL;

    for (; installed != NULL; installed = installed->older) {
        if (installed->bytes == NULL)
            installed->bytes =
                installed->tar != NULL ? tar_open(base, installed) : file_open(base, installed->path, installed->size);
        if (installed->bytes != NULL)
            break;
    }
    if (stored != NULL)
        *blob = (OkseBaseBlob){okse_bundle_bytes(base->bundle), stored->offset, stored->size};
    else if (installed != NULL)
        *blob = (OkseBaseBlob){installed->bytes, 0, okse_bytes_length(installed->bytes)};
    else
        return false;
    return size == UINT64_MAX || blob->size == size;
}
