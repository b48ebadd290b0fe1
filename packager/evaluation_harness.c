/* Results of lm-evaluation-harness. Source: EleutherAI/lm-evaluation-harness, lm_eval/loggers/evaluation_tracker.py:
 * results: {TASK: {"METRIC,FILTER": number, "METRIC_stderr,FILTER": number, "alias": …}}. */
#include "packager/evaluation_internal.h"

#include <math.h>
#include <string.h>

#define DEVIATION "_stderr"

/* Metrics that are shares of right answers, so that 0.8 means 80 %. */
static bool is_share(const char *metric, double value)
{
    static const char *const shares[] = {"acc", "exact_match", "pass",         "f1",
                                         "mc1", "mc2",         "prompt_level", "inst_level"};

    for (unsigned i = 0; value >= 0 && value <= 1 && i < G_N_ELEMENTS(shares); i++)
        if (g_str_has_prefix(metric, shares[i]))
            return true;
    return false;
}

static const char *revision_of(const json_t *results, const char *task)
{
    const json_t *config = json_object_get(json_object_get(results, "configs"), task);

    return okse_json_peek_text(json_object_get(config, "dataset_kwargs"), "revision");
}

static bool is_deviation(const char *key)
{
    const char *found = strstr(key, DEVIATION);

    return found != NULL && (found[strlen(DEVIATION)] == ',' || found[strlen(DEVIATION)] == '\0');
}

static void read_task(json_t *record, const json_t *results, const char *task, json_t *measured)
{
    const char *key;
    json_t *value;

    json_object_foreach(measured, key, value)
    {
        g_autofree char *metric = g_strndup(key, strcspn(key, ","));
        bool share = json_is_number(value) && is_share(metric, json_number_value(value));
        const EvaluationScore score = {.dataset = task,
                                       .revision = revision_of(results, task),
                                       .metric = key,
                                       .unit = share ? "fraction" : NULL,
                                       .value = json_number_value(value),
                                       .stdev = NAN, /* what stands there is the error of the mean */
                                       .low = NAN,
                                       .high = NAN};

        if (json_is_number(value) && !is_deviation(key) && strcmp(key, "sample_len") != 0)
            evaluation_add(record, "scores", evaluation_score(&score));
    }
}

/* Numbers and texts of `config` that decide what the model says. */
static void read_sampling(json_t *record, const json_t *config)
{
    static const char *const keys[] = {"model",       "model_args", "gen_kwargs",   "limit",
                                       "random_seed", "numpy_seed", "fewshot_seed", "torch_seed"};
    json_t *sampling = json_object_get(record, "sampling");

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        const json_t *value = json_object_get(config, keys[i]);
        g_autofree char *number =
            json_is_number(value) ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;
        const char *text = json_is_string(value) ? json_string_value(value) : number;

        if (text != NULL && *text != '\0')
            json_object_set_new(sampling, keys[i], evaluation_text(text));
    }
}

json_t *evaluation_read_harness(const json_t *results)
{
    json_t *record = evaluation_new("lm-eval"), *measured;
    const char *version = okse_json_peek_text(results, "lm_eval_version"), *task;

    json_object_set_new(record, "title", evaluation_text(okse_json_peek_text(results, "model_name")));
    json_object_set_new(record, "harness",
                        json_pack("{s:s,s:o,s:o}", "name", "lm-evaluation-harness", "version", evaluation_text(version),
                                  "commit", evaluation_text(okse_json_peek_text(results, "git_hash"))));
    read_sampling(record, json_object_get(results, "config"));
    json_object_foreach(json_object_get(results, "results"), task, measured) if (json_is_object(measured))
        read_task(record, results, task, measured);
    if (json_array_size(json_object_get(record, "scores")) == 0)
        evaluation_fault(record, 0, "has no number in its results");
    return record;
}
