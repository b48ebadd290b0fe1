/* The catalog of a law, and what the other OSCAL documents of it share. */
#include "audit/policy_oscal_parts.h"

#include "audit/oscal.h"
#include "audit/report_view.h"
#include "core/json.h"

#include <string.h>

#define METHODS "http://csrc.nist.gov/ns/rmf"
#define MIDNIGHT "T00:00:00Z"

bool okse_policy_oscal_has(const OksePolicyExport *export, const OkseProvision *provision)
{
    g_autoptr(json_t) reason = NULL;

    return export->target == NULL || okse_applies(provision, export->target, export->at, &reason) != OKSE_APPLIES_NOT;
}

/* --- Parameters --- */

static void add_value(const json_t *value, json_t *values)
{
    g_autofree char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

    json_array_append_new(values, okse_oscal_line(text != NULL ? text : json_string_value(value)));
}

static json_t *parameter(const char *id, const char *name, const json_t *value, bool label)
{
    json_t *out = json_pack("{s:s}", "id", id), *values = json_array();
    const json_t *one;
    size_t i;

    json_array_foreach(value, i, one) add_value(one, values);
    if (value != NULL && !json_is_array(value) && !json_is_null(value))
        add_value(value, values);
    if (label)
        json_object_set_new(out, "label", okse_oscal_line(name));
    okse_oscal_set_list(out, "values", values);
    return out;
}

/* How often the provision maps the control before this mapping: ids stay unique. */
static unsigned earlier(const OkseProvision *provision, guint index)
{
    const OkseMapping *mapping = g_ptr_array_index(provision->mappings, index);
    unsigned count = 0;

    for (guint i = 0; i < index; i++)
        count +=
            strcmp(((const OkseMapping *)g_ptr_array_index(provision->mappings, i))->control, mapping->control) == 0;
    return count;
}

static char *mapping_id(const OkseProvision *provision, guint index)
{
    const OkseMapping *mapping = g_ptr_array_index(provision->mappings, index);
    unsigned before = earlier(provision, index);

    return before == 0 ? g_strdup_printf("%s_%s", provision->id, mapping->control)
                       : g_strdup_printf("%s_%s-%u", provision->id, mapping->control, before + 1);
}

void okse_policy_oscal_parameters(const OkseLaw *law, const OkseProvision *provision, bool labels, json_t *list)
{
    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);
        const OkseControl *control = okse_law_control(law, mapping->control);
        g_autofree char *prefix = mapping_id(provision, i);

        for (guint j = 0; j < control->parameters->len; j++) {
            const OkseParameter *asked = g_ptr_array_index(control->parameters, j);
            const json_t *given = json_object_get(mapping->parameters, asked->name);
            g_autofree char *id = g_strconcat(prefix, "_", asked->name, NULL);

            json_array_append_new(list, parameter(id, asked->name, given != NULL ? given : asked->fallback, labels));
        }
    }
}

/* --- Documents --- */

/* Of the pack, else of the youngest jurisdiction: documents carry no clock. */
static char *modified(const OkseLaw *law)
{
    const char *day = law->pack != NULL ? law->pack->date : "1970-01-01";

    for (guint i = 0; law->pack == NULL && i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(law->jurisdictions, i);

        if (strcmp(one->as_of, day) > 0)
            day = one->as_of;
    }
    return g_strconcat(day, MIDNIGHT, NULL);
}

static json_t *metadata(const OkseLaw *law, const char *title)
{
    g_autofree char *time = modified(law);
    json_t *props = json_array();
    const json_t *profile;
    size_t i;

    json_array_append_new(props, okse_oscal_property("manifests-digest", law->digest));
    if (law->pack != NULL)
        json_array_append_new(props, okse_oscal_property("policy-name", law->pack->name));
    if (law->identity != NULL)
        json_array_append_new(props, okse_oscal_property("policy-identity", law->identity));
    json_array_foreach(law->profiles, i, profile)
        json_array_append_new(props, okse_oscal_property("profile-digest", okse_json_peek_text(profile, "digest")));
    return json_pack("{s:o, s:s, s:s%, s:s, s:o, s:s}", "title", okse_oscal_line(title), "last-modified", time,
                     "version", time, (size_t)(strlen(time) - strlen(MIDNIGHT)), "oscal-version", OKSE_OSCAL_VERSION,
                     "props", props, "remarks", "Summaries in the words of their authors, not the text of the law.");
}

json_t *okse_policy_oscal_document(const OkseLaw *law, const char *type, const char *title, const char *uuid,
                                   json_t *body)
{
    char text[OKSE_UUID_TEXT];

    json_object_set_new(body, "metadata", metadata(law, title));
    if (uuid == NULL) {
        g_autoptr(GBytes) canonical = okse_json_write(body);
        g_autofree char *digest = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, canonical);

        uuid = okse_uuid5(type, digest, text);
    }
    json_object_set_new(body, "uuid", json_string(uuid));
    return json_pack("{s:o}", type, body);
}

/* --- The catalog --- */

static json_t *property(const char *name, const char *value)
{
    return json_pack("{s:s, s:o}", "name", name, "value", okse_oscal_line(value));
}

static void add_words(json_t *props, const char *name, const GPtrArray *words)
{
    for (guint i = 0; i < words->len; i++)
        json_array_append_new(props, okse_oscal_property(name, g_ptr_array_index(words, i)));
}

static json_t *properties(const OkseProvision *provision)
{
    json_t *props = json_pack("[o, o, o, o]", property("label", provision->article),
                              okse_oscal_property("severity", provision->severity),
                              okse_oscal_property("confidence", provision->confidence),
                              okse_oscal_property("effective", provision->effective));

    if (provision->until != NULL)
        json_array_append_new(props, okse_oscal_property("until", provision->until));
    add_words(props, "data", provision->data);
    add_words(props, "sector", provision->sectors);
    return props;
}

static json_t *part(const char *id, const char *suffix, const char *name, const json_t *prose)
{
    g_autofree char *full = g_strconcat(id, suffix, NULL);

    return json_pack("{s:s, s:s, s:o}", "id", full, "name", name, "prose", okse_oscal_line_of(prose));
}

/* What findings are about: PROVISION_obj; below it what each control asks. */
static json_t *objective(const OkseLaw *law, const OkseProvision *provision)
{
    json_t *out = part(provision->id, "_obj", "assessment-objective", provision->title), *parts = json_array();

    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);
        g_autofree char *id = mapping_id(provision, i);
        json_t *one = part(id, "_obj", "assessment-objective", okse_law_control(law, mapping->control)->description);

        json_object_set_new(one, "props", json_pack("[o]", okse_oscal_property("rule-id", mapping->control)));
        json_array_append_new(parts, one);
    }
    okse_oscal_set_list(out, "parts", parts);
    return out;
}

/* A machine tests it, or a person must look: then why. */
static json_t *method(const OkseProvision *provision)
{
    bool tested = provision->mappings->len > 0;
    json_t *out = part(provision->id, "_asm", "assessment-method",
                       tested || provision->not_checkable == NULL ? provision->title : provision->not_checkable);

    json_object_set_new(
        out, "props",
        json_pack("[{s:s, s:s, s:s}]", "name", "method", "ns", METHODS, "value", tested ? "TEST" : "EXAMINE"));
    return out;
}

static json_t *control(const OkseLaw *law, const OkseProvision *provision)
{
    json_t *params = json_array(), *out;

    okse_policy_oscal_parameters(law, provision, true, params);
    out = json_pack("{s:s, s:s, s:o, s:o, s:[o, o, o]}", "id", provision->id, "class", "provision", "title",
                    okse_oscal_line_of(provision->title), "props", properties(provision), "parts",
                    part(provision->id, "_smt", "statement", provision->summary), objective(law, provision),
                    method(provision));
    okse_oscal_set_list(out, "params", params);
    return out;
}

/* Readers make it a link: the web's, nothing that runs. */
static bool is_link(const char *url)
{
    return url != NULL && (g_str_has_prefix(url, "https://") || g_str_has_prefix(url, "http://")) &&
           strpbrk(url, " \t\r\n<>\"\\^`{|}") == NULL && g_uri_is_valid(url, G_URI_FLAGS_NONE, NULL);
}

static json_t *instrument_group(const OksePolicyExport *export, const OkseJurisdiction *jurisdiction,
                                const json_t *instrument)
{
    const char *id = okse_json_peek_text(instrument, "id"), *url = okse_json_peek_text(instrument, "url");
    json_t *controls = json_array(), *out;

    for (guint i = 0; i < jurisdiction->provisions->len; i++) {
        const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, i);

        if (strcmp(provision->instrument, id) == 0 && okse_policy_oscal_has(export, provision))
            json_array_append_new(controls, control(export->law, provision));
    }
    out = json_pack("{s:s, s:s, s:o, s:[o]}", "id", id, "class", "instrument", "title",
                    okse_oscal_line_of(json_object_get(instrument, "title")), "props",
                    property("label", okse_json_peek_text(instrument, "citation")));
    if (is_link(url))
        json_object_set_new(out, "links", json_pack("[{s:s, s:s}]", "href", url, "rel", "reference"));
    okse_oscal_set_list(out, "controls", controls);
    return out;
}

static json_t *jurisdiction_group(const OksePolicyExport *export, const OkseJurisdiction *jurisdiction)
{
    g_autofree char *lower = g_ascii_strdown(jurisdiction->iso, -1), *id = g_strconcat("law-", lower, NULL);
    json_t *groups = json_array(), *instrument, *out;
    size_t i;

    json_array_foreach(jurisdiction->instruments, i, instrument)
        json_array_append_new(groups, instrument_group(export, jurisdiction, instrument));
    out = json_pack("{s:s, s:s, s:o, s:[o, o, o]}", "id", id, "class", "jurisdiction", "title",
                    okse_oscal_line_of(jurisdiction->name), "props", property("label", jurisdiction->iso),
                    okse_oscal_property("as-of", jurisdiction->as_of),
                    okse_oscal_property("confidence", jurisdiction->confidence));
    okse_oscal_set_list(out, "groups", groups);
    return out;
}

json_t *okse_policy_oscal_catalog(const OksePolicyExport *export)
{
    const OkseLaw *law = export->law;
    json_t *groups = json_array(), *body = json_object();
    char uuid[OKSE_UUID_TEXT];

    for (guint i = 0; i < law->jurisdictions->len; i++)
        json_array_append_new(groups, jurisdiction_group(export, g_ptr_array_index(law->jurisdictions, i)));
    okse_oscal_set_list(body, "groups", groups);
    return okse_policy_oscal_document(law, "catalog", "Data-residency law",
                                      okse_oscal_catalog_uuid(law->digest, law->profiles, uuid), body);
}
