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

static bool wants(void *context, const char *path, uint64_t size)
{
    const OkseCollectPart *part = context;
    g_autofree char *shown = NULL, *reason = NULL;

    if (!g_str_has_suffix(path, ".whl") || size <= OKSE_LIMIT_PACKAGE)
        return g_str_has_suffix(path, ".whl");
    shown = okse_collect_part_path(part, path);
    reason = g_strdup_printf("%s: is larger than 64 MiB and was not compared with its RECORD", shown);
    okse_facts_coverage(part->collection->facts, "packages", OKSE_PARTIAL, reason);
    return false;
}

static void use(void *context, const char *path, GBytes *bytes)
{
    const OkseCollectPart *part = context;
    const char *component = okse_contents_name(part->contents, part->component);
    g_autofree char *shown = okse_collect_part_path(part, path);
    g_autoptr(json_t) package = okse_package_read(path, bytes), checked = okse_wheel_check(bytes);
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    char text[OKSE_SHA256_TEXT];
    g_autoptr(json_t) fact = json_pack(
        "{s:s,s:s,s:o,s:o,s:o,s:O,s:O,s:O,s:s}", "component", component, "type", "wheel", "name",
        okse_collect_text(package, "name"), "version", okse_collect_text(package, "version"), "license",
        okse_collect_text(package, "license"), "members", json_object_get(checked, "members"), "native",
        json_object_get(checked, "native"), "faults", json_object_get(checked, "faults"), "state", "observed");
    json_t *masked = okse_collect_mask_texts(part->collection, fact);

    json_object_set_new(masked, "source",
                        okse_facts_source(&(OkseSourceFact){.collector = "packages",
                                                            .path = shown,
                                                            .digest = okse_sha256_text(&digest, text),
                                                            .component = component,
                                                            .via = "structured"}));
    okse_facts_add(part->collection->facts, "packages", "pkg", shown, masked);
}

static const OkseCollectParts parts = {"packages", NULL, {wants, use, NULL}};

bool okse_collect_packages(OkseCollection *collection, const OkseContents *contents, GError **error)
{
    return okse_collect_parts(collection, contents, &parts, error);
}

void okse_collect_installed_packages(OkseCollection *collection, const char *why_not)
{
    okse_collect_installed_parts(collection, &parts, why_not);
}
