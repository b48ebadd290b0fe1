/* The facts of what would be installed, from a stack that is being built or from a bundle: the same scanner and the
 * same documents as after the install, and nothing of any host. */
#include "audit/collector.h"
#include "audit/fact_kinds.h"
#include "core/digest.h"
#include "core/json.h"

static bool wants(void *context, const char *path, uint64_t size)
{
    const OkseCollectFiles *files = context;
    g_autofree char *name = g_path_get_basename(path);

    if (!okse_collect_files_wants(files, name))
        return false;
    if (size <= OKSE_COLLECT_FILE_LIMIT)
        return true;
    okse_collect_files_partial(files, path, "is larger than 8 MiB and was not read");
    return false;
}

static void use(void *context, const char *path, GBytes *bytes)
{
    const OkseCollectFiles *files = context;

    okse_collect_files_use(files, path, bytes);
}

static json_t *install_fact(const OkseContents *contents)
{
    static const char *const members[] = {"name", "version", "sequence", "country", "vendor", "compliance", NULL};
    const OkseSha256 *identity = okse_contents_identity(contents);
    json_t *components = json_array(), *fact = json_object();
    char text[OKSE_SHA256_TEXT];

    for (const char *const *member = members; *member != NULL; member++) {
        json_t *value = json_object_get(okse_contents_stack(contents), *member);

        json_object_set_new(fact, *member, value != NULL ? json_incref(value) : json_null());
    }
    for (unsigned i = 0; i < okse_contents_count(contents); i++) {
        json_t *row = json_pack("{s:s,s:s,s:I,s:I}", "name", okse_contents_name(contents, i), "kind",
                                okse_contents_kind(contents, i), "files", (json_int_t)okse_contents_files(contents, i),
                                "size", (json_int_t)okse_contents_bytes(contents, i));

        json_t *model = okse_contents_model(contents, i);

        json_object_set_new(row, "model", model != NULL ? model : json_null());
        okse_collect_said(row, okse_contents_stack(contents));
        json_array_append_new(components, row);
    }
    json_object_set_new(fact, "components", components);
    json_object_set_new(fact, "root", json_null());
    json_object_set_new(fact, "generation", json_null());
    json_object_set_new(fact, "identity",
                        identity != NULL ? json_string(okse_sha256_text(identity, text)) : json_null());
    return fact;
}

/* Reports call their target by the name of its host; here there is none yet. */
static json_t *host_fact(const OkseContents *contents)
{
    const char *name = okse_json_peek_text(okse_contents_stack(contents), "name");
    const char *version = okse_json_peek_text(okse_contents_stack(contents), "version");
    g_autofree char *label =
        g_strdup_printf("%s %s (not installed)", name != NULL ? name : "?", version != NULL ? version : "?");

    return json_pack("{s:s}", "hostname", label);
}

static bool collect_component(OkseCollection *collection, const OkseContents *contents, unsigned component,
                              GError **error)
{
    const char *name = okse_contents_name(contents, component);
    OkseCollectFiles files = {collection, name, name, okse_contents_kind(contents, component)};

    return !okse_collect_files_any(&files) ||
           okse_contents_visit(contents, component, &(OkseContentsVisitor){wants, use, &files}, error);
}

bool okse_collect_components(OkseCollection *collection, const OkseContents *contents, GError **error)
{
    static const char nothing_yet[] = "nothing is installed yet";

    okse_facts_set(collection->facts, "host", host_fact(contents));
    okse_facts_set(collection->facts, "install", install_fact(contents));
    okse_facts_coverage(collection->facts, "install", OKSE_COMPLETE, NULL);
    for (const OkseCollectorKind *kind = okse_collector_kinds; kind->name != NULL; kind++)
        if (kind->scope == OKSE_SCOPE_HOST)
            okse_facts_coverage(collection->facts, kind->name, OKSE_UNAVAILABLE, nothing_yet);
    okse_facts_coverage(collection->facts, "drift", OKSE_UNAVAILABLE, nothing_yet);
    for (unsigned i = 0; i < okse_contents_count(contents); i++)
        if (!collect_component(collection, contents, i, error))
            return false;
    okse_facts_coverage(collection->facts, "configuration", OKSE_COMPLETE, NULL);
    okse_facts_coverage(collection->facts, "documents", OKSE_COMPLETE, NULL);
    return true;
}
