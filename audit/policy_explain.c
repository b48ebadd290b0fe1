/* What a control looks at is read off its expressions, so that the words cannot say another thing than the program. */
#include "audit/policy_explain.h"

#include <string.h>

/* Only the ends of paths: what is read on the way to something else is no fact of its own. */
static bool leads_on(const char *path, const GList *sorted)
{
    size_t length = strlen(path);

    for (; sorted != NULL; sorted = sorted->next) {
        const char *other = sorted->data;

        if (g_str_has_prefix(other, path) && (other[length] == '.' || other[length] == '['))
            return true;
    }
    return false;
}

static json_t *reads(const OkseExpressionUse *use)
{
    g_autoptr(GList) sorted = g_list_sort(g_hash_table_get_keys(use->paths), (GCompareFunc)strcmp);
    json_t *domains = json_object();

    for (const GList *one = sorted; one != NULL; one = one->next) {
        const char *path = one->data;
        size_t length = strcspn(path, ".[");
        g_autofree char *domain = g_strndup(path, length);
        const char *field = path + length;
        json_t *fields = json_object_get(domains, domain);

        if (fields == NULL) {
            fields = json_array();
            json_object_set_new(domains, domain, fields);
        }
        field += g_str_has_prefix(field, "[]") ? 2 : 0;
        field += *field == '.';
        if (*field != '\0' && !leads_on(path, sorted))
            json_array_append_new(fields, json_string(field));
    }
    return domains;
}

static json_t *parameters(const OkseControl *control)
{
    json_t *list = json_array();

    for (guint i = 0; i < control->parameters->len; i++) {
        const OkseParameter *one = g_ptr_array_index(control->parameters, i);

        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:O?}", "name", one->name, "type", okse_parameter_type(one),
                                        "words", okse_parameter_words(one), "default", one->fallback));
    }
    return list;
}

json_t *okse_policy_tests(const OkseControl *control)
{
    static const char *const verdicts[] = {"pass", "fail", "inconclusive", "not-applicable"};
    json_t *counts = json_object();

    for (unsigned k = 0; k < G_N_ELEMENTS(verdicts); k++) {
        json_int_t count = 0;

        for (guint i = 0; i < control->tests->len; i++)
            count += strcmp(((const OkseControlTest *)g_ptr_array_index(control->tests, i))->expect, verdicts[k]) == 0;
        json_object_set_new(counts, verdicts[k], json_integer(count));
    }
    return counts;
}

static void add_uses(json_t *list, const OkseJurisdiction *one, const OkseProvision *provision, const char *control)
{
    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);

        if (strcmp(mapping->control, control) == 0)
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:O, s:s, s:s, s:O}", "jurisdiction", one->iso,
                                                  "provision", provision->id, "article", provision->article, "title",
                                                  provision->title, "severity", provision->severity, "confidence",
                                                  provision->confidence, "parameters", mapping->parameters));
    }
}

static json_t *used_by(const OkseLaw *law, const char *control)
{
    json_t *list = json_array();

    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(law->jurisdictions, i);

        for (guint k = 0; k < one->provisions->len; k++)
            add_uses(list, one, g_ptr_array_index(one->provisions, k), control);
    }
    return list;
}

json_t *okse_policy_explain(const OkseLaw *law, const OkseControl *control)
{
    g_autoptr(OkseExpressionUse) use = okse_control_use(control, law->schema);
    json_t *needs = json_array();

    for (guint i = 0; i < control->needs->len; i++)
        json_array_append_new(needs, json_string(g_ptr_array_index(control->needs, i)));
    return json_pack("{s:s, s:s, s:O, s:O, s:O, s:b, s:o, s:o, s:b, s:b, s:o, s:o, s:o}", "id", control->id, "family",
                     control->family, "title", control->title, "description", control->description, "remediation",
                     control->remediation, "waivable", control->waivable, "needs", needs, "reads", reads(use),
                     "country", g_hash_table_contains(use->variables, "country"), "time",
                     g_hash_table_contains(use->variables, "at"), "parameters", parameters(control), "tests",
                     okse_policy_tests(control), "used_by", used_by(law, control->id));
}
