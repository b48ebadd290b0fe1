/* An OSCAL profile: what of the catalog applies to one target, with the values of its parameters. */
#include "audit/policy_oscal_parts.h"

#include "audit/oscal.h"
#include "core/json.h"

json_t *okse_policy_oscal_profile(const OksePolicyExport *export, GError **error)
{
    const OkseLaw *law = export->law;
    json_t *ids = json_array(), *parameters = json_array(), *body;

    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *jurisdiction = g_ptr_array_index(law->jurisdictions, i);

        for (guint j = 0; j < jurisdiction->provisions->len; j++) {
            const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, j);
            g_autoptr(json_t) all = json_array();
            json_t *one;
            size_t k;

            if (!okse_policy_oscal_has(export, provision))
                continue;
            json_array_append_new(ids, json_string(provision->id));
            okse_policy_oscal_parameters(law, provision, false, all);
            json_array_foreach(all, k, one)
            {
                json_object_set_new(one, "param-id", json_copy(json_object_get(one, "id")));
                json_object_del(one, "id");
                if (json_object_get(one, "values") != NULL)
                    json_array_append(parameters, one);
            }
        }
    }
    if (json_array_size(ids) == 0) {
        json_decref(ids);
        json_decref(parameters);
        okse_fail(error, OKSE_ERROR_INVALID,
                  "oscal-profile: no provision of this law applies to this target on that day");
        return NULL;
    }
    body = json_pack("{s:[{s:s, s:[{s:o}]}], s:{s:b}}", "imports", "href", export->source, "include-controls",
                     "with-ids", ids, "merge", "as-is", 1);
    if (json_array_size(parameters) > 0)
        json_object_set_new(body, "modify", json_pack("{s:O}", "set-parameters", parameters));
    json_decref(parameters);
    return okse_policy_oscal_document(law, "profile", "Data-residency law that applies", NULL, body);
}
