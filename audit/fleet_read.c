/* A fleet document comes from outside: what the renderers rely on is checked here, once. */
#include "audit/fleet.h"

#include "audit/report_view.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/text.h"

#include <string.h>

#define SCHEMA "okse.fleet.v1"

static const char *const verdict_words[] = {"compliant", "non-compliant", "inconclusive", NULL};

bool okse_fleet_is(const json_t *document)
{
    return g_strcmp0(okse_json_peek_text(document, "schema"), SCHEMA) == 0;
}

static bool refuse(const char *origin, const char *list, size_t index, const char *key, GError **error)
{
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: %s[%zu]: '%s' is missing or of another kind", origin, list, index,
                     key);
}

static bool has_verdict(const json_t *row)
{
    const char *verdict = okse_json_peek_text(row, "verdict");

    return verdict != NULL && g_strv_contains(verdict_words, verdict);
}

static bool has_texts(const json_t *row, const char *key)
{
    return okse_json_peek_text(json_object_get(row, key), "en") != NULL;
}

static bool check_rows(const json_t *document, const char *list, const char *const *texts, bool judged,
                       const char *origin, GError **error)
{
    const json_t *rows = json_object_get(document, list), *row;
    size_t i;

    if (!json_is_array(rows))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is missing or no list", origin, list);
    json_array_foreach(rows, i, row)
    {
        for (const char *const *key = texts; *key != NULL; key++)
            if (okse_json_peek_text(row, *key) == NULL)
                return refuse(origin, list, i, *key, error);
        if (judged && !has_verdict(row))
            return refuse(origin, list, i, "verdict", error);
    }
    return true;
}

/* Findings with their counts, the names of targets, and controls that are described. */
static bool check_findings(const json_t *document, const char *origin, GError **error)
{
    const json_t *rows = json_object_get(document, "findings"), *row, *names;
    size_t i, j;

    json_array_foreach(rows, i, row)
    {
        json_t *targets = json_object_get(row, "targets"), *name;
        const char *word;

        if (!has_texts(row, "title") || !json_is_object(json_object_get(row, "counts")) || !json_is_object(targets))
            return refuse(origin, "findings", i, "title', 'counts' or 'targets", error);
        if (!has_texts(json_object_get(json_object_get(document, "controls"), okse_json_peek_text(row, "control")),
                       "title"))
            return refuse(origin, "findings", i, "control", error);
        json_object_foreach(targets, word, names) json_array_foreach(
            names, j, name) if (!json_is_string(name)) return refuse(origin, "findings", i, "targets", error);
    }
    return true;
}

/* Codes of languages become attributes of markup. */
static bool check_languages(const json_t *list)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *code = json_string_value(item);

        if (code == NULL || strlen(code) < 2 || strlen(code) > 8 ||
            strspn(code, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != strlen(code))
            return false;
    }
    return json_is_array(list);
}

/* What is said of several together is no better than the worst of them: the higher, the better. */
static unsigned rank_of(const char *verdict)
{
    return strcmp(verdict, "non-compliant") == 0 ? 0 : strcmp(verdict, "inconclusive") == 0 ? 1 : 2;
}

static bool no_better(const json_t *row, unsigned rank, const char *origin, const char *what, GError **error)
{
    static const char *const words[] = {"non-compliant", "inconclusive", "compliant"};

    return rank_of(okse_json_peek_text(row, "verdict")) <= rank ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: %s: the verdict is '%s', but what it is of is '%s'", origin, what,
                     okse_json_peek_text(row, "verdict"), words[rank]);
}

/* By its counts of verdicts. */
static bool check_counted(const json_t *document, const char *list, const char *counts, const char *origin,
                          GError **error)
{
    const json_t *rows = json_object_get(document, list), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const json_t *all = json_object_get(row, counts);
        unsigned rank = json_integer_value(json_object_get(all, "non-compliant")) > 0  ? 0
                        : json_integer_value(json_object_get(all, "inconclusive")) > 0 ? 1
                        : json_integer_value(json_object_get(all, "compliant")) > 0    ? 2
                                                                                       : 1;

        if (!no_better(row, rank, origin, list, error))
            return false;
    }
    return true;
}

static bool check_targets(const json_t *document, GHashTable *targets, const char *origin, GError **error)
{
    const json_t *rows = json_object_get(document, "targets"), *row;
    bool partial = json_object_get(document, "partial") != NULL;
    unsigned worst = json_array_size(rows) == 0 ? 1 : 2;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        bool open = partial || json_object_get(row, "error") != NULL;

        if (!no_better(row, open ? 1 : 2, origin, okse_json_peek_text(row, "name"), error))
            return false;
        worst = MIN(worst, rank_of(okse_json_peek_text(row, "verdict")));
        g_hash_table_insert(targets, (gpointer)(uintptr_t)okse_json_peek_text(row, "name"), json_array_get(rows, i));
    }
    return no_better(document, worst, origin, "the fleet", error);
}

/* Binding findings against the targets that they name. */
static bool check_open(const json_t *document, GHashTable *targets, const char *origin, GError **error)
{
    static const char *const words[] = {"fail", "inconclusive"};
    const json_t *rows = json_object_get(document, "findings"), *row, *name;
    size_t i, j;

    json_array_foreach(rows, i, row) for (unsigned rank = 0; rank < G_N_ELEMENTS(words); rank++)
    {
        const json_t *names = json_object_get(json_object_get(row, "targets"), words[rank]);

        if (strcmp(okse_json_peek_text(row, "severity"), "mandatory") != 0)
            continue;
        json_array_foreach(names, j, name)
        {
            const json_t *target = g_hash_table_lookup(targets, json_string_value(name));

            if (target == NULL)
                return refuse(origin, "findings", i, "targets", error);
            if (!no_better(target, rank, origin, json_string_value(name), error))
                return false;
        }
    }
    return true;
}

/* A report must not say yes over hosts that say no, whoever wrote the file. */
static bool check_verdicts(const json_t *document, const char *origin, GError **error)
{
    g_autoptr(GHashTable) targets = g_hash_table_new(g_str_hash, g_str_equal);

    return check_targets(document, targets, origin, error) && check_open(document, targets, origin, error) &&
           check_counted(document, "jurisdictions", "targets", origin, error) &&
           check_counted(document, "countries", "summary", origin, error) &&
           check_counted(document, "sites", "summary", origin, error);
}

static bool check_warnings(const json_t *document, const char *origin, GError **error)
{
    const json_t *rows = json_object_get(document, "warnings"), *row;
    size_t i;

    json_array_foreach(rows, i, row) if (!has_texts(row, "message")) return refuse(origin, "warnings", i, "message",
                                                                                   error);
    return true;
}

static bool check(const json_t *document, const char *origin, GError **error)
{
    static const char *const of_law[] = {"iso", NULL}, *const of_target[] = {"name", NULL}, *const of_group[] = {NULL};
    static const char *const of_finding[] = {"id",      "jurisdiction", "instrument", "provision",
                                             "control", "severity",     "confidence", NULL};
    const json_t *laws = json_object_get(document, "jurisdictions"), *law;
    gint64 seconds;
    size_t i;

    if (!okse_fleet_is(document) || !has_verdict(document) ||
        !okse_text_time_parse(okse_json_peek_text(document, "audited_at"), &seconds) ||
        okse_json_peek_text(document, "manifests") == NULL || !json_is_object(json_object_get(document, "summary")))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "%s: no " SCHEMA " document, or without verdict, audited_at, manifests or summary", origin);
    if (!check_languages(json_object_get(document, "languages")))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: 'languages' is no list of language codes", origin);
    if (!check_rows(document, "jurisdictions", of_law, true, origin, error) ||
        !check_rows(document, "targets", of_target, true, origin, error) ||
        !check_rows(document, "countries", of_group, true, origin, error) ||
        !check_rows(document, "sites", of_group, true, origin, error) ||
        !check_rows(document, "findings", of_finding, false, origin, error) || !check_findings(document, origin, error))
        return false;
    json_array_foreach(laws, i, law) if (!has_texts(law, "name")) return refuse(origin, "jurisdictions", i, "name",
                                                                                error);
    return check_warnings(document, origin, error) && check_verdicts(document, origin, error);
}

json_t *okse_fleet_read(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(json_t) document = okse_json_read(bytes, OKSE_LIMIT_EVIDENCE, origin, error);

    return document != NULL && check(document, origin, error) ? g_steal_pointer(&document) : NULL;
}
