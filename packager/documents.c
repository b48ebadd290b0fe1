#include "packager/documents.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/media_types.h"
#include "packager/tensor_plan.h"

#include <string.h>

#define TEXTS_LIMIT (3u << 20) /* of all license texts, well below OKSE_LIMIT_METADATA */

static void add(OksePlan *plan, const char *title, const char *media_type, OkseDocumentRender render)
{
    OkseDocument *document = okse_document_new(title, media_type, NULL);

    document->render = render;
    g_ptr_array_add(plan->documents, document);
}

void okse_documents_add(OksePlan *plan)
{
    add(plan, "sbom.cdx.json", OKSE_TYPE_CYCLONEDX, okse_bom_cyclonedx);
    add(plan, "sbom.spdx.json", OKSE_TYPE_SPDX, okse_bom_spdx);
    add(plan, "licenses.txt", OKSE_TYPE_TEXT, okse_license_report);
    okse_tensor_plan_documents(plan);
}

static json_t *file_json(const char *path, const OkseBlobPlan *blob)
{
    char hex[OKSE_SHA256_HEX];

    return json_pack("{s:s,s:s}", "path", path, "digest", okse_sha256_hex(&blob->digest, hex));
}

json_t *okse_bom_files(const OkseManifestPlan *manifest)
{
    const char *name = manifest->component->name;
    json_t *files = json_array();

    for (guint i = 0; i < manifest->layers->len; i++) {
        const OkseBlobPlan *blob = g_ptr_array_index(manifest->layers, i);
        g_autofree char *title = g_strconcat(name, i == 0 ? ".mtree" : ".tar", NULL);

        if (manifest->form == OKSE_PLAN_RAW)
            json_array_append_new(files, file_json(okse_source_entry(blob->source, blob->entry)->path, blob));
        else if (manifest->form == OKSE_PLAN_TAR)
            json_array_append_new(files, file_json(title, blob));
    }
    return files;
}

/* One text stands in the report once, wherever else it is found. */
static void append_text(GString *report, const OkseLicenseText *text, const char *component, GHashTable *known)
{
    const char *first = g_hash_table_lookup(known, text->text);
    g_autofree char *place = g_strconcat(component, "/", text->path, NULL);

    g_string_append_printf(report, "\n--- %s\n", place);
    if (first != NULL) {
        g_string_append_printf(report, "The same text as %s\n", first);
    } else if (strlen(text->text) > TEXTS_LIMIT - MIN(report->len, TEXTS_LIMIT)) {
        g_string_append(report, "The text is in that file; this report has no room for it.\n");
    } else {
        g_string_append_printf(report, "%s%s", text->text, g_str_has_suffix(text->text, "\n") ? "" : "\n");
        g_hash_table_insert(known, text->text, g_steal_pointer(&place));
    }
}

static void append_packages(GString *report, const json_t *packages)
{
    for (size_t i = 0; i < json_array_size(packages); i++) {
        const json_t *package = json_array_get(packages, i);
        const char *license = okse_json_peek_text(package, "license");

        g_string_append_printf(report, "contains  %s %s (%s): %s\n", okse_json_peek_text(package, "name"),
                               okse_json_peek_text(package, "version"), okse_json_peek_text(package, "type"),
                               license != NULL ? license : "its package names no license");
    }
}

GBytes *okse_license_report(const OksePlan *plan, gconstpointer context, GError **error)
{
    GString *report = g_string_new(NULL);
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);

    (void)context;
    g_string_append_printf(report, "Licenses of %s %s\n", plan->stack->name, plan->stack->version);
    for (guint i = 0; i < plan->stack->components->len; i++) {
        const OkseStackComponent *component = g_ptr_array_index(plan->stack->components, i);
        const OkseInventory *inventory = g_ptr_array_index(plan->inventories, i);

        g_string_append_printf(report, "\n=== %s (%s): %s\n", component->name, component->kind,
                               component->spdx != NULL ? component->spdx : "no license is declared");
        if (inventory == NULL) {
            g_string_append(report, "An image: its layers were not looked into.\n");
            continue;
        }
        append_packages(report, inventory->packages);
        if (inventory->texts->len == 0)
            g_string_append(report, "No license text is in it.\n");
        for (guint k = 0; k < inventory->texts->len; k++)
            append_text(report, g_ptr_array_index(inventory->texts, k), component->name, known);
    }
    if (report->len > OKSE_LIMIT_METADATA) {
        g_string_free(report, TRUE);
        okse_fail(error, OKSE_ERROR_INVALID, "licenses.txt: larger than the limit of %u bytes", OKSE_LIMIT_METADATA);
        return NULL;
    }
    return g_string_free_to_bytes(report);
}
