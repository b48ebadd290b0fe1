/* Jurisdiction files, from YAML to a struct that outlives them. */
#include "audit/jurisdiction.h"

#include "audit/law_read.h"
#include "audit/transfer.h"
#include "core/json.h"

#include <stdint.h>
#include <string.h>

static const char *const severities[] = {"mandatory", "recommended", NULL};

static void mapping_free(gpointer data)
{
    OkseMapping *mapping = data;

    g_free(mapping->control);
    json_decref(mapping->parameters);
    json_decref(mapping->lawful);
    json_decref(mapping->profiles);
    g_free(mapping);
}

static void provision_free(gpointer data)
{
    OkseProvision *provision = data;

    g_free(provision->id);
    g_free(provision->instrument);
    g_free(provision->article);
    json_decref(provision->title);
    json_decref(provision->summary);
    json_decref(provision->who);
    g_ptr_array_unref(provision->data);
    g_ptr_array_unref(provision->sectors);
    g_free(provision->effective);
    g_free(provision->until);
    g_free(provision->severity);
    g_free(provision->confidence);
    g_ptr_array_unref(provision->mappings);
    json_decref(provision->not_checkable);
    g_free(provision);
}

void okse_jurisdiction_free(OkseJurisdiction *jurisdiction)
{
    if (jurisdiction == NULL)
        return;
    g_free(jurisdiction->iso);
    json_decref(jurisdiction->name);
    json_decref(jurisdiction->languages);
    g_free(jurisdiction->as_of);
    g_free(jurisdiction->confidence);
    json_decref(jurisdiction->profile);
    json_decref(jurisdiction->regime);
    json_decref(jurisdiction->instruments);
    g_ptr_array_unref(jurisdiction->provisions);
    json_decref(jurisdiction->uncertain);
    g_ptr_array_unref(jurisdiction->inherits);
    g_ptr_array_unref(jurisdiction->members);
    g_ptr_array_unref(jurisdiction->transfers);
    g_ptr_array_unref(jurisdiction->asked);
    g_free(jurisdiction->origin);
    g_free(jurisdiction);
}

const OkseProvision *okse_jurisdiction_provision(const OkseJurisdiction *jurisdiction, const char *id)
{
    for (guint i = 0; i < jurisdiction->provisions->len; i++) {
        const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, i);

        if (strcmp(provision->id, id) == 0)
            return provision;
    }
    return NULL;
}

bool okse_provision_is_mandatory(const OkseProvision *provision)
{
    return strcmp(provision->severity, "mandatory") == 0;
}

bool okse_provision_is_doubtful(const OkseProvision *provision)
{
    return strcmp(provision->confidence, "low") == 0;
}

static char *take_required(OkseMap *map, const char *key)
{
    const char *text = "";

    okse_map_take_text(map, key, OKSE_REQUIRED, &text);
    return g_strdup(text);
}

static void take_date(OkseMap *map, const char *key, json_t *object, const OksePlace *at, OkseIssues *issues)
{
    const char *text = NULL;
    gint64 time;

    if (!okse_map_take_text(map, key, OKSE_REQUIRED, &text))
        return;
    if (strcmp(text, "unknown") != 0 && !okse_law_is_date(text, &time))
        okse_issue(issues, at, "%s: '%s' is neither a date (2026-01-31) nor 'unknown'", key, text);
    json_object_set_new(object, key, json_string(text));
}

static void take_into(OkseMap *map, const char *key, json_t *object)
{
    const char *text = NULL;

    if (okse_map_take_text(map, key, OKSE_REQUIRED, &text))
        json_object_set_new(object, key, json_string(text));
}

static bool has_instrument(const OkseJurisdiction *jurisdiction, const char *id)
{
    const json_t *instrument;
    size_t i;

    json_array_foreach(jurisdiction->instruments, i,
                       instrument) if (g_strcmp0(json_string_value(json_object_get(instrument, "id")), id) ==
                                       0) return true;
    return false;
}

static void check_instrument_id(const OkseJurisdiction *jurisdiction, const char *id, const OksePlace *at,
                                OkseIssues *issues)
{
    if (id != NULL && !okse_law_is_id(id))
        okse_issue(issues, at, "'%s' cannot be an instrument's id", id);
    if (id != NULL && has_instrument(jurisdiction, id))
        okse_issue(issues, at, "instrument %s is given twice", id);
}

static void read_instrument(OkseJurisdiction *jurisdiction, const OkseNode *node, OkseIssues *issues)
{
    static const char *const statuses[] = {"in-force", "partly", "pending", "repealed", NULL};
    OksePlace at = okse_law_place(okse_node_place(node), jurisdiction->origin);
    OkseMap *map = okse_map_open(node, "an instrument", issues);
    json_t *instrument = json_object();
    json_t *title;

    take_into(map, "id", instrument);
    check_instrument_id(jurisdiction, okse_json_peek_text(instrument, "id"), &at, issues);
    title = okse_law_take_texts(map, "title", OKSE_REQUIRED, jurisdiction->origin, issues);
    if (title != NULL)
        json_object_set_new(instrument, "title", title);
    take_into(map, "citation", instrument);
    take_into(map, "kind", instrument);
    take_into(map, "authority", instrument);
    take_into(map, "url", instrument);
    take_date(map, "in_force", instrument, &at, issues);
    g_autofree char *status = okse_law_take_word(map, "status", statuses, &at, issues);
    json_object_set_new(instrument, "status", json_string(status));
    g_autofree char *confidence = okse_law_take_word(map, "confidence", okse_law_confidences, &at, issues);
    json_object_set_new(instrument, "confidence", json_string(confidence));
    take_into(map, "source", instrument);
    okse_map_end(map);
    json_array_append_new(jurisdiction->instruments, instrument);
}

static void read_mapping(OkseProvision *provision, const OkseNode *node, const char *origin, OkseIssues *issues)
{
    OkseMapping *mapping = g_new0(OkseMapping, 1);
    OkseMap *map = okse_map_open(node, "a mapping", issues);
    const OkseNode *parameters = NULL;

    mapping->place = okse_law_place(okse_node_place(node), origin);
    mapping->control = take_required(map, "control");
    if (okse_map_take_map(map, "parameters", OKSE_OPTIONAL, &parameters))
        mapping->parameters = okse_node_to_json(parameters);
    else
        mapping->parameters = json_object();
    okse_map_end(map);
    g_ptr_array_add(provision->mappings, mapping);
}

static void read_applicability(OkseProvision *provision, OkseMap *map, const char *origin, OkseIssues *issues)
{
    const OkseNode *node = NULL;
    const char *who = NULL;
    OkseMap *applies;

    if (!okse_map_take_map(map, "applies_to", OKSE_REQUIRED, &node)) {
        provision->data = g_ptr_array_new_with_free_func(g_free);
        provision->sectors = g_ptr_array_new_with_free_func(g_free);
        return;
    }
    applies = okse_map_open(node, "applies_to", issues);
    provision->data = okse_law_take_words(applies, "data", OKSE_REQUIRED, origin, issues);
    provision->sectors = okse_law_take_words(applies, "sectors", OKSE_REQUIRED, origin, issues);
    if (okse_map_take_text(applies, "who", OKSE_OPTIONAL, &who))
        provision->who = json_string(who);
    okse_map_end(applies);
    if (provision->data->len == 0 || provision->sectors->len == 0)
        okse_issue(issues, &provision->place, "applies_to: no data class or no sector (use 'all')");
}

static void read_until(OkseProvision *provision, OkseMap *map, OkseIssues *issues)
{
    const char *text = NULL;

    if (!okse_map_take_text(map, "until", OKSE_OPTIONAL, &text))
        return;
    provision->until = g_strdup(text);
    if (!okse_law_is_date(text, &provision->until_time))
        okse_issue(issues, &provision->place, "until: '%s' is no date (2026-01-31)", text);
    else if (provision->dated && provision->until_time <= provision->effective_time)
        okse_issue(issues, &provision->place, "until: the provision would end before it is in force");
}

static void check_provision(const OkseProvision *provision, OkseIssues *issues)
{
    if (!okse_law_is_id(provision->id))
        okse_issue(issues, &provision->place, "'%s' cannot be a provision's id", provision->id);
    if (!provision->dated && strcmp(provision->effective, "unknown") != 0)
        okse_issue(issues, &provision->place, "effective: '%s' is neither a date (2026-01-31) nor 'unknown'",
                   provision->effective);
    if (provision->mappings->len == 0 && provision->not_checkable == NULL)
        okse_issue(issues, &provision->place, "provision %s has no control and no 'not_checkable'", provision->id);
    if (provision->mappings->len > 0 && provision->not_checkable != NULL)
        okse_issue(issues, &provision->place, "provision %s has controls and 'not_checkable'", provision->id);
}

static void read_provision(OkseJurisdiction *jurisdiction, const OkseNode *node, OkseIssues *issues)
{
    OkseProvision *provision = g_new0(OkseProvision, 1);
    const char *origin = jurisdiction->origin;
    OkseMap *map = okse_map_open(node, "a provision", issues);
    const OkseNode *mappings = NULL;

    provision->place = okse_law_place(okse_node_place(node), origin);
    provision->mappings = g_ptr_array_new_with_free_func(mapping_free);
    provision->id = take_required(map, "id");
    provision->instrument = take_required(map, "instrument");
    provision->article = take_required(map, "article");
    provision->title = okse_law_take_texts(map, "title", OKSE_REQUIRED, origin, issues);
    provision->summary = okse_law_take_texts(map, "summary", OKSE_REQUIRED, origin, issues);
    read_applicability(provision, map, origin, issues);
    provision->effective = take_required(map, "effective");
    provision->dated = okse_law_is_date(provision->effective, &provision->effective_time);
    read_until(provision, map, issues);
    provision->severity = okse_law_take_word(map, "severity", severities, &provision->place, issues);
    provision->confidence = okse_law_take_word(map, "confidence", okse_law_confidences, &provision->place, issues);
    if (okse_map_take_list(map, "controls", OKSE_OPTIONAL, &mappings))
        for (unsigned i = 0; i < okse_node_count(mappings); i++)
            read_mapping(provision, okse_node_item(mappings, i), origin, issues);
    provision->not_checkable = okse_law_take_texts(map, "not_checkable", OKSE_OPTIONAL, origin, issues);
    okse_map_end(map);
    check_provision(provision, issues);
    g_ptr_array_add(jurisdiction->provisions, provision);
}

static void read_identity(OkseJurisdiction *jurisdiction, OkseMap *map, OkseIssues *issues)
{
    const char *name = NULL;

    jurisdiction->framework = okse_map_take_text(map, "framework", OKSE_OPTIONAL, &name);
    jurisdiction->iso = jurisdiction->framework ? g_strdup(name) : take_required(map, "iso");
    if (jurisdiction->framework && !okse_law_is_framework(name))
        okse_issue(issues, &jurisdiction->place, "framework: '%s' cannot be its name (a-z, 0-9 and '-')", name);
    if (!jurisdiction->framework && !okse_law_is_country(jurisdiction->iso))
        okse_issue(issues, &jurisdiction->place, "iso: '%s' is no country code (ISO 3166-1 alpha-2)",
                   jurisdiction->iso);
}

/* Codes of countries; a bloc has one too. */
static GPtrArray *read_countries(OkseMap *map, const char *key, const OkseJurisdiction *jurisdiction,
                                 OkseIssues *issues)
{
    GPtrArray *codes = okse_law_take_words(map, key, OKSE_OPTIONAL, jurisdiction->origin, issues);

    for (guint i = 0; i < codes->len; i++)
        if (!okse_law_is_country(g_ptr_array_index(codes, i)))
            okse_issue(issues, &jurisdiction->place, "%s: '%s' is no country code (ISO 3166-1 alpha-2)", key,
                       (const char *)g_ptr_array_index(codes, i));
    if (jurisdiction->framework && codes->len > 0)
        okse_issue(issues, &jurisdiction->place, "a framework has no '%s'", key);
    return codes;
}

static void read_bloc(OkseJurisdiction *jurisdiction, OkseMap *map, OkseIssues *issues)
{
    g_ptr_array_unref(jurisdiction->inherits);
    g_ptr_array_unref(jurisdiction->members);
    jurisdiction->inherits = read_countries(map, "inherits", jurisdiction, issues);
    jurisdiction->members = read_countries(map, "members", jurisdiction, issues);
    for (guint i = 0; i < jurisdiction->inherits->len; i++)
        if (g_strcmp0(g_ptr_array_index(jurisdiction->inherits, i), jurisdiction->iso) == 0)
            okse_issue(issues, &jurisdiction->place, "%s inherits itself", jurisdiction->iso);
}

static void read_head(OkseJurisdiction *jurisdiction, const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "jurisdiction", issues);
    GPtrArray *languages;
    gint64 time;

    read_identity(jurisdiction, map, issues);
    read_bloc(jurisdiction, map, issues);
    jurisdiction->name = okse_law_take_texts(map, "name", OKSE_REQUIRED, jurisdiction->origin, issues);
    languages = okse_law_take_words(map, "languages", OKSE_REQUIRED, jurisdiction->origin, issues);
    for (guint i = 0; i < languages->len; i++)
        json_array_append_new(jurisdiction->languages, json_string(g_ptr_array_index(languages, i)));
    g_ptr_array_unref(languages);
    jurisdiction->as_of = take_required(map, "as_of");
    jurisdiction->confidence =
        okse_law_take_word(map, "confidence", okse_law_confidences, &jurisdiction->place, issues);
    okse_map_end(map);
    if (!okse_law_is_date(jurisdiction->as_of, &time))
        okse_issue(issues, &jurisdiction->place, "as_of: '%s' is no date (2026-01-31)", jurisdiction->as_of);
}

static void read_regime(OkseJurisdiction *jurisdiction, const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "regime", issues);
    json_t *reason;

    take_into(map, "class", jurisdiction->regime);
    reason = okse_law_take_texts(map, "reason", OKSE_REQUIRED, jurisdiction->origin, issues);
    if (reason != NULL)
        json_object_set_new(jurisdiction->regime, "reason", reason);
    g_autofree char *confidence =
        okse_law_take_word(map, "confidence", okse_law_confidences, &jurisdiction->place, issues);
    json_object_set_new(jurisdiction->regime, "confidence", json_string(confidence));
    okse_map_end(map);
}

/* A region of a cloud provider that is in the country. */
static void read_region(const OkseJurisdiction *jurisdiction, const OkseNode *node, OkseIssues *issues)
{
    static const char *const words[] = {"provider", "region", "city"};
    OksePlace at = okse_law_place(okse_node_place(node), jurisdiction->origin);
    OkseMap *map = okse_map_open(node, "a region", issues);
    const char *text = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
        okse_map_take_text(map, words[i], OKSE_REQUIRED, &text);
    g_free(okse_law_take_word(map, "confidence", okse_law_confidences, &at, issues));
    okse_map_end(map);
}

/* Defaults that templates render with: what the provisions ask for at least, said once more as settings. */
static void read_profile(OkseJurisdiction *jurisdiction, const OkseNode *node, OkseIssues *issues)
{
    static const char *const days[] = {"log_days", "record_days"};
    OkseMap *map = okse_map_open(node, "profile", issues);
    const OkseNode *list = NULL;
    const char *text = NULL;
    guint64 number = 0;

    okse_map_take_text(map, "time_zone", OKSE_REQUIRED, &text);
    okse_map_take_text(map, "language", OKSE_REQUIRED, &text);
    for (unsigned i = 0; i < G_N_ELEMENTS(days); i++)
        okse_map_take_unsigned(map, days[i], OKSE_OPTIONAL, &number);
    if (okse_map_take_list(map, "algorithms", OKSE_OPTIONAL, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            if (okse_node_kind(okse_node_item(list, i)) != OKSE_NODE_TEXT) {
                OksePlace at = okse_law_place(okse_node_place(okse_node_item(list, i)), jurisdiction->origin);

                okse_issue(issues, &at, "an algorithm must be a text");
            }
    if (okse_map_take_list(map, "regions", OKSE_OPTIONAL, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            read_region(jurisdiction, okse_node_item(list, i), issues);
    okse_map_end(map);
    jurisdiction->profile = okse_node_to_json(node);
}

static void read_uncertain(OkseJurisdiction *jurisdiction, const OkseNode *list, OkseIssues *issues)
{
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *entry = okse_node_item(list, i);
        OksePlace at = okse_law_place(okse_node_place(entry), jurisdiction->origin);
        const OkseNode *english = okse_node_get(entry, "en");

        if (english == NULL || okse_node_kind(english) != OKSE_NODE_TEXT)
            okse_issue(issues, &at, "'uncertain' must hold texts by language, with 'en'");
        else
            json_array_append_new(jurisdiction->uncertain, okse_node_to_json(entry));
    }
}

/* No id twice, and every provision under an instrument that is there. */
static void check_provisions(const OkseJurisdiction *jurisdiction, OkseIssues *issues)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < jurisdiction->provisions->len; i++) {
        const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, i);

        if (!g_hash_table_add(seen, provision->id))
            okse_issue(issues, &provision->place, "provision %s is given twice", provision->id);
        if (!has_instrument(jurisdiction, provision->instrument))
            okse_issue(issues, &provision->place, "provision %s: no instrument '%s'", provision->id,
                       provision->instrument);
    }
}

static void check_whole(const OkseJurisdiction *jurisdiction, OkseIssues *issues)
{
    g_autofree char *base = g_path_get_basename(jurisdiction->origin);
    g_autofree char *lower = g_ascii_strdown(jurisdiction->iso, -1);
    g_autofree char *expected = g_strconcat(lower, ".yaml", NULL);

    if (g_str_has_suffix(base, ".yaml") && strcmp(base, expected) != 0)
        okse_issue(issues, &jurisdiction->place, "the file of %s must be called '%s'", jurisdiction->iso, expected);
    if (jurisdiction->provisions->len == 0)
        okse_issue(issues, &jurisdiction->place, "no provision");
    check_provisions(jurisdiction, issues);
}

static OkseJurisdiction *jurisdiction_new(OksePlace place, const char *origin)
{
    OkseJurisdiction *jurisdiction = g_new0(OkseJurisdiction, 1);

    jurisdiction->origin = g_strdup(origin);
    jurisdiction->languages = json_array();
    jurisdiction->regime = json_object();
    jurisdiction->instruments = json_array();
    jurisdiction->uncertain = json_array();
    jurisdiction->provisions = g_ptr_array_new_with_free_func(provision_free);
    jurisdiction->transfers = g_ptr_array_new_with_free_func(okse_transfer_free);
    jurisdiction->inherits = g_ptr_array_new_with_free_func(g_free);
    jurisdiction->members = g_ptr_array_new_with_free_func(g_free);
    jurisdiction->asked = g_ptr_array_new_with_free_func(g_free);
    jurisdiction->place = okse_law_place(place, jurisdiction->origin);
    return jurisdiction;
}

OkseJurisdiction *okse_jurisdiction_own(const OkseOwnLaw *law, OkseIssues *issues)
{
    OkseJurisdiction *own = jurisdiction_new(law->place, law->origin);
    const char *language;
    json_t *text;

    own->framework = true;
    own->iso = g_strdup(law->name);
    own->name = json_copy((json_t *)(uintptr_t)law->title);
    own->as_of = g_strdup(law->as_of);
    own->confidence = g_strdup("high");
    json_object_foreach(own->name, language, text) json_array_append_new(own->languages, json_string(language));
    json_object_set_new(own->regime, "class", json_string("profile"));
    json_object_set(own->regime, "reason", own->name);
    json_object_set_new(own->regime, "confidence", json_string("high"));
    for (unsigned i = 0; law->instruments != NULL && i < okse_node_count(law->instruments); i++)
        read_instrument(own, okse_node_item(law->instruments, i), issues);
    for (guint i = 0; i < law->provisions->len; i++)
        read_provision(own, g_ptr_array_index(law->provisions, i), issues);
    check_provisions(own, issues);
    return own;
}

OkseJurisdiction *okse_jurisdiction_read(GBytes *yaml, const char *origin, OkseIssues *issues)
{
    g_autoptr(OkseYaml) document = okse_law_open(yaml, origin, "jurisdiction/v1", issues);
    OkseJurisdiction *jurisdiction;
    const OkseNode *node = NULL;
    const char *kind = NULL;
    OkseMap *map;

    if (document == NULL)
        return NULL;
    jurisdiction = jurisdiction_new(okse_node_place(okse_yaml_root(document)), origin);
    map = okse_map_open(okse_yaml_root(document), "a jurisdiction", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &kind);
    if (okse_map_take_map(map, "jurisdiction", OKSE_REQUIRED, &node))
        read_head(jurisdiction, node, issues);
    if (okse_map_take_map(map, "regime", OKSE_REQUIRED, &node))
        read_regime(jurisdiction, node, issues);
    if (okse_map_take_map(map, "profile", OKSE_OPTIONAL, &node))
        read_profile(jurisdiction, node, issues);
    if (okse_map_take_list(map, "instruments", OKSE_REQUIRED, &node))
        for (unsigned i = 0; i < okse_node_count(node); i++)
            read_instrument(jurisdiction, okse_node_item(node, i), issues);
    if (okse_map_take_list(map, "provisions", OKSE_REQUIRED, &node))
        for (unsigned i = 0; i < okse_node_count(node); i++)
            read_provision(jurisdiction, okse_node_item(node, i), issues);
    if (okse_map_take_list(map, "transfers", OKSE_OPTIONAL, &node))
        okse_transfers_read(jurisdiction, node, issues);
    if (okse_map_take_list(map, "uncertain", OKSE_OPTIONAL, &node))
        read_uncertain(jurisdiction, node, issues);
    okse_map_end(map);
    if (jurisdiction->iso == NULL)
        jurisdiction->iso = g_strdup("");
    else
        check_whole(jurisdiction, issues);
    return jurisdiction;
}
