/* An OSCAL component definition: Okse as the component that validates, its controls as rules in the properties that
 * compliance-trestle and compliance-to-policy read; and the stack, with what it implements. Source: compliance-trestle,
 * trestle.tasks.csv_to_oscal_cd (names and name space of the properties). */
#include "audit/policy_oscal_parts.h"

#include "audit/oscal.h"
#include "audit/report_view.h"
#include "core/json.h"

#include <string.h>

#define RULES "https://oscal-compass.github.io/compliance-trestle/schemas/oscal/cd"

static json_t *rule_property(const char *name, json_t *value, guint set)
{
    return json_pack("{s:s, s:s, s:o, s:o}", "name", name, "ns", RULES, "value", value, "remarks",
                     json_sprintf("rule_set_%03u", set));
}

/* Sorted by id: the numbers of rule sets are those of the law's control library. checks: of the validating component.
 */
static json_t *rules(const OkseLaw *law, GHashTable *used, bool checks)
{
    json_t *props = json_array();

    for (guint i = 0; i < law->controls->len; i++) {
        const OkseControl *control = g_ptr_array_index(law->controls, i);

        if (!g_hash_table_contains(used, control->id))
            continue;
        json_array_append_new(props, rule_property("Rule_Id", json_string(control->id), i));
        json_array_append_new(props, rule_property("Rule_Description", okse_oscal_line_of(control->title), i));
        if (!checks)
            continue;
        json_array_append_new(props, rule_property("Check_Id", json_string(control->id), i));
        json_array_append_new(props, rule_property("Check_Description", okse_oscal_line_of(control->description), i));
    }
    return props;
}

/* What the package says of itself under this provision, or NULL. */
static const char *claimed(const OksePolicyExport *export, const char *iso, const char *id)
{
    const json_t *jurisdictions = json_object_get(export->claim, "jurisdictions"), *jurisdiction, *provision;
    size_t i, j;

    json_array_foreach(jurisdictions, i, jurisdiction)
    {
        if (strcmp(okse_json_peek_text(jurisdiction, "iso"), iso) != 0)
            continue;
        json_array_foreach(json_object_get(jurisdiction, "provisions"), j,
                           provision) if (strcmp(okse_json_peek_text(provision, "id"), id) ==
                                          0) return okse_json_peek_text(provision, "status");
    }
    return NULL;
}

static void add_claim(const OksePolicyExport *export, const char *iso, const char *id, json_t *props)
{
    static const char *const states[][2] = {{"pass", "implemented"},
                                            {"fail", "planned"},
                                            {"inconclusive", "partial"},
                                            {"waived", "alternative"},
                                            {"not-applicable", "not-applicable"}};
    const char *status = claimed(export, iso, id);

    for (unsigned i = 0; status != NULL && i < G_N_ELEMENTS(states); i++)
        if (strcmp(status, states[i][0]) == 0) {
            json_array_append_new(props,
                                  json_pack("{s:s, s:s}", "name", "implementation-status", "value", states[i][1]));
            json_array_append_new(props, okse_oscal_property("verdict", status));
        }
}

static json_t *requirement(const OksePolicyExport *export, const OkseJurisdiction *jurisdiction,
                           const OkseProvision *provision, GHashTable *used)
{
    g_autofree char *name = g_strdup_printf("%s %s", export->law->digest, provision->id);
    g_autoptr(GHashTable) here = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *props = json_array(), *out;
    char uuid[OKSE_UUID_TEXT];

    for (guint i = 0; i < provision->mappings->len; i++) {
        char *control = ((const OkseMapping *)g_ptr_array_index(provision->mappings, i))->control;

        g_hash_table_add(used, control);
        if (g_hash_table_add(here, control))
            json_array_append_new(props,
                                  json_pack("{s:s, s:s, s:s}", "name", "Rule_Id", "ns", RULES, "value", control));
    }
    add_claim(export, jurisdiction->iso, provision->id, props);
    out = json_pack(
        "{s:s, s:s, s:o}", "uuid", okse_uuid5("requirement", name, uuid), "control-id", provision->id, "description",
        okse_oscal_line_of(provision->not_checkable != NULL ? provision->not_checkable : provision->summary));
    okse_oscal_set_list(out, "props", props);
    return out;
}

static json_t *requirements(const OksePolicyExport *export, GHashTable *used)
{
    json_t *list = json_array();

    for (guint i = 0; i < export->law->jurisdictions->len; i++) {
        const OkseJurisdiction *jurisdiction = g_ptr_array_index(export->law->jurisdictions, i);

        for (guint j = 0; j < jurisdiction->provisions->len; j++) {
            const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, j);

            if (okse_policy_oscal_has(export, provision))
                json_array_append_new(list, requirement(export, jurisdiction, provision, used));
        }
    }
    return list;
}

static json_t *stack(const OksePolicyExport *export, GHashTable *used, json_t *list)
{
    const json_t *install = json_object_get(json_object_get(export->claim, "target"), "install");
    const char *identity = export->identity, *version = okse_json_peek_text(install, "version");
    const char *title = okse_json_peek_text(install, "name");
    g_autofree char *name = g_strdup_printf("%s %s", export->law->digest, identity != NULL ? identity : "-");
    json_t *props = rules(export->law, used, false), *out;
    char uuid[OKSE_UUID_TEXT], implementation[OKSE_UUID_TEXT];

    if (version != NULL)
        json_array_append_new(props, json_pack("{s:s, s:o}", "name", "version", "value", okse_oscal_line(version)));
    if (identity != NULL)
        json_array_append_new(props, okse_oscal_property("bundle-identity", identity));
    out = json_pack("{s:s, s:s, s:o, s:s, s:[{s:s, s:s, s:s, s:o}]}", "uuid", okse_uuid5("stack", name, uuid), "type",
                    "software", "title", okse_oscal_line(title != NULL ? title : "Sovereign AI stack"), "description",
                    export->claim != NULL ? "A package; the states are what its own pre-flight found."
                                          : "Any stack under this law.",
                    "control-implementations", "uuid", okse_uuid5("implementation", name, implementation), "source",
                    export->source, "description", "What the law asks of it.", "implemented-requirements", list);
    okse_oscal_set_list(out, "props", props);
    return out;
}

static json_t *validator(const OksePolicyExport *export, GHashTable *used)
{
    json_t *props = rules(export->law, used, true), *out;
    char uuid[OKSE_UUID_TEXT];

    out = json_pack("{s:s, s:s, s:s, s:s}", "uuid", okse_uuid5("validator", export->law->digest, uuid), "type",
                    "validation", "title", "okse", "description", "Audits what is installed against the law.");
    okse_oscal_set_list(out, "props", props);
    return out;
}

json_t *okse_policy_oscal_component(const OksePolicyExport *export, GError **error)
{
    g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *list = requirements(export, used), *components;

    if (json_array_size(list) == 0) {
        json_decref(list);
        okse_fail(error, OKSE_ERROR_INVALID,
                  "oscal-component-definition: no provision of this law applies to this target on that day");
        return NULL;
    }
    components = json_pack("[o, o]", stack(export, used, list), validator(export, used));
    return okse_policy_oscal_document(export->law, "component-definition", "Rules of okse, and the stack", NULL,
                                      json_pack("{s:o}", "components", components));
}
