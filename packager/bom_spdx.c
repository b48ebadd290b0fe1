/* SPDX 2.3. A file is a package whose purpose is FILE: SPDX wants a SHA-1 of every file of an analysed package, and
 * reading terabytes once more for that would help nobody. */
#include "packager/documents.h"

#include "core/limits.h"
#include "core/text.h"

#include <string.h>

typedef struct {
    const OksePlan *plan;
    json_t *packages, *relationships;
} Spdx;

static json_t *package_new(const char *id, const char *name, const char *purpose)
{
    return json_pack("{s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:s}", "SPDXID", id, "name", name, "downloadLocation", "NOASSERTION",
                     "filesAnalyzed", 0, "licenseConcluded", "NOASSERTION", "licenseDeclared", "NOASSERTION",
                     "copyrightText", "NOASSERTION", "primaryPackagePurpose", purpose);
}

static void relate(Spdx *spdx, const char *from, const char *type, const char *to)
{
    json_array_append_new(spdx->relationships, json_pack("{s:s,s:s,s:s}", "spdxElementId", from, "relationshipType",
                                                         type, "relatedSpdxElement", to));
}

static void set_digest(json_t *package, const char *hex)
{
    json_object_set_new(package, "checksums", json_pack("[{s:s,s:s}]", "algorithm", "SHA256", "checksumValue", hex));
}

static void add_supplier(const Spdx *spdx, json_t *package)
{
    g_autofree char *supplier = g_strconcat("Organization: ", spdx->plan->stack->vendor_name, NULL);

    json_object_set_new(package, "supplier", json_string(supplier));
    json_object_set_new(package, "versionInfo", json_string(spdx->plan->stack->version));
}

static void add_files(Spdx *spdx, const OkseManifestPlan *manifest, const char *owner)
{
    g_autoptr(json_t) files = okse_bom_files(manifest);

    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *file = json_array_get(files, i);
        g_autofree char *id = g_strdup_printf("%s-File-%zu", owner, i + 1);
        json_t *package = package_new(id, okse_json_peek_text(file, "path"), "FILE");

        set_digest(package, okse_json_peek_text(file, "digest"));
        json_array_append_new(spdx->packages, package);
        relate(spdx, owner, "CONTAINS", id);
    }
}

/* A license in a package's own words is a comment: it need not be an SPDX expression. */
static void add_packages(Spdx *spdx, const json_t *packages, const char *owner)
{
    for (size_t i = 0; i < json_array_size(packages); i++) {
        const json_t *from = json_array_get(packages, i);
        const char *license = okse_json_peek_text(from, "license");
        g_autofree char *id = g_strdup_printf("%s-Package-%zu", owner, i + 1);
        g_autofree char *comment = license == NULL ? NULL : g_strconcat("The package says: ", license, NULL);
        json_t *package = package_new(id, okse_json_peek_text(from, "name"), "LIBRARY");

        json_object_set(package, "versionInfo", json_object_get(from, "version"));
        json_object_set(package, "packageFileName", json_object_get(from, "path"));
        if (comment != NULL)
            json_object_set_new(package, "licenseComments", json_string(comment));
        json_array_append_new(spdx->packages, package);
        relate(spdx, owner, "CONTAINS", id);
    }
}

static const char *purpose_of(const OkseManifestPlan *manifest)
{
    if (manifest->form == OKSE_PLAN_IMAGE)
        return "CONTAINER";
    if (strcmp(manifest->component->kind, "source") == 0)
        return "SOURCE";
    if (strcmp(manifest->component->kind, "runtime") == 0 || strcmp(manifest->component->kind, "service") == 0)
        return "APPLICATION";
    return "OTHER";
}

static void add_component(Spdx *spdx, guint index, bool with_files)
{
    const OkseManifestPlan *manifest = g_ptr_array_index(spdx->plan->manifests, index);
    const OkseStackComponent *component = manifest->component;
    const json_t *from = manifest->source == NULL ? NULL : okse_source_provenance(manifest->source);
    const char *commit = okse_json_peek_text(from, "commit");
    g_autofree char *id = g_strdup_printf("SPDXRef-Component-%u-%s", index, component->name);
    g_autofree char *comment = g_strdup_printf("kind: %s", component->kind);
    g_autofree char *origin = commit == NULL ? NULL : g_strconcat("git commit ", commit, NULL);
    json_t *package = package_new(id, component->name, purpose_of(manifest));
    char hex[OKSE_SHA256_HEX];

    add_supplier(spdx, package);
    set_digest(package, okse_sha256_hex(&manifest->manifest->digest, hex));
    json_object_set_new(package, "comment", json_string(comment));
    if (component->spdx != NULL)
        json_object_set_new(package, "licenseDeclared", json_string(component->spdx));
    if (origin != NULL)
        json_object_set_new(package, "sourceInfo", json_string(origin));
    json_array_append_new(spdx->packages, package);
    relate(spdx, "SPDXRef-Stack", "CONTAINS", id);
    if (with_files)
        add_files(spdx, manifest, id);
    if (manifest->inventory != NULL)
        add_packages(spdx, manifest->inventory->packages, id);
}

/* License texts that have no SPDX id must be in the document: the names after "LicenseRef-", with the component's first
 * text. */
static json_t *extracted_licenses(const OksePlan *plan)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_t *list = json_array();

    for (guint i = 0; i < plan->stack->components->len; i++) {
        const OkseStackComponent *component = g_ptr_array_index(plan->stack->components, i);
        const OkseInventory *inventory = g_ptr_array_index(plan->inventories, i);
        g_auto(GStrv) words = component->spdx == NULL ? NULL : g_strsplit_set(component->spdx, " ()", -1);

        for (char **word = words; word != NULL && *word != NULL; word++) {
            const char *text = "NOASSERTION";

            if (!g_str_has_prefix(*word, "LicenseRef-") || !g_hash_table_add(known, g_strdup(*word)))
                continue;
            if (inventory != NULL && inventory->texts->len > 0)
                text = ((const OkseLicenseText *)g_ptr_array_index(inventory->texts, 0))->text;
            json_array_append_new(list, json_pack("{s:s,s:s}", "licenseId", *word, "extractedText", text));
        }
    }
    return list;
}

/* A name for this document and no other: it follows from the lock, which names every byte but this one's. */
static char *namespace_of(const OksePlan *plan)
{
    const OkseManifestPlan *stack = g_ptr_array_index(plan->manifests, 0);
    const OkseBlobPlan *lock = g_ptr_array_index(stack->layers, 0);
    char hex[OKSE_SHA256_HEX];

    return g_strdup_printf("urn:okse:spdx:%s:%s:%s:%s", plan->stack->name, plan->stack->version, plan->country,
                           okse_sha256_hex(&lock->digest, hex));
}

static GBytes *render(const OksePlan *plan, bool with_files)
{
    Spdx spdx = {plan, json_array(), json_array()};
    g_autofree char *name = namespace_of(plan), *time = okse_text_time(plan->epoch);
    g_autofree char *vendor = g_strconcat("Organization: ", plan->stack->vendor_name, NULL);
    g_autofree char *title = g_strdup_printf("%s-%s-%s", plan->stack->name, plan->stack->version, plan->country);
    json_t *stack = package_new("SPDXRef-Stack", plan->stack->name, "APPLICATION");
    json_t *texts = extracted_licenses(plan);
    g_autoptr(json_t) document =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:{s:s,s:[s,s]},s:o,s:o}", "spdxVersion", "SPDX-2.3", "dataLicense",
                  "CC0-1.0", "SPDXID", "SPDXRef-DOCUMENT", "name", title, "documentNamespace", name, "comment",
                  with_files ? "Files are listed as packages whose purpose is FILE." : "Files are left out: too many.",
                  "creationInfo", "created", time, "creators", "Tool: okse", vendor, "packages", spdx.packages,
                  "relationships", spdx.relationships);

    add_supplier(&spdx, stack);
    json_array_append_new(spdx.packages, stack);
    relate(&spdx, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Stack");
    for (guint i = 1; i < plan->manifests->len; i++)
        add_component(&spdx, i, with_files);
    if (json_array_size(texts) > 0)
        json_object_set(document, "hasExtractedLicensingInfos", texts);
    json_decref(texts);
    return okse_json_write(document);
}

GBytes *okse_bom_spdx(const OksePlan *plan, gconstpointer context, GError **error)
{
    g_autoptr(GBytes) bytes = render(plan, true);

    (void)context;
    if (g_bytes_get_size(bytes) > OKSE_LIMIT_METADATA) {
        g_clear_pointer(&bytes, g_bytes_unref);
        bytes = render(plan, false);
    }
    if (g_bytes_get_size(bytes) <= OKSE_LIMIT_METADATA)
        return g_steal_pointer(&bytes);
    okse_fail(error, OKSE_ERROR_INVALID, "sbom.spdx.json: larger than the limit of %u bytes", OKSE_LIMIT_METADATA);
    return NULL;
}
