/* What is wrong with the parts, for people and as data. */
#include "core/text.h"
#include "packager/volumes_internal.h"

static void append_runs(GString *text, const char *what, const GArray *runs)
{
    for (guint i = 0; i < runs->len; i++) {
        const BlockRun *run = &g_array_index(runs, BlockRun, i);

        if (i == 0)
            g_string_append_printf(text, "%s%s%s ", text->len > 0 ? "; " : "", what,
                                   runs->len > 1 || run->count > 1 ? "s" : "");
        else
            g_string_append(text, ", ");
        g_string_append_printf(text, "%" G_GUINT64_FORMAT, run->first);
        if (run->count > 1)
            g_string_append_printf(text, "-%" G_GUINT64_FORMAT, run->first + run->count - 1);
    }
}

static bool is_file_whole(const VolumeFile *file)
{
    return file->faults->len == 0 && file->damaged->len == 0 && file->unreadable->len == 0;
}

static char *file_words(const VolumeFile *file)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < file->faults->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "; " : "", (const char *)g_ptr_array_index(file->faults, i));
    append_runs(text, "damaged block", file->damaged);
    append_runs(text, "unreadable block", file->unreadable);
    if (file->dead != 0)
        g_string_append_printf(text, " (given up: %s)", g_strerror(file->dead));
    return g_string_free(text, FALSE);
}

/* Whoever filled a medium gave its files their names: a line stays one. */
static void add_line(GPtrArray *lines, const char *path, const char *before, const char *after)
{
    g_autofree char *shown = okse_text_show(path, -1, false);

    g_ptr_array_add(lines, g_strconcat(before, shown, after, NULL));
}

static void add_volume(OkseVolumes *volumes, unsigned index, OkseVolumesView view, GPtrArray *lines)
{
    const GPtrArray *files = volumes->files[index];
    g_autofree char *words = okse_volume_words(volumes->set, &volumes->set->volumes[index]);
    g_autofree char *name = okse_volume_name(volumes->set, &volumes->set->volumes[index]);

    if (files->len == 0 && view == OKSE_VOLUMES_AS_SET)
        g_ptr_array_add(lines, g_strdup_printf("%s (%s) is missing", words, name));
    for (guint i = 0; i < files->len; i++) {
        const VolumeFile *file = g_ptr_array_index(files, i);
        g_autofree char *what = is_file_whole(file) ? NULL : file_words(file);

        if (what != NULL && (file->named || view == OKSE_VOLUMES_AS_SET)) {
            g_autofree char *before = g_strconcat(words, ", ", NULL), *after = g_strconcat(": ", what, NULL);

            add_line(lines, file->path, before, after);
        }
    }
}

GPtrArray *okse_volumes_faults(OkseVolumes *volumes, OkseVolumesView view)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

    g_mutex_lock(&volumes->lock);
    for (unsigned i = 0; i < volumes->set->data + volumes->set->parity; i++)
        add_volume(volumes, i, view, lines);
    for (guint i = 0; i < volumes->strangers->len; i++) {
        g_autofree char *after = g_strconcat(" ", (const char *)g_ptr_array_index(volumes->strangers, i), NULL);

        add_line(lines, g_ptr_array_index(volumes->stranger_paths, i), "", after);
    }
    g_mutex_unlock(&volumes->lock);
    return lines;
}

static json_t *runs_json(const GArray *runs)
{
    json_t *list = json_array();

    for (guint i = 0; i < runs->len; i++) {
        const BlockRun *run = &g_array_index(runs, BlockRun, i);

        json_array_append_new(list, json_pack("[I,I]", (json_int_t)run->first, (json_int_t)run->count));
    }
    return list;
}

static json_t *text_json(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    return json_string(valid);
}

static json_t *file_json(const char *words, const VolumeFile *file)
{
    json_t *faults = json_array();

    for (guint i = 0; i < file->faults->len; i++)
        json_array_append_new(faults, text_json(g_ptr_array_index(file->faults, i)));
    return json_pack("{s:s,s:o,s:s,s:o,s:o,s:o}", "part", words, "path", text_json(file->path), "state",
                     is_file_whole(file) ? "whole"
                     : file->dead != 0   ? "unreadable"
                                         : "damaged",
                     "faults", faults, "damaged", runs_json(file->damaged), "unreadable", runs_json(file->unreadable));
}

static void add_volume_json(OkseVolumes *volumes, unsigned index, OkseVolumesView view, json_t *parts)
{
    g_autofree char *words = okse_volume_words(volumes->set, &volumes->set->volumes[index]);
    const GPtrArray *files = volumes->files[index];

    if (files->len == 0 && view == OKSE_VOLUMES_AS_SET)
        json_array_append_new(parts, json_pack("{s:s,s:s}", "part", words, "state", "missing"));
    for (guint i = 0; i < files->len; i++) {
        const VolumeFile *file = g_ptr_array_index(files, i);

        if (view == OKSE_VOLUMES_AS_SET ? !is_file_whole(file) : file->named)
            json_array_append_new(parts, file_json(words, file));
    }
}

json_t *okse_volumes_json(OkseVolumes *volumes, OkseVolumesView view)
{
    json_t *parts = json_array(), *strangers = json_array();

    g_mutex_lock(&volumes->lock);
    for (unsigned i = 0; i < volumes->set->data + volumes->set->parity; i++)
        add_volume_json(volumes, i, view, parts);
    for (guint i = 0; i < volumes->strangers->len; i++)
        json_array_append_new(strangers,
                              json_pack("{s:o,s:o}", "path", text_json(g_ptr_array_index(volumes->stranger_paths, i)),
                                        "reason", text_json(g_ptr_array_index(volumes->strangers, i))));
    g_mutex_unlock(&volumes->lock);
    return json_pack("{s:o,s:o}", "parts", parts, "strangers", strangers);
}

uint64_t okse_volumes_repaired(OkseVolumes *volumes)
{
    return volumes->repaired;
}

bool okse_volumes_suffice(const OkseVolumes *volumes, GError **error)
{
    const OkseVolumeSet *set = volumes->set;

    for (unsigned group = 0; group < set->groups; group++) {
        unsigned data = okse_volume_group_count(set, OKSE_VOLUME_DATA, group);
        unsigned parity = okse_volume_group_count(set, OKSE_VOLUME_PARITY, group), missing = 0, spare = 0;
        g_autoptr(GString) list = g_string_new(NULL);

        for (unsigned i = 0; i < data + parity; i++) {
            const OkseVolume *volume = okse_volume_group_member(set, i < data ? OKSE_VOLUME_DATA : OKSE_VOLUME_PARITY,
                                                                group, i < data ? i : i - data);
            bool there = volumes->files[volume - set->volumes]->len > 0;
            g_autofree char *words = there ? NULL : okse_volume_words(set, volume);

            missing += i < data && !there ? 1 : 0;
            spare += i >= data && there ? 1 : 0;
            if (!there)
                g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", words);
        }
        if (missing > spare)
            return okse_fail(error, OKSE_ERROR_REFUSED,
                             "%s %s missing, and %u parity part%s here: bring the missing ones, or more parity parts",
                             list->str, missing == 1 && spare == parity ? "is" : "are", spare,
                             spare == 1 ? " is" : "s are");
    }
    return true;
}
