/* A profile against the law: nothing may become looser, and what cannot be told is taken for looser. */
#include "audit/law_read.h"
#include "audit/policy_diff.h"
#include "audit/profile_internal.h"
#include "core/fd.h"
#include "core/limits.h"

#include <string.h>

typedef struct {
    const OkseProfile *profile;
    const json_t *directions;
    OkseLaw *law;
    OkseIssues *issues;
    bool partial; /* every row was checked before; those for law that is not here are left out */
} Applying;

/* Is this the law that the profile is for? A bloc's law is that of its members, too. */
static bool is_meant(const OkseProfile *profile, const OkseJurisdiction *one)
{
    for (guint i = 0; i < profile->countries->len; i++) {
        const char *country = g_ptr_array_index(profile->countries, i);

        if (strcmp(one->iso, country) == 0 || g_ptr_array_find_with_equal_func(one->asked, country, g_str_equal, NULL))
            return true;
    }
    return false;
}

static OkseProvision *provision_of(const Applying *applying, const char *id)
{
    const GPtrArray *all = applying->law->jurisdictions;

    for (guint i = 0; i < all->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(all, i);

        for (guint k = 0; is_meant(applying->profile, one) && k < one->provisions->len; k++) {
            OkseProvision *provision = g_ptr_array_index(one->provisions, k);

            if (strcmp(provision->id, id) == 0)
                return provision;
        }
    }
    return NULL;
}

/* The place of one parameter of a row. */
static OksePlace place_of(const OkseProfileRow *row, const char *parameter)
{
    for (unsigned i = 0; row->node != NULL && i < okse_node_count(row->node); i++)
        if (strcmp(okse_node_key(row->node, i), parameter) == 0)
            return okse_law_place(okse_node_key_place(row->node, i), row->place.origin);
    return row->place;
}

static const char *effect_of(const Applying *applying, const OkseProfileRow *row, const char *parameter,
                             const json_t *before, const json_t *after)
{
    return json_equal(before, after) ? "none"
                                     : okse_policy_effect(applying->directions, row->control, parameter, before, after);
}

/* The values in force of what a mapping asks; lawful: before any profile. */
static json_t *values_of(const OkseControl *control, const OkseMapping *mapping, bool lawful)
{
    g_autoptr(OkseIssues) linked = okse_issues_new(); /* okse_law_load() has reported them */

    return okse_control_bind(control, lawful && mapping->lawful != NULL ? mapping->lawful : mapping->parameters,
                             &mapping->place, linked);
}

static void credit(OkseMapping *mapping, const char *profile)
{
    if (mapping->profiles == NULL)
        mapping->profiles = json_array();
    json_array_append_new(mapping->profiles, json_string(profile));
}

/* A mapping of this control with these values, other than `but`; or NULL. */
static OkseMapping *same_mapping(const OkseProvision *provision, const OkseControl *control, const json_t *values,
                                 const OkseMapping *but)
{
    for (guint i = 0; i < provision->mappings->len; i++) {
        OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);
        g_autoptr(json_t) asked = NULL;

        if (mapping == but || strcmp(mapping->control, control->id) != 0)
            continue;
        asked = values_of(control, mapping, false);
        if (json_equal(asked, values))
            return mapping;
    }
    return NULL;
}

/* The row's values over those of `mapping`, bound; NULL with an issue. */
static json_t *bind_row(const Applying *applying, const OkseProfileRow *row, const OkseControl *control,
                        const json_t *below)
{
    g_autoptr(json_t) merged = below != NULL ? json_copy((json_t *)(uintptr_t)below) : json_object();
    unsigned before = okse_issues_count(applying->issues);
    json_t *bound;

    json_object_update(merged, row->parameters);
    bound = okse_control_bind(control, merged, &row->place, applying->issues);
    if (okse_issues_count(applying->issues) == before)
        return bound;
    json_decref(bound);
    return NULL;
}

static void add_mapping(const Applying *applying, const OkseProfileRow *row, const OkseControl *control,
                        OkseProvision *provision)
{
    g_autoptr(json_t) values = bind_row(applying, row, control, NULL);
    OkseMapping *mapping;

    if (values == NULL)
        return;
    if (provision->not_checkable != NULL) {
        okse_issue(
            applying->issues, &row->place,
            "the law says that this provision is not technically checkable: add a provision of the profile's own");
        return;
    }
    mapping = same_mapping(provision, control, values, NULL);
    if (mapping == NULL) {
        mapping = g_new0(OkseMapping, 1);
        mapping->control = g_strdup(row->control);
        mapping->parameters = json_incref(row->parameters);
        mapping->place = provision->place;
        g_ptr_array_add(provision->mappings, mapping);
    } else if (mapping->profiles == NULL) {
        return; /* the law asks that anyway */
    }
    credit(mapping, applying->profile->name);
}

/* Can every value of the row be compared with the law's? Then it is this mapping that the row means. */
static bool is_candidate(const Applying *applying, const OkseProfileRow *row, const json_t *lawful)
{
    const char *name;
    json_t *value;

    json_object_foreach(row->parameters, name, value)
    {
        if (strcmp(effect_of(applying, row, name, json_object_get(lawful, name), value), "unclear") == 0)
            return false;
    }
    return true;
}

/* The one mapping that a tightening means. */
static OkseMapping *mapping_meant(const Applying *applying, const OkseProfileRow *row, const OkseControl *control,
                                  const OkseProvision *provision)
{
    OkseMapping *found = NULL, *last = NULL;
    unsigned candidates = 0, all = 0;

    for (guint i = 0; i < provision->mappings->len; i++) {
        OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);
        g_autoptr(json_t) lawful = NULL;

        /* what a profile added is the profile's own */
        if (strcmp(mapping->control, control->id) != 0 || (mapping->profiles != NULL && mapping->lawful == NULL))
            continue;
        lawful = values_of(control, mapping, true);
        all++;
        last = mapping;
        if (is_candidate(applying, row, lawful)) {
            candidates++;
            found = mapping;
        }
    }
    if (all == 0)
        okse_issue(applying->issues, &row->place, "the provision does not ask this control: use 'add'");
    else if (all == 1)
        return last; /* its values are told one by one */
    else if (candidates == 0)
        okse_issue(applying->issues, &row->place,
                   "the provision asks this control several times, and none of them can be compared with these values");
    else if (candidates > 1)
        okse_issue(applying->issues, &row->place,
                   "the provision asks this control several times: repeat a value that tells which is meant");
    return candidates == 1 ? found : NULL;
}

/* Neither looser than the law nor in contradiction to an earlier profile. */
static bool check_value(const Applying *applying, const OkseProfileRow *row, const char *name, const char *effect,
                        const char *against)
{
    OksePlace at = place_of(row, name);

    if (strcmp(effect, "stricter") == 0 || strcmp(effect, "none") == 0)
        return true;
    if (strcmp(effect, "looser") == 0)
        okse_issue(applying->issues, &at, "%s: looser than what %s asks: a profile can only tighten (docs/waivers.md)",
                   name, against);
    else
        okse_issue(applying->issues, &at,
                   "%s: whether this is stricter than what %s asks cannot be told (parameter-directions.yaml)", name,
                   against);
    return false;
}

static void tighten_mapping(const Applying *applying, const OkseProfileRow *row, const OkseControl *control,
                            OkseProvision *provision)
{
    OkseMapping *mapping = mapping_meant(applying, row, control, provision), *same;
    g_autoptr(json_t) lawful = NULL, now = NULL, after = NULL, wanted = NULL;
    bool changed = false;
    const char *name;
    json_t *value;

    if (mapping == NULL)
        return;
    wanted = bind_row(applying, row, control, mapping->parameters);
    if (wanted == NULL)
        return;
    lawful = values_of(control, mapping, true);
    now = values_of(control, mapping, false);
    after = json_copy(mapping->parameters);
    json_object_foreach(row->parameters, name, value)
    {
        const char *before = effect_of(applying, row, name, json_object_get(now, name), value);

        if (!check_value(applying, row, name, effect_of(applying, row, name, json_object_get(lawful, name), value),
                         "the law") ||
            (strcmp(before, "unclear") == 0 && !check_value(applying, row, name, before, "an earlier profile")))
            return;
        if (strcmp(before, "stricter") == 0)
            json_object_set(after, name, value);
        changed = changed || strcmp(before, "stricter") == 0;
    }
    if (!changed)
        return; /* the law, or an earlier profile, asks at least as much */
    json_decref(wanted);
    wanted = json_copy(now);
    json_object_update(wanted, after);
    same = same_mapping(provision, control, wanted, mapping);
    if (same != NULL) { /* asked by another row already: once is enough */
        credit(same, applying->profile->name);
        g_ptr_array_remove(provision->mappings, mapping);
        return;
    }
    if (mapping->lawful == NULL)
        mapping->lawful = json_incref(mapping->parameters);
    json_decref(mapping->parameters);
    mapping->parameters = json_incref(after);
    credit(mapping, applying->profile->name);
}

static void apply_row(const Applying *applying, const OkseProfileRow *row)
{
    const OkseControl *control = okse_law_control(applying->law, row->control);
    OkseProvision *provision = provision_of(applying, row->provision);

    if (control == NULL && !applying->partial)
        okse_issue(applying->issues, &row->place, "there is no control '%s' (okse policy list)", row->control);
    if (provision == NULL && !applying->partial)
        okse_issue(applying->issues, &row->place, "there is no provision '%s' in the law that the profile is for",
                   row->provision);
    if (control == NULL || provision == NULL)
        return;
    if (row->tighten)
        tighten_mapping(applying, row, control, provision);
    else
        add_mapping(applying, row, control, provision);
}

/* With all that it is for, so that a mistake is one wherever the profile is used. */
static OkseLaw *law_of(const OkseProfile *profile, const OkseResources *resources, GError **error)
{
    g_autoptr(GPtrArray) wanted = g_ptr_array_new();
    OkseLaw *law;

    for (guint i = 0; i < profile->countries->len; i++)
        g_ptr_array_add(wanted, g_ptr_array_index(profile->countries, i));
    g_ptr_array_add(wanted, NULL);
    law = okse_law_load(resources, (const char *const *)wanted->pdata, error);
    if (law == NULL)
        g_prefix_error(error, "%s: for: ", profile->origin);
    return law;
}

static void check_taken(const OkseProfile *profile, const OkseLaw *law, OkseIssues *issues)
{
    const json_t *other;
    bool meant = false;
    size_t i;

    json_array_foreach(law->profiles, i, other) if (strcmp(okse_json_peek_text(other, "name"), profile->name) == 0)
        okse_issue(issues, &profile->place, "another profile has the name '%s'", profile->name);
    if (okse_law_jurisdiction(law, profile->name) != NULL)
        okse_issue(issues, &profile->place, "name: '%s' is that of a framework", profile->name);
    for (guint k = 0; k < law->jurisdictions->len; k++)
        meant = meant || is_meant(profile, g_ptr_array_index(law->jurisdictions, k));
    if (!meant)
        okse_issue(issues, &profile->place, "for: is for other countries and frameworks than are asked here");
}

static void add_own(OkseProfile *profile, OkseLaw *law)
{
    OkseJurisdiction *own = g_steal_pointer(&profile->own);

    for (guint i = 0; own != NULL && i < own->provisions->len; i++) {
        const OkseProvision *provision = g_ptr_array_index(own->provisions, i);

        for (guint k = 0; k < provision->mappings->len; k++)
            credit(g_ptr_array_index(provision->mappings, k), profile->name);
    }
    if (own != NULL)
        g_ptr_array_add(law->jurisdictions, own);
}

static void check_rows(const Applying *applying)
{
    if (applying->partial)
        check_taken(applying->profile, applying->law, applying->issues);
    for (guint i = 0; i < applying->profile->rows->len; i++)
        apply_row(applying, g_ptr_array_index(applying->profile->rows, i));
}

bool okse_profile_apply(OkseProfile *profile, const OkseResources *resources, OkseLaw *law, GError **error)
{
    g_autoptr(OkseLaw) whole = law_of(profile, resources, error);
    g_autoptr(json_t) directions = whole == NULL ? NULL : okse_policy_directions_load(resources, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const Applying all = {profile, directions, whole, issues, false}, here = {profile, directions, law, issues, true};

    if (directions == NULL)
        return false;
    check_rows(&all);
    if (profile->own != NULL)
        okse_law_link(whole, profile->own, issues);
    if (!okse_issues_none(issues, error))
        return false;
    if (law == NULL)
        return true;
    check_rows(&here);
    if (!okse_issues_none(issues, error))
        return false;
    add_own(profile, law);
    if (law->profiles == NULL)
        law->profiles = json_array();
    json_array_append_new(law->profiles, json_pack("{s:s, s:O, s:s, s:s}", "name", profile->name, "title",
                                                   profile->title, "as_of", profile->as_of, "digest", profile->digest));
    return true;
}

bool okse_profile_use(GBytes *yaml, const char *origin, const OkseResources *resources, OkseLaw *law, GError **error)
{
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseProfile) profile = okse_profile_read(yaml, origin, issues);

    return okse_issues_none(issues, error) && okse_profile_apply(profile, resources, law, error);
}

bool okse_profiles_use(char **paths, const OkseResources *resources, OkseLaw *law, GError **error)
{
    for (char **path = paths; path != NULL && *path != NULL; path++) {
        g_autoptr(GBytes) bytes = okse_read_path(*path, OKSE_LIMIT_DOCUMENT, error);

        if (bytes == NULL || !okse_profile_use(bytes, *path, resources, law, error))
            return false;
    }
    return true;
}
