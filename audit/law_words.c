/* Words are looked up where they stand in the file, which the law in memory has forgotten. */
#include "audit/law_words.h"

#include "core/text.h"
#include "core/vocabulary.h"

#include <string.h>

#define RULES "manifests/data-class-rules.yaml"

struct OkseLawWords {
    OkseVocabulary *lists[2]; /* by OkseWordKind */
};

OkseLawWords *okse_law_words_read(const OkseResources *resources, GError **error)
{
    g_autoptr(OkseLawWords) words = g_new0(OkseLawWords, 1);

    words->lists[OKSE_WORD_DATA] = okse_vocabulary_read(resources, "data-classes", error);
    if (words->lists[OKSE_WORD_DATA] == NULL)
        return NULL;
    words->lists[OKSE_WORD_SECTOR] = okse_vocabulary_read(resources, "sectors", error);
    return words->lists[OKSE_WORD_SECTOR] == NULL ? NULL : g_steal_pointer(&words);
}

void okse_law_words_free(OkseLawWords *words)
{
    if (words == NULL)
        return;
    for (unsigned i = 0; i < G_N_ELEMENTS(words->lists); i++)
        okse_vocabulary_free(words->lists[i]);
    g_free(words);
}

char *okse_law_words_objection(const OkseLawWords *words, OkseWordKind kind, const char *word)
{
    const OkseVocabulary *list = words->lists[kind];
    const char *near;

    if (okse_vocabulary_find(list, word) != NULL)
        return NULL;
    near = okse_text_nearest(word, okse_vocabulary_words(list));
    return g_strdup_printf("unknown %s '%s'%s%s%s", kind == OKSE_WORD_SECTOR ? "sector" : "data class", word,
                           near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
}

typedef struct {
    const OkseLawWords *words;
    const char *origin;
    OkseIssues *issues;
} Linting;

static void lint_word(const Linting *linting, OkseWordKind kind, const char *word, OksePlace at)
{
    g_autofree char *objection = okse_law_words_objection(linting->words, kind, word);

    at.origin = linting->origin;
    if (objection != NULL)
        okse_issue(linting->issues, &at, "%s", objection);
}

/* The forms that lists and texts may have are checked where the file is read. */
static void lint_list(const Linting *linting, OkseWordKind kind, const OkseNode *list)
{
    if (list == NULL || okse_node_kind(list) != OKSE_NODE_LIST)
        return;
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *item = okse_node_item(list, i);
        const char *word = okse_node_kind(item) == OKSE_NODE_TEXT ? okse_node_text(item) : NULL;

        if (word != NULL && strcmp(word, "all") != 0)
            lint_word(linting, kind, word, okse_node_place(item));
    }
}

/* One that says to what it applies, by itself or in `applies_to`. */
static void lint_scopes(const Linting *linting, const OkseNode *list)
{
    if (list == NULL || okse_node_kind(list) != OKSE_NODE_LIST)
        return;
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *item = okse_node_item(list, i), *applies = okse_node_get(item, "applies_to");
        const OkseNode *scope = applies != NULL ? applies : item;

        lint_list(linting, OKSE_WORD_DATA, okse_node_get(scope, "data"));
        lint_list(linting, OKSE_WORD_SECTOR, okse_node_get(scope, "sectors"));
    }
}

/* A target of scenarios names one sector or several. */
static void lint_target(const Linting *linting, const OkseNode *target)
{
    const OkseNode *sector = okse_node_get(target, "sector");

    lint_list(linting, OKSE_WORD_DATA, okse_node_get(target, "data"));
    lint_list(linting, OKSE_WORD_SECTOR, sector);
    if (sector != NULL && okse_node_kind(sector) == OKSE_NODE_TEXT)
        lint_word(linting, OKSE_WORD_SECTOR, okse_node_text(sector), okse_node_place(sector));
}

static void lint_targets(const Linting *linting, const OkseNode *root)
{
    const OkseNode *rows = okse_node_get(root, "rows");

    lint_target(linting, okse_node_get(root, "complete"));
    for (unsigned i = 0; rows != NULL && okse_node_kind(rows) == OKSE_NODE_LIST && i < okse_node_count(rows); i++)
        lint_target(linting, okse_node_item(rows, i));
}

void okse_law_words_lint(const OkseLawWords *words, GBytes *yaml, const char *origin, OkseIssues *issues)
{
    g_autoptr(OkseYaml) document = okse_yaml_read(yaml, origin, NULL);
    const OkseNode *root = document == NULL ? NULL : okse_yaml_root(document);
    const Linting linting = {words, origin, issues};

    lint_scopes(&linting, okse_node_get(root, "provisions"));
    lint_scopes(&linting, okse_node_get(root, "transfers"));
    lint_scopes(&linting, okse_node_get(root, "add"));
    lint_targets(&linting, root);
}

/* word: [words that follow from it] */
static void lint_implications(const Linting *linting, OkseWordKind kind, const OkseNode *map)
{
    if (map == NULL || okse_node_kind(map) != OKSE_NODE_MAP)
        return;
    for (unsigned i = 0; i < okse_node_count(map); i++) {
        lint_word(linting, kind, okse_node_key(map, i), okse_node_key_place(map, i));
        lint_list(linting, kind, okse_node_item(map, i));
    }
}

static void lint_rules(const OkseLawWords *words, GBytes *yaml, const char *origin, OkseIssues *issues)
{
    g_autoptr(OkseYaml) document = okse_yaml_read(yaml, origin, NULL);
    const OkseNode *root = document == NULL ? NULL : okse_yaml_root(document);
    const Linting linting = {words, origin, issues};

    lint_list(&linting, OKSE_WORD_DATA, okse_node_get(root, "always"));
    lint_list(&linting, OKSE_WORD_DATA, okse_node_get(root, "with_weights"));
    lint_list(&linting, OKSE_WORD_SECTOR, okse_node_get(root, "sectors_with_weights"));
    lint_list(&linting, OKSE_WORD_SECTOR, okse_node_get(root, "private_unless"));
    lint_implications(&linting, OKSE_WORD_DATA, okse_node_get(root, "implies"));
    lint_implications(&linting, OKSE_WORD_SECTOR, okse_node_get(root, "sector_implies"));
}

static bool lint_directory(const OkseLawWords *words, const OkseResources *resources, const char *directory,
                           OkseIssues *issues, GError **error)
{
    g_auto(GStrv) names = okse_resources_list(resources, directory, error);

    for (char **name = names; name != NULL && *name != NULL; name++) {
        g_autofree char *path = g_strdup_printf("%s/%s", directory, *name);
        g_autofree char *origin = okse_resources_name(resources, path);
        g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);

        if (bytes == NULL)
            return false;
        okse_law_words_lint(words, bytes, origin, issues);
    }
    return names != NULL;
}

bool okse_law_words_lint_all(const OkseResources *resources, OkseIssues *issues, GError **error)
{
    g_autoptr(OkseLawWords) words = okse_law_words_read(resources, error);
    g_autoptr(GBytes) rules = words == NULL ? NULL : okse_resources_read(resources, RULES, error);
    g_autofree char *origin = okse_resources_name(resources, RULES);

    if (rules == NULL)
        return false;
    lint_rules(words, rules, origin, issues);
    return lint_directory(words, resources, "manifests/jurisdictions", issues, error) &&
           lint_directory(words, resources, "manifests/frameworks", issues, error) &&
           lint_directory(words, resources, "manifests/scenarios", issues, error);
}
