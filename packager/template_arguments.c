/* A template sees what the stack says, what is known of the destination as data, and what the site has declared. */
#include "packager/template_arguments.h"

#include "core/vocabulary.h"
#include "core/yaml.h"
#include "packager/patterns.h"

#include <string.h>

#define INSTALLED "/srv/okse/current/" /* docs/install.md */

/* Of an image the one platform that was chosen, or null when there are several: they cannot be named by one digest. */
static json_t *image_json(const OksePlan *plan, const OkseStackComponent *component)
{
    const OkseManifestPlan *found = NULL;
    char text[OKSE_SHA256_TEXT];

    for (guint i = 0; i < plan->manifests->len; i++) {
        const OkseManifestPlan *manifest = g_ptr_array_index(plan->manifests, i);

        if (manifest->component != component || manifest->form != OKSE_PLAN_IMAGE)
            continue;
        if (found != NULL)
            return json_null();
        found = manifest;
    }
    if (found == NULL)
        return json_null();
    okse_sha256_text(&found->image->manifest_digest, text);
    return json_pack("{s:s?,s:s,s:O}", "reference", component->source.reference, "digest", text, "platform",
                     found->image->platform);
}

static bool is_weights_file(const OksePlan *plan, const char *path)
{
    const json_t *row = okse_patterns_find(plan->filetypes, path);

    return g_strcmp0(okse_json_peek_text(row, "kind"), "weight") == 0;
}

static json_t *files_json(const OksePlan *plan, const OkseSource *source)
{
    json_t *files = json_object();
    uint64_t largest = 0, count = 0;
    const char *main_file = NULL;

    for (unsigned i = 0; source != NULL && i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);

        if (entry->kind != OKSE_ENTRY_FILE)
            continue;
        count++;
        if (entry->size > largest && is_weights_file(plan, entry->path)) {
            largest = entry->size;
            main_file = entry->path;
        }
    }
    json_object_set_new(files, "files", json_integer((json_int_t)count));
    json_object_set_new(files, "main", main_file == NULL ? json_null() : json_string(main_file));
    return files;
}

static json_t *components_json(const OksePlan *plan)
{
    const GPtrArray *components = plan->stack->components;
    json_t *list = json_array();

    for (guint i = 0; i < components->len; i++) {
        const OkseStackComponent *component = g_ptr_array_index(components, i);
        g_autofree char *path = g_strconcat(INSTALLED, component->name, NULL);
        json_t *row = files_json(plan, g_ptr_array_index(plan->sources, i));

        json_object_set_new(row, "name", json_string(component->name));
        json_object_set_new(row, "kind", json_string(component->kind));
        json_object_set_new(row, "path", json_string(path));
        json_object_set_new(row, "spdx", component->spdx == NULL ? json_null() : json_string(component->spdx));
        json_object_set_new(row, "image", image_json(plan, component));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *stack_json(const OksePlan *plan)
{
    const OkseStack *stack = plan->stack;

    return json_pack("{s:s,s:s,s:I,s:{s:s,s:s,s:s?},s:o,s:O?}", "name", stack->name, "version", stack->version,
                     "sequence", (json_int_t)stack->sequence, "vendor", "name", stack->vendor_name, "country",
                     stack->vendor_country, "contact", stack->vendor_contact, "components", components_json(plan),
                     "compliance", stack->compliance);
}

/* The cloud regions that stand in the country, by provider: what placement rules may name. */
static json_t *regions_json(const OkseYaml *regions, const char *country)
{
    const OkseNode *providers = okse_node_get(okse_yaml_root(regions), "regions");
    json_t *result = json_object();

    for (unsigned i = 0; providers != NULL && i < okse_node_count(providers); i++) {
        const OkseNode *provider = okse_node_item(providers, i);
        json_t *names = json_array();

        for (unsigned k = 0; k < okse_node_count(provider); k++) {
            const OkseNode *place = okse_node_get(okse_node_item(provider, k), "country");

            if (place != NULL && g_strcmp0(okse_node_text(place), country) == 0)
                json_array_append_new(names, json_string(okse_node_key(provider, k)));
        }
        if (json_array_size(names) > 0)
            json_object_set(result, okse_node_key(providers, i), names);
        json_decref(names);
    }
    return result;
}

static OkseYaml *read_yaml(const OkseResources *resources, const char *path, GError **error)
{
    g_autofree char *origin = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);

    return bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
}

/* A country without a file of law has a name and no more. */
static json_t *country_json(const char *iso, const OkseResources *resources, GError **error)
{
    g_autofree char *lower = g_ascii_strdown(iso, -1);
    g_autofree char *path = g_strdup_printf("manifests/jurisdictions/%s.yaml", lower);
    g_autoptr(OkseVocabulary) names = okse_vocabulary_read(resources, "countries", error);
    g_autoptr(OkseYaml) regions = names == NULL ? NULL : read_yaml(resources, "manifests/regions.yaml", error);
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseYaml) law = NULL;
    const OkseNode *languages, *profile;
    json_t *described;

    if (regions == NULL)
        return NULL;
    law = read_yaml(resources, path, &cause);
    if (law == NULL && !g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    languages = law == NULL ? NULL : okse_node_get(okse_node_get(okse_yaml_root(law), "jurisdiction"), "languages");
    profile = law == NULL ? NULL : okse_node_get(okse_yaml_root(law), "profile");
    described = json_object();
    json_object_set_new(described, "regions", regions_json(regions, iso));
    if (profile != NULL) {
        g_autoptr(json_t) known = okse_node_to_json(profile);

        json_object_del(known, "regions"); /* those of regions.yaml have the names that configuration uses */
        json_object_update(described, known);
    }
    return json_pack("{s:s,s:s,s:o,s:o}", "iso", iso, "name", okse_vocabulary_find(names, iso), "languages",
                     languages != NULL ? okse_node_to_json(languages) : json_pack("[s]", "en"), "profile", described);
}

/* Without a site the templates fall back to names that resolve nowhere (docs/templates.md). */
static json_t *site_json(const OksePlan *plan)
{
    if (plan->site != NULL)
        return json_deep_copy(plan->site);
    return json_pack("{s:n,s:s,s:[],s:[],s:[],s:[],s:{},s:{}}", "name", "country", plan->country, "networks", "hosts",
                     "allowed_endpoints", "storage", "contacts", "parameters");
}

/* {"general": …, "programs": {NAME: what is set for it}} of manifests/telemetry.yaml. */
static json_t *switches_json(const OkseResources *resources, GError **error)
{
    g_autoptr(OkseYaml) yaml = read_yaml(resources, "manifests/telemetry.yaml", error);
    const OkseNode *root = yaml == NULL ? NULL : okse_yaml_root(yaml), *programs = okse_node_get(root, "programs");
    json_t *sets = json_object();

    if (okse_node_get(root, "general") == NULL) {
        json_decref(sets);
        if (yaml != NULL)
            okse_fail(error, OKSE_ERROR_INVALID, "manifests/telemetry.yaml: 'general' is missing");
        return NULL;
    }
    for (unsigned i = 0; i < okse_node_count(programs); i++) {
        const OkseNode *set = okse_node_get(okse_node_item(programs, i), "set");

        if (set != NULL)
            json_object_set_new(sets, okse_node_key(programs, i), okse_node_to_json(set));
    }
    return json_pack("{s:o,s:o}", "general", okse_node_to_json(okse_node_get(root, "general")), "programs", sets);
}

json_t *okse_template_arguments(const OksePlan *plan, const OkseStackComponent *component,
                                const OkseResources *resources, GError **error)
{
    g_autoptr(json_t) switches = switches_json(resources, error);
    json_t *country = switches == NULL ? NULL : country_json(plan->country, resources, error);

    if (country == NULL)
        return NULL;
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "stack", stack_json(plan), "country", country, "site", site_json(plan),
                     "telemetry", json_incref(switches), "parameters",
                     component->source.parameters != NULL ? json_incref(component->source.parameters) : json_object());
}
