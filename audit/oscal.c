#include "audit/oscal.h"

#include "audit/report_view.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

json_t *okse_oscal_line(const char *text)
{
    g_autofree char *shown = okse_text_show(text != NULL ? text : "", -1, false);

    /* okse_text_show() leaves U+00A0 and other spaces, which the schema's \S also means */
    for (char *end = shown + strlen(shown); end > shown;) {
        char *last = g_utf8_prev_char(end);

        if (!g_unichar_isspace(g_utf8_get_char(last)))
            break;
        *last = '\0';
        end = last;
    }
    char *start = shown;
    while (*start != '\0' && g_unichar_isspace(g_utf8_get_char(start)))
        start = g_utf8_next_char(start);
    return json_string(*start != '\0' ? start : "-");
}

json_t *okse_oscal_line_of(const json_t *texts)
{
    return okse_oscal_line(okse_texts_get(texts, "en", NULL));
}

json_t *okse_oscal_property(const char *name, const char *value)
{
    return json_pack("{s:s, s:s, s:o}", "name", name, "ns", OKSE_OSCAL_NS, "value", okse_oscal_line(value));
}

void okse_oscal_set_list(json_t *object, const char *key, json_t *list)
{
    if (json_array_size(list) > 0)
        json_object_set_new(object, key, list);
    else
        json_decref(list);
}

char *okse_oscal_catalog_uuid(const char *manifests, const json_t *profiles, char text[OKSE_UUID_TEXT])
{
    g_autoptr(GString) name = g_string_new(manifests);

    for (size_t i = 0; i < json_array_size(profiles); i++) {
        const char *digest = okse_json_peek_text(json_array_get(profiles, i), "digest");

        g_string_append_printf(name, " %s", digest != NULL ? digest : "-");
    }
    return okse_uuid5("catalog", name->str, text);
}
