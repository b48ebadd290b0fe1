#include "audit/passport.h"

#include <string.h>

/* The fields of the first document of a type, or NULL. */
static const json_t *fields_of(const json_t *facts, const char *type)
{
    const json_t *document;
    size_t i;

    json_array_foreach(json_object_get(facts, "documents"), i,
                       document) if (g_strcmp0(okse_json_peek_text(document, "type"), type) ==
                                     0) return json_object_get(document, "fields");
    return NULL;
}

static json_t *member_of(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    return value != NULL ? json_incref(value) : json_null();
}

static const char *name_of(const json_t *detected, const json_t *license)
{
    const char *id = okse_json_peek_text(detected, "id");

    return id != NULL ? id : okse_json_peek_text(license, "declared");
}

/* The row of a license that was said before, in another place of the component. */
static json_t *row_named(json_t *rows, const char *name)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row) if (g_strcmp0(okse_json_peek_text(row, "id"), name) == 0) return row;
    row = json_pack("{s:s?,s:[]}", "id", name, "base_models");
    json_array_append_new(rows, row);
    return row;
}

static void add_bases(json_t *row, const json_t *bases, const char *component)
{
    json_t *list = json_object_get(row, "base_models"), *base;
    size_t i, k;

    json_array_foreach(bases, i, base)
    {
        bool known = g_strcmp0(json_string_value(base), component) == 0;

        for (k = 0; k < json_array_size(list); k++)
            known = known || json_equal(json_array_get(list, k), base);
        if (!known)
            json_array_append(list, base);
    }
}

/* One row for each license that is named, with what is known of its terms. */
static json_t *licenses_of(const json_t *facts, const char *component)
{
    static const char *const terms_shown[] = {"title", "uses", "uses_unclear", "distribution", "conditions", "not_in"};
    json_t *rows = json_array();
    const json_t *license;
    size_t i;

    json_array_foreach(json_object_get(facts, "licenses"), i, license)
    {
        const json_t *terms = json_object_get(license, "terms");
        const char *name = name_of(json_object_get(license, "detected"), license);
        json_t *row;

        if (g_strcmp0(okse_json_peek_text(license, "component"), component) != 0)
            continue;
        row = row_named(rows, name);
        add_bases(row, json_object_get(license, "base_models"), component);
        for (unsigned k = 0; k < G_N_ELEMENTS(terms_shown); k++)
            if (json_is_null(json_object_get(row, terms_shown[k])) || json_object_get(row, terms_shown[k]) == NULL)
                json_object_set_new(row, terms_shown[k], member_of(terms, terms_shown[k]));
    }
    return rows;
}

static json_t *models_of(const OksePassportRequest *request)
{
    static const char *const shown[] = {"architecture", "paramSize", "precision", "quantization", "format"};
    json_t *models = json_array();
    const json_t *model;
    size_t i;

    json_array_foreach(request->models, i, model)
    {
        const char *component = okse_json_peek_text(model, "component");
        json_t *row = json_pack("{s:s}", "component", component);

        for (unsigned k = 0; k < G_N_ELEMENTS(shown); k++)
            json_object_set_new(row, shown[k], member_of(json_object_get(model, "config"), shown[k]));
        json_object_set_new(row, "licenses", licenses_of(request->facts, component));
        json_array_append_new(models, row);
    }
    return models;
}

/* In the order in which they stand in their files. */
static int compare_claims(gconstpointer a, gconstpointer b)
{
    const json_t *first = *(json_t *const *)a, *second = *(json_t *const *)b;
    int order = g_strcmp0(okse_json_peek_text(first, "path"), okse_json_peek_text(second, "path"));
    json_int_t one = json_integer_value(json_object_get(json_object_get(first, "source"), "line"));
    json_int_t two = json_integer_value(json_object_get(json_object_get(second, "source"), "line"));

    if (order == 0)
        order = (one > two) - (one < two);
    return order != 0 ? order : strcmp(okse_json_peek_text(first, "id"), okse_json_peek_text(second, "id"));
}

static json_t *claims_of(const json_t *facts, const char *claim, const char *const *members)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    json_t *rows = json_array(), *fact;
    size_t i;

    json_array_foreach(json_object_get(facts, "evaluations"), i,
                       fact) if (g_strcmp0(okse_json_peek_text(fact, "claim"), claim) == 0)
        g_ptr_array_add(found, fact);
    g_ptr_array_sort(found, compare_claims);
    for (guint k = 0; k < found->len; k++) {
        json_t *row = json_object();

        for (unsigned m = 0; members[m] != NULL; m++)
            json_object_set_new(row, members[m], member_of(g_ptr_array_index(found, k), members[m]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *evaluation_of(const json_t *facts)
{
    static const char *const score[] = {"component", "path", "name",   "metric",   "value", "unit",
                                        "stdev",     "runs", "format", "revision", NULL};
    static const char *const index[] = {"path", "name", "version", "value", "lowest", "highest", "missing", NULL};
    static const char *const judge[] = {"path", "name", "version", "role", "location", NULL};
    static const char *const record[] = {"path", "name", "harness", "format", "subjects", NULL};

    return json_pack("{s:o,s:o,s:o,s:o}", "scores", claims_of(facts, "score", score), "indices",
                     claims_of(facts, "index", index), "judges", claims_of(facts, "judge", judge), "records",
                     claims_of(facts, "record", record));
}

static json_t *use_of(const json_t *facts)
{
    const json_t *compliance = json_object_get(json_object_get(facts, "install"), "compliance");
    const json_t *risk = fields_of(facts, "risk-assessment"), *agreement = fields_of(facts, "commercial-agreement");
    const json_t *export_paper = fields_of(facts, "export-classification"), *plan = fields_of(facts, "incident-plan");

    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "purpose", member_of(compliance, "purpose"), "use",
                     member_of(compliance, "use"), "data_classes", member_of(compliance, "data_classes"), "sector",
                     member_of(compliance, "sector"), "risk_class", member_of(risk, "risk_class"), "agreement_parties",
                     member_of(agreement, "parties"), "agreement_until", member_of(agreement, "valid_until"), "export",
                     member_of(export_paper, "number"), "incident_contact", member_of(plan, "contact"));
}

static json_t *checks_of(const json_t *sealed)
{
    const json_t *summary = json_object_get(sealed, "summary");

    if (sealed == NULL)
        return json_null();
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "verdict", member_of(sealed, "verdict"), "at",
                     member_of(sealed, "audited_at"), "pass", member_of(summary, "pass"), "fail",
                     member_of(summary, "fail"), "inconclusive", member_of(summary, "inconclusive"), "waived",
                     member_of(summary, "waived"));
}

json_t *okse_passport(const OksePassportRequest *request)
{
    static const char *const stack[] = {"name", "version", "sequence", "country", "identity", "vendor"};
    const json_t *install = json_object_get(request->facts, "install");
    json_t *passport = json_pack("{s:s}", "schema", "okse.passport.v1"), *components = json_array(), *row;
    size_t i;

    for (unsigned k = 0; k < G_N_ELEMENTS(stack); k++)
        json_object_set_new(passport, stack[k], member_of(install, stack[k]));
    json_array_foreach(json_object_get(install, "components"), i, row) json_array_append_new(
        components,
        json_pack("{s:O,s:O,s:o,s:o}", "name", json_object_get(row, "name"), "kind", json_object_get(row, "kind"),
                  "supports", member_of(row, "supports"), "compiled", member_of(row, "compiled")));
    json_object_set_new(passport, "components", components);
    json_object_set_new(passport, "models", models_of(request));
    json_object_set_new(passport, "evaluation", evaluation_of(request->facts));
    json_object_set_new(passport, "use", use_of(request->facts));
    json_object_set_new(passport, "checks", checks_of(request->sealed));
    json_object_set_new(passport, "statements", json_integer((json_int_t)request->statements));
    json_object_set_new(passport, "verified",
                        request->verified != NULL ? json_deep_copy(request->verified) : json_null());
    return passport;
}
