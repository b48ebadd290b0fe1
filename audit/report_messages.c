/* Catalogues are ours, so a key that English lacks is a bug; what another language lacks is shown in English. */
#include "audit/report_messages.h"

#include "core/yaml.h"

#include <string.h>

typedef struct {
    char *language;
    OkseYaml *yaml;        /* NULL: no catalogue */
    const OkseNode *texts; /* borrowed from yaml */
    const char *name;      /* borrowed */
    bool right_to_left;
} Catalogue;

struct OkseMessages {
    GPtrArray *catalogues; /* in the order of the report; English last when it was not asked for */
    unsigned shown;        /* languages of the report */
    Catalogue *english;    /* borrowed from catalogues */
    OkseYaml *countries;
};

static void catalogue_free(gpointer data)
{
    Catalogue *catalogue = data;

    okse_yaml_free(catalogue->yaml);
    g_free(catalogue->language);
    g_free(catalogue);
}

static bool is_code(const char *language)
{
    size_t length = strlen(language);

    if (length < 2 || length > 16)
        return false;
    for (const char *c = language; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c) && *c != '-')
            return false;
    return true;
}

static char *catalogue_path(const char *language)
{
    return g_strdup_printf("templates/report/messages.%s.yaml", language);
}

bool okse_messages_known(const OkseResources *resources, const char *language)
{
    g_autofree char *path = catalogue_path(language);
    g_autoptr(GBytes) bytes = is_code(language) ? okse_resources_read(resources, path, NULL) : NULL;

    return bytes != NULL;
}

static OkseYaml *read_yaml(const OkseResources *resources, const char *path, GError **error)
{
    g_autofree char *name = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);

    return bytes == NULL ? NULL : okse_yaml_read(bytes, name, error);
}

static Catalogue *catalogue_open(const OkseResources *resources, const char *language, GError **error)
{
    g_autofree char *path = catalogue_path(language);
    Catalogue *catalogue = g_new0(Catalogue, 1);
    const OkseNode *root, *direction;

    catalogue->language = g_strdup(language);
    catalogue->name = catalogue->language;
    if (!okse_messages_known(resources, language))
        return catalogue;
    catalogue->yaml = read_yaml(resources, path, error);
    if (catalogue->yaml == NULL) {
        catalogue_free(catalogue);
        return NULL;
    }
    root = okse_yaml_root(catalogue->yaml);
    catalogue->texts = okse_node_get(root, "texts");
    if (okse_node_get(root, "name") != NULL && okse_node_text(okse_node_get(root, "name")) != NULL)
        catalogue->name = okse_node_text(okse_node_get(root, "name"));
    direction = okse_node_get(root, "direction");
    catalogue->right_to_left = direction != NULL && g_strcmp0(okse_node_text(direction), "rtl") == 0;
    return catalogue;
}

void okse_messages_free(OkseMessages *messages)
{
    if (messages == NULL)
        return;
    g_ptr_array_unref(messages->catalogues);
    okse_yaml_free(messages->countries);
    g_free(messages);
}

/* The asked languages in their order; English behind them when nobody asked for it. */
static bool open_catalogues(OkseMessages *messages, const OkseResources *resources, const char *const *languages,
                            GError **error)
{
    const char *const *language = languages;

    while (*language != NULL || messages->english == NULL) {
        const char *code = *language != NULL ? *language++ : "en";
        Catalogue *catalogue = catalogue_open(resources, code, error);

        if (catalogue == NULL)
            return false;
        g_ptr_array_add(messages->catalogues, catalogue);
        if (strcmp(code, "en") == 0)
            messages->english = catalogue;
    }
    messages->shown = (unsigned)(language - languages);
    if (messages->english->texts == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "templates/report/messages.en.yaml: no texts");
    messages->countries = read_yaml(resources, "templates/report/countries.yaml", error);
    return messages->countries != NULL;
}

OkseMessages *okse_messages_open(const OkseResources *resources, const char *const *languages, GError **error)
{
    OkseMessages *messages = g_new0(OkseMessages, 1);

    messages->catalogues = g_ptr_array_new_with_free_func(catalogue_free);
    if (open_catalogues(messages, resources, languages, error))
        return messages;
    okse_messages_free(messages);
    return NULL;
}

static const Catalogue *catalogue_at(const OkseMessages *messages, unsigned index)
{
    return g_ptr_array_index(messages->catalogues, index);
}

unsigned okse_messages_languages(const OkseMessages *messages)
{
    return messages->shown;
}

const char *okse_messages_language(const OkseMessages *messages, unsigned index)
{
    return catalogue_at(messages, index)->language;
}

const char *okse_messages_language_name(const OkseMessages *messages, unsigned index)
{
    return catalogue_at(messages, index)->name;
}

bool okse_messages_right_to_left(const OkseMessages *messages, unsigned index)
{
    return catalogue_at(messages, index)->right_to_left;
}

static const char *node_text(const OkseNode *map, const char *key)
{
    const OkseNode *node = map != NULL ? okse_node_get(map, key) : NULL;

    return node != NULL ? okse_node_text(node) : NULL;
}

const char *okse_messages_find(const OkseMessages *messages, unsigned index, const char *key, bool *translated)
{
    const char *text = node_text(catalogue_at(messages, index)->texts, key);

    if (translated != NULL)
        *translated = text != NULL;
    return text != NULL ? text : node_text(messages->english->texts, key);
}

const char *okse_messages_get(const OkseMessages *messages, unsigned index, const char *key, bool *translated)
{
    const char *text = okse_messages_find(messages, index, key, translated);

    if (text == NULL)
        g_error("templates/report/messages.en.yaml lacks '%s'", key); /* a bug of ours, not input */
    return text;
}

const char *okse_messages_country(const OkseMessages *messages, unsigned index, const char *iso, bool *translated)
{
    const OkseNode *names = okse_node_get(okse_yaml_root(messages->countries), iso);
    const char *text = node_text(names, okse_messages_language(messages, index));

    if (translated != NULL)
        *translated = text != NULL;
    return text != NULL ? text : node_text(names, "en");
}
