/* Which of the four forms a file has, and what their readers share. */
#include "packager/evaluation_internal.h"

#include "core/text.h"
#include "packager/front_matter.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define HUB_DIRECTORY ".eval_results/"

json_t *evaluation_new(const char *format)
{
    return json_pack("{s:s,s:n,s:n,s:n,s:{},s:[],s:[],s:[],s:[],s:[],s:[]}", "format", format, "title", "date",
                     "harness", "sampling", "subjects", "judges", "scores", "indices", "outputs", "faults");
}

json_t *evaluation_text(const char *text)
{
    g_autofree char *shown = text == NULL ? NULL : okse_text_show(text, -1, false);
    const char *end = NULL;

    if (shown == NULL || *g_strstrip(shown) == '\0')
        return json_null();
    if (strlen(shown) > OKSE_LIMIT_EVALUATION_TEXT) {
        g_utf8_validate(shown, OKSE_LIMIT_EVALUATION_TEXT, &end); /* ends between two characters */
        shown[end - shown] = '\0';
    }
    return json_string(shown);
}

json_t *evaluation_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

const char *evaluation_node_text(const OkseNode *node)
{
    return node != NULL && okse_node_kind(node) != OKSE_NODE_NULL ? okse_node_text(node) : NULL;
}

bool evaluation_node_number(const OkseNode *node, double *value)
{
    const char *text = evaluation_node_text(node);
    char *end = NULL;
    double number = text != NULL && *text != '\0' ? g_ascii_strtod(text, &end) : NAN;

    if (end == NULL || *end != '\0' || !isfinite(number))
        return false;
    *value = number;
    return true;
}

void evaluation_fault(json_t *record, unsigned line, const char *format, ...)
{
    json_t *faults = json_object_get(record, "faults");
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    if (json_array_size(faults) < OKSE_LIMIT_EVALUATION_ROWS)
        json_array_append_new(faults, json_pack("{s:o,s:i}", "text", evaluation_text(text), "line", (int)line));
}

void evaluation_add(json_t *record, const char *list, json_t *row)
{
    json_t *rows = json_object_get(record, list);

    if (json_array_size(rows) < OKSE_LIMIT_EVALUATION_ROWS) {
        json_array_append_new(rows, row);
        return;
    }
    json_decref(row);
    if (json_object_get(record, "cut") == NULL)
        evaluation_fault(record, 0, "more than %u %s; the rest was not read", OKSE_LIMIT_EVALUATION_ROWS, list);
    json_object_set_new(record, "cut", json_true());
}

json_t *evaluation_score(const EvaluationScore *score)
{
    json_t *row =
        json_pack("{s:o,s:o,s:o,s:s?,s:o,s:o,s:o,s:o,s:i}", "dataset", evaluation_text(score->dataset), "revision",
                  evaluation_text(score->revision), "metric", evaluation_text(score->metric), "unit", score->unit,
                  "value", evaluation_number(score->value), "stdev", evaluation_number(score->stdev), "low",
                  evaluation_number(score->low), "high", evaluation_number(score->high), "line", (int)score->line);

    json_object_set_new(row, "runs", score->runs > 0 ? json_integer(score->runs) : json_null());
    return row;
}

static bool is_yaml(const char *path)
{
    return g_str_has_suffix(path, ".yaml") || g_str_has_suffix(path, ".yml");
}

static bool is_hub(const char *path)
{
    const char *directory = strstr(path, HUB_DIRECTORY);

    return is_yaml(path) && directory != NULL && (directory == path || directory[-1] == '/');
}

bool okse_evaluation_is_candidate(const char *kind, const char *path)
{
    if (strcmp(kind, "weights") == 0)
        return is_hub(path) || (strchr(path, '/') == NULL && okse_front_matter_is_card(path));
    if (strcmp(kind, "compliance") != 0 && strcmp(kind, "evaluation") != 0)
        return false;
    return is_yaml(path) || g_str_has_suffix(path, ".json") || okse_front_matter_is_card(path);
}

/* A record of this format of which nothing can be read. */
static json_t *unreadable(const char *format, const GError *cause)
{
    json_t *record = evaluation_new(format);

    evaluation_fault(record, 0, "%s", cause->message);
    return record;
}

static json_t *read_card(GBytes *bytes)
{
    bool open;
    g_autoptr(GBytes) block = okse_front_matter(bytes, &open);
    g_autoptr(OkseYaml) yaml = block == NULL ? NULL : okse_yaml_read_foreign(block, "front matter", NULL);
    const OkseNode *index =
        yaml == NULL || okse_yaml_documents(yaml) == 0 ? NULL : okse_node_get(okse_yaml_root(yaml), "model-index");

    /* what is wrong with the card as a whole is told where its license is read */
    return index == NULL ? NULL : evaluation_read_index(index, 1);
}

/* Does it say of itself, however broken the rest is, that it is one of ours? */
static bool claims_to_be_ours(GBytes *bytes)
{
    g_autofree char *text = okse_text_of_bytes(bytes);

    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
        if (strncmp(at, "okse:", 5) == 0)
            return strncmp(at + 5 + strspn(at + 5, " \t\"'"), "evaluation/", 11) == 0;
    return false;
}

static json_t *read_yaml(const char *path, GBytes *bytes)
{
    bool ours = claims_to_be_ours(bytes), hub = is_hub(path);
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseYaml) yaml = NULL;

    if (!ours && !hub)
        return NULL;
    yaml = ours ? okse_yaml_read(bytes, path, &cause) : okse_yaml_read_foreign(bytes, path, &cause);
    if (yaml == NULL)
        return unreadable(ours ? "okse" : "hub", cause);
    if (ours)
        return evaluation_read_own(yaml, path);
    return okse_yaml_documents(yaml) == 0 ? evaluation_new("hub") : evaluation_read_hub(okse_yaml_root(yaml));
}

/* By its contents, and by the name that the harness gives its files when the contents say nothing any more. */
static json_t *read_json(const char *path, GBytes *bytes)
{
    g_autofree char *base = g_path_get_basename(path);
    g_autoptr(GError) cause = NULL;
    g_autoptr(json_t) json = okse_json_read(bytes, OKSE_LIMIT_EVALUATION, path, &cause);

    if (json == NULL)
        return g_str_has_prefix(base, "results") ? unreadable("lm-eval", cause) : NULL;
    if (!json_is_object(json_object_get(json, "results")) || !json_is_object(json_object_get(json, "versions")))
        return NULL;
    return evaluation_read_harness(json);
}

json_t *okse_evaluation_read(const char *path, GBytes *bytes)
{
    json_t *record = okse_front_matter_is_card(path)   ? read_card(bytes)
                     : g_str_has_suffix(path, ".json") ? read_json(path, bytes)
                     : is_yaml(path)                   ? read_yaml(path, bytes)
                                                       : NULL;

    if (record != NULL)
        json_object_del(record, "cut");
    return record;
}
