#include "audit/evaluate_tasks.h"

#include "core/fd.h"
#include "core/json.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define TASKS_A_FILE 64u

static int compare_controls(gconstpointer a, gconstpointer b, gpointer tasks)
{
    const OkseTask *first = &((const OkseTask *)tasks)[*(const guint *)a];
    const OkseTask *second = &((const OkseTask *)tasks)[*(const guint *)b];
    int order = g_strcmp0(first->control->id, second->control->id);

    return order != 0 ? order : (*(const guint *)a > *(const guint *)b) - (*(const guint *)a < *(const guint *)b);
}

/* All that its result is a function of. */
static char *key_of(const OkseTask *task)
{
    g_autoptr(GBytes) parameters = okse_json_write(task->parameters);

    return g_strdup_printf("%p\n%s\n%s\n%.*s", (const void *)task->control,
                           okse_control_reads_country(task->control) ? task->country : "",
                           task->at != NULL ? task->at : "", (int)g_bytes_get_size(parameters),
                           (const char *)g_bytes_get_data(parameters, NULL));
}

GArray *okse_tasks_different(const OkseTask *tasks, unsigned count, guint *numbers)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint));
    GArray *firsts = g_array_new(FALSE, FALSE, sizeof(guint));

    for (guint i = 0; i < count; i++)
        g_array_append_val(order, i);
    g_array_sort_with_data(order, compare_controls, (gpointer)(uintptr_t)tasks);
    for (guint k = 0; k < count; k++) {
        guint i = g_array_index(order, guint, k);
        char *key = key_of(&tasks[i]);
        guint number = GPOINTER_TO_UINT(g_hash_table_lookup(known, key));

        if (number == 0) {
            g_array_append_val(firsts, i);
            number = firsts->len;
            g_hash_table_insert(known, g_steal_pointer(&key), GUINT_TO_POINTER(number));
        }
        numbers[i] = number - 1;
        g_free(key);
    }
    return firsts;
}

static bool write_file(const char *directory, unsigned number, const char *suffix, GBytes *bytes, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%03u.%s", directory, number, suffix);

    return okse_write_path(path, bytes, error);
}

static bool write_row(const OkseTask *tasks, unsigned count, const char *directory, unsigned number, GError **error)
{
    char *text = okse_evaluate_program(tasks, count);
    g_autoptr(GBytes) program = g_bytes_new_take(text, strlen(text));
    g_autoptr(json_t) arguments = okse_evaluate_arguments(tasks, count);
    g_autoptr(GBytes) written = okse_json_write(arguments);

    return write_file(directory, number, "jq", program, error) && write_file(directory, number, "json", written, error);
}

bool okse_tasks_write(const OkseTask *tasks, unsigned count, const char *directory, GError **error)
{
    g_autofree guint *numbers = g_new(guint, count + 1);
    g_autoptr(GArray) firsts = okse_tasks_different(tasks, count, numbers);
    g_autoptr(GArray) row = g_array_new(FALSE, FALSE, sizeof(OkseTask));
    unsigned written = 0;

    if (mkdir(directory, 0777) < 0) {
        if (errno == EEXIST)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s is there already: programs go into a new directory",
                             directory);
        return okse_fail_errno(error, "make %s", directory);
    }
    for (guint i = 0; i < firsts->len; i++) {
        g_array_append_val(row, tasks[g_array_index(firsts, guint, i)]);
        if (row->len < TASKS_A_FILE && i + 1 < firsts->len)
            continue;
        if (!write_row((const OkseTask *)(void *)row->data, row->len, directory, ++written, error))
            return false;
        g_array_set_size(row, 0);
    }
    return true;
}
