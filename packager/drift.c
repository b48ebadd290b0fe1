/* Walk what is there, look each thing up in what must be there, hash the files in parallel. */
#include "packager/drift.h"

#include "core/fd.h"
#include "core/worker.h"
#include "packager/drift_compare.h"

#include <string.h>

static void drift_free(gpointer data)
{
    OkseDrift *drift = data;

    g_free(drift->component);
    g_free(drift->path);
    g_free(drift->expected);
    g_free(drift->actual);
    g_free(drift);
}

void okse_drift_report_free(OkseDriftReport *report)
{
    if (report == NULL)
        return;
    okse_records_free(report->records);
    g_ptr_array_unref(report->drift);
    g_ptr_array_unref(report->unreadable);
    g_free(report);
}

bool okse_drift_complete(const OkseDriftReport *report)
{
    return report->unreadable->len == 0 && report->records->fault == NULL;
}

bool okse_drift_clean(const OkseDriftReport *report)
{
    return okse_drift_complete(report) && report->drift->len == 0;
}

bool okse_drift_damaged(const OkseDriftReport *report)
{
    return report->drift->len > 0 || report->records->damaged;
}

const char *okse_drift_name(OkseDriftStatus status)
{
    static const char *const names[] = {"changed", "missing", "added", "mode", "type"};

    return names[status];
}

char *okse_drift_summary(const OkseDriftReport *report)
{
    g_autoptr(GString) text = g_string_new(NULL);
    unsigned counts[OKSE_DRIFT_TYPE + 1] = {0};

    for (guint i = 0; i < report->drift->len; i++)
        counts[((OkseDrift *)g_ptr_array_index(report->drift, i))->status]++;
    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++)
        if (counts[i] > 0)
            g_string_append_printf(text, "%s%u %s", text->len > 0 ? ", " : "", counts[i],
                                   okse_drift_name((OkseDriftStatus)i));
    if (report->unreadable->len > 0)
        g_string_append_printf(text, "%s%u unreadable", text->len > 0 ? ", " : "", report->unreadable->len);
    if (report->records->fault != NULL)
        g_string_append_printf(text, "%sits records %s", text->len > 0 ? ", " : "",
                               report->records->damaged ? "are damaged" : "could not be read");
    if (text->len == 0)
        g_string_append(text, "none");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static int drift_compare(gconstpointer a, gconstpointer b)
{
    const OkseDrift *one = *(const OkseDrift *const *)a, *other = *(const OkseDrift *const *)b;
    int order = strcmp(one->component, other->component);

    if (order == 0)
        order = strcmp(one->path, other->path);
    return order != 0 ? order : (int)one->status - (int)other->status;
}

static int text_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in the generation's own directory: one for each component, and the records. */
static bool top_check(int generation_fd, const OkseDriftReport *report, GHashTable *present)
{
    g_autoptr(GPtrArray) names = okse_directory_list(generation_fd, ".");

    if (names == NULL) {
        g_ptr_array_add(report->unreadable, g_strdup("."));
        return false;
    }
    for (guint i = 0; i < names->len; i++)
        g_hash_table_add(present, g_strdup(g_ptr_array_index(names, i)));
    return true;
}

static void top_added(const OkseDriftReport *report, GHashTable *present)
{
    GHashTableIter iterator;
    gpointer name;

    g_hash_table_remove(present, OKSE_RECORDS);
    for (guint i = 0; report->records->parts != NULL && i < report->records->parts->len; i++)
        g_hash_table_remove(present, ((OksePart *)g_ptr_array_index(report->records->parts, i))->name);
    if (report->records->parts == NULL)
        return; /* who belongs here is not known */
    g_hash_table_iter_init(&iterator, present);
    while (g_hash_table_iter_next(&iterator, &name, NULL))
        okse_drift_add(report->drift, "", name, OKSE_DRIFT_ADDED, NULL, NULL);
}

static bool parts_check(int generation_fd, OkseDriftReport *report, const OkseDriftTerms *terms, GError **error)
{
    OkseRecords *records = report->records;

    if (!okse_drift_tree(generation_fd, OKSE_RECORDS, records->own, terms, report, error))
        return false;
    for (guint i = 0; records->parts != NULL && i < records->parts->len; i++) {
        const OksePart *part = g_ptr_array_index(records->parts, i);

        if (part->tree == NULL)
            g_ptr_array_add(report->unreadable, g_strdup(part->name));
        else if (!okse_drift_tree(generation_fd, part->name, part->tree, terms, report, error))
            return false;
    }
    return true;
}

/* Whether something was added is not known while the records are not: they may name it. */
static void hide_added(const OkseDriftReport *report)
{
    for (guint i = report->drift->len; report->records->unread && i > 0; i--) {
        const OkseDrift *drift = g_ptr_array_index(report->drift, i - 1);

        if (drift->status != OKSE_DRIFT_ADDED)
            continue;
        g_ptr_array_add(report->unreadable, *drift->component == '\0'
                                                ? g_strdup(drift->path)
                                                : g_strconcat(drift->component, "/", drift->path, NULL));
        g_ptr_array_remove_index(report->drift, i - 1);
    }
}

OkseDriftReport *okse_drift_check(int generation_fd, const char *name, const OkseSha256 *identity, unsigned threads,
                                  OkseProgress *progress, GError **error)
{
    g_autoptr(GHashTable) present = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(OkseDriftReport) report = g_new0(OkseDriftReport, 1);
    const OkseDriftTerms terms = {threads, progress};

    report->drift = g_ptr_array_new_with_free_func(drift_free);
    report->unreadable = g_ptr_array_new_with_free_func(g_free);
    report->records = okse_records_read(generation_fd, name, identity);
    if (top_check(generation_fd, report, present))
        top_added(report, present);
    if (!parts_check(generation_fd, report, &terms, error))
        return NULL;
    hide_added(report);
    g_ptr_array_sort(report->drift, drift_compare);
    g_ptr_array_sort(report->unreadable, text_compare);
    return g_steal_pointer(&report);
}
