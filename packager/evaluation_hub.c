/* What model repositories say of scores. Sources: huggingface/huggingface_hub _eval_results.py
 * (.eval_results/NAME.yaml); hub documentation, model cards, model-index. */
#include "packager/evaluation_internal.h"

#include <math.h>
#include <string.h>

typedef struct {
    json_t *record;
    unsigned first; /* line of the file before the block's own first one */
} Reading;

static unsigned line_of(const Reading *reading, const OkseNode *node)
{
    return okse_node_place(node).line + reading->first;
}

static void read_entry(const Reading *reading, const OkseNode *entry)
{
    const OkseNode *dataset = okse_node_get(entry, "dataset"), *value = okse_node_get(entry, "value");
    const char *id = evaluation_node_text(okse_node_get(dataset, "id"));
    EvaluationScore score = {.dataset = id,
                             .revision = evaluation_node_text(okse_node_get(dataset, "revision")),
                             .metric = evaluation_node_text(okse_node_get(dataset, "task_id")),
                             .stdev = NAN,
                             .low = NAN,
                             .high = NAN,
                             .line = line_of(reading, entry)};

    if (id == NULL || !evaluation_node_number(value, &score.value))
        evaluation_fault(reading->record, score.line, "a result needs dataset.id and a value that is a number");
    else
        evaluation_add(reading->record, "scores", evaluation_score(&score));
}

json_t *evaluation_read_hub(const OkseNode *root)
{
    const Reading reading = {evaluation_new("hub"), 0};

    if (okse_node_kind(root) != OKSE_NODE_LIST)
        evaluation_fault(reading.record, line_of(&reading, root), "must be a list of results");
    for (unsigned i = 0; okse_node_kind(root) == OKSE_NODE_LIST && i < okse_node_count(root); i++)
        read_entry(&reading, okse_node_item(root, i));
    return reading.record;
}

static void read_metrics(const Reading *reading, const OkseNode *dataset, const OkseNode *metrics)
{
    const char *name = evaluation_node_text(okse_node_get(dataset, "name"));
    const char *type = evaluation_node_text(okse_node_get(dataset, "type"));

    for (unsigned i = 0; i < okse_node_count(metrics); i++) {
        const OkseNode *metric = okse_node_item(metrics, i), *value = okse_node_get(metric, "value");
        EvaluationScore score = {.dataset = name != NULL ? name : type,
                                 .revision = evaluation_node_text(okse_node_get(dataset, "revision")),
                                 .metric = evaluation_node_text(okse_node_get(metric, "type")),
                                 .stdev = NAN,
                                 .low = NAN,
                                 .high = NAN,
                                 .line = line_of(reading, metric)};

        if (score.dataset == NULL || !evaluation_node_number(value, &score.value))
            evaluation_fault(reading->record, score.line, "a metric needs its dataset and a value that is a number");
        else
            evaluation_add(reading->record, "scores", evaluation_score(&score));
    }
}

static void read_results(const Reading *reading, const OkseNode *results)
{
    for (unsigned i = 0; i < okse_node_count(results); i++) {
        const OkseNode *result = okse_node_item(results, i), *metrics = okse_node_get(result, "metrics");

        if (metrics != NULL && okse_node_kind(metrics) == OKSE_NODE_LIST)
            read_metrics(reading, okse_node_get(result, "dataset"), metrics);
        else
            evaluation_fault(reading->record, line_of(reading, result), "a result needs a list of metrics");
    }
}

json_t *evaluation_read_index(const OkseNode *index, unsigned first)
{
    const Reading reading = {evaluation_new("model-index"), first};

    if (okse_node_kind(index) != OKSE_NODE_LIST)
        evaluation_fault(reading.record, line_of(&reading, index), "'model-index' must be a list");
    for (unsigned i = 0; okse_node_kind(index) == OKSE_NODE_LIST && i < okse_node_count(index); i++) {
        const OkseNode *model = okse_node_item(index, i), *results = okse_node_get(model, "results");

        if (i == 0)
            json_object_set_new(reading.record, "title",
                                evaluation_text(evaluation_node_text(okse_node_get(model, "name"))));
        if (results != NULL && okse_node_kind(results) == OKSE_NODE_LIST)
            read_results(&reading, results);
        else
            evaluation_fault(reading.record, line_of(&reading, model), "a model needs a list of results");
    }
    return reading.record;
}
