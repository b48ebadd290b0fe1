/* Tasks that are equal are one; what is left is evaluated over documents in which one fact stands for all that the
 * control cannot tell from it. A task that fails there is asked again over all facts, so that it fails as it would. */
#include "audit/evaluate.h"

#include "audit/evaluate_tasks.h"
#include "audit/fact_classes.h"
#include "core/json.h"

typedef struct {
    const json_t *facts;
    const OkseEvaluateLimits *limits;
    GArray *small, *whole;       /* OkseTask over documents of their own, over the facts */
    GPtrArray *views;            /* OkseTaskView, one for each of `small` */
    GArray *small_of, *whole_of; /* guint: which of the different tasks they are */
    json_t *documents;           /* of `small` */
    json_t **results;            /* of the different tasks */
} Alike;

static void add_whole(Alike *alike, const OkseTask *task, guint number)
{
    g_array_append_val(alike->whole, *task);
    g_array_append_val(alike->whole_of, number);
}

/* again: the task before it was of this view, too. */
static void add_small(Alike *alike, OkseControlView *view, OkseTask task, guint number, bool again)
{
    json_t *document;

    g_ptr_array_add(alike->views, okse_task_view_new(view, &task, &document));
    if (!again || !okse_control_view_is_decided(view))
        json_array_append(alike->documents, document);
    json_decref(document);
    task.document = (unsigned)json_array_size(alike->documents);
    g_array_append_val(alike->small, task);
    g_array_append_val(alike->small_of, number);
}

static bool ask_small(Alike *alike, GError **error)
{
    g_autoptr(json_t) results = okse_evaluate_plain(alike->documents, (const OkseTask *)(void *)alike->small->data,
                                                    alike->small->len, alike->limits, error);

    for (guint i = 0; results != NULL && i < alike->small->len; i++) {
        OkseTask task = g_array_index(alike->small, OkseTask, i);
        guint number = g_array_index(alike->small_of, guint, i);
        const json_t *result = json_array_get(results, i);

        task.document = 0;
        if (json_object_get(result, "error") != NULL)
            add_whole(alike, &task, number);
        else
            alike->results[number] = okse_task_view_result(g_ptr_array_index(alike->views, i), result);
    }
    return results != NULL;
}

static bool ask_whole(Alike *alike, GError **error)
{
    g_autoptr(json_t) results = NULL;

    if (alike->whole->len == 0)
        return true;
    results = okse_evaluate_plain(alike->facts, (const OkseTask *)(void *)alike->whole->data, alike->whole->len,
                                  alike->limits, error);
    for (guint i = 0; results != NULL && i < alike->whole->len; i++)
        alike->results[g_array_index(alike->whole_of, guint, i)] = json_incref(json_array_get(results, i));
    return results != NULL;
}

static void view_free(gpointer data)
{
    okse_task_view_free(data);
}

static bool evaluate(Alike *alike, const OkseTask *tasks, const GArray *firsts, GError **error)
{
    g_autoptr(OkseFactClasses) classes = okse_fact_classes_new(alike->facts);
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func((GDestroyNotify)okse_control_reads_free);
    g_autoptr(GPtrArray) views = g_ptr_array_new_with_free_func((GDestroyNotify)okse_control_view_free);
    const OkseControl *control = NULL;
    OkseControlReads *reads = NULL;
    OkseControlView *view = NULL;
    bool done;

    alike->views = g_ptr_array_new_with_free_func(view_free);
    for (guint i = 0; i < firsts->len; i++) {
        const OkseTask *task = &tasks[g_array_index(firsts, guint, i)];
        bool again = task->control == control;

        if (!again) {
            control = task->control;
            reads = okse_control_reads(control);
            g_ptr_array_add(kept, reads);
            view = reads->plain ? NULL : okse_control_view_new(classes, reads);
            if (view != NULL)
                g_ptr_array_add(views, view);
        }
        if (view != NULL)
            add_small(alike, view, *task, i, again);
        else
            add_whole(alike, task, i);
    }
    done = ask_small(alike, error) && ask_whole(alike, error);
    g_ptr_array_unref(alike->views);
    return done;
}

/* A list of documents belongs to tests of controls: each is small, and asked once. */
json_t *okse_evaluate(const json_t *facts, const OkseTask *tasks, unsigned count, const OkseEvaluateLimits *limits,
                      GError **error)
{
    g_autofree guint *numbers = g_new(guint, count + 1);
    g_autoptr(GArray) firsts = NULL, small = NULL, whole = NULL, small_of = NULL, whole_of = NULL;
    g_autoptr(json_t) documents = json_array();
    g_autofree json_t **results = NULL;
    json_t *list = NULL;

    if (count > 0 && tasks[0].document > 0)
        return okse_evaluate_plain(facts, tasks, count, limits, error);
    firsts = okse_tasks_different(tasks, count, numbers);
    small = g_array_new(FALSE, FALSE, sizeof(OkseTask));
    whole = g_array_new(FALSE, FALSE, sizeof(OkseTask));
    small_of = g_array_new(FALSE, FALSE, sizeof(guint));
    whole_of = g_array_new(FALSE, FALSE, sizeof(guint));
    results = g_new0(json_t *, firsts->len + 1);
    {
        Alike alike = {facts, limits, small, whole, NULL, small_of, whole_of, documents, results};

        if (evaluate(&alike, tasks, firsts, error)) {
            list = json_array();
            for (unsigned i = 0; i < count; i++)
                json_array_append(list, results[numbers[i]]);
        }
    }
    for (guint i = 0; i < firsts->len; i++)
        json_decref(results[i]);
    return list;
}
