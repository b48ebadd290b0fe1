/* Model cards, configurations, expressions and license texts of strangers: what is taken is short, safe and has a line;
 * what is read as an expression is one that the terms can be joined for; a text is at most equal to a known one. */
#include "core/json.h"
#include "packager/license_read.h"
#include "packager/license_table.h"
#include "packager/license_text.h"
#include "packager/spdx.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_said(const json_t *list)
{
    json_t *one;
    size_t i;

    g_assert(json_array_size(list) <= 64);
    json_array_foreach(list, i, one)
    {
        const char *text = okse_json_peek_text(one, "text");

        g_assert(text != NULL && *text != '\0' && strlen(text) <= 200 && strpbrk(text, "\n\r\033") == NULL);
        g_assert(json_integer_value(json_object_get(one, "line")) >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"README.md", "a/config.json", "adapter_config.json"};
    static OkseLicenseTable *table;
    static OkseLicenseTexts *texts;
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) expression = okse_spdx_parse(text, &error), terms = NULL;
    OkseFingerprint fingerprint = okse_fingerprint_of(bytes);

    if (table == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        table = okse_license_table_read(resources, NULL);
        texts = okse_license_texts_read(resources, NULL);
        g_assert(table != NULL && texts != NULL);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(json_t) said = okse_license_said(names[i], bytes);

        check_said(json_object_get(said, "licenses"));
        check_said(json_object_get(said, "bases"));
    }
    g_assert((expression != NULL) == (error == NULL));
    terms = expression != NULL ? okse_license_terms(table, expression) : NULL;
    g_assert(terms == NULL || json_is_array(json_object_get(terms, "uses")));
    g_assert(okse_license_match(texts, &fingerprint).score <= 100);
    return 0;
}
