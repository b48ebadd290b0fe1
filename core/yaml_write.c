#include "core/yaml_write.h"

#include <stdint.h>
#include <string.h>
#include <yaml.h>

typedef struct {
    yaml_emitter_t emitter;
    GString *text;
} Writer;

static int take(void *data, unsigned char *bytes, size_t size)
{
    g_string_append_len(data, (const char *)bytes, (gssize)size);
    return 1;
}

/* Events are made from values that are there, so only memory can be missing, and GLib ends the process for that. */
static void emit(Writer *writer, yaml_event_t *event, int made)
{
    g_assert(made == 1);
    made = yaml_emitter_emit(&writer->emitter, event);
    g_assert(made == 1);
}

static bool is_reserved(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", NULL};
    g_autofree char *lower = g_ascii_strdown(text, -1);

    return g_strv_contains(words, lower);
}

/* What begins with a letter or a slash and goes on with nothing that YAML knows. */
static bool is_plain(const char *text)
{
    if (!g_ascii_isalpha(text[0]) && text[0] != '/' && text[0] != '_')
        return false;
    for (const char *p = text; *p != '\0'; p++)
        if (!g_ascii_isalnum(*p) && strchr("_./@+-", *p) == NULL && !(*p == ':' && p[1] != '\0' && p[1] != ' '))
            return false;
    return !is_reserved(text);
}

static void write_scalar(Writer *writer, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    int made =
        yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1, style);

    emit(writer, &event, made);
}

static void write_text(Writer *writer, const char *text)
{
    bool lines = strchr(text, '\n') != NULL && text[0] != ' ' && text[0] != '\n';

    write_scalar(writer, text,
                 lines            ? YAML_LITERAL_SCALAR_STYLE
                 : is_plain(text) ? YAML_PLAIN_SCALAR_STYLE
                                  : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

/* Numbers, flags and null are written alike in both. */
static void write_simple(Writer *writer, const json_t *value)
{
    g_autofree char *text = json_dumps(value, JSON_ENCODE_ANY);

    write_scalar(writer, text, YAML_PLAIN_SCALAR_STYLE);
}

static void write_value(Writer *writer, const json_t *value);

/* NOLINTNEXTLINE(misc-no-recursion): the depth of a value that was read is bounded by OKSE_LIMIT_DEPTH */
static void write_list(Writer *writer, const json_t *list)
{
    yaml_sequence_style_t style = json_array_size(list) == 0 ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE;
    yaml_event_t event;
    const json_t *item;
    size_t i;

    emit(writer, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style));
    json_array_foreach(list, i, item) write_value(writer, item);
    emit(writer, &event, yaml_sequence_end_event_initialize(&event));
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static void write_map(Writer *writer, const json_t *map)
{
    yaml_mapping_style_t style = json_object_size(map) == 0 ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE;
    yaml_event_t event;
    const char *key;
    json_t *value;

    emit(writer, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style));
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        write_scalar(writer, key, is_plain(key) ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
        write_value(writer, value);
    }
    emit(writer, &event, yaml_mapping_end_event_initialize(&event));
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static void write_value(Writer *writer, const json_t *value)
{
    if (json_is_object(value))
        write_map(writer, value);
    else if (json_is_array(value))
        write_list(writer, value);
    else if (json_is_string(value))
        write_text(writer, json_string_value(value));
    else
        write_simple(writer, value);
}

char *okse_yaml_write(const json_t *value)
{
    Writer writer = {.text = g_string_new(NULL)};
    yaml_event_t event;
    int made = yaml_emitter_initialize(&writer.emitter);

    g_assert(made == 1);
    yaml_emitter_set_output(&writer.emitter, take, writer.text);
    yaml_emitter_set_unicode(&writer.emitter, 1);
    yaml_emitter_set_width(&writer.emitter, -1);
    emit(&writer, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(&writer, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    write_value(&writer, value);
    emit(&writer, &event, yaml_document_end_event_initialize(&event, 1));
    emit(&writer, &event, yaml_stream_end_event_initialize(&event));
    yaml_emitter_delete(&writer.emitter);
    return g_string_free(writer.text, FALSE);
}
