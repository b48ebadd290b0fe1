/* Model signatures inside a bundle: over the files of a weights component, as they will be installed. */
#include "packager/oms.h"

#include "core/text.h"
#include "packager/oms_statement.h"

#include <string.h>

/* As model_signing does: git's own files are not the model's, wherever they came from. */
static bool is_left_out(const char *path)
{
    static const char *const git[] = {".git", ".gitattributes", ".github", ".gitignore"};

    for (size_t i = 0; i < G_N_ELEMENTS(git); i++) {
        size_t length = strlen(git[i]);

        if (strncmp(path, git[i], length) == 0 && (path[length] == '\0' || path[length] == '/'))
            return true;
    }
    return false;
}

GArray *okse_oms_files(const OkseTree *tree, bool *carried)
{
    GArray *files = g_array_new(FALSE, FALSE, sizeof(OkseOmsFile));

    *carried = okse_tree_find(tree, OKSE_OMS_NAME) >= 0;
    for (unsigned i = 0; i < okse_tree_count(tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(tree, i);
        OkseOmsFile file = {entry->path, entry->digest};

        if (entry->type == OKSE_TREE_FILE && !is_left_out(entry->path))
            g_array_append_val(files, file);
    }
    return files;
}

bool okse_oms_covers(GBytes *payload, const OkseOmsModelFacts *model, GError **error)
{
    g_autoptr(OkseOmsStatement) statement = okse_oms_statement_read(payload, error);
    g_autofree char *shown = okse_text_show(model->component, -1, false);
    char hex[OKSE_SHA256_HEX];

    if (statement == NULL)
        return false;
    if (model->files == NULL)
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "the files of '%s' are in tar form and are not compared when a bundle is read from a pipe",
                         shown);
    if (g_strcmp0(statement->model, model->component) != 0 || statement->shard_size != 0 ||
        strcmp(statement->hash, "SHA256") != 0)
        return okse_fail(error, OKSE_ERROR_REFUSED, "the model signature is not one over the files of '%s'", shown);
    for (guint i = 0; i < model->files->len; i++) {
        const OkseOmsFile *file = &g_array_index(model->files, OkseOmsFile, i);
        const char *expected = g_hash_table_lookup(statement->expected, file->name);

        if (expected == NULL || strcmp(expected, okse_sha256_hex(&file->digest, hex)) != 0)
            return okse_fail(error, OKSE_ERROR_REFUSED, "the model signature is over another '%s' than that of '%s'",
                             file->name, shown);
    }
    return g_hash_table_size(statement->expected) == model->files->len ||
           okse_fail(error, OKSE_ERROR_REFUSED, "the model signature is over more files than '%s' has", shown);
}
