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

typedef struct {
    OkseCollection *collection;
    const OkseContents *contents;
    const char *root; /* of an install, or NULL */
    unsigned component;
} Reading;

static char *shown_path(const Reading *reading, const char *path)
{
    g_autofree char *whole =
        reading->root != NULL
            ? g_strdup_printf("%s/current/%s/%s", reading->root,
                              okse_contents_name(reading->contents, reading->component), path)
            : g_strdup_printf("%s/%s", okse_contents_name(reading->contents, reading->component), path);

    return okse_text_show(whole, -1, false);
}

static bool wants(void *context, const char *path, uint64_t size)
{
    const Reading *reading = context;
    g_autofree char *shown = NULL, *reason = NULL;

    if (!g_str_has_suffix(path, ".whl") || size <= OKSE_LIMIT_PACKAGE)
        return g_str_has_suffix(path, ".whl");
    shown = shown_path(reading, path);
    reason = g_strdup_printf("%s: is larger than 64 MiB and was not compared with its RECORD", shown);
    okse_facts_coverage(reading->collection->facts, "packages", OKSE_PARTIAL, reason);
    return false;
}

static json_t *text_or_null(const json_t *object, const char *key)
{
    const char *text = okse_json_peek_text(object, key);
    g_autofree char *shown = text == NULL ? NULL : okse_text_show(text, -1, false);

    return shown != NULL ? json_string(shown) : json_null();
}

static void use(void *context, const char *path, GBytes *bytes)
{
    const Reading *reading = context;
    const char *component = okse_contents_name(reading->contents, reading->component);
    g_autofree char *shown = shown_path(reading, path);
    g_autoptr(json_t) package = okse_package_read(path, bytes), checked = okse_wheel_check(bytes);
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    char text[OKSE_SHA256_TEXT];
    g_autoptr(json_t) fact = json_pack(
        "{s:s,s:s,s:o,s:o,s:o,s:O,s:O,s:O,s:s}", "component", component, "type", "wheel", "name",
        text_or_null(package, "name"), "version", text_or_null(package, "version"), "license",
        text_or_null(package, "license"), "members", json_object_get(checked, "members"), "native",
        json_object_get(checked, "native"), "faults", json_object_get(checked, "faults"), "state", "observed");
    json_t *masked = okse_collect_mask_texts(reading->collection, fact);

    json_object_set_new(masked, "source",
                        okse_facts_source(&(OkseSourceFact){.collector = "packages",
                                                            .path = shown,
                                                            .digest = okse_sha256_text(&digest, text),
                                                            .component = component,
                                                            .via = "structured"}));
    okse_facts_add(reading->collection->facts, "packages", "pkg", shown, masked);
}

static bool collect(Reading *reading, GError **error)
{
    const OkseContentsVisitor visitor = {wants, use, reading};

    for (reading->component = 0; reading->component < okse_contents_count(reading->contents); reading->component++)
        if (!okse_contents_visit(reading->contents, reading->component, &visitor, error))
            return false;
    okse_facts_coverage(reading->collection->facts, "packages", OKSE_COMPLETE, NULL);
    return true;
}

bool okse_collect_packages(OkseCollection *collection, const OkseContents *contents, GError **error)
{
    return collect(&(Reading){collection, contents, NULL, 0}, error);
}

void okse_collect_installed_packages(OkseCollection *collection, const char *why_not)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseContents) contents =
        collection->install == NULL ? NULL : okse_contents_of_install(collection->root_fd, &cause);

    if (contents == NULL || !collect(&(Reading){collection, contents, collection->root, 0}, &cause))
        okse_facts_coverage(collection->facts, "packages", OKSE_UNAVAILABLE, cause != NULL ? cause->message : why_not);
}
