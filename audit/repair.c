#include "audit/repair.h"

#include "audit/repair_edit.h"
#include "audit/repair_search.h"
#include "core/digest.h"
#include "core/fd.h"
#include "core/text.h"

#include <string.h>

#define PLACES_LISTED 10u

static const char *const proofs[] = {"unproved", "each-needed", "least"};

/* A hunk for one line, without context: what stands around it is not in the evidence. */
static void append_hunk(GString *diff, const OkseRepairLine *line, const OkseRepairEdit *edit, const char **file)
{
    const char *path = line->path + strspn(line->path, "/");

    if (*file == NULL || strcmp(*file, line->path) != 0)
        g_string_append_printf(diff, "--- a/%s\n+++ b/%s\n", path, path);
    *file = line->path;
    g_string_append_printf(diff, "@@ -%u +%u @@\n-%s\n+%s\n", line->number, line->number, edit->before, edit->after);
}

static json_t *line_json(const OkseRepairLine *line, const OkseRepairEdit *edit, const json_t *reopened)
{
    return json_pack("{s:s, s:i, s:s, s:s?, s:s?, s:s?, s:b, s:s?, s:O, s:O, s:O?}", "file", line->path, "line",
                     (int)line->number, "how", edit->how, "before", edit->before, "after", edit->after, "by_hand",
                     edit->by_hand, "exact", (int)edit->exact, "component", line->component, "hosts", line->hosts,
                     "replaced", line->replaced, "reopened", reopened);
}

typedef struct {
    const OkseRepairRequest *request;
    const OkseRepairResult *result;
    json_t *marks;
    int files_fd;
} Writing;

static json_t *changes_json(const Writing *writing, GString *diff)
{
    json_t *list = json_array();
    const char *file = NULL;

    for (guint i = 0; i < writing->result->lines->len; i++) {
        const OkseRepairLine *line = g_ptr_array_index(writing->result->lines, i);
        OkseRepairEdit edit;

        if (!writing->result->chosen[i])
            continue;
        okse_repair_edit(line, writing->marks, writing->files_fd, &edit);
        if (edit.by_hand == NULL)
            append_hunk(diff, line, &edit, &file);
        json_array_append_new(
            list, line_json(line, &edit, writing->result->reopened != NULL ? writing->result->reopened[i] : NULL));
        okse_repair_edit_clear(&edit);
    }
    return list;
}

static json_t *places_of(const json_t *finding)
{
    json_t *list = json_array();
    const json_t *evidence;
    size_t i;

    json_array_foreach(json_object_get(finding, "evidence"), i, evidence)
    {
        if (json_array_size(list) >= PLACES_LISTED)
            break;
        json_array_append_new(list, json_pack("{s:O?, s:O?, s:O?}", "file", json_object_get(evidence, "file"), "line",
                                              json_object_get(evidence, "line"), "message",
                                              json_object_get(evidence, "message")));
    }
    return list;
}

/* What no line mends, and what the change itself opens. */
static json_t *remaining_json(const json_t *before, const json_t *after)
{
    g_autoptr(GHashTable) open = g_hash_table_new(g_str_hash, g_str_equal);
    const json_t *controls = json_object_get(after, "controls"), *finding;
    json_t *list = json_array();
    size_t i;

    json_array_foreach(json_object_get(before, "findings"), i, finding) if (okse_repair_is_open(finding))
        g_hash_table_add(open, (gpointer)(uintptr_t)okse_json_peek_text(finding, "id"));
    json_array_foreach(json_object_get(after, "findings"), i, finding)
    {
        const char *id = okse_json_peek_text(finding, "id"), *control = okse_json_peek_text(finding, "control");

        if (!okse_repair_is_open(finding))
            continue;
        json_array_append_new(list, json_pack("{s:s, s:s, s:O, s:O, s:O, s:O, s:O, s:b, s:o}", "id", id, "control",
                                              control, "jurisdiction", json_object_get(finding, "jurisdiction"),
                                              "provision", json_object_get(finding, "provision"), "status",
                                              json_object_get(finding, "status"), "title",
                                              json_object_get(json_object_get(controls, control), "title"), "reason",
                                              json_object_get(finding, "reason"), "caused",
                                              (int)!g_hash_table_contains(open, id), "places", places_of(finding)));
    }
    return list;
}

/* Every finding, mandatory or not, whose status is another after the change. */
static json_t *turned_json(const json_t *before, const json_t *after)
{
    g_autoptr(GHashTable) was = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *list = json_array();
    const json_t *finding;
    size_t i;

    json_array_foreach(json_object_get(before, "findings"), i, finding)
        g_hash_table_insert(was, (gpointer)(uintptr_t)okse_json_peek_text(finding, "id"),
                            (gpointer)(uintptr_t)okse_json_peek_text(finding, "status"));
    json_array_foreach(json_object_get(after, "findings"), i, finding)
    {
        const char *id = okse_json_peek_text(finding, "id"), *status = okse_json_peek_text(finding, "status");
        const char *then = g_hash_table_lookup(was, id);

        if (g_strcmp0(then, status) != 0)
            json_array_append_new(list, json_pack("{s:s, s:s?, s:s}", "id", id, "from", then, "to", status));
    }
    return list;
}

static json_t *result_json(const Writing *writing)
{
    const OkseRepairRequest *request = writing->request;
    const json_t *before = request->findings, *after = writing->result->predicted;
    g_autoptr(GBytes) bytes = okse_json_write(before);
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    char hex[OKSE_SHA256_TEXT];
    GString *diff = g_string_new(NULL);
    json_t *changes = changes_json(writing, diff), *repair;

    repair =
        json_pack("{s:s, s:s, s:{s:O, s:O}, s:s, s:i, s:i, s:o, s:o, s:o, s:s}", "schema", "okse.repair.v1", "findings",
                  okse_sha256_text(&digest, hex), "verdict", "now", json_object_get(before, "verdict"), "predicted",
                  json_object_get(after, "verdict"), "proof", proofs[writing->result->proof], "lines_looked_at",
                  (int)writing->result->lines->len, "sets_tried", (int)writing->result->tried, "changes", changes,
                  "turned", turned_json(before, after), "remaining", remaining_json(before, after), "diff", diff->str);
    g_string_free(diff, TRUE);
    return repair;
}

json_t *okse_repair(const OkseRepairRequest *request, GError **error)
{
    OkseRepairPlaces places = {0};
    g_auto(OkseRepairResult) result = {0};
    g_autoptr(json_t) marks = okse_repair_marks(request->resources, error);
    okse_autofd files = request->files != NULL && marks != NULL ? okse_open_directory(request->files, error) : -1;
    const Writing writing = {request, &result, marks, files};
    json_t *repair = NULL;

    if (marks == NULL || (request->files != NULL && files < 0))
        return NULL;
    if (okse_repair_places_open(json_object_get(request->request->facts, "site"), request->resources, &places, error) &&
        okse_repair_search(request, &places, &result, error))
        repair = result_json(&writing);
    okse_repair_places_clear(&places);
    return repair;
}
