/* Our own record, `okse: evaluation/v1`: strict, every fault with its place. Keys: docs/evaluations.md. */
#include "packager/evaluation_internal.h"

#include "core/digest.h"

#include <math.h>
#include <string.h>

typedef struct {
    json_t *record;
    OkseIssues *issues;
} Reading;

/* Any scalar as text: 2.2 is a version, 2026-10-01 a day. */
static const char *take_word(const Reading *reading, OkseMap *map, const char *key, OksePresence presence)
{
    const OkseNode *node = NULL;
    OksePlace at;

    if (!okse_map_take_node(map, key, presence, &node))
        return NULL;
    if (evaluation_node_text(node) != NULL && *okse_node_text(node) != '\0')
        return okse_node_text(node);
    at = okse_node_place(node);
    okse_issue(reading->issues, &at, "'%s' must be a text", key);
    return NULL;
}

static double take_number(const Reading *reading, OkseMap *map, const char *key, OksePresence presence)
{
    const OkseNode *node = NULL;
    double value = NAN;
    OksePlace at;

    if (!okse_map_take_node(map, key, presence, &node) || evaluation_node_number(node, &value))
        return value;
    at = okse_node_place(node);
    okse_issue(reading->issues, &at, "'%s' must be a number", key);
    return NAN;
}

/* "sha256:" and 64 digits. */
static const char *take_digest(const Reading *reading, OkseMap *map, const OkseNode *row)
{
    const char *text = take_word(reading, map, "digest", OKSE_REQUIRED);
    OksePlace at = okse_node_place(row);
    OkseSha256 digest;

    if (text == NULL || (g_str_has_prefix(text, "sha256:") && okse_sha256_parse(text, &digest, NULL)))
        return text;
    okse_issue(reading->issues, &at, "'digest' must be sha256: and 64 hexadecimal digits");
    return NULL;
}

static void read_harness(const Reading *reading, const OkseNode *node)
{
    OkseMap *map = okse_map_open(node, "harness", reading->issues);
    const char *name = take_word(reading, map, "name", OKSE_REQUIRED);
    const char *version = take_word(reading, map, "version", OKSE_OPTIONAL);
    const char *commit = take_word(reading, map, "commit", OKSE_REQUIRED);

    json_object_set_new(reading->record, "harness",
                        json_pack("{s:o,s:o,s:o}", "name", evaluation_text(name), "version", evaluation_text(version),
                                  "commit", evaluation_text(commit)));
    okse_map_end(map);
}

static void read_sampling(const Reading *reading, const OkseNode *node)
{
    json_t *sampling = json_object_get(reading->record, "sampling");

    for (unsigned i = 0; i < okse_node_count(node) && i < OKSE_LIMIT_EVALUATION_ROWS; i++) {
        const char *value = evaluation_node_text(okse_node_item(node, i));
        g_autoptr(json_t) key = evaluation_text(okse_node_key(node, i));
        OksePlace at = okse_node_key_place(node, i);

        if (value != NULL && json_is_string(key))
            json_object_set_new(sampling, json_string_value(key), evaluation_text(value));
        else
            okse_issue(reading->issues, &at, "a sampling parameter must be a text or a number");
    }
}

static void read_subject(const Reading *reading, const OkseNode *row)
{
    OkseMap *map = okse_map_open(row, "subject", reading->issues);
    const char *component = take_word(reading, map, "component", OKSE_REQUIRED);
    const char *path = take_word(reading, map, "path", OKSE_OPTIONAL);
    const char *digest = take_digest(reading, map, row);

    okse_map_end(map);
    if (component != NULL && digest != NULL)
        evaluation_add(reading->record, "subjects",
                       json_pack("{s:s,s:s?,s:s,s:i}", "component", component, "path", path, "digest", digest, "line",
                                 (int)okse_node_place(row).line));
}

static void read_output(const Reading *reading, const OkseNode *row)
{
    OkseMap *map = okse_map_open(row, "output", reading->issues);
    const char *path = take_word(reading, map, "path", OKSE_OPTIONAL);
    const char *digest = take_digest(reading, map, row);

    okse_map_end(map);
    if (digest != NULL)
        evaluation_add(
            reading->record, "outputs",
            json_pack("{s:s?,s:s,s:i}", "path", path, "digest", digest, "line", (int)okse_node_place(row).line));
}

static json_t *read_datasets(const Reading *reading, const OkseNode *list)
{
    json_t *names = json_array();

    for (unsigned i = 0; list != NULL && i < okse_node_count(list) && i < OKSE_LIMIT_EVALUATION_ROWS; i++) {
        const char *name = evaluation_node_text(okse_node_item(list, i));
        OksePlace at = okse_node_place(okse_node_item(list, i));

        if (name != NULL)
            json_array_append_new(names, evaluation_text(name));
        else
            okse_issue(reading->issues, &at, "a data set must be a text");
    }
    return names;
}

/* Where a judge is may be left out here; that it is left out is a fact like any other. */
static void read_judge(const Reading *reading, const OkseNode *row)
{
    static const char *const roles[] = {"judge", "simulator", NULL};
    OkseMap *map = okse_map_open(row, "judge", reading->issues);
    const char *role = take_word(reading, map, "role", OKSE_REQUIRED);
    const char *name = take_word(reading, map, "name", OKSE_REQUIRED);
    const char *version = take_word(reading, map, "version", OKSE_REQUIRED);
    const char *location = take_word(reading, map, "location", OKSE_OPTIONAL);
    const OkseNode *datasets = NULL;
    OksePlace at = okse_node_place(row);

    okse_map_take_list(map, "for", OKSE_OPTIONAL, &datasets);
    okse_map_end(map);
    if (role != NULL && !g_strv_contains(roles, role))
        okse_issue(reading->issues, &at, "'role' must be judge or simulator");
    evaluation_add(reading->record, "judges",
                   json_pack("{s:o,s:o,s:o,s:o,s:o,s:i}", "role", evaluation_text(role), "name", evaluation_text(name),
                             "version", evaluation_text(version), "location", evaluation_text(location), "for",
                             read_datasets(reading, datasets), "line", (int)at.line));
}

static void check_unit(const Reading *reading, const OkseNode *row, const EvaluationScore *score)
{
    double top = g_strcmp0(score->unit, "percent") == 0 ? 100 : 1;
    OksePlace at = okse_node_place(row);

    if (score->unit != NULL && (score->value < 0 || score->value > top))
        okse_issue(reading->issues, &at, "'mean' is no %s: it must be from 0 to %g", score->unit, top);
    if (score->stdev < 0)
        okse_issue(reading->issues, &at, "'stdev' must not be negative");
}

/* low and high of `interval`. */
static void take_interval(const Reading *reading, OkseMap *map, EvaluationScore *score)
{
    const OkseNode *list = NULL;
    OksePlace at;

    if (!okse_map_take_list(map, "interval", OKSE_OPTIONAL, &list))
        return;
    at = okse_node_place(list);
    if (okse_node_count(list) != 2 || !evaluation_node_number(okse_node_item(list, 0), &score->low) ||
        !evaluation_node_number(okse_node_item(list, 1), &score->high) || score->low > score->high)
        okse_issue(reading->issues, &at, "'interval' must be two numbers, the lower one first");
}

static void read_result(const Reading *reading, const OkseNode *row)
{
    static const char *const units[] = {"percent", "fraction", NULL};
    OkseMap *map = okse_map_open(row, "result", reading->issues);
    EvaluationScore score = {.dataset = take_word(reading, map, "dataset", OKSE_REQUIRED),
                             .revision = take_word(reading, map, "revision", OKSE_REQUIRED),
                             .metric = take_word(reading, map, "metric", OKSE_REQUIRED),
                             .unit = take_word(reading, map, "unit", OKSE_OPTIONAL),
                             .value = take_number(reading, map, "mean", OKSE_REQUIRED),
                             .stdev = take_number(reading, map, "stdev", OKSE_OPTIONAL),
                             .low = NAN,
                             .high = NAN,
                             .line = okse_node_place(row).line};
    OksePlace at = okse_node_place(row);
    guint64 runs = 0;

    if (okse_map_take_unsigned(map, "runs", OKSE_REQUIRED, &runs) && (runs == 0 || runs > G_MAXINT32))
        okse_issue(reading->issues, &at, "'runs' must be a number of runs");
    score.runs = (gint64)MIN(runs, G_MAXINT32);
    take_interval(reading, map, &score);
    okse_map_end(map);
    if (score.unit != NULL && !g_strv_contains(units, score.unit)) {
        okse_issue(reading->issues, &at, "'unit' must be percent or fraction");
        score.unit = NULL;
    }
    check_unit(reading, row, &score);
    if (score.dataset != NULL && isfinite(score.value))
        evaluation_add(reading->record, "scores", evaluation_score(&score));
}

static void read_claim(const Reading *reading, const OkseNode *row)
{
    OkseMap *map = okse_map_open(row, "index", reading->issues);
    const char *name = take_word(reading, map, "name", OKSE_REQUIRED);
    const char *version = take_word(reading, map, "version", OKSE_OPTIONAL);
    double value = take_number(reading, map, "value", OKSE_REQUIRED);

    okse_map_end(map);
    if (name != NULL && isfinite(value))
        evaluation_add(reading->record, "indices",
                       json_pack("{s:o,s:o,s:o,s:i}", "name", evaluation_text(name), "version",
                                 evaluation_text(version), "value", evaluation_number(value), "line",
                                 (int)okse_node_place(row).line));
}

static void read_list(const Reading *reading, OkseMap *map, const char *key, OksePresence presence,
                      void (*read)(const Reading *reading, const OkseNode *row))
{
    const OkseNode *list = NULL;

    if (okse_map_take_list(map, key, presence, &list))
        for (unsigned i = 0; i < okse_node_count(list) && i <= OKSE_LIMIT_EVALUATION_ROWS; i++)
            read(reading, okse_node_item(list, i));
}

static void read_head(const Reading *reading, OkseMap *map)
{
    const char *version = take_word(reading, map, "okse", OKSE_REQUIRED);
    const OkseNode *harness = NULL, *sampling = NULL;

    if (version != NULL && strcmp(version, "evaluation/v1") != 0)
        okse_issue(reading->issues, NULL, "'okse' must be evaluation/v1");
    json_object_set_new(reading->record, "title", evaluation_text(take_word(reading, map, "title", OKSE_OPTIONAL)));
    json_object_set_new(reading->record, "date", evaluation_text(take_word(reading, map, "date", OKSE_OPTIONAL)));
    if (okse_map_take_map(map, "harness", OKSE_REQUIRED, &harness))
        read_harness(reading, harness);
    if (okse_map_take_map(map, "sampling", OKSE_OPTIONAL, &sampling))
        read_sampling(reading, sampling);
}

/* Issues are lines "ORIGIN:LINE:COLUMN: TEXT". */
static void add_faults(const Reading *reading, const char *origin)
{
    for (unsigned i = 0; i < okse_issues_count(reading->issues); i++) {
        const char *text = okse_issues_get(reading->issues, i), *behind = text + strlen(origin);
        bool placed = g_str_has_prefix(text, origin) && *behind == ':';

        evaluation_fault(reading->record, placed ? (unsigned)g_ascii_strtoull(behind + 1, NULL, 10) : 0, "%s", text);
    }
}

json_t *evaluation_read_own(const OkseYaml *yaml, const char *path)
{
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const Reading reading = {evaluation_new("okse"), issues};
    OkseMap *map = okse_map_open(okse_yaml_root(yaml), "an evaluation record", issues);

    read_head(&reading, map);
    read_list(&reading, map, "subjects", OKSE_REQUIRED, read_subject);
    read_list(&reading, map, "judges", OKSE_OPTIONAL, read_judge);
    read_list(&reading, map, "results", OKSE_REQUIRED, read_result);
    read_list(&reading, map, "indices", OKSE_OPTIONAL, read_claim);
    read_list(&reading, map, "outputs", OKSE_OPTIONAL, read_output);
    okse_map_end(map);
    add_faults(&reading, path);
    return reading.record;
}
