#include "audit/repair.h"

#include "audit/report_escape.h"
#include "audit/report_view.h"
#include "core/json.h"

#include <string.h>

static void append_place(GString *out, const json_t *place)
{
    const char *file = okse_json_peek_text(place, "file");
    json_int_t line = json_integer_value(json_object_get(place, "line"));

    okse_escape_line(out, file != NULL ? file : "-");
    if (line > 0)
        g_string_append_printf(out, ":%" JSON_INTEGER_FORMAT, line);
}

static void append_change(GString *out, const json_t *change)
{
    const char *by_hand = okse_json_peek_text(change, "by_hand");
    const json_t *ids = json_object_get(change, "reopened"), *id;
    size_t i;

    g_string_append(out, "  ");
    append_place(out, change);
    g_string_append(out,
                    strcmp(okse_json_peek_text(change, "how"), "replace") == 0 ? "  another host" : "  made a comment");
    if (by_hand != NULL)
        g_string_append_printf(out, "  BY HAND: %s", by_hand);
    g_string_append_c(out, '\n');
    json_array_foreach(ids, i, id) g_string_append_printf(
        out, "%s%s", i == 0 ? "      left as it is, this stays open: " : ", ", json_string_value(id));
    if (json_array_size(ids) > 0)
        g_string_append_c(out, '\n');
}

static void append_remaining(GString *out, const json_t *finding)
{
    const json_t *places = json_object_get(finding, "places"), *place;
    const char *reason = okse_texts_get(json_object_get(finding, "reason"), "en", NULL);
    size_t i;

    g_string_append_printf(out, "  %s  %s %s  ", okse_json_peek_text(finding, "status"),
                           okse_json_peek_text(finding, "jurisdiction"), okse_json_peek_text(finding, "provision"));
    okse_escape_line(out, okse_texts_get(json_object_get(finding, "title"), "en", NULL));
    g_string_append_printf(out, "  [%s %s]%s\n", okse_json_peek_text(finding, "control"),
                           okse_json_peek_text(finding, "id"),
                           json_is_true(json_object_get(finding, "caused")) ? "  OPENED BY THE CHANGE" : "");
    if (reason != NULL) {
        g_string_append(out, "      ");
        okse_escape_line(out, reason);
        g_string_append_c(out, '\n');
    }
    json_array_foreach(places, i, place)
    {
        const char *message = okse_json_peek_text(place, "message");

        g_string_append(out, "      ");
        append_place(out, place);
        g_string_append(out, "  ");
        okse_escape_line(out, message != NULL ? message : "");
        g_string_append_c(out, '\n');
    }
}

static const char *proof_words(const char *proof)
{
    if (strcmp(proof, "least") == 0)
        return "no smaller set of lines does as much: every one was tried";
    if (strcmp(proof, "each-needed") == 0)
        return "no line of it can be left out; whether another, smaller set does as much was not tried";
    return "not proved to be the smallest";
}

static bool has_component(const json_t *changes)
{
    const json_t *change;
    size_t i;

    json_array_foreach(changes, i, change) if (okse_json_peek_text(change, "component") != NULL) return true;
    return false;
}

static void append_diff(GString *out, const char *diff)
{
    g_auto(GStrv) lines = g_strsplit(diff, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        if (line[1] == NULL && **line == '\0')
            break;
        okse_escape_line(out, *line);
        g_string_append_c(out, '\n');
    }
}

char *okse_repair_text(const json_t *repair)
{
    const json_t *verdict = json_object_get(repair, "verdict"), *changes = json_object_get(repair, "changes"), *item;
    const json_t *remaining = json_object_get(repair, "remaining");
    const char *diff = okse_json_peek_text(repair, "diff");
    GString *out = g_string_new(NULL);
    size_t i;

    g_string_append_printf(out, "now: %s; predicted after the change: %s\n", okse_json_peek_text(verdict, "now"),
                           okse_json_peek_text(verdict, "predicted"));
    if (json_array_size(changes) > 0)
        g_string_append_printf(out, "\nlines to change: %zu (%s)\n", json_array_size(changes),
                               proof_words(okse_json_peek_text(repair, "proof")));
    json_array_foreach(changes, i, item) append_change(out, item);
    if (has_component(changes))
        g_string_append(out, "  Some of these files were installed from a bundle: change them in the stack and install "
                             "the next one,\n  or they count as drift (integrity.drift).\n");
    if (json_array_size(remaining) > 0)
        g_string_append(out, "\nno line mends:\n");
    json_array_foreach(remaining, i, item) append_remaining(out, item);
    if (*diff != '\0') {
        g_string_append(out, "\n");
        append_diff(out, diff);
    }
    g_string_append(out, "\nA prediction: the facts without these lines were evaluated, the programs were not asked. "
                         "Check their syntax,\nrestart them, collect again and audit again.\n");
    return g_string_free(out, FALSE);
}
