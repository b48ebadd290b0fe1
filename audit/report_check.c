/* A findings document comes from outside: what the renderers rely on is checked here, once, so that they can look
 * members up without asking again. Keys that are not known are let through: later versions may add some. */
#include "audit/report.h"

#include "audit/report_check_verdict.h"
#include "audit/report_view.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/text.h"

#include <string.h>

typedef enum { TEXT, TOKEN, WORD, WHOLE, FLAG, OBJECT, LIST, TEXTS } Kind;
typedef enum { NEEDED, MAY_BE_NULL, MAY_BE_ABSENT } Presence; /* what may be absent may be null too */

typedef struct {
    const char *key;
    Kind kind;
    Presence presence;
    const char *const *words; /* WORD: the closed list */
} Member;

/* Where we are, for messages: "findings.json: findings[3]: …"; list NULL is the document itself. */
typedef struct {
    const char *origin;
    const char *list;
    size_t index;
} Where;

static const char *const verdict_words[] = {"compliant", "non-compliant", "inconclusive", NULL};
static const char *const severity_words[] = {"mandatory", "recommended", NULL};
static const char *const confidence_words[] = {"high", "medium", "low", NULL};
static const char *const collector_words[] = {"complete", "partial", "unavailable", "absent", NULL};
static const char *const result_words[] = {"pass", "fail", "inconclusive", NULL};
static const char *const redaction_words[] = {"regulator", "public", NULL};
static const char *const evidence_words[] = {"violation", "unknown", NULL};

static const Member document_members[] = {{"schema", TEXT, NEEDED, NULL},
                                          {"verdict", WORD, NEEDED, verdict_words},
                                          {"audited_at", TEXT, NEEDED, NULL},
                                          {"target", OBJECT, NEEDED, NULL},
                                          {"inputs", OBJECT, NEEDED, NULL},
                                          {"languages", LIST, NEEDED, NULL},
                                          {"jurisdictions", LIST, NEEDED, NULL},
                                          {"summary", OBJECT, NEEDED, NULL},
                                          {"controls", OBJECT, NEEDED, NULL},
                                          {"findings", LIST, NEEDED, NULL},
                                          {"collectors", LIST, NEEDED, NULL},
                                          {"inventory", OBJECT, NEEDED, NULL},
                                          {"conflicts", LIST, MAY_BE_ABSENT, NULL},
                                          {"warnings", LIST, MAY_BE_ABSENT, NULL},
                                          {"partial", OBJECT, MAY_BE_ABSENT, NULL},
                                          {"waivers", OBJECT, MAY_BE_ABSENT, NULL},
                                          {"redaction", OBJECT, MAY_BE_ABSENT, NULL},
                                          {0}};
static const Member redaction_members[] = {{"level", WORD, NEEDED, redaction_words},
                                           {"of", TEXT, NEEDED, NULL},
                                           {"hidden", WHOLE, NEEDED, NULL},
                                           {"left_out", WHOLE, NEEDED, NULL},
                                           {0}};
static const Member target_members[] = {{"hostname", TEXT, NEEDED, NULL},
                                        {"install", OBJECT, MAY_BE_ABSENT, NULL},
                                        {"site", TEXT, MAY_BE_ABSENT, NULL},
                                        {0}};
static const Member install_members[] = {{"name", TEXT, NEEDED, NULL},
                                         {"version", TEXT, MAY_BE_ABSENT, NULL},
                                         {"sequence", WHOLE, MAY_BE_ABSENT, NULL},
                                         {"identity", TEXT, MAY_BE_ABSENT, NULL},
                                         {"generation", TEXT, MAY_BE_ABSENT, NULL},
                                         {"country", TEXT, MAY_BE_ABSENT, NULL},
                                         {0}};
static const Member inputs_members[] = {{"facts", TEXT, NEEDED, NULL},
                                        {"manifests", TEXT, NEEDED, NULL},
                                        {"site", TEXT, MAY_BE_ABSENT, NULL},
                                        {"geo", OBJECT, MAY_BE_ABSENT, NULL},
                                        {"tool", OBJECT, NEEDED, NULL},
                                        {"policy", OBJECT, MAY_BE_ABSENT, NULL},
                                        {"profiles", LIST, MAY_BE_ABSENT, NULL},
                                        {"previous", OBJECT, MAY_BE_ABSENT, NULL},
                                        {0}};
static const Member previous_members[] = {{"digest", TEXT, NEEDED, NULL}, {"audited_at", TEXT, NEEDED, NULL}, {0}};
static const Member partial_members[] = {{"only", LIST, NEEDED, NULL}, {"result", WORD, NEEDED, result_words}, {0}};
static const Member waivers_members[] = {{"verdict_without", WORD, MAY_BE_ABSENT, verdict_words}, {0}};
static const Member policy_members[] = {{"name", TEXT, NEEDED, NULL},
                                        {"date", TEXT, NEEDED, NULL},
                                        {"valid_until", TEXT, NEEDED, NULL},
                                        {"identity", TEXT, MAY_BE_ABSENT, NULL},
                                        {0}};
static const Member profile_members[] = {{"name", TEXT, NEEDED, NULL},
                                         {"title", TEXTS, NEEDED, NULL},
                                         {"as_of", TEXT, NEEDED, NULL},
                                         {"digest", TEXT, NEEDED, NULL},
                                         {0}};
static const Member warning_members[] = {{"kind", TEXT, NEEDED, NULL}, {"message", TEXTS, NEEDED, NULL}, {0}};
static const Member geo_members[] = {
    {"digest", TEXT, MAY_BE_ABSENT, NULL}, {"description", TEXT, MAY_BE_ABSENT, NULL}, {0}};
static const Member tool_members[] = {{"name", TEXT, NEEDED, NULL}, {"version", TEXT, NEEDED, NULL}, {0}};
static const Member jurisdiction_members[] = {{"iso", TOKEN, NEEDED, NULL},
                                              {"name", TEXTS, NEEDED, NULL},
                                              {"languages", LIST, MAY_BE_ABSENT, NULL},
                                              {"verdict", WORD, NEEDED, verdict_words},
                                              {"as_of", TEXT, MAY_BE_ABSENT, NULL},
                                              {"confidence", TEXT, MAY_BE_ABSENT, NULL},
                                              {"instruments", LIST, NEEDED, NULL},
                                              {"provisions", LIST, NEEDED, NULL},
                                              {0}};
static const Member instrument_members[] = {{"id", TOKEN, NEEDED, NULL},
                                            {"title", TEXTS, NEEDED, NULL},
                                            {"citation", TEXT, MAY_BE_ABSENT, NULL},
                                            {"kind", TEXT, MAY_BE_ABSENT, NULL},
                                            {"authority", TEXT, MAY_BE_ABSENT, NULL},
                                            {"url", TEXT, MAY_BE_ABSENT, NULL},
                                            {"in_force", TEXT, MAY_BE_ABSENT, NULL},
                                            {"status", TEXT, MAY_BE_ABSENT, NULL},
                                            {"confidence", TEXT, MAY_BE_ABSENT, NULL},
                                            {0}};
static const Member provision_members[] = {{"id", TOKEN, NEEDED, NULL},
                                           {"instrument", TOKEN, NEEDED, NULL},
                                           {"article", TEXT, MAY_BE_ABSENT, NULL},
                                           {"title", TEXTS, NEEDED, NULL},
                                           {"summary", TEXTS, MAY_BE_ABSENT, NULL},
                                           {"severity", WORD, NEEDED, severity_words},
                                           {"confidence", WORD, MAY_BE_ABSENT, confidence_words},
                                           {"effective", TEXT, MAY_BE_ABSENT, NULL},
                                           {"status", TEXT, MAY_BE_ABSENT, NULL},
                                           {"applies_to", OBJECT, MAY_BE_ABSENT, NULL},
                                           {"not_checkable", TEXTS, MAY_BE_ABSENT, NULL},
                                           {0}};
static const Member control_members[] = {{"title", TEXTS, NEEDED, NULL},
                                         {"description", TEXTS, MAY_BE_ABSENT, NULL},
                                         {"remediation", TEXTS, MAY_BE_ABSENT, NULL},
                                         {"family", TEXT, MAY_BE_ABSENT, NULL},
                                         {"needs", LIST, MAY_BE_ABSENT, NULL},
                                         {0}};
static const Member finding_members[] = {{"id", TEXT, NEEDED, NULL},
                                         {"control", TOKEN, NEEDED, NULL},
                                         {"provision", TOKEN, NEEDED, NULL},
                                         {"instrument", TOKEN, NEEDED, NULL},
                                         {"jurisdiction", TOKEN, NEEDED, NULL},
                                         {"severity", WORD, NEEDED, severity_words},
                                         {"confidence", WORD, NEEDED, confidence_words},
                                         {"status", WORD, NEEDED, okse_status_words},
                                         {"parameters", OBJECT, MAY_BE_ABSENT, NULL},
                                         {"reason", TEXTS, MAY_BE_ABSENT, NULL},
                                         {"warning", TEXT, MAY_BE_ABSENT, NULL},
                                         {"profiles", LIST, MAY_BE_ABSENT, NULL},
                                         {"lawful", OBJECT, MAY_BE_ABSENT, NULL},
                                         {"violations", WHOLE, NEEDED, NULL},
                                         {"unknown", WHOLE, NEEDED, NULL},
                                         {"evidence", LIST, NEEDED, NULL},
                                         {"waived_from", TEXT, MAY_BE_ABSENT, NULL},
                                         {"first_seen", TEXT, MAY_BE_ABSENT, NULL},
                                         {0}};
static const Member evidence_members[] = {
    {"fact", TEXT, MAY_BE_ABSENT, NULL},      {"verdict", WORD, NEEDED, evidence_words},
    {"file", TEXT, MAY_BE_ABSENT, NULL},      {"line", WHOLE, MAY_BE_ABSENT, NULL},
    {"excerpt", TEXT, MAY_BE_ABSENT, NULL},   {"message", TEXT, MAY_BE_ABSENT, NULL},
    {"component", TEXT, MAY_BE_ABSENT, NULL}, {"state", TEXT, MAY_BE_ABSENT, NULL},
    {"country", TEXT, MAY_BE_ABSENT, NULL},   {0}};
static const Member collector_members[] = {{"collector", TEXT, NEEDED, NULL},
                                           {"status", WORD, NEEDED, collector_words},
                                           {"reason", TEXT, MAY_BE_ABSENT, NULL},
                                           {"items", WHOLE, MAY_BE_ABSENT, NULL},
                                           {0}};
static const Member inventory_members[] = {{"components", LIST, MAY_BE_ABSENT, NULL},
                                           {"endpoints", LIST, MAY_BE_ABSENT, NULL},
                                           {"documents", LIST, MAY_BE_ABSENT, NULL},
                                           {"unpoliced", LIST, MAY_BE_ABSENT, NULL},
                                           {"coverage", OBJECT, MAY_BE_ABSENT, NULL},
                                           {"unpoliced_facts", LIST, MAY_BE_ABSENT, NULL},
                                           {0}};
static const Member coverage_members[] = {{"facts", WHOLE, NEEDED, NULL},
                                          {"looked_at", WHOLE, NEEDED, NULL},
                                          {"read", WHOLE, NEEDED, NULL},
                                          {"unpoliced", WHOLE, NEEDED, NULL},
                                          {0}};
static const Member unpoliced_members[] = {
    {"list", TEXT, NEEDED, NULL}, {"id", TEXT, NEEDED, NULL}, {"message", TEXT, NEEDED, NULL}, {0}};
static const Member endpoint_members[] = {{"id", TEXT, NEEDED, NULL},
                                          {"host", TEXT, MAY_BE_ABSENT, NULL},
                                          {"port", WHOLE, MAY_BE_ABSENT, NULL},
                                          {"role", TEXT, MAY_BE_ABSENT, NULL},
                                          {"scope", TEXT, MAY_BE_ABSENT, NULL},
                                          {"country", TEXT, MAY_BE_ABSENT, NULL},
                                          {"state", TEXT, MAY_BE_ABSENT, NULL},
                                          {"observed", FLAG, MAY_BE_ABSENT, NULL},
                                          {"declared", FLAG, MAY_BE_ABSENT, NULL},
                                          {"direction", TEXT, MAY_BE_ABSENT, NULL},
                                          {0}};
static const Member component_members[] = {{"name", TEXT, NEEDED, NULL}, {"kind", TEXT, MAY_BE_ABSENT, NULL}, {0}};
static const Member place_members[] = {
    {"path", TEXT, NEEDED, NULL}, {"type", TEXT, MAY_BE_ABSENT, NULL}, {"title", TEXT, MAY_BE_ABSENT, NULL}, {0}};
static const Member conflict_members[] = {{"controls", LIST, MAY_BE_ABSENT, NULL},
                                          {"provisions", LIST, MAY_BE_ABSENT, NULL},
                                          {"message", TEXTS, NEEDED, NULL},
                                          {0}};

static bool refuse(const Where *where, const char *key, const char *what, GError **error)
{
    if (where->list == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' %s", where->origin, key, what);
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: %s[%zu]: '%s' %s", where->origin, where->list, where->index, key,
                     what);
}

/* Identifiers become anchors and OSCAL tokens: an ASCII letter or "_", then letters, digits, ".", "-", "_". */
static bool is_token(const char *text)
{
    if (!g_ascii_isalpha(*text) && *text != '_')
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c) && strchr("._-", *c) == NULL)
            return false;
    return strlen(text) <= OKSE_LIMIT_NAME;
}

static bool is_texts(const json_t *value)
{
    const char *language;
    const json_t *text;

    json_object_foreach((json_t *)(uintptr_t)value, language, text) /* the macro wants non-const; it only reads */
        if (!json_is_string(text)) return false;
    return json_is_object(value) && json_is_string(json_object_get(value, "en"));
}

/* What is wrong with a member, or NULL. */
static const char *member_fault(const Member *member, const json_t *value)
{
    switch (member->kind) {
    case TEXT:
        return json_is_string(value) ? NULL : "is not a text";
    case TOKEN:
        return json_is_string(value) && is_token(json_string_value(value)) ? NULL : "is not an identifier";
    case WORD:
        return json_is_string(value) && g_strv_contains(member->words, json_string_value(value))
                   ? NULL
                   : "is not one of the words of its list";
    case WHOLE:
        return json_is_integer(value) && json_integer_value(value) >= 0 ? NULL : "is not a whole number from 0";
    case FLAG:
        return json_is_boolean(value) ? NULL : "is not true or false";
    case OBJECT:
        return json_is_object(value) ? NULL : "is not an object";
    case LIST:
        return json_is_array(value) ? NULL : "is not a list";
    case TEXTS:
        return is_texts(value) ? NULL : "is not a map from language to text with 'en'";
    }
    return "is of no known kind";
}

static bool check_members(const json_t *object, const Member *members, const Where *where, GError **error)
{
    if (!json_is_object(object))
        return refuse(where, "", "is not an object", error);
    for (const Member *member = members; member->key != NULL; member++) {
        const json_t *value = json_object_get(object, member->key);
        const char *fault;

        if (value == NULL && member->presence == MAY_BE_ABSENT)
            continue;
        if (json_is_null(value) && member->presence != NEEDED)
            continue;
        fault = value == NULL ? "is missing" : member_fault(member, value);
        if (fault != NULL)
            return refuse(where, member->key, fault, error);
    }
    return true;
}

static bool check_list(const json_t *list, const Member *members, const char *name, const char *origin, GError **error)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        Where where = {origin, name, i};

        if (!check_members(json_array_get(list, i), members, &where, error))
            return false;
    }
    return true;
}

static bool check_text_list(const json_t *list, const char *name, const char *origin, GError **error)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: %s[%zu] is not a text", origin, name, i);
    return true;
}

/* Language codes end up in attributes: letters, digits and "-". */
static bool check_languages(const json_t *list, const char *origin, GError **error)
{
    if (!check_text_list(list, "languages", origin, error))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *code = json_string_value(json_array_get(list, i));
        size_t length = strlen(code);

        if (length < 2 || length > 16 ||
            strspn(code, "-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != length)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: languages[%zu] is no language code", origin, i);
    }
    return true;
}

static bool check_head(const json_t *findings, const char *origin, GError **error)
{
    const json_t *target = json_object_get(findings, "target"), *inputs = json_object_get(findings, "inputs");
    const json_t *install = json_object_get(target, "install"), *geo = json_object_get(inputs, "geo");
    const json_t *policy = json_object_get(inputs, "policy"), *previous = json_object_get(inputs, "previous");
    const json_t *redaction = json_object_get(findings, "redaction");
    Where in_target = {origin, "target", 0}, in_inputs = {origin, "inputs", 0}, in_redaction = {origin, "redaction", 0};
    gint64 seconds;

    if (strcmp(okse_json_peek_text(findings, "schema"), "okse.findings.v1") != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the schema is '%s', not 'okse.findings.v1'", origin,
                         okse_json_peek_text(findings, "schema"));
    if (!okse_text_time_parse(okse_json_peek_text(findings, "audited_at"), &seconds))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: 'audited_at' is no time with its offset", origin);
    return check_members(target, target_members, &in_target, error) &&
           (!json_is_object(install) || check_members(install, install_members, &in_target, error)) &&
           check_members(inputs, inputs_members, &in_inputs, error) &&
           (!json_is_object(geo) || check_members(geo, geo_members, &in_inputs, error)) &&
           (!json_is_object(policy) || check_members(policy, policy_members, &in_inputs, error)) &&
           (!json_is_object(previous) || check_members(previous, previous_members, &in_inputs, error)) &&
           check_members(json_object_get(inputs, "tool"), tool_members, &in_inputs, error) &&
           (!json_is_object(redaction) || check_members(redaction, redaction_members, &in_redaction, error)) &&
           check_languages(json_object_get(findings, "languages"), origin, error);
}

/* No id twice, and every provision belongs to an instrument that is there: otherwise a report would show something
 * twice or not at all. */
static bool check_articles(const json_t *jurisdiction, const char *origin, GError **error)
{
    g_autoptr(GHashTable) instruments = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) provisions = g_hash_table_new(g_str_hash, g_str_equal);
    const json_t *list = json_object_get(jurisdiction, "instruments");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = okse_json_peek_text(json_array_get(list, i), "id");
        Where where = {origin, "instruments", i};

        if (!g_hash_table_add(instruments, (gpointer)(uintptr_t)id))
            return refuse(&where, "id", "was used by an earlier instrument", error);
    }
    list = json_object_get(jurisdiction, "provisions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *provision = json_array_get(list, i);
        Where where = {origin, "provisions", i};

        if (!g_hash_table_add(provisions, (gpointer)(uintptr_t)okse_json_peek_text(provision, "id")))
            return refuse(&where, "id", "was used by an earlier provision", error);
        if (!g_hash_table_contains(instruments, okse_json_peek_text(provision, "instrument")))
            return refuse(&where, "instrument", "is none of its jurisdiction's", error);
    }
    return true;
}

static bool check_jurisdictions(const json_t *jurisdictions, const char *origin, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    if (!check_list(jurisdictions, jurisdiction_members, "jurisdictions", origin, error))
        return false;
    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const json_t *jurisdiction = json_array_get(jurisdictions, i);
        Where where = {origin, "jurisdictions", i};

        if (!g_hash_table_add(seen, (gpointer)(uintptr_t)okse_json_peek_text(jurisdiction, "iso")))
            return refuse(&where, "iso", "was used by an earlier jurisdiction", error);
        if (!check_list(json_object_get(jurisdiction, "instruments"), instrument_members, "instruments", origin,
                        error) ||
            !check_list(json_object_get(jurisdiction, "provisions"), provision_members, "provisions", origin, error) ||
            !check_text_list(json_object_get(jurisdiction, "languages"), "languages", origin, error) ||
            !check_articles(jurisdiction, origin, error))
            return false;
    }
    return true;
}

static bool check_controls(const json_t *controls, const char *origin, GError **error)
{
    g_autoptr(GPtrArray) ids = okse_json_sorted_keys(controls);
    Where where = {origin, "controls", 0};

    for (guint i = 0; i < ids->len; i++) {
        const char *id = g_ptr_array_index(ids, i);

        where.index = i;
        if (!is_token(id))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: controls: '%s' is not an identifier", origin, id);
        if (!check_members(json_object_get(controls, id), control_members, &where, error))
            return false;
    }
    return true;
}

static bool is_finding_id(const char *id)
{
    return g_str_has_prefix(id, "fnd:") && strlen(id) == 20 && strspn(id + 4, "0123456789abcdef") == 16;
}

static bool check_findings(const json_t *list, const char *origin, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *finding = json_array_get(list, i);
        Where where = {origin, "findings", i};
        const char *id;

        if (!check_members(finding, finding_members, &where, error) ||
            !check_list(json_object_get(finding, "evidence"), evidence_members, "evidence", origin, error))
            return false;
        id = okse_json_peek_text(finding, "id");
        if (!is_finding_id(id))
            return refuse(&where, "id", "is not 'fnd:' and 16 hexadecimal digits", error);
        if (!g_hash_table_add(seen, (gpointer)(uintptr_t)id))
            return refuse(&where, "id", "was used by an earlier finding", error);
    }
    return true;
}

static bool check_inventory(const json_t *inventory, const char *origin, GError **error)
{
    Where where = {origin, "inventory", 0}, at_coverage = {origin, "coverage", 0};
    const json_t *coverage = json_object_get(inventory, "coverage");

    if (json_is_object(coverage) && !check_members(coverage, coverage_members, &at_coverage, error))
        return false;
    return check_members(inventory, inventory_members, &where, error) &&
           check_list(json_object_get(inventory, "components"), component_members, "components", origin, error) &&
           check_list(json_object_get(inventory, "endpoints"), endpoint_members, "endpoints", origin, error) &&
           check_list(json_object_get(inventory, "documents"), place_members, "documents", origin, error) &&
           check_list(json_object_get(inventory, "unpoliced_facts"), unpoliced_members, "unpoliced_facts", origin,
                      error) &&
           check_text_list(json_object_get(inventory, "unpoliced"), "unpoliced", origin, error);
}

/* What only some documents have. */
static bool check_extras(const json_t *findings, const char *origin, GError **error)
{
    const json_t *partial = json_object_get(findings, "partial"), *waivers = json_object_get(findings, "waivers");
    const json_t *list = json_object_get(findings, "findings");
    Where in_partial = {origin, "partial", 0}, in_waivers = {origin, "waivers", 0};
    gint64 since;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *seen = okse_json_peek_text(json_array_get(list, i), "first_seen");
        Where where = {origin, "findings", i};

        if (seen != NULL && !okse_text_time_parse(seen, &since))
            return refuse(&where, "first_seen", "is no time with its offset", error);
    }
    return (!json_is_object(waivers) || check_members(waivers, waivers_members, &in_waivers, error)) &&
           (!json_is_object(partial) ||
            (check_members(partial, partial_members, &in_partial, error) &&
             check_text_list(json_object_get(partial, "only"), "partial.only", origin, error)));
}

static bool check_references(const json_t *findings, const char *origin, GError **error)
{
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    const json_t *list = json_object_get(findings, "findings");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *finding = json_array_get(list, i), *provision = okse_report_view_provision(view, finding);
        Where where = {origin, "findings", i};

        if (provision == NULL)
            return refuse(&where, "provision", "is none of its jurisdiction's", error);
        if (okse_report_view_instrument(view, finding) == NULL ||
            strcmp(okse_json_peek_text(provision, "instrument"), okse_json_peek_text(finding, "instrument")) != 0)
            return refuse(&where, "instrument", "is not the provision's", error);
        if (okse_report_view_control(view, finding) == NULL)
            return refuse(&where, "control", "is not described in 'controls'", error);
    }
    return true;
}

bool okse_findings_check(const json_t *findings, const char *origin, GError **error)
{
    Where where = {origin, NULL, 0};

    return check_members(findings, document_members, &where, error) && check_head(findings, origin, error) &&
           check_jurisdictions(json_object_get(findings, "jurisdictions"), origin, error) &&
           check_controls(json_object_get(findings, "controls"), origin, error) &&
           check_findings(json_object_get(findings, "findings"), origin, error) &&
           check_list(json_object_get(findings, "collectors"), collector_members, "collectors", origin, error) &&
           check_inventory(json_object_get(findings, "inventory"), origin, error) &&
           check_list(json_object_get(findings, "conflicts"), conflict_members, "conflicts", origin, error) &&
           check_list(json_object_get(json_object_get(findings, "inputs"), "profiles"), profile_members, "profiles",
                      origin, error) &&
           check_list(json_object_get(findings, "warnings"), warning_members, "warnings", origin, error) &&
           check_extras(findings, origin, error) && check_references(findings, origin, error) &&
           okse_findings_check_verdict(findings, origin, error);
}

json_t *okse_findings_read(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(json_t) findings = okse_json_read(bytes, OKSE_LIMIT_EVIDENCE, origin, error);

    if (findings == NULL || !okse_findings_check(findings, origin, error))
        return NULL;
    return g_steal_pointer(&findings);
}
