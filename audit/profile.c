/* Reading a profile by itself; audit/profile_apply.c holds it against the law. */
#include "audit/law_read.h"
#include "audit/profile_internal.h"

#include <string.h>

static void row_free(gpointer data)
{
    OkseProfileRow *row = data;

    g_free(row->provision);
    g_free(row->control);
    json_decref(row->parameters);
    g_free(row);
}

void okse_profile_free(OkseProfile *profile)
{
    if (profile == NULL)
        return;
    okse_jurisdiction_free(profile->own);
    g_ptr_array_unref(profile->rows);
    g_ptr_array_unref(profile->countries);
    json_decref(profile->title);
    g_free(profile->name);
    g_free(profile->as_of);
    g_free(profile->origin);
    okse_yaml_free(profile->document);
    g_free(profile);
}

static void read_row(OkseProfile *profile, const OkseNode *node, bool tighten, OkseIssues *issues)
{
    OkseProfileRow *row = g_new0(OkseProfileRow, 1);
    OkseMap *map = okse_map_open(node, tighten ? "a tightening" : "an addition", issues);

    row->tighten = tighten;
    row->place = okse_law_place(okse_node_place(node), profile->origin);
    row->provision = okse_map_dup_text(map, "provision", OKSE_REQUIRED);
    row->control = okse_map_dup_text(map, "control", OKSE_REQUIRED);
    if (okse_map_take_map(map, "parameters", tighten ? OKSE_REQUIRED : OKSE_OPTIONAL, &row->node))
        row->parameters = okse_node_to_json(row->node);
    else
        row->parameters = json_object();
    okse_map_end(map);
    if (tighten && row->node != NULL && okse_node_count(row->node) == 0)
        okse_issue(issues, &row->place, "a tightening without parameters changes nothing");
    g_ptr_array_add(profile->rows, row);
}

/* A row of `add` is a control for a provision of law, or a provision of the profile's own. */
static void read_additions(OkseProfile *profile, const OkseNode *list, GPtrArray *own, OkseIssues *issues)
{
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *node = okse_node_item(list, i);

        if (okse_node_get(node, "instrument") != NULL)
            g_ptr_array_add(own, (gpointer)(uintptr_t)node);
        else
            read_row(profile, node, false, issues);
    }
}

static void read_own(OkseProfile *profile, const OkseNode *instruments, const GPtrArray *provisions, OkseIssues *issues)
{
    const OkseOwnLaw own = {.origin = profile->origin,
                            .name = profile->name,
                            .as_of = profile->as_of,
                            .title = profile->title,
                            .instruments = instruments,
                            .provisions = provisions,
                            .place = profile->place};

    if (provisions->len > 0 && profile->name != NULL && profile->as_of != NULL && profile->title != NULL)
        profile->own = okse_jurisdiction_own(&own, issues);
    else if (provisions->len == 0 && instruments != NULL)
        okse_issue(issues, &profile->place, "instruments: no provision in 'add' is under one of them");
}

static void check_head(const OkseProfile *profile, const OkseNode *root, OkseIssues *issues)
{
    const OkseNode *name = okse_node_get(root, "name"), *date = okse_node_get(root, "as_of");
    OksePlace at = profile->place;
    gint64 time;

    if (name != NULL)
        at = okse_law_place(okse_node_place(name), profile->origin);
    if (profile->name != NULL && !okse_law_is_framework(profile->name))
        okse_issue(issues, &at, "name: '%s' must be lower-case letters, digits and '-', from 3 to 64", profile->name);
    if (date != NULL)
        at = okse_law_place(okse_node_place(date), profile->origin);
    if (profile->as_of != NULL && !okse_law_is_date(profile->as_of, &time))
        okse_issue(issues, &at, "as_of: '%s' is no date (2026-01-31)", profile->as_of);
    for (guint i = 0; i < profile->countries->len; i++) {
        const char *one = g_ptr_array_index(profile->countries, i);

        at = okse_law_place(okse_node_place(okse_node_item(okse_node_get(root, "for"), i)), profile->origin);
        if (!okse_law_is_country(one) && !okse_law_is_framework(one))
            okse_issue(issues, &at, "for: '%s' is neither a country (VN) nor a framework (iso-27001)", one);
    }
    if (profile->countries->len == 0)
        okse_issue(issues, &profile->place, "for: names no country and no framework");
    if (profile->rows->len == 0 && profile->own == NULL)
        okse_issue(issues, &profile->place, "adds nothing and tightens nothing");
}

static OkseProfile *profile_new(OkseYaml *document, GBytes *yaml, const char *origin)
{
    OkseProfile *profile = g_new0(OkseProfile, 1);
    OkseSha256 digest = okse_sha256_of_bytes(yaml);

    profile->document = document;
    profile->origin = g_strdup(origin);
    profile->rows = g_ptr_array_new_with_free_func(row_free);
    profile->place = okse_law_place(okse_node_place(okse_yaml_root(document)), profile->origin);
    okse_sha256_text(&digest, profile->digest);
    return profile;
}

OkseProfile *okse_profile_read(GBytes *yaml, const char *origin, OkseIssues *issues)
{
    OkseYaml *document = okse_law_open(yaml, origin, "profile/v1", issues);
    g_autoptr(GPtrArray) own = g_ptr_array_new();
    const OkseNode *list = NULL, *instruments = NULL;
    g_autofree char *kind = NULL;
    OkseProfile *profile;
    OkseMap *map;

    if (document == NULL)
        return NULL;
    profile = profile_new(document, yaml, origin);
    map = okse_map_open(okse_yaml_root(document), "a profile", issues);
    kind = okse_map_dup_text(map, "okse", OKSE_REQUIRED);
    profile->name = okse_map_dup_text(map, "name", OKSE_REQUIRED);
    profile->as_of = okse_map_dup_text(map, "as_of", OKSE_REQUIRED);
    profile->title = okse_law_take_texts(map, "title", OKSE_REQUIRED, profile->origin, issues);
    profile->countries = okse_law_take_words(map, "for", OKSE_REQUIRED, profile->origin, issues);
    if (okse_map_take_list(map, "add", OKSE_OPTIONAL, &list))
        read_additions(profile, list, own, issues);
    if (okse_map_take_list(map, "tighten", OKSE_OPTIONAL, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            read_row(profile, okse_node_item(list, i), true, issues);
    okse_map_take_list(map, "instruments", OKSE_OPTIONAL, &instruments);
    okse_map_end(map);
    read_own(profile, instruments, own, issues);
    check_head(profile, okse_yaml_root(document), issues);
    return profile;
}
