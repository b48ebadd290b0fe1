/* Loading and linking. The digest is over "path, NUL, SHA-256, newline" of the facts' schema, the data
 * classes, every control, every jurisdiction and every framework (each in sorted order), loaded or not: which files
 * exist is part of what a verdict rests on. */
#include "audit/law.h"

#include "audit/law_read.h"
#include "core/json.h"
#include "core/limits.h"

#include <string.h>

#define CONTROLS "manifests/controls"
#define JURISDICTIONS "manifests/jurisdictions"
#define FRAMEWORKS "manifests/frameworks"
#define SCHEMA "manifests/schemas/facts.schema.json"
#define CLASSES "manifests/data-class-rules.yaml"

static void control_free(gpointer data)
{
    okse_control_free(data);
}

static void jurisdiction_free(gpointer data)
{
    okse_jurisdiction_free(data);
}

void okse_law_free(OkseLaw *law)
{
    if (law == NULL)
        return;
    json_decref(law->schema);
    okse_data_classes_free(law->classes);
    g_ptr_array_unref(law->controls);
    g_ptr_array_unref(law->jurisdictions);
    g_free(law);
}

const OkseControl *okse_law_control(const OkseLaw *law, const char *id)
{
    for (guint i = 0; i < law->controls->len; i++) {
        const OkseControl *control = g_ptr_array_index(law->controls, i);

        if (strcmp(control->id, id) == 0)
            return control;
    }
    return NULL;
}

json_t *okse_law_schema(const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(resources, SCHEMA, error);
    g_autofree char *origin = okse_resources_name(resources, SCHEMA);

    return bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_DOCUMENT, origin, error);
}

typedef struct {
    const OkseResources *resources;
    OkseLaw *law;
    OkseSha256Stream *digest;
    OkseIssues *issues;
    const char *const *wanted;       /* or NULL for all */
    GString *countries, *frameworks; /* every id there is, for messages */
} Loading;

static bool load_controls(Loading *loading, GError **error)
{
    g_auto(GStrv) names = okse_resources_list(loading->resources, CONTROLS, error);

    for (char **name = names; name != NULL && *name != NULL; name++) {
        g_autofree char *path = g_strconcat(CONTROLS "/", *name, NULL);
        g_autofree char *origin = okse_resources_name(loading->resources, path);
        g_autoptr(GBytes) bytes = okse_resources_read(loading->resources, path, error);
        OkseControl *control;

        if (bytes == NULL)
            return false;
        okse_sha256_stream_file(loading->digest, path, bytes);
        control = okse_control_read(bytes, origin, loading->law->schema, loading->issues);
        if (control != NULL)
            g_ptr_array_add(loading->law->controls, control);
    }
    return names != NULL;
}

/* The id that the file called `name` must have. */
static char *id_of_file(const char *directory, const char *name)
{
    g_autofree char *id = g_strndup(name, strlen(name) - strlen(".yaml"));

    return strcmp(directory, FRAMEWORKS) == 0 ? g_steal_pointer(&id) : g_ascii_strup(id, -1);
}

static bool is_wanted(const Loading *loading, const char *directory, const char *name)
{
    GString *known = strcmp(directory, FRAMEWORKS) == 0 ? loading->frameworks : loading->countries;
    g_autofree char *id = NULL;

    if (!g_str_has_suffix(name, ".yaml"))
        return false;
    id = id_of_file(directory, name);
    g_string_append_printf(known, "%s%s", known->len > 0 ? " " : "", id);
    return loading->wanted == NULL || g_strv_contains(loading->wanted, id);
}

static bool load_jurisdictions(Loading *loading, const char *directory, GError **error)
{
    g_auto(GStrv) names = okse_resources_list(loading->resources, directory, error);

    for (char **name = names; name != NULL && *name != NULL; name++) {
        g_autofree char *path = g_strconcat(directory, "/", *name, NULL);
        g_autofree char *origin = okse_resources_name(loading->resources, path);
        g_autoptr(GBytes) bytes = okse_resources_read(loading->resources, path, error);
        OkseJurisdiction *jurisdiction;

        if (bytes == NULL)
            return false;
        okse_sha256_stream_file(loading->digest, path, bytes);
        if (!is_wanted(loading, directory, *name))
            continue;
        jurisdiction = okse_jurisdiction_read(bytes, origin, loading->issues);
        if (jurisdiction != NULL)
            g_ptr_array_add(loading->law->jurisdictions, jurisdiction);
    }
    return names != NULL;
}

static bool refuse_unknown(const Loading *loading, const char *id, GError **error)
{
    if (okse_law_is_framework(id))
        return okse_fail(error, OKSE_ERROR_INVALID, "no framework '%s' (there is: %s)", id, loading->frameworks->str);
    return okse_fail(error, OKSE_ERROR_INVALID, "no law for the country '%s' (there is: %s)", id,
                     loading->countries->str);
}

/* Put the jurisdictions in the order they were asked for; every one must be there. */
static bool arrange(Loading *loading, GError **error)
{
    GPtrArray *have = loading->law->jurisdictions;

    for (guint i = 0; loading->wanted != NULL && loading->wanted[i] != NULL; i++) {
        guint at = i;

        while (at < have->len &&
               strcmp(((OkseJurisdiction *)g_ptr_array_index(have, at))->iso, loading->wanted[i]) != 0)
            at++;
        if (at >= have->len)
            return refuse_unknown(loading, loading->wanted[i], error);
        g_ptr_array_insert(have, (gint)i, g_ptr_array_steal_index(have, at));
    }
    return true;
}

static void link_provision(const OkseLaw *law, const OkseProvision *provision, OkseIssues *issues)
{
    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);
        const OkseControl *control = okse_law_control(law, mapping->control);

        if (control == NULL)
            okse_issue(issues, &mapping->place, "no control '%s'", mapping->control);
        else
            json_decref(okse_control_bind(control, mapping->parameters, &mapping->place, issues));
    }
}

static void link_law(const OkseLaw *law, OkseIssues *issues)
{
    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *jurisdiction = g_ptr_array_index(law->jurisdictions, i);

        for (guint j = 0; j < jurisdiction->provisions->len; j++)
            link_provision(law, g_ptr_array_index(jurisdiction->provisions, j), issues);
    }
}

static bool load_classes(Loading *loading, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(loading->resources, CLASSES, error);
    g_autofree char *origin = okse_resources_name(loading->resources, CLASSES);

    if (bytes == NULL)
        return false;
    okse_sha256_stream_file(loading->digest, CLASSES, bytes);
    loading->law->classes = okse_data_classes_read(bytes, origin, error);
    return loading->law->classes != NULL;
}

static bool load_all(Loading *loading, GError **error)
{
    g_autoptr(GBytes) schema = okse_resources_read(loading->resources, SCHEMA, error);

    if (schema == NULL)
        return false;
    okse_sha256_stream_file(loading->digest, SCHEMA, schema);
    loading->law->schema = okse_law_schema(loading->resources, error);
    if (loading->law->schema == NULL || !load_classes(loading, error) || !load_controls(loading, error) ||
        !load_jurisdictions(loading, JURISDICTIONS, error) || !load_jurisdictions(loading, FRAMEWORKS, error) ||
        !okse_issues_none(loading->issues, error) || !arrange(loading, error))
        return false;
    link_law(loading->law, loading->issues);
    return okse_issues_none(loading->issues, error);
}

static OkseLaw *law_new(void)
{
    OkseLaw *law = g_new0(OkseLaw, 1);

    law->controls = g_ptr_array_new_with_free_func(control_free);
    law->jurisdictions = g_ptr_array_new_with_free_func(jurisdiction_free);
    return law;
}

OkseLaw *okse_law_load(const OkseResources *resources, const char *const *wanted, GError **error)
{
    g_autoptr(OkseLaw) law = law_new();
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseSha256Stream) digest = okse_sha256_stream_new();
    g_autoptr(GString) countries = g_string_new(NULL);
    g_autoptr(GString) frameworks = g_string_new(NULL);
    Loading loading = {resources, law, digest, issues, wanted, countries, frameworks};
    OkseSha256 whole;

    if (!load_all(&loading, error))
        return NULL;
    whole = okse_sha256_stream_end(digest);
    okse_sha256_text(&whole, law->digest);
    return g_steal_pointer(&law);
}

static void lint_jurisdiction(const OkseJurisdiction *jurisdiction, GHashTable *used, OkseIssues *issues)
{
    const char *language = json_string_value(json_array_get(jurisdiction->languages, 0));

    for (guint i = 0; i < jurisdiction->provisions->len; i++) {
        const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, i);

        if (language != NULL) {
            okse_law_lint_language(provision->title, "title", language, &provision->place, issues);
            okse_law_lint_language(provision->summary, "summary", language, &provision->place, issues);
        }
        for (guint j = 0; j < provision->mappings->len; j++)
            g_hash_table_add(used, ((OkseMapping *)g_ptr_array_index(provision->mappings, j))->control);
    }
}

void okse_law_lint(const OkseLaw *law, OkseIssues *issues)
{
    g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < law->jurisdictions->len; i++)
        lint_jurisdiction(g_ptr_array_index(law->jurisdictions, i), used, issues);
    for (guint i = 0; i < law->controls->len; i++) {
        const OkseControl *control = g_ptr_array_index(law->controls, i);

        okse_control_lint(control, law->schema, issues);
        if (!g_hash_table_contains(used, control->id))
            okse_issue(issues, &control->place, "no provision uses the control '%s'", control->id);
    }
}
