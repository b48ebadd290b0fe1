/* A YAML map of word → meaning. */
#include "core/vocabulary.h"

#include "core/yaml.h"

#include <string.h>

struct OkseVocabulary {
    OkseYaml *yaml; /* owns the texts */
    const OkseNode *root;
    GPtrArray *words;
};

static int compare_words(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

OkseVocabulary *okse_vocabulary_read(const OkseResources *resources, const char *list, GError **error)
{
    g_autofree char *path = g_strdup_printf("manifests/%s.yaml", list);
    g_autofree char *name = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
    g_autoptr(OkseVocabulary) vocabulary = g_new0(OkseVocabulary, 1);

    if (bytes == NULL)
        return NULL;
    vocabulary->words = g_ptr_array_new_with_free_func(g_free);
    vocabulary->yaml = okse_yaml_read(bytes, name, error);
    if (vocabulary->yaml == NULL)
        return NULL;
    vocabulary->root = okse_yaml_root(vocabulary->yaml);
    if (okse_node_kind(vocabulary->root) != OKSE_NODE_MAP) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s:1:1: a map of words is expected", name);
        return NULL;
    }
    for (unsigned i = 0; i < okse_node_count(vocabulary->root); i++)
        g_ptr_array_add(vocabulary->words, g_strdup(okse_node_key(vocabulary->root, i)));
    g_ptr_array_sort(vocabulary->words, compare_words);
    g_ptr_array_add(vocabulary->words, NULL);
    return g_steal_pointer(&vocabulary);
}

void okse_vocabulary_free(OkseVocabulary *vocabulary)
{
    if (vocabulary == NULL)
        return;
    g_clear_pointer(&vocabulary->words, g_ptr_array_unref);
    okse_yaml_free(vocabulary->yaml);
    g_free(vocabulary);
}

const char *okse_vocabulary_find(const OkseVocabulary *vocabulary, const char *word)
{
    const OkseNode *node = okse_node_get(vocabulary->root, word);

    return node == NULL ? NULL : okse_node_text(node);
}

const char *const *okse_vocabulary_words(const OkseVocabulary *vocabulary)
{
    return (const char *const *)vocabulary->words->pdata;
}
