/* The tree and its paths. Strings and nodes live as long as the tree. */
#include "audit/config_tree.h"

#include "audit/config_build.h"

#include <string.h>

struct OkseConfig {
    GStringChunk *strings;
    GPtrArray *nodes; /* OkseConfigNode *, owned */
    OkseConfigNode *root;
};

static const struct {
    const char *name;
    OkseConfigReader read;
} formats[] = {
    {"yaml", okse_config_read_yaml}, /* JSON is YAML */
    {"ini", okse_config_read_ini},
    {"env", okse_config_read_env},
    {"properties", okse_config_read_properties},
    {"deb822", okse_config_read_deb822},
    {"words", okse_config_read_words},
    {"apt", okse_config_read_apt},
    {"braces", okse_config_read_braces},
    {"calls", okse_config_read_calls},
    {"blocks", okse_config_read_blocks},
    {"rsyslog", okse_config_read_rsyslog},
    {"toml", okse_config_read_toml},
    {"xml", okse_config_read_xml},
    {"sections", okse_config_read_sections},
};

const char *const okse_config_formats[] = {"yaml",    "ini",  "env",    "properties", "deb822",
                                           "words",   "apt",  "braces", "calls",      "blocks",
                                           "rsyslog", "toml", "xml",    "sections",   NULL};

static void node_free(gpointer data)
{
    OkseConfigNode *node = data;

    if (node->children != NULL)
        g_ptr_array_unref(node->children);
    g_free(node);
}

static OkseConfigNode *node_new(OkseConfig *config, const char *key, unsigned line, unsigned column)
{
    OkseConfigNode *node = g_new0(OkseConfigNode, 1);

    node->key = key;
    node->line = line;
    node->column = column;
    g_ptr_array_add(config->nodes, node);
    return node;
}

void okse_config_free(OkseConfig *config)
{
    if (config == NULL)
        return;
    g_ptr_array_unref(config->nodes);
    g_string_chunk_free(config->strings);
    g_free(config);
}

OkseConfig *okse_config_read(const char *format, GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(OkseConfig) config = g_new0(OkseConfig, 1);
    OkseConfigReader read = NULL;
    OkseConfigText text;

    config->strings = g_string_chunk_new(4096);
    config->nodes = g_ptr_array_new_with_free_func(node_free);
    config->root = node_new(config, "", 1, 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++)
        if (strcmp(formats[i].name, format) == 0)
            read = formats[i].read;
    if (read == NULL) {
        okse_fail(error, OKSE_ERROR_NOT_FOUND, "%s: '%s' is no format of configuration", origin, format);
        return NULL;
    }
    text = okse_config_text(config, bytes, origin);
    return read(&text, config->root, error) ? g_steal_pointer(&config) : NULL;
}

const OkseConfigNode *okse_config_root(const OkseConfig *config)
{
    return config->root;
}

OkseConfigNode *okse_config_top(OkseConfig *config)
{
    return config->root;
}

OkseConfigText okse_config_text(OkseConfig *config, GBytes *bytes, const char *origin)
{
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);

    data = data != NULL ? data : "";                         /* nothing is NULL to GLib */
    if (size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) { /* a byte order mark is no part of the first key */
        data += 3;
        size -= 3;
    }
    return (OkseConfigText){data, data + size, data, 1, config, origin};
}

void okse_config_step(OkseConfigText *text)
{
    if (text->at >= text->end)
        return;
    if (*text->at == '\n') {
        text->line++;
        text->line_start = text->at + 1;
    }
    text->at++;
}

OkseConfigSpan okse_config_here(const OkseConfigText *text)
{
    return (OkseConfigSpan){text->at, 0, text->line, (unsigned)(text->at - text->line_start) + 1};
}

OkseConfigNode *okse_config_add(OkseConfigText *text, OkseConfigNode *parent, OkseConfigSpan key,
                                const OkseConfigSpan *value)
{
    OkseConfig *config = text->config;
    OkseConfigNode *node;

    if (config->nodes->len >= OKSE_CONFIG_NODES)
        return NULL;
    node = node_new(config, g_string_chunk_insert_len(config->strings, key.text, (gssize)key.length), key.line,
                    key.column);
    if (parent->children == NULL)
        parent->children = g_ptr_array_new();
    g_ptr_array_add(parent->children, node);
    if (value != NULL)
        okse_config_value(text, node, *value);
    return node;
}

void okse_config_value(OkseConfigText *text, OkseConfigNode *node, OkseConfigSpan value)
{
    node->value = g_string_chunk_insert_len(text->config->strings, value.text, (gssize)value.length);
    node->line = value.line;
    node->column = value.column;
}

bool okse_config_arguments(OkseConfigText *text, OkseConfigNode *node, const GArray *spans)
{
    OkseConfigSpan all = {0};

    for (guint i = 0; i < spans->len; i++) {
        const OkseConfigSpan *span = &g_array_index(spans, OkseConfigSpan, i);
        OkseConfigSpan bare = okse_config_unquote(*span);
        g_autofree char *name = g_strdup_printf("%u", i + 1);
        OkseConfigSpan key = {name, strlen(name), bare.line, bare.column};

        if (okse_config_add(text, node, key, &bare) == NULL)
            return false;
        all = i == 0 ? *span : all;
        all.length = (gsize)(span->text + span->length - all.text); /* as they stand in the text */
    }
    if (spans->len > 0)
        okse_config_value(text, node, spans->len == 1 ? okse_config_unquote(all) : all);
    return true;
}

bool okse_config_line(OkseConfigText *text, OkseConfigSpan *line)
{
    const char *end;

    if (text->at >= text->end)
        return false;
    end = memchr(text->at, '\n', (gsize)(text->end - text->at));
    *line = okse_config_here(text);
    line->length = (gsize)((end != NULL ? end : text->end) - text->at);
    text->at = end != NULL ? end : text->end;
    okse_config_step(text);
    if (line->length > 0 && line->text[line->length - 1] == '\r')
        line->length--;
    return true;
}

OkseConfigSpan okse_config_from(OkseConfigSpan span, gsize from)
{
    from = MIN(from, span.length);
    return (OkseConfigSpan){span.text + from, span.length - from, span.line, span.column + (unsigned)from};
}

OkseConfigSpan okse_config_head(OkseConfigSpan span, gsize length)
{
    span.length = MIN(span.length, length);
    return span;
}

OkseConfigSpan okse_config_strip(OkseConfigSpan span)
{
    gsize lead = 0;

    while (lead < span.length && g_ascii_isspace(span.text[lead]))
        lead++;
    span = okse_config_from(span, lead);
    while (span.length > 0 && g_ascii_isspace(span.text[span.length - 1]))
        span.length--;
    return span;
}

OkseConfigSpan okse_config_unquote(OkseConfigSpan span)
{
    char first = span.length >= 2 ? span.text[0] : '\0';

    if ((first != '"' && first != '\'') || span.text[span.length - 1] != first)
        return span;
    return okse_config_head(okse_config_from(span, 1), span.length - 2);
}

bool okse_config_fail(const OkseConfigText *text, GError **error, const char *what)
{
    return okse_fail(error, OKSE_ERROR_INVALID, "%s:%u:%u: %s", text->origin, text->line,
                     (unsigned)(text->at - text->line_start) + 1, what);
}

bool okse_config_too_much(const OkseConfigText *text, GError **error)
{
    return okse_config_fail(text, error, "the file has more values or deeper blocks than are looked at");
}

/* key against a pattern with '*', in any case. */
static bool key_matches(const char *pattern, gsize length, const char *key)
{
    const char *star = NULL, *resume = NULL, *end = pattern + length;

    while (*key != '\0') {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            resume = key;
        } else if (pattern < end && g_ascii_tolower(*pattern) == g_ascii_tolower(*key)) {
            pattern++;
            key++;
        } else if (star != NULL) {
            pattern = star;
            key = ++resume;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tree, which is bounded */
bool okse_config_each(const OkseConfigNode *node, const char *path, OkseConfigVisit visit, void *context)
{
    gsize length = strcspn(path, "/");
    const char *rest = path + length + (path[length] == '/');
    bool deep = length == 2 && strncmp(path, "**", 2) == 0;

    if (*path == '\0' || strcmp(path, ".") == 0)
        return visit(context, node);
    if (deep && !okse_config_each(node, rest, visit, context))
        return false;
    for (guint i = 0; node->children != NULL && i < node->children->len; i++) {
        const OkseConfigNode *child = g_ptr_array_index(node->children, i);

        if ((deep || key_matches(path, length, child->key)) &&
            !okse_config_each(child, deep ? path : rest, visit, context))
            return false;
    }
    return true;
}

static bool keep_first(void *context, const OkseConfigNode *node)
{
    *(const OkseConfigNode **)context = node;
    return false;
}

const OkseConfigNode *okse_config_find(const OkseConfigNode *node, const char *path)
{
    const OkseConfigNode *found = NULL;

    okse_config_each(node, path, keep_first, &found);
    return found;
}
