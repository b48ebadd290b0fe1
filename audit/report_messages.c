/* Catalogues are ours, so a key that English lacks is a bug; what another language lacks is shown in English. */
#include "audit/report_messages.h"

#include "audit/report_locale.h"

#include <string.h>

typedef struct {
    char *language;
    OkseYaml *yaml;        /* NULL: no catalogue */
    OkseYaml *locale;      /* NULL: none */
    const OkseNode *texts; /* borrowed from yaml */
    const char *name;      /* borrowed */
    bool right_to_left;
} Catalogue;

struct OkseMessages {
    GPtrArray *catalogues; /* in the order of the report; English last when it was not asked for */
    unsigned shown;        /* languages of the report */
    Catalogue *english;    /* borrowed from catalogues */
    GStringChunk *marked;  /* English texts with their mark */
};

static void catalogue_free(gpointer data)
{
    Catalogue *catalogue = data;

    okse_yaml_free(catalogue->yaml);
    okse_yaml_free(catalogue->locale);
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

static char *path_of(const char *what, const char *language)
{
    return g_strdup_printf("templates/report/%s.%s.yaml", what, language);
}

static bool is_there(const OkseResources *resources, const char *what, const char *language)
{
    g_autofree char *path = path_of(what, language);
    g_autoptr(GBytes) bytes = is_code(language) ? okse_resources_read(resources, path, NULL) : NULL;

    return bytes != NULL;
}

bool okse_messages_known(const OkseResources *resources, const char *language)
{
    return is_there(resources, "messages", language);
}

static OkseYaml *read_yaml(const OkseResources *resources, const char *what, const char *language, GError **error)
{
    g_autofree char *path = path_of(what, language);
    g_autofree char *name = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);

    return bytes == NULL ? NULL : okse_yaml_read(bytes, name, error);
}

static const char *node_text(const OkseNode *map, const char *key)
{
    const OkseNode *node = map != NULL ? okse_node_get(map, key) : NULL;

    return node != NULL ? okse_node_text(node) : NULL;
}

static bool read_messages(Catalogue *catalogue, const OkseResources *resources, GError **error)
{
    const OkseNode *root;

    catalogue->yaml = read_yaml(resources, "messages", catalogue->language, error);
    if (catalogue->yaml == NULL)
        return false;
    root = okse_yaml_root(catalogue->yaml);
    catalogue->texts = okse_node_get(root, "texts");
    if (node_text(root, "name") != NULL)
        catalogue->name = node_text(root, "name");
    catalogue->right_to_left = g_strcmp0(node_text(root, "direction"), "rtl") == 0;
    return true;
}

static Catalogue *catalogue_open(const OkseResources *resources, const char *language, GError **error)
{
    Catalogue *catalogue = g_new0(Catalogue, 1);
    bool read = true;

    catalogue->language = g_strdup(language);
    catalogue->name = catalogue->language;
    if (okse_messages_known(resources, language))
        read = read_messages(catalogue, resources, error);
    if (read && is_there(resources, "locale", language))
        read = (catalogue->locale = read_yaml(resources, "locale", language, error)) != NULL;
    if (read)
        return catalogue;
    catalogue_free(catalogue);
    return NULL;
}

void okse_messages_free(OkseMessages *messages)
{
    if (messages == NULL)
        return;
    g_ptr_array_unref(messages->catalogues);
    g_string_chunk_free(messages->marked);
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
    return true;
}

OkseMessages *okse_messages_open(const OkseResources *resources, const char *const *languages, GError **error)
{
    OkseMessages *messages = g_new0(OkseMessages, 1);

    messages->catalogues = g_ptr_array_new_with_free_func(catalogue_free);
    messages->marked = g_string_chunk_new(256);
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

const char *okse_messages_marked(const OkseMessages *messages, unsigned index, const char *key)
{
    bool translated;
    const char *text = okse_messages_get(messages, index, key, &translated);
    g_autofree char *marked = translated ? NULL : g_strconcat(text, " [en]", NULL);

    return translated ? text : g_string_chunk_insert_const(messages->marked, marked);
}

static const OkseNode *locale_of(const Catalogue *catalogue)
{
    return catalogue->locale != NULL ? okse_yaml_root(catalogue->locale) : NULL;
}

const char *okse_messages_country(const OkseMessages *messages, unsigned index, const char *iso, bool *translated)
{
    const char *text = node_text(okse_node_get(locale_of(catalogue_at(messages, index)), "countries"), iso);

    if (translated != NULL)
        *translated = text != NULL;
    return text != NULL ? text : node_text(okse_node_get(locale_of(messages->english), "countries"), iso);
}

char *okse_messages_number(const OkseMessages *messages, unsigned index, const char *plain)
{
    return okse_locale_number(locale_of(catalogue_at(messages, index)), plain);
}

char *okse_messages_date(const OkseMessages *messages, unsigned index, const char *iso)
{
    return okse_locale_date(locale_of(catalogue_at(messages, index)), iso);
}

char *okse_messages_value(const OkseMessages *messages, unsigned index, const char *name, const char *value)
{
    g_autofree char *written = NULL, *key = NULL;
    const char *word;

    if (strcmp(name, "date") == 0) {
        written = okse_messages_date(messages, index, value);
        return written != NULL ? g_strdup_printf("%s (%s)", written, value) : g_strdup(value);
    }
    if (strcmp(name, "status") != 0)
        return okse_messages_number(messages, index, value);
    key = g_strconcat("status.", value, NULL);
    word = okse_messages_find(messages, index, key, NULL);
    return g_strdup(word != NULL ? word : value);
}
