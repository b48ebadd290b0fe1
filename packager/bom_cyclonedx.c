/* CycloneDX 1.6 (ECMA-424). There is no serial number: it would have to be random, or follow from what it is part of.
 */
#include "packager/documents.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/evaluations.h"

#include <string.h>

static const char *type_of(const OkseManifestPlan *manifest)
{
    static const struct {
        const char *kind, *type;
    } types[] = {{"weights", "machine-learning-model"},
                 {"dataset", "data"},
                 {"runtime", "application"},
                 {"service", "application"},
                 {"driver", "device-driver"},
                 {"source", "application"}};

    if (manifest->form == OKSE_PLAN_IMAGE)
        return "container";
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++)
        if (strcmp(types[i].kind, manifest->component->kind) == 0)
            return types[i].type;
    return "data";
}

static json_t *hashes(const char *hex)
{
    return json_pack("[{s:s,s:s}]", "alg", "SHA-256", "content", hex);
}

static void add_property(json_t *properties, const char *name, const char *value)
{
    if (value != NULL)
        json_array_append_new(properties, json_pack("{s:s,s:s}", "name", name, "value", value));
}

static json_t *package_component(const char *component, const json_t *package)
{
    const char *license = okse_json_peek_text(package, "license");
    g_autofree char *ref = g_strdup_printf("%s/%s#package", component, okse_json_peek_text(package, "path"));
    json_t *json = json_pack("{s:s,s:s,s:O,s:O,s:[{s:s,s:O},{s:s,s:O}]}", "type", "library", "bom-ref", ref, "name",
                             json_object_get(package, "name"), "version", json_object_get(package, "version"),
                             "properties", "name", "okse:package", "value", json_object_get(package, "type"), "name",
                             "okse:file", "value", json_object_get(package, "path"));

    /* as the package words it, which need not be an SPDX expression */
    if (license != NULL)
        json_object_set_new(json, "licenses", json_pack("[{s:{s:s}}]", "license", "name", license));
    return json;
}

static json_t *children(const OkseManifestPlan *manifest, bool with_files)
{
    const char *name = manifest->component->name;
    g_autoptr(json_t) files = with_files ? okse_bom_files(manifest) : json_array();
    const json_t *packages = manifest->inventory == NULL ? NULL : manifest->inventory->packages;
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *file = json_array_get(files, i);
        g_autofree char *ref = g_strdup_printf("%s/%s", name, okse_json_peek_text(file, "path"));

        json_array_append_new(list, json_pack("{s:s,s:s,s:O,s:o}", "type", "file", "bom-ref", ref, "name",
                                              json_object_get(file, "path"), "hashes",
                                              hashes(okse_json_peek_text(file, "digest"))));
    }
    for (size_t i = 0; i < json_array_size(packages); i++)
        json_array_append_new(list, package_component(name, json_array_get(packages, i)));
    return list;
}

#define METRICS_LIMIT 1000u /* of one component */

static void add_number(json_t *object, const char *key, const json_t *value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (json_is_number(value))
        json_object_set_new(object, key,
                            json_string(g_ascii_formatd(text, sizeof text, "%.12g", json_number_value(value))));
}

/* "MMLU-Pro@3d4a… (percent)" */
static char *slice_of(const json_t *score)
{
    const char *revision = okse_json_peek_text(score, "revision"), *unit = okse_json_peek_text(score, "unit");

    return g_strconcat(okse_json_peek_text(score, "dataset"), revision != NULL ? "@" : "",
                       revision != NULL ? revision : "", unit != NULL ? " (" : "", unit != NULL ? unit : "",
                       unit != NULL ? ")" : "", NULL);
}

static json_t *score_metric(const json_t *score)
{
    const char *metric = okse_json_peek_text(score, "metric");
    g_autofree char *slice = slice_of(score);
    json_t *row = json_pack("{s:s,s:s}", "type", metric != NULL ? metric : "score", "slice", slice);
    json_t *interval = json_object();

    add_number(row, "value", json_object_get(score, "value"));
    add_number(interval, "lowerBound", json_object_get(score, "low"));
    add_number(interval, "upperBound", json_object_get(score, "high"));
    if (json_object_size(interval) > 0)
        json_object_set(row, "confidenceInterval", interval);
    json_decref(interval);
    return row;
}

static json_t *index_metric(const json_t *claim)
{
    const char *version = okse_json_peek_text(claim, "version");
    json_t *row = json_object();

    json_object_set_new(row, "type",
                        version == NULL ? json_incref(json_object_get(claim, "name"))
                                        : json_sprintf("%s v%s", okse_json_peek_text(claim, "name"), version));
    add_number(row, "value", json_object_get(claim, "value"));
    return row;
}

/* What is said of this component, by whoever says it. */
static json_t *metrics_of(const OksePlan *plan, const char *component)
{
    const json_t *records = json_object_get(plan->evaluations, "records");
    json_t *metrics = json_array(), *row;
    size_t k;

    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);

        if (!okse_evaluation_is_about(record, component))
            continue;
        json_array_foreach(json_object_get(record, "scores"), k, row) if (json_array_size(metrics) < METRICS_LIMIT)
            json_array_append_new(metrics, score_metric(row));
        json_array_foreach(json_object_get(record, "indices"), k, row)
            json_array_append_new(metrics, index_metric(row));
    }
    return metrics;
}

/* Only what the model's own config says, and what evaluations say of it. */
static json_t *model_card(const OksePlan *plan, const OkseManifestPlan *manifest)
{
    const json_t *model = manifest->inventory == NULL ? NULL : manifest->inventory->model;
    json_t *parameters = json_object(), *metrics = metrics_of(plan, manifest->component->name);
    json_t *card = json_pack("{s:o}", "modelParameters", parameters);

    if (json_object_get(model, "model_type") != NULL)
        json_object_set(parameters, "architectureFamily", json_object_get(model, "model_type"));
    if (json_object_get(model, "architecture") != NULL)
        json_object_set(parameters, "modelArchitecture", json_object_get(model, "architecture"));
    if (json_array_size(metrics) > 0)
        json_object_set_new(card, "quantitativeAnalysis", json_pack("{s:O}", "performanceMetrics", metrics));
    json_decref(metrics);
    return card;
}

static void add_origin(json_t *component, json_t *properties, const OkseManifestPlan *manifest)
{
    const json_t *from = manifest->source == NULL ? NULL : okse_source_provenance(manifest->source);

    if (json_object_get(from, "commit") != NULL)
        json_object_set_new(component, "pedigree",
                            json_pack("{s:[{s:O}]}", "commits", "uid", json_object_get(from, "commit")));
    add_property(properties, "okse:huggingface:repository", okse_json_peek_text(from, "repository"));
    add_property(properties, "okse:huggingface:revision", okse_json_peek_text(from, "revision"));
}

/* "okse:supports:devices" = "1ed2:0001, …": the machines that a driver is for, and what something was compiled for. */
static void add_said(json_t *properties, const char *what, const json_t *said)
{
    json_t *value, *item;
    const char *key;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)said, key, value)
    {
        g_autofree char *name = g_strdup_printf("okse:%s:%s", what, key);
        g_autoptr(GString) text = g_string_new(json_string_value(value));

        json_array_foreach(value, i, item)
            g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", json_string_value(item));
        add_property(properties, name, text->str);
    }
}

/* A component may have several manifests: the platforms of an image. */
static char *ref_of(const OkseManifestPlan *manifest)
{
    char hex[OKSE_SHA256_HEX];

    if (manifest->form != OKSE_PLAN_IMAGE)
        return g_strdup(manifest->component->name);
    return g_strconcat(manifest->component->name, "@sha256:", okse_sha256_hex(&manifest->manifest->digest, hex), NULL);
}

static json_t *component_json(const OksePlan *plan, const OkseManifestPlan *manifest, bool with_files)
{
    const OkseStackComponent *component = manifest->component;
    g_autofree char *ref = ref_of(manifest);
    json_t *properties = json_array(), *parts = children(manifest, with_files);
    char hex[OKSE_SHA256_HEX];
    json_t *json =
        json_pack("{s:s,s:s,s:s,s:s,s:o}", "type", type_of(manifest), "bom-ref", ref, "name", component->name,
                  "version", plan->stack->version, "hashes", hashes(okse_sha256_hex(&manifest->manifest->digest, hex)));

    add_property(properties, "okse:kind", component->kind);
    add_origin(json, properties, manifest);
    add_said(properties, "supports", component->supports);
    add_said(properties, "compiled", component->compiled);
    json_object_set_new(json, "properties", properties);
    if (component->spdx != NULL)
        json_object_set_new(json, "licenses", json_pack("[{s:s}]", "expression", component->spdx));
    if (strcmp(component->kind, "weights") == 0)
        json_object_set_new(json, "modelCard", model_card(plan, manifest));
    if (json_array_size(parts) > 0)
        json_object_set(json, "components", parts);
    json_decref(parts);
    return json;
}

static json_t *metadata_json(const OksePlan *plan, bool with_files)
{
    const OkseStack *stack = plan->stack;
    g_autofree char *time = okse_text_time(plan->epoch);
    g_autofree char *sequence = g_strdup_printf("%" G_GUINT64_FORMAT, stack->sequence);
    json_t *properties = json_array();

    add_property(properties, "okse:country", plan->country);
    add_property(properties, "okse:sequence", sequence);
    add_property(properties, "okse:files", with_files ? "listed" : "left out: too many for one document");
    return json_pack("{s:s,s:{s:s},s:{s:s,s:s,s:s,s:s,s:{s:s}},s:o}", "timestamp", time, "supplier", "name",
                     stack->vendor_name, "component", "type", "application", "bom-ref", "stack", "name", stack->name,
                     "version", stack->version, "supplier", "name", stack->vendor_name, "properties", properties);
}

static GBytes *render(const OksePlan *plan, bool with_files)
{
    json_t *components = json_array(), *refs = json_array();
    g_autoptr(json_t) bom = json_pack("{s:s,s:s,s:i,s:o,s:o,s:[{s:s,s:o}]}", "bomFormat", "CycloneDX", "specVersion",
                                      "1.6", "version", 1, "metadata", metadata_json(plan, with_files), "components",
                                      components, "dependencies", "ref", "stack", "dependsOn", refs);

    for (guint i = 1; i < plan->manifests->len; i++) {
        const OkseManifestPlan *manifest = g_ptr_array_index(plan->manifests, i);
        json_t *component = component_json(plan, manifest, with_files);

        json_array_append(refs, json_object_get(component, "bom-ref"));
        json_array_append_new(components, component);
    }
    return okse_json_write(bom);
}

GBytes *okse_bom_cyclonedx(const OksePlan *plan, gconstpointer context, GError **error)
{
    g_autoptr(GBytes) bytes = render(plan, true);

    (void)context;
    if (g_bytes_get_size(bytes) > OKSE_LIMIT_METADATA) {
        g_clear_pointer(&bytes, g_bytes_unref);
        bytes = render(plan, false);
    }
    if (g_bytes_get_size(bytes) <= OKSE_LIMIT_METADATA)
        return g_steal_pointer(&bytes);
    okse_fail(error, OKSE_ERROR_INVALID, "sbom.cdx.json: larger than the limit of %u bytes", OKSE_LIMIT_METADATA);
    return NULL;
}
