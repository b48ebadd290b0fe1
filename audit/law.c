/* Loading and linking. The digest is over "path, NUL, SHA-256, newline" of the facts' schema, the data
 * classes, the rules of conflicts, the date, every control, every jurisdiction and every framework (each in sorted
 * order), loaded or not: which files exist is part of what a verdict rests on. */
#include "audit/law.h"

#include "audit/conflicts.h"
#include "audit/law_read.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/text.h"

#include <stdint.h>
#include <string.h>

#define CONTROLS "manifests/controls"
#define JURISDICTIONS "manifests/jurisdictions"
#define FRAMEWORKS "manifests/frameworks"
#define SCHEMA "manifests/schemas/facts.schema.json"
#define CONFLICTS "manifests/conflicts.yaml"
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
    json_decref(law->conflicts);
    okse_data_classes_free(law->classes);
    okse_policy_pack_free(law->pack);
    g_free(law->identity);
    json_decref(law->profiles);
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

char *okse_law_control_hint(const OkseLaw *law, const char *id)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    const char *near;

    for (guint i = 0; i < law->controls->len; i++)
        g_ptr_array_add(known, ((const OkseControl *)g_ptr_array_index(law->controls, i))->id);
    g_ptr_array_add(known, NULL);
    near = okse_text_nearest(id, (const char *const *)known->pdata);
    return near == NULL ? g_strdup("") : g_strdup_printf(" (did you mean '%s'?)", near);
}

OkseJurisdiction *okse_law_jurisdiction(const OkseLaw *law, const char *iso)
{
    for (guint i = 0; i < law->jurisdictions->len; i++) {
        OkseJurisdiction *jurisdiction = g_ptr_array_index(law->jurisdictions, i);

        if (strcmp(jurisdiction->iso, iso) == 0)
            return jurisdiction;
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

/* The bloc's file, for a country that names it. */
static bool load_bloc(Loading *loading, const OkseJurisdiction *member, const char *bloc, GError **error)
{
    g_autofree char *lower = g_ascii_strdown(bloc, -1);
    g_autofree char *path = g_strdup_printf(JURISDICTIONS "/%s.yaml", lower);
    g_autofree char *origin = okse_resources_name(loading->resources, path);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GBytes) bytes = okse_resources_read(loading->resources, path, &cause);
    OkseJurisdiction *jurisdiction;

    if (bytes == NULL && g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND)) {
        okse_issue(loading->issues, &member->place, "inherits: no law of the bloc '%s' (there is: %s)", bloc,
                   loading->countries->str);
        return true;
    }
    if (bytes == NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    jurisdiction = okse_jurisdiction_read(bytes, origin, loading->issues);
    if (jurisdiction != NULL)
        g_ptr_array_add(loading->law->jurisdictions, jurisdiction);
    return true;
}

/* The list grows while it is walked: a bloc may belong to another. */
static bool load_blocs(Loading *loading, GError **error)
{
    for (guint i = 0; i < loading->law->jurisdictions->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(loading->law->jurisdictions, i);

        for (guint k = 0; k < one->inherits->len; k++) {
            const char *bloc = g_ptr_array_index(one->inherits, k);

            if (okse_law_is_country(bloc) && okse_law_jurisdiction(loading->law, bloc) == NULL &&
                !load_bloc(loading, one, bloc, error))
                return false;
        }
    }
    return true;
}

static bool has_code(const GPtrArray *codes, const char *code)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)(uintptr_t)codes, code, g_str_equal, NULL);
}

/* The blocs that bind a country, as " XX YY". */
static char *blocs_of(const Loading *loading, const char *country)
{
    g_auto(GStrv) names = okse_resources_list(loading->resources, JURISDICTIONS, NULL);
    GString *found = g_string_new(NULL);

    for (char **name = names; name != NULL && *name != NULL; name++) {
        g_autofree char *path = g_strconcat(JURISDICTIONS "/", *name, NULL);
        g_autoptr(GBytes) bytes = okse_resources_read(loading->resources, path, NULL);
        g_autoptr(OkseIssues) issues = okse_issues_new();
        g_autoptr(OkseJurisdiction) one = bytes == NULL ? NULL : okse_jurisdiction_read(bytes, path, issues);

        if (one != NULL && has_code(one->members, country))
            g_string_append_printf(found, " %s", one->iso);
    }
    return g_string_free(found, FALSE);
}

static bool refuse_unknown(const Loading *loading, const char *id, GError **error)
{
    g_autofree char *blocs = NULL;

    if (okse_law_is_framework(id))
        return okse_fail(error, OKSE_ERROR_INVALID, "no framework '%s' (there is: %s)", id, loading->frameworks->str);
    blocs = blocs_of(loading, id);
    if (*blocs != '\0')
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "no law of its own for the country '%s', which is a member of%s: a verdict would lack what it "
                         "adds (that alone: --country%s; there is: %s)",
                         id, blocs, blocs, loading->countries->str);
    return okse_fail(error, OKSE_ERROR_INVALID, "no law for the country '%s' (there is: %s)", id,
                     loading->countries->str);
}

/* Everything that binds in this country was asked for it. The list of who asked ends circles. */
static void ask_for(const OkseLaw *law, OkseJurisdiction *jurisdiction, const char *country)
{
    if (jurisdiction == NULL || has_code(jurisdiction->asked, country))
        return;
    g_ptr_array_add(jurisdiction->asked, g_strdup(country));
    for (guint i = 0; i < jurisdiction->inherits->len; i++)
        ask_for(law, okse_law_jurisdiction(law, g_ptr_array_index(jurisdiction->inherits, i)), country);
}

/* A bloc that is asked for a member is not asked for itself too. */
static void ask_all(const Loading *loading)
{
    const OkseLaw *law = loading->law;

    for (guint i = 0; loading->wanted != NULL && loading->wanted[i] != NULL; i++) {
        OkseJurisdiction *one = okse_law_jurisdiction(law, loading->wanted[i]);

        for (guint k = 0; k < one->inherits->len; k++)
            ask_for(law, okse_law_jurisdiction(law, g_ptr_array_index(one->inherits, k)), one->iso);
    }
    for (guint i = 0; i < law->jurisdictions->len; i++) {
        OkseJurisdiction *one = g_ptr_array_index(law->jurisdictions, i);

        if (!one->framework && one->asked->len == 0)
            g_ptr_array_add(one->asked, g_strdup(one->iso));
    }
}

/* Move it to the end of `arranged`, its blocs behind it. */
static void place(const Loading *loading, GPtrArray *arranged, OkseJurisdiction *jurisdiction)
{
    if (jurisdiction == NULL || g_ptr_array_find(arranged, jurisdiction, NULL))
        return;
    g_ptr_array_add(arranged, jurisdiction);
    for (guint i = 0; i < jurisdiction->inherits->len; i++) {
        const char *bloc = g_ptr_array_index(jurisdiction->inherits, i);

        if (!g_strv_contains(loading->wanted, bloc))
            place(loading, arranged, okse_law_jurisdiction(loading->law, bloc));
    }
}

/* Put the jurisdictions in the order they were asked for; every one must be there. */
static bool arrange(Loading *loading, GError **error)
{
    g_autoptr(GPtrArray) arranged = g_ptr_array_new();
    GPtrArray *have = loading->law->jurisdictions;

    for (guint i = 0; loading->wanted != NULL && loading->wanted[i] != NULL; i++) {
        OkseJurisdiction *one = okse_law_jurisdiction(loading->law, loading->wanted[i]);

        if (one == NULL)
            return refuse_unknown(loading, loading->wanted[i], error);
        place(loading, arranged, one);
    }
    for (guint i = 0; i < arranged->len; i++)
        have->pdata[i] = arranged->pdata[i];
    ask_all(loading);
    return true;
}

static void link_provision(const OkseLaw *law, const OkseProvision *provision, OkseIssues *issues)
{
    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);
        const OkseControl *control = okse_law_control(law, mapping->control);

        if (control != NULL) {
            json_decref(okse_control_bind(control, mapping->parameters, &mapping->place, issues));
        } else {
            g_autofree char *hint = okse_law_control_hint(law, mapping->control);

            okse_issue(issues, &mapping->place, "no control '%s'%s", mapping->control, hint);
        }
    }
}

void okse_law_link(const OkseLaw *law, const OkseJurisdiction *jurisdiction, OkseIssues *issues)
{
    for (guint i = 0; i < jurisdiction->provisions->len; i++)
        link_provision(law, g_ptr_array_index(jurisdiction->provisions, i), issues);
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

/* A file that a law of older days has not. *bytes: NULL when it is not there. */
static bool read_optional(const Loading *loading, const char *path, GBytes **bytes, GError **error)
{
    g_autoptr(GError) cause = NULL;

    *bytes = okse_resources_read(loading->resources, path, &cause);
    if (*bytes != NULL)
        okse_sha256_stream_file(loading->digest, path, *bytes);
    if (*bytes != NULL || g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

/* Without rules nothing is compared. */
static bool load_conflicts(Loading *loading, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    g_autofree char *origin = okse_resources_name(loading->resources, CONFLICTS);

    if (!read_optional(loading, CONFLICTS, &bytes, error))
        return false;
    loading->law->conflicts = bytes == NULL ? json_array() : okse_conflict_rules_read(bytes, origin, loading->issues);
    return true;
}

/* Without a date nothing is said of its age. */
static bool load_pack(Loading *loading, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    g_autofree char *origin = okse_resources_name(loading->resources, OKSE_POLICY_PACK_FILE);

    if (!read_optional(loading, OKSE_POLICY_PACK_FILE, &bytes, error))
        return false;
    loading->law->pack = bytes == NULL ? NULL : okse_policy_pack_read(bytes, origin, loading->issues);
    loading->law->identity = g_strdup(okse_resources_identity(loading->resources));
    return true;
}

static bool load_all(Loading *loading, GError **error)
{
    g_autoptr(GBytes) schema = okse_resources_read(loading->resources, SCHEMA, error);

    if (schema == NULL)
        return false;
    okse_sha256_stream_file(loading->digest, SCHEMA, schema);
    loading->law->schema = okse_law_schema(loading->resources, error);
    if (loading->law->schema == NULL || !load_classes(loading, error) || !load_conflicts(loading, error) ||
        !load_pack(loading, error) || !load_controls(loading, error) ||
        !load_jurisdictions(loading, JURISDICTIONS, error) || !load_jurisdictions(loading, FRAMEWORKS, error) ||
        !load_blocs(loading, error) || !okse_issues_none(loading->issues, error) || !arrange(loading, error))
        return false;
    for (guint i = 0; i < loading->law->jurisdictions->len; i++)
        okse_law_link(loading->law, g_ptr_array_index(loading->law->jurisdictions, i), loading->issues);
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

void okse_law_lint_languages(const OkseJurisdiction *jurisdiction, OkseIssues *issues)
{
    const char *language = json_string_value(json_array_get(jurisdiction->languages, 0));

    for (guint i = 0; language != NULL && i < jurisdiction->provisions->len; i++) {
        const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, i);

        okse_law_lint_language(provision->title, "title", language, &provision->place, issues);
        okse_law_lint_language(provision->summary, "summary", language, &provision->place, issues);
    }
}

static void lint_jurisdiction(const OkseJurisdiction *jurisdiction, GHashTable *used, OkseIssues *issues)
{
    okse_law_lint_languages(jurisdiction, issues);
    for (guint i = 0; i < jurisdiction->provisions->len; i++) {
        const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, i);

        for (guint j = 0; j < provision->mappings->len; j++)
            g_hash_table_add(used, ((OkseMapping *)g_ptr_array_index(provision->mappings, j))->control);
    }
}

/* A member and its bloc name each other. */
static void lint_blocs(const OkseLaw *law, const OkseJurisdiction *one, OkseIssues *issues)
{
    for (guint i = 0; i < one->inherits->len; i++) {
        const OkseJurisdiction *bloc = okse_law_jurisdiction(law, g_ptr_array_index(one->inherits, i));

        if (bloc != NULL && !has_code(bloc->members, one->iso))
            okse_issue(issues, &one->place, "%s inherits %s, which does not list it as a member", one->iso, bloc->iso);
    }
    for (guint i = 0; i < one->members->len; i++) {
        const OkseJurisdiction *member = okse_law_jurisdiction(law, g_ptr_array_index(one->members, i));

        if (member != NULL && !has_code(member->inherits, one->iso))
            okse_issue(issues, &member->place, "%s is a member of %s and does not inherit it", member->iso, one->iso);
    }
}

void okse_law_lint(const OkseLaw *law, OkseIssues *issues)
{
    g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < law->jurisdictions->len; i++) {
        lint_jurisdiction(g_ptr_array_index(law->jurisdictions, i), used, issues);
        lint_blocs(law, g_ptr_array_index(law->jurisdictions, i), issues);
    }
    okse_conflict_rules_lint(law, issues);
    for (guint i = 0; i < law->controls->len; i++) {
        const OkseControl *control = g_ptr_array_index(law->controls, i);

        okse_control_lint(control, law->schema, issues);
        if (!g_hash_table_contains(used, control->id))
            okse_issue(issues, &control->place, "no provision uses the control '%s'", control->id);
    }
}
