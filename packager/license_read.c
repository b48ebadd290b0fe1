/* Sources: huggingface.co/docs/hub/model-cards (front matter), ggml-org/ggml docs/gguf.md (general.*), transformers and
 * peft (configuration files). */
#include "packager/license_read.h"

#include "core/json.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/yaml.h"
#include "packager/front_matter.h"

#include <string.h>

#define TEXT_LIMIT 200u /* bytes of a name */
#define TEXTS_LIMIT 64u /* names of one kind in one file */
#define OTHER "other"   /* what cards say when the license is none of the hub's list */

static json_t *said_new(void)
{
    return json_pack("{s:[],s:[]}", "licenses", "bases");
}

static json_t *said(const char *text, unsigned line)
{
    g_autofree char *shown = okse_text_show(text, -1, false);
    g_autofree char *trimmed = g_strdup(g_strstrip(shown));

    return *trimmed == '\0' || strlen(trimmed) > TEXT_LIMIT
               ? NULL
               : json_pack("{s:s,s:i}", "text", trimmed, "line", (int)line);
}

static void add(json_t *result, const char *list, const char *text, unsigned line)
{
    json_t *values = json_object_get(result, list), *one = text != NULL ? said(text, line) : NULL;

    if (one != NULL && json_array_size(values) < TEXTS_LIMIT)
        json_array_append_new(values, one);
    else
        json_decref(one);
}

static void set_name(json_t *result, const char *text, unsigned line)
{
    json_t *one = text != NULL ? said(text, line) : NULL;

    if (one != NULL)
        json_object_set_new(result, "name", one);
}

static void set_broken(json_t *result, const char *why)
{
    g_autofree char *shown = okse_text_show(why, -1, false);

    json_object_set_new(result, "broken", json_string(shown));
}

static const char *text_of(const OkseNode *node)
{
    return node != NULL && okse_node_kind(node) == OKSE_NODE_TEXT ? okse_node_text(node) : NULL;
}

/* Front matter begins in the second line of the file. */
static unsigned line_of(const OkseNode *node)
{
    return okse_node_place(node).line + 1;
}

static void add_texts(json_t *result, const char *list, const OkseNode *node)
{
    if (node == NULL)
        return;
    if (okse_node_kind(node) != OKSE_NODE_LIST) {
        add(result, list, text_of(node), line_of(node));
        return;
    }
    for (unsigned i = 0; i < okse_node_count(node); i++)
        add(result, list, text_of(okse_node_item(node, i)), line_of(okse_node_item(node, i)));
}

static void read_card(json_t *result, const OkseNode *root)
{
    const OkseNode *license = okse_node_get(root, "license"), *name = okse_node_get(root, "license_name");
    const OkseNode *model = okse_node_get(root, "model_name");

    if (name != NULL && (license == NULL || g_strcmp0(text_of(license), OTHER) == 0))
        license = name;
    add_texts(result, "licenses", license);
    add_texts(result, "bases", okse_node_get(root, "base_model"));
    if (model != NULL)
        set_name(result, text_of(model), line_of(model));
}

static json_t *read_front_matter(GBytes *bytes)
{
    json_t *result = said_new();
    bool open;
    g_autoptr(GBytes) block = okse_front_matter(bytes, &open);
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseYaml) yaml = block == NULL ? NULL : okse_yaml_read_foreign(block, "front matter", &cause);

    if (open)
        set_broken(result, "the front matter has no end");
    else if (cause != NULL)
        set_broken(result, cause->message);
    else if (yaml != NULL && okse_yaml_documents(yaml) > 0)
        read_card(result, okse_yaml_root(yaml));
    return result;
}

static json_t *read_config(GBytes *bytes, const char *key)
{
    json_t *result = said_new();
    g_autoptr(GError) cause = NULL;
    g_autoptr(json_t) config = okse_json_read(bytes, OKSE_LIMIT_METADATA, "configuration", &cause);

    if (config == NULL)
        set_broken(result, cause->message);
    add(result, "bases", okse_json_peek_text(config, key), 0);
    return result;
}

static char *lower_name(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);

    return g_ascii_strdown(base, -1);
}

bool okse_license_is_card(const char *path)
{
    g_autofree char *name = lower_name(path);

    return okse_front_matter_is_card(path) || strcmp(name, "config.json") == 0 ||
           strcmp(name, "adapter_config.json") == 0;
}

json_t *okse_license_said(const char *path, GBytes *bytes)
{
    g_autofree char *name = lower_name(path);

    if (okse_front_matter_is_card(path))
        return read_front_matter(bytes);
    if (strcmp(name, "config.json") == 0)
        return read_config(bytes, "_name_or_path");
    return strcmp(name, "adapter_config.json") == 0 ? read_config(bytes, "base_model_name_or_path") : said_new();
}

/* "https://huggingface.co/LGAI-EXAONE/EXAONE-4.0-1.2B" names a model as its last elements do. */
static const char *model_of(const char *address)
{
    const char *scheme = strstr(address, "://"), *slash = scheme == NULL ? NULL : strchr(scheme + 3, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : address;
}

json_t *okse_license_said_by_gguf(const json_t *metadata)
{
    json_t *result = said_new();
    const char *license = okse_json_peek_text(metadata, "general.license");
    const char *name = okse_json_peek_text(metadata, "general.license.name");

    add(result, "licenses", name != NULL && (license == NULL || strcmp(license, OTHER) == 0) ? name : license, 0);
    set_name(result, okse_json_peek_text(metadata, "general.name"), 0);
    for (unsigned i = 0; i < TEXTS_LIMIT; i++) {
        g_autofree char *plain = g_strdup_printf("general.base_model.%u.name", i);
        g_autofree char *address = g_strdup_printf("general.base_model.%u.repo_url", i);
        const char *place = okse_json_peek_text(metadata, address), *base = okse_json_peek_text(metadata, plain);

        if (place == NULL && base == NULL)
            break;
        add(result, "bases", place != NULL ? model_of(place) : base, 0);
    }
    return result;
}
