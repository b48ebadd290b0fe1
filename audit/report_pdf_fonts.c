/* Which fonts a report needs follows from the scripts of its letters. */
#include "audit/report_pdf_fonts.h"

#include "core/yaml.h"

#include <string.h>
#include <unistd.h>

#define LIST "templates/report/fonts.yaml"

struct OksePdfFonts {
    const OkseDraw *draw;
    OkseYaml *yaml;
    FcConfig *config;
    char *text, *code;
};

void okse_pdf_script(gunichar c, char code[5])
{
    guint32 tag = g_unicode_script_to_iso15924(g_unichar_get_script(c));

    for (unsigned i = 0; i < 4; i++)
        code[i] = (char)(tag >> (24 - 8 * i));
    code[4] = '\0';
}

/* --- the scripts of a report --- */

static void look_at_text(GHashTable *scripts, const char *text, gsize length)
{
    for (const char *c = text; c < text + length; c += g_utf8_skip[(guchar)*c]) {
        char code[5];

        if ((guchar)*c < 0x80)
            continue;
        okse_pdf_script(g_utf8_get_char(c), code);
        if (!g_hash_table_contains(scripts, code))
            g_hash_table_add(scripts, g_strdup(code));
    }
}

/* Of texts in several languages only what is shown: the report's language, and English where it lacks one. */
static void look_at(GHashTable *scripts, const json_t *value, const char *language)
{
    bool texts = json_is_object(value) && json_is_string(json_object_get(value, "en"));

    if (json_is_string(value))
        look_at_text(scripts, json_string_value(value), json_string_length(value));
    for (size_t i = 0; i < json_array_size(value); i++)
        look_at(scripts, json_array_get(value, i), language);
    if (json_is_object(value)) {
        const char *key;
        json_t *member;

        json_object_foreach((json_t *)(uintptr_t)value, key, member) /* only read */
        {
            look_at_text(scripts, key, strlen(key));
            if (!texts || strcmp(key, language) == 0 || strcmp(key, "en") == 0)
                look_at(scripts, member, language);
        }
    }
}

static void look_at_messages(GHashTable *scripts, const OkseResources *resources, const char *kind,
                             const char *language)
{
    g_autofree char *path = g_strdup_printf("templates/report/%s.%s.yaml", kind, language);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, NULL);
    gsize length;
    const char *text = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;

    if (text != NULL && g_utf8_validate_len(text, length, NULL))
        look_at_text(scripts, text, length);
}

/* --- loading --- */

static const OkseNode *root(const OksePdfFonts *fonts)
{
    return okse_yaml_root(fonts->yaml);
}

static const char *member(const OkseNode *map, const char *key)
{
    const OkseNode *node = okse_node_get(map, key);
    const char *text = node != NULL ? okse_node_text(node) : NULL;

    if (text == NULL)
        g_error(LIST ": no '%s'", key); /* a bug of ours, not input */
    return text;
}

/* The files of one entry that are installed become known to fontconfig. Returns how many. */
static unsigned add_files(const OksePdfFonts *fonts, const OkseNode *entry)
{
    const OkseNode *files = okse_node_get(entry, "files"), *directories = okse_node_get(root(fonts), "directories");
    unsigned added = 0;

    for (unsigned i = 0; i < okse_node_count(files); i++)
        for (unsigned j = 0; j < okse_node_count(directories); j++) {
            g_autofree char *path = g_build_filename(okse_node_text(okse_node_item(directories, j)),
                                                     okse_node_text(okse_node_item(files, i)), NULL);

            if (access(path, R_OK) != 0 || !fonts->draw->FcConfigAppFontAddFile(fonts->config, (const FcChar8 *)path))
                continue;
            added++;
            break;
        }
    return added;
}

/* The family of ideographs for a language: "zh-Hant-HK", else "zh-Hant", else "zh", else the first. */
static const char *ideograph_family(const OkseNode *ideographs, const char *language)
{
    const OkseNode *families = okse_node_get(ideographs, "families"), *found;
    g_autofree char *shorter = g_strdup(language);

    found = okse_node_get(families, shorter);
    for (char *dash; found == NULL && (dash = strrchr(shorter, '-')) != NULL;) {
        *dash = '\0';
        found = okse_node_get(families, shorter);
    }
    return okse_node_text(found != NULL ? found : okse_node_item(families, 0));
}

static bool wants_ideographs(const OkseNode *ideographs, GHashTable *scripts)
{
    const OkseNode *list = okse_node_get(ideographs, "scripts");

    for (unsigned i = 0; i < okse_node_count(list); i++)
        if (g_hash_table_contains(scripts, okse_node_text(okse_node_item(list, i))))
            return true;
    return false;
}

static void add_family(GString *families, const char *family)
{
    g_string_append_printf(families, "%s%s", families->len > 0 ? "," : "", family);
}

static void add_scripts(OksePdfFonts *fonts, GHashTable *scripts, const char *language, GString *families)
{
    const OkseNode *list = okse_node_get(root(fonts), "scripts"), *signs = okse_node_get(root(fonts), "signs");
    const OkseNode *ideographs = okse_node_get(root(fonts), "ideographs");

    for (unsigned i = 0; i < okse_node_count(list); i++)
        if (g_hash_table_contains(scripts, okse_node_key(list, i)) && add_files(fonts, okse_node_item(list, i)) > 0)
            add_family(families, member(okse_node_item(list, i), "family"));
    if (wants_ideographs(ideographs, scripts) && add_files(fonts, ideographs) > 0)
        add_family(families, ideograph_family(ideographs, language));
    for (unsigned i = 0; i < okse_node_count(signs); i++)
        if (add_files(fonts, okse_node_item(signs, i)) > 0)
            add_family(families, member(okse_node_item(signs, i), "family"));
}

static bool load(OksePdfFonts *fonts, GHashTable *scripts, const char *language, GError **error)
{
    static const char *const bases[] = {"text", "code"};
    g_autoptr(GString) families = g_string_new(NULL);

    fonts->config = fonts->draw->FcConfigCreate();
    fonts->draw->FcConfigSetCurrent(fonts->config); /* else pango reads this user's configuration beside it */
    for (unsigned i = 0; i < G_N_ELEMENTS(bases); i++) {
        const OkseNode *entry = okse_node_get(root(fonts), bases[i]);

        if (add_files(fonts, entry) < okse_node_count(okse_node_get(entry, "files")))
            return okse_fail(error, OKSE_ERROR_SYSTEM,
                             "the font '%s', which every PDF report needs, is not installed (Debian: %s)",
                             member(entry, "family"), member(entry, "package"));
    }
    add_family(families, member(okse_node_get(root(fonts), "text"), "family"));
    add_scripts(fonts, scripts, language, families);
    fonts->text = g_strdup(families->str);
    fonts->code = g_strconcat(member(okse_node_get(root(fonts), "code"), "family"), ",", families->str, NULL);
    return true;
}

OksePdfFonts *okse_pdf_fonts_open(const OkseDraw *draw, const OkseResources *resources, const json_t *findings,
                                  const char *language, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(resources, LIST, error);
    g_autoptr(OksePdfFonts) fonts = g_new0(OksePdfFonts, 1);
    g_autoptr(GHashTable) scripts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    fonts->draw = draw;
    fonts->yaml = bytes != NULL ? okse_yaml_read(bytes, LIST, error) : NULL;
    if (fonts->yaml == NULL)
        return NULL;
    look_at(scripts, findings, language);
    look_at_messages(scripts, resources, "messages", language);
    look_at_messages(scripts, resources, "locale", language);
    return load(fonts, scripts, language, error) ? g_steal_pointer(&fonts) : NULL;
}

void okse_pdf_fonts_free(OksePdfFonts *fonts)
{
    if (fonts == NULL)
        return;
    if (fonts->config != NULL)
        fonts->draw->FcConfigDestroy(fonts->config);
    okse_yaml_free(fonts->yaml);
    g_free(fonts->text);
    g_free(fonts->code);
    g_free(fonts);
}

FcConfig *okse_pdf_fonts_config(const OksePdfFonts *fonts)
{
    return fonts->config;
}

const char *okse_pdf_fonts_text(const OksePdfFonts *fonts)
{
    return fonts->text;
}

const char *okse_pdf_fonts_code(const OksePdfFonts *fonts)
{
    return fonts->code;
}

const char *okse_pdf_fonts_package(const OksePdfFonts *fonts, gunichar c)
{
    const OkseNode *ideographs = okse_node_get(root(fonts), "ideographs"), *entry;
    g_autoptr(GHashTable) one = g_hash_table_new(g_str_hash, g_str_equal);
    char code[5];

    okse_pdf_script(c, code);
    g_hash_table_add(one, code);
    if (wants_ideographs(ideographs, one))
        return member(ideographs, "package");
    entry = okse_node_get(okse_node_get(root(fonts), "scripts"), code);
    return entry != NULL ? member(entry, "package") : NULL;
}
