/* The running generation as JSON. */
#include "core/fd.h"
#include "packager/drift.h"
#include "packager/generation.h"
#include "packager/install_root.h"
#include "packager/media_types.h"

#include <string.h>

static json_t *texts_json(const GPtrArray *texts)
{
    json_t *list = json_array();

    for (guint i = 0; i < texts->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(texts, i)));
    return list;
}

static json_t *drift_json(const GPtrArray *drift)
{
    json_t *list = json_array();

    for (guint i = 0; i < drift->len; i++) {
        const OkseDrift *item = g_ptr_array_index(drift, i);
        json_t *value =
            json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "component", item->component, "path", item->path, "status",
                      okse_drift_name(item->status), "expected", item->expected, "actual", item->actual);

        g_assert(value != NULL);
        json_array_append_new(list, value);
    }
    return list;
}

/* What the stack says of the machines of a component. */
static void add_said(json_t *row, const json_t *stack)
{
    static const char *const keys[] = {"supports", "compiled"};
    const json_t *components = json_object_get(stack, "components"), *said;
    size_t i;

    json_array_foreach(components, i, said)
    {
        if (g_strcmp0(okse_json_peek_text(said, "name"), okse_json_peek_text(row, "name")) != 0)
            continue;
        for (size_t k = 0; k < G_N_ELEMENTS(keys); k++)
            if (json_object_get(said, keys[k]) != NULL)
                json_object_set(row, keys[k], json_object_get(said, keys[k]));
    }
}

static json_t *components_json(const GPtrArray *parts, const json_t *stack)
{
    json_t *list = json_array();

    for (guint i = 0; parts != NULL && i < parts->len; i++) {
        const OksePart *part = g_ptr_array_index(parts, i);
        g_autofree char *path = g_strconcat("current/", part->name, NULL);
        json_t *files = part->tree == NULL ? json_null() : json_integer((json_int_t)okse_tree_files(part->tree));
        json_t *size = part->tree == NULL ? json_null() : json_integer((json_int_t)okse_tree_bytes(part->tree));

        json_t *row = json_pack("{s:s, s:s, s:o, s:o, s:s}", "name", part->name, "kind", part->kind, "files", files,
                                "size", size, "path", path);

        add_said(row, stack);
        if (part->model != NULL)
            json_object_set(row, "model", part->model);
        json_array_append_new(list, row);
    }
    return list;
}

static void set_annotation(json_t *value, const char *key, const json_t *index, const char *annotation)
{
    json_t *text = json_object_get(json_object_get(index, "annotations"), annotation);

    json_object_set_new(value, key, json_is_string(text) ? json_incref(text) : json_null());
}

static void set_sequence(json_t *value, const json_t *index)
{
    const char *text = okse_json_peek_text(json_object_get(index, "annotations"), OKSE_NOTE_SEQUENCE);
    guint64 sequence = 0;
    bool known = text != NULL && g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &sequence, NULL);

    json_object_set_new(value, "sequence", known ? json_integer((json_int_t)sequence) : json_null());
}

/* A member of what the stack says, or an empty object. */
static void set_stack(json_t *value, const char *key, const json_t *stack)
{
    json_t *member = json_object_get(stack, key);

    if (stack == NULL)
        json_object_set_new(value, key, json_null());
    else
        json_object_set_new(value, key, json_is_object(member) ? json_incref(member) : json_object());
}

json_t *okse_drift_describe(const OkseDriftReport *report, const char *generation)
{
    const OkseRecords *records = report->records;
    char identity[OKSE_SHA256_TEXT];
    json_t *value = json_pack("{s:s, s:s?, s:b, s:I}", "generation", generation, "identity",
                              records->has_identity ? okse_sha256_text(&records->identity, identity) : NULL, "complete",
                              okse_drift_complete(report), "sealed", (json_int_t)report->sealed);

    g_assert(value != NULL);
    set_annotation(value, "name", records->index, OKSE_NOTE_NAME);
    set_annotation(value, "version", records->index, OKSE_NOTE_VERSION);
    set_annotation(value, "country", records->index, OKSE_NOTE_COUNTRY);
    set_sequence(value, records->index);
    set_stack(value, "vendor", records->stack);
    set_stack(value, "compliance", records->stack);
    json_object_set_new(value, "components", components_json(records->parts, records->stack));
    json_object_set_new(value, "drift", drift_json(report->drift));
    json_object_set_new(value, "unreadable", texts_json(report->unreadable));
    if (records->fault != NULL)
        json_object_set_new(value, "fault", json_string(records->fault));
    return value;
}

void okse_drift_set_recorded(json_t *value, const json_t *generation)
{
    json_t *verification = json_object_get(generation, "verification");
    json_t *signatures = json_object_get(verification, "signatures");
    json_t *at = json_object_get(generation, "installed_at");

    json_object_set_new(value, "installed_at", json_is_string(at) ? json_incref(at) : json_null());
    json_object_set_new(value, "signatures", json_is_array(signatures) ? json_incref(signatures) : json_array());
}

json_t *okse_install_describe(int root_fd, unsigned threads, OkseProgress *progress, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *name = okse_root_current(root_fd, &cause);
    g_autoptr(OkseState) state = NULL;
    g_autoptr(OkseDriftReport) report = NULL;
    const OkseInstalled *installed;
    okse_autofd fd = -1;
    json_t *value;

    if (name == NULL) {
        if (cause != NULL)
            g_propagate_error(error, g_steal_pointer(&cause));
        else
            okse_fail(error, OKSE_ERROR_NOT_FOUND, "nothing is installed here yet");
        return NULL;
    }
    state = okse_state_load(root_fd, error);
    fd = state == NULL ? -1 : okse_root_generation(root_fd, name, error);
    if (fd < 0)
        return NULL;
    installed = okse_state_find(state, name);
    report = okse_drift_check(fd, name, installed != NULL ? &installed->identity : NULL, threads, progress, error);
    if (report == NULL)
        return NULL;
    value = okse_drift_describe(report, name);
    okse_drift_set_recorded(value, report->records->generation);
    return value;
}
