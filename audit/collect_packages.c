/* Python wheels of the package: what they are, which native libraries they bring, and whether each is what its own list
 * says.
 */
#include "audit/collector.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/text.h"
#include "packager/package_metadata.h"
#include "packager/wheel_record.h"

#include <string.h>

#define CONFIG_LIMIT (1u << 20) /* bytes of a model's config.json */

static const char *kind_of(const char *path)
{
    static const char *const kinds[][2] = {{".whl", "wheel"}, {".deb", "deb"}, {".rpm", "rpm"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_str_has_suffix(path, kinds[i][0]))
            return kinds[i][1];
    return NULL;
}

static bool is_config(const OkseCollectPart *part, const char *path)
{
    return strcmp(okse_contents_kind(part->contents, part->component), "weights") == 0 &&
           strcmp(path, "config.json") == 0;
}

static bool wants(void *context, const char *path, uint64_t size)
{
    const OkseCollectPart *part = context;
    g_autofree char *shown = NULL, *reason = NULL;

    if (is_config(part, path) && size <= CONFIG_LIMIT)
        return true;
    if (kind_of(path) == NULL || size <= OKSE_LIMIT_PACKAGE)
        return kind_of(path) != NULL;
    shown = okse_collect_part_path(part, path);
    reason = g_strdup_printf("%s: is larger than 64 MiB and was not looked into", shown);
    okse_facts_coverage(part->collection->facts, "packages", OKSE_PARTIAL, reason);
    return false;
}

/* Which architecture a model has, for the comparison. */
static void use_config(const OkseCollectPart *part, GBytes *bytes)
{
    g_autoptr(json_t) config = okse_json_read(bytes, CONFIG_LIMIT, "config.json", NULL);
    const char *name = json_string_value(json_array_get(json_object_get(config, "architectures"), 0));

    if (name != NULL)
        json_array_append_new(json_object_get(part->collection->fitting, "models"),
                              json_pack("{s:s,s:s,s:O}", "component",
                                        okse_contents_name(part->contents, part->component), "architecture", name,
                                        "config", config));
}

static void use_package(const OkseCollectPart *part, const char *path, GBytes *bytes)
{
    const char *component = okse_contents_name(part->contents, part->component);
    g_autofree char *shown = okse_collect_part_path(part, path);
    bool wheel = strcmp(kind_of(path), "wheel") == 0;
    g_autoptr(json_t) package = okse_package_read(path, bytes);
    g_autoptr(json_t) checked =
        wheel ? okse_wheel_check(bytes) : json_pack("{s:i,s:[],s:[]}", "members", 0, "native", "faults");
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    char text[OKSE_SHA256_TEXT];
    g_autoptr(json_t) fact =
        json_pack("{s:s,s:s,s:o,s:o,s:o,s:O,s:O,s:O,s:s,s:s}", "component", component, "type", kind_of(path), "name",
                  okse_collect_text(package, "name"), "version", okse_collect_text(package, "version"), "license",
                  okse_collect_text(package, "license"), "members", json_object_get(checked, "members"), "native",
                  json_object_get(checked, "native"), "faults", json_object_get(checked, "faults"), "by", "package",
                  "state", "observed");
    json_t *masked = okse_collect_mask_texts(part->collection, fact);

    json_object_set_new(masked, "source",
                        okse_facts_source(&(OkseSourceFact){.collector = "packages",
                                                            .path = shown,
                                                            .digest = okse_sha256_text(&digest, text),
                                                            .component = component,
                                                            .via = "structured"}));
    json_array_append(json_object_get(part->collection->fitting, "packages"), masked);
    okse_facts_add(part->collection->facts, "packages", shown, masked);
}

static void use(void *context, const char *path, GBytes *bytes)
{
    const OkseCollectPart *part = context;

    if (is_config(part, path))
        use_config(part, bytes);
    else
        use_package(part, path, bytes);
}

static const OkseCollectParts parts = {"packages", NULL, {wants, use, NULL}};

bool okse_collect_packages(OkseCollection *collection, const OkseContents *contents, GError **error)
{
    return okse_collect_parts(collection, contents, &parts, error) &&
           okse_collect_fitting(collection, contents, NULL, error);
}

void okse_collect_installed_packages(OkseCollection *collection, const char *why_not)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseContents) contents =
        collection->install == NULL ? NULL : okse_contents_of_install(collection->root_fd, &cause);

    okse_collect_installed_parts(collection, &parts, why_not);
    if (contents != NULL && !okse_collect_fitting(collection, contents, collection->root, &cause))
        okse_facts_coverage(collection->facts, "packages", OKSE_PARTIAL, cause->message);
}
