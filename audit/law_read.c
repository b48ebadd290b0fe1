/* Shared reading of the two kinds of law files. */
#include "audit/law_read.h"

#include "audit/report_view.h"
#include "core/text.h"

#include <stdint.h>
#include <string.h>

const char *const okse_law_confidences[] = {"high", "medium", "low", NULL};

OkseYaml *okse_law_open(GBytes *yaml, const char *origin, const char *kind, OkseIssues *issues)
{
    g_autoptr(GError) error = NULL;
    OkseYaml *document = okse_yaml_read(yaml, origin, &error);
    const OkseNode *marker;
    OksePlace at = {origin, 1, 1};

    if (document == NULL) {
        okse_issue(issues, NULL, "%s", error->message);
        return NULL;
    }
    marker = okse_node_get(okse_yaml_root(document), "okse");
    if (marker != NULL && g_strcmp0(okse_node_text(marker), kind) == 0)
        return document;
    okse_issue(issues, &at, "must begin with 'okse: %s'", kind);
    okse_yaml_free(document);
    return NULL;
}

OksePlace okse_law_place(OksePlace place, const char *origin)
{
    place.origin = origin;
    return place;
}

int okse_law_word(const char *word, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

bool okse_law_is_country(const char *text)
{
    return text != NULL && strlen(text) == 2 && g_ascii_isupper(text[0]) && g_ascii_isupper(text[1]);
}

bool okse_law_is_framework(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++)
        if (!g_ascii_islower(text[i]) && (i == 0 || (!g_ascii_isdigit(text[i]) && text[i] != '-')))
            return false;
    return length > 2 && length <= 64;
}

bool okse_law_is_id(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++)
        if (!g_ascii_islower(text[i]) && (i == 0 || (!g_ascii_isdigit(text[i]) && strchr("-._", text[i]) == NULL)))
            return false;
    return length > 0 && length <= 64;
}

bool okse_law_is_name(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++)
        if (!g_ascii_islower(text[i]) && (i == 0 || (!g_ascii_isdigit(text[i]) && text[i] != '_')))
            return false;
    return length > 0 && length <= 64;
}

static bool is_language(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isalpha(text[i]) && (i < 2 || text[i] != '-'))
            return false;
    return length >= 2 && length <= 12;
}

json_t *okse_law_take_texts(OkseMap *map, const char *key, OksePresence presence, const char *origin,
                            OkseIssues *issues)
{
    const OkseNode *node = NULL;
    json_t *texts;

    if (!okse_map_take_map(map, key, presence, &node))
        return NULL;
    texts = json_object();
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        const OkseNode *entry = okse_node_item(node, i);
        OksePlace at = okse_law_place(okse_node_place(entry), origin);
        const char *language = okse_node_key(node, i);

        if (!is_language(language))
            okse_issue(issues, &at, "'%s': '%s' is no language", key, language);
        else if (okse_node_kind(entry) != OKSE_NODE_TEXT || *okse_node_text(entry) == '\0')
            okse_issue(issues, &at, "'%s' must be a text in '%s'", key, language);
        else
            json_object_set_new(texts, language, json_string(okse_node_text(entry)));
    }
    if (json_object_get(texts, "en") == NULL) {
        OksePlace at = okse_law_place(okse_node_place(node), origin);

        okse_issue(issues, &at, "'%s' needs the language 'en'", key);
    }
    return texts;
}

void okse_law_lint_language(const json_t *texts, const char *what, const char *language, const OksePlace *at,
                            OkseIssues *issues)
{
    bool own = false;

    if (texts == NULL)
        return;
    okse_texts_get(texts, language, &own);
    if (!own)
        okse_issue(issues, at, "%s is not translated to '%s'", what, language);
}

GPtrArray *okse_law_take_words(OkseMap *map, const char *key, OksePresence presence, const char *origin,
                               OkseIssues *issues)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    const OkseNode *list = NULL;

    if (!okse_map_take_list(map, key, presence, &list))
        return words;
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *entry = okse_node_item(list, i);
        OksePlace at = okse_law_place(okse_node_place(entry), origin);

        if (okse_node_kind(entry) != OKSE_NODE_TEXT || *okse_node_text(entry) == '\0')
            okse_issue(issues, &at, "'%s' must hold texts", key);
        else
            g_ptr_array_add(words, g_strdup(okse_node_text(entry)));
    }
    return words;
}

char *okse_law_take_word(OkseMap *map, const char *key, const char *const *words, const OksePlace *at,
                         OkseIssues *issues)
{
    const char *text = NULL;

    if (!okse_map_take_text(map, key, OKSE_REQUIRED, &text))
        return g_strdup("");
    if (okse_law_word(text, words) < 0) {
        g_autofree char *all = g_strjoinv(", ", (char **)(uintptr_t)words);

        okse_issue(issues, at, "%s: '%s' is none of: %s", key, text, all);
    }
    return g_strdup(text);
}

bool okse_law_is_date(const char *text, gint64 *time)
{
    return strlen(text) == strlen("2026-01-01") && okse_text_time_parse(text, time);
}
