/* Looking into chosen files of chosen components, wherever they are. */
#include "audit/collector.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

char *okse_collect_part_path(const OkseCollectPart *part, const char *path)
{
    const char *component = okse_contents_name(part->contents, part->component);
    g_autofree char *whole = part->root != NULL ? g_strdup_printf("%s/current/%s/%s", part->root, component, path)
                                                : g_strdup_printf("%s/%s", component, path);

    return okse_text_show(whole, -1, false);
}

json_t *okse_collect_text(const json_t *object, const char *key)
{
    const char *text = okse_json_peek_text(object, key);
    g_autofree char *shown = text == NULL ? NULL : okse_text_show(text, -1, false);

    return shown != NULL ? json_string(shown) : json_null();
}

static bool collect(OkseCollectPart *part, const OkseCollectParts *parts, GError **error)
{
    OkseContentsVisitor visitor = parts->visitor;

    visitor.context = part;
    for (part->component = 0; part->component < okse_contents_count(part->contents); part->component++)
        if ((parts->kind == NULL || strcmp(okse_contents_kind(part->contents, part->component), parts->kind) == 0) &&
            !okse_contents_visit(part->contents, part->component, &visitor, error))
            return false;
    okse_facts_coverage(part->collection->facts, parts->collector, OKSE_COMPLETE, NULL);
    return true;
}

bool okse_collect_parts(OkseCollection *collection, const OkseContents *contents, const OkseCollectParts *parts,
                        GError **error)
{
    return collect(&(OkseCollectPart){collection, contents, NULL, 0}, parts, error);
}

void okse_collect_installed_parts(OkseCollection *collection, const OkseCollectParts *parts, const char *why_not)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseContents) contents =
        collection->install == NULL ? NULL : okse_contents_of_install(collection->root_fd, &cause);

    if (contents == NULL || !collect(&(OkseCollectPart){collection, contents, collection->root, 0}, parts, &cause))
        okse_facts_coverage(collection->facts, parts->collector, OKSE_UNAVAILABLE,
                            cause != NULL ? cause->message : why_not);
}

const json_t *okse_collect_said_of(const json_t *stack, const char *component, const char *key)
{
    const json_t *rows = json_object_get(stack, "components"), *row;
    size_t i;

    json_array_foreach(rows, i, row) if (g_strcmp0(okse_json_peek_text(row, "name"), component) ==
                                         0) return json_object_get(row, key);
    return NULL;
}

void okse_collect_said(json_t *row, const json_t *stack)
{
    static const char *const keys[] = {"supports", "compiled"};

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const json_t *said = okse_collect_said_of(stack, okse_json_peek_text(row, "name"), keys[i]);

        json_object_set_new(row, keys[i], said != NULL ? json_deep_copy(said) : json_null());
    }
}
