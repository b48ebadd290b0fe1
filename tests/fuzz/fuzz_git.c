/* A hostile repository: the input is a tree object, a .gitmodules and a signature. Whatever is exported has safe names,
 * sorted, with links that stay inside, and is delivered as it was listed. */
#include "core/fd.h"
#include "packager/git_library.h"
#include "packager/git_modules.h"
#include "packager/git_signature.h"
#include "packager/source_internal.h"
#include "packager/tree.h"

#include <glib/gstdio.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const OkseSource *source;
    uint64_t *delivered;
} Sum;

static bool add(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    const Sum *sum = context;

    (void)data;
    (void)error;
    sum->delivered[entry] += length;
    return true;
}

static void check_source(const OkseSource *source)
{
    g_autofree uint64_t *delivered = g_new0(uint64_t, okse_source_count(source));
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);

        g_assert(okse_path_check(entry->path, NULL));
        g_assert(strstr(entry->path, "/.git/") == NULL && !g_str_has_prefix(entry->path, ".git/"));
        g_assert(i == 0 || strcmp(okse_source_entry(source, i - 1)->path, entry->path) < 0);
        g_assert((entry->kind == OKSE_ENTRY_LINK) == (entry->target != NULL));
        g_assert(entry->target == NULL || okse_link_check(entry->path, entry->target, NULL));
    }
    if (!okse_source_copy(source, NULL, add, &(Sum){source, delivered}, &error))
        g_error("listed but not delivered: %s", error->message);
    for (unsigned i = 0; i < okse_source_count(source); i++)
        g_assert(delivered[i] == okse_source_entry(source, i)->size);
}

/* The input as the tree of a commit in a fresh repository that has one blob, "x\n". */
static void check_tree(const uint8_t *data, size_t size)
{
    g_autofree char *place = g_dir_make_tmp("okse-fuzz-XXXXXX", NULL), *commit = NULL;
    g_autofree char *objects = g_build_filename(place, "objects", NULL), *name = g_path_get_basename(place);
    okse_autofd above = okse_open_directory(g_get_tmp_dir(), NULL);
    OkseStackSource wanted = {.form = OKSE_SOURCE_GIT, .location = place};
    g_autoptr(GError) error = NULL;
    char hex[GIT_OID_HEXSZ + 1];
    git_odb *odb = NULL;
    git_oid id;

    g_assert(g_mkdir(objects, 0700) == 0 && git_odb_open(&odb, objects) == 0);
    g_assert(git_odb_write(&id, odb, "x\n", 2, GIT_OBJECT_BLOB) == 0);
    if (git_odb_write(&id, odb, data, size, GIT_OBJECT_TREE) == 0) {
        g_autoptr(OkseSource) source = NULL;

        commit = g_strdup_printf("tree %s\nauthor a <a> 5 +0000\ncommitter a <a> 5 +0000\n\n",
                                 git_oid_tostr(hex, sizeof hex, &id));
        g_assert(git_odb_write(&id, odb, commit, strlen(commit), GIT_OBJECT_COMMIT) == 0);
        wanted.commit = git_oid_tostr(hex, sizeof hex, &id);
        source = okse_source_open_git(AT_FDCWD, &wanted, "fuzz", &error);
        g_assert((source == NULL) == (error != NULL));
        if (source != NULL)
            check_source(source);
    }
    git_odb_free(odb);
    okse_remove_tree(above, name, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(OkseGitLibrary) library = okse_git_library_begin();
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) signature = okse_git_signature_json((const char *)data, size, &error);
    g_autofree char *module = okse_git_module_name(bytes, "a/b");

    g_assert(library > 0 && (signature == NULL) == (error != NULL));
    g_assert(module == NULL || strlen(module) <= size);
    check_tree(data, size);
    return 0;
}
