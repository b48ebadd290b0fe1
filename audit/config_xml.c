/* XML by GLib's parser: elements become nodes, attributes and text their values. Entities of a document's own are not
 * expanded. */
#include "audit/config_build.h"

#include <string.h>

typedef struct {
    OkseConfigText *text;
    GPtrArray *open; /* OkseConfigNode * */
} Elements;

static OkseConfigSpan span_at(GMarkupParseContext *context, const char *text, gsize length)
{
    int line = 1, column = 1;

    g_markup_parse_context_get_position(context, &line, &column);
    return (OkseConfigSpan){text, length, (unsigned)MAX(line, 1), (unsigned)MAX(column, 1)};
}

static void too_much(GError **error)
{
    g_set_error_literal(error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT,
                        "more elements or deeper ones than are looked at");
}

static void on_start(GMarkupParseContext *context, const char *name, const char **names, const char **values,
                     gpointer data, GError **error)
{
    Elements *elements = data;
    OkseConfigNode *parent = g_ptr_array_index(elements->open, elements->open->len - 1);
    OkseConfigNode *node = okse_config_add(elements->text, parent, span_at(context, name, strlen(name)), NULL);

    for (unsigned i = 0; node != NULL && names[i] != NULL; i++) {
        OkseConfigSpan value = span_at(context, values[i], strlen(values[i]));

        if (okse_config_add(elements->text, node, span_at(context, names[i], strlen(names[i])), &value) == NULL)
            node = NULL;
    }
    if (node == NULL || elements->open->len > OKSE_CONFIG_DEPTH)
        too_much(error);
    else
        g_ptr_array_add(elements->open, node);
}

static void on_end(GMarkupParseContext *context, const char *name, gpointer data, GError **error)
{
    Elements *elements = data;

    (void)context;
    (void)name;
    (void)error;
    g_ptr_array_set_size(elements->open, (int)elements->open->len - 1);
}

static void on_text(GMarkupParseContext *context, const char *text, gsize length, gpointer data, GError **error)
{
    Elements *elements = data;
    OkseConfigNode *node = g_ptr_array_index(elements->open, elements->open->len - 1);
    OkseConfigSpan value = okse_config_strip(span_at(context, text, length));

    (void)error;
    if (value.length > 0 && node->value == NULL)
        okse_config_value(elements->text, node, value);
}

bool okse_config_read_xml(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    static const GMarkupParser parser = {.start_element = on_start, .end_element = on_end, .text = on_text};
    g_autoptr(GPtrArray) open = g_ptr_array_new();
    Elements elements = {text, open};
    g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&parser, 0, &elements, NULL);
    g_autoptr(GError) cause = NULL;
    gsize left = (gsize)(text->end - text->at);

    g_ptr_array_add(open, top);
    if (left == 0) /* which GLib takes for no text at all */
        return true;
    if (g_markup_parse_context_parse(context, text->at, (gssize)left, &cause) &&
        g_markup_parse_context_end_parse(context, &cause))
        return true;
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", text->origin, cause->message);
}
