/* Configs, once all metadata is here: what they say must be what the manifests and the bundle index say. */
#include "packager/bundle_internal.h"
#include "packager/media_types.h"

#include <string.h>

static bool refuse(const OkseBundle *bundle, GError **error, const char *what, const char *why)
{
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: %s: %s", bundle->origin, what, why);
}

static const char *annotation(const OkseBundle *bundle, const char *key)
{
    return okse_json_peek_text(json_object_get(bundle->index, "annotations"), key);
}

static bool says(const json_t *object, const char *key, const char *value)
{
    return g_strcmp0(okse_json_peek_text(object, key), value) == 0;
}

/* The config of a manifest, in its one form. what: in messages. Errors: REFUSED, INVALID. */
static json_t *read_config(const OkseBundle *bundle, const json_t *manifest, const char *what, GError **error)
{
    OkseSha256 digest;
    uint64_t size;
    GBytes *bytes;

    if (!bundle_descriptor(bundle, json_object_get(manifest, "config"), &digest, &size, error))
        return NULL;
    bytes = okse_bundle_metadata(bundle, &digest);
    if (bytes == NULL) {
        refuse(bundle, error, what, "its config is missing");
        return NULL;
    }
    return bundle_canonical(bundle, bytes, what, error);
}

static bool check_stack(OkseBundle *bundle, GError **error)
{
    const OkseBundleComponent *stack = bundle->components->len > 0 ? g_ptr_array_index(bundle->components, 0) : NULL;
    const json_t *config, *vendor;

    if (stack == NULL || strcmp(stack->kind, OKSE_STACK_COMPONENT) != 0)
        return refuse(bundle, error, "stack manifest", "is missing, or not the first");
    bundle->stack_config = read_config(bundle, stack->manifest, "stack config", error);
    if (bundle->stack_config == NULL)
        return false;
    config = bundle->stack_config;
    vendor = json_object_get(config, "vendor");
    if (!says(config, "name", bundle->name) || !says(config, "version", bundle->version) ||
        !says(config, "country", bundle->country) || !says(vendor, "name", annotation(bundle, OKSE_NOTE_VENDOR)) ||
        !says(vendor, "country", annotation(bundle, OKSE_NOTE_VENDOR_COUNTRY)) ||
        json_integer_value(json_object_get(config, "sequence")) != (json_int_t)bundle->sequence)
        return refuse(bundle, error, "stack config", "disagrees with the bundle index");
    return true;
}

static bool check_component(const OkseBundle *bundle, const OkseBundleComponent *component, GError **error)
{
    static const char *const members[] = {"form", "kind", "name", "schema", NULL};
    static const char *const licensed[] = {"form", "kind", "license", "name", "schema", NULL};
    g_autofree char *what = g_strdup_printf("config of component '%s'", component->name);
    g_autoptr(json_t) config = read_config(bundle, component->manifest, what, error);
    const json_t *license = json_object_get(config, "license");

    if (config == NULL)
        return false;
    if (strcmp(component->kind, "weights") == 0)
        return says(json_object_get(config, "descriptor"), "name", component->name) ||
               refuse(bundle, error, what, "is about another model");
    if (!bundle_members(bundle, config, what, license != NULL ? licensed : members, error))
        return false;
    if (!says(config, "schema", "okse.component.v1") || !says(config, "name", component->name) ||
        !says(config, "kind", component->kind) ||
        !says(config, "form", component->form == OKSE_FORM_TAR ? "tar" : "raw") ||
        (license != NULL && !json_is_string(license)))
        return refuse(bundle, error, what, "disagrees with the component");
    return true;
}

bool bundle_check_configs(OkseBundle *bundle, GError **error)
{
    if (!check_stack(bundle, error))
        return false;
    for (guint i = 1; i < bundle->components->len; i++) {
        const OkseBundleComponent *component = g_ptr_array_index(bundle->components, i);

        if (component->form != OKSE_FORM_IMAGE && !check_component(bundle, component, error))
            return false;
    }
    return true;
}
