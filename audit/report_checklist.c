/* What to mend, where, and how to ask again: Markdown with boxes to tick. One entry a check, since one change mends it
 * under all the articles that ask for it. */
#include "audit/report_formats.h"

#include "audit/report_escape.h"
#include "core/json.h"

#include <string.h>

#define LAW_LIMIT 8u /* frameworks and countries of a command */

typedef struct {
    GString *out;
    const json_t *findings;
    const OkseReportView *view;
    const OkseMessages *messages;
    const char *language;
} List;

static const char *say(const List *list, const char *key)
{
    return okse_messages_get(list->messages, 0, key, NULL);
}

static const char *law(const List *list, const json_t *texts)
{
    return okse_texts_get(texts, list->language, NULL);
}

static void escape(const List *list, const char *text)
{
    okse_escape_markdown(list->out, text != NULL ? text : "");
}

static const char *word(const List *list, const char *prefix, const char *value)
{
    g_autofree char *key = g_strconcat(prefix, value, NULL);
    const char *found = okse_messages_find(list->messages, 0, key, NULL);

    return found != NULL ? found : value;
}

static bool is_profile(const List *list, const char *iso)
{
    const json_t *profiles = json_object_get(json_object_get(list->findings, "inputs"), "profiles"), *one;
    size_t i;

    json_array_foreach(profiles, i, one) if (g_strcmp0(okse_json_peek_text(one, "name"), iso) == 0) return true;
    return false;
}

/* Whose law was asked, in the words of okse audit. Ids are tokens (report_check.c), so nothing has to be quoted. */
static void append_law(const List *list)
{
    const json_t *jurisdictions = json_object_get(list->findings, "jurisdictions");

    for (size_t i = 0; i < MIN(json_array_size(jurisdictions), LAW_LIMIT); i++) {
        const json_t *one = json_array_get(jurisdictions, i);
        const char *iso = okse_json_peek_text(one, "iso");

        if (!is_profile(list, iso))
            g_string_append_printf(list->out, " --%s %s",
                                   json_is_true(json_object_get(one, "framework")) ? "framework" : "country", iso);
    }
    if (json_array_size(json_object_get(json_object_get(list->findings, "inputs"), "profiles")) > 0)
        g_string_append(list->out, " --profile PROFILE");
    if (json_is_object(json_object_get(list->findings, "waivers")))
        g_string_append(list->out, " --trust TRUST --waivers WAIVERS");
}

static void write_command(const List *list, const char *control)
{
    g_string_append_printf(list->out, "  ```sh\n  okse audit --evidence evidence.tar");
    append_law(list);
    g_string_append_printf(list->out, " --only %s\n  ```\n", control);
}

static void write_place(const List *list, const json_t *evidence, GHashTable *seen)
{
    const char *file = okse_json_peek_text(evidence, "file"), *message = okse_json_peek_text(evidence, "message");
    const char *excerpt = okse_json_peek_text(evidence, "excerpt");
    json_int_t line = json_integer_value(json_object_get(evidence, "line"));
    char *key = g_strdup_printf("%s\n%" JSON_INTEGER_FORMAT "\n%s", file != NULL ? file : "", line,
                                message != NULL ? message : "");

    if (!g_hash_table_add(seen, key))
        return;
    g_string_append(list->out, "  - [ ] ");
    if (file != NULL) {
        escape(list, file);
        g_string_append_printf(list->out, line > 0 ? ":%" JSON_INTEGER_FORMAT " " : " ", line);
    }
    escape(list, message != NULL ? message : file == NULL ? okse_json_peek_text(evidence, "fact") : "");
    if (excerpt != NULL && *excerpt != '\0') {
        g_string_append(list->out, "  \n    ");
        escape(list, excerpt);
    }
    g_string_append_c(list->out, '\n');
}

static void write_article(const List *list, const json_t *finding)
{
    const json_t *provision = okse_report_view_provision(list->view, finding);
    const char *article = okse_json_peek_text(provision, "article"),
               *since = okse_json_peek_text(finding, "first_seen");

    g_string_append_printf(list->out, "  - %s %s, ", okse_json_peek_text(finding, "jurisdiction"),
                           okse_json_peek_text(finding, "provision"));
    escape(list, article);
    g_string_append_printf(list->out, " (%s", word(list, "status.", okse_json_peek_text(finding, "status")));
    g_string_append_printf(list->out, ", %s", word(list, "severity.", okse_json_peek_text(finding, "severity")));
    if (since != NULL) {
        g_autoptr(GString) seen = g_string_new(say(list, "seen.first"));

        g_string_replace(seen, "{date}", since, 0);
        g_string_append(list->out, ", ");
        escape(list, seen->str);
    }
    g_string_append_printf(list->out, ") `%s`\n", okse_json_peek_text(finding, "id"));
}

static bool is_open(const json_t *finding)
{
    OkseStatus status = okse_finding_status(finding);

    return status == OKSE_STATUS_FAIL || status == OKSE_STATUS_INCONCLUSIVE;
}

/* The control to ask again; what a waiver was for, of one that ended. */
static const char *asked_of(const json_t *finding)
{
    const char *control = okse_json_peek_text(finding, "control");
    const char *waived = okse_json_peek_text(json_object_get(finding, "parameters"), "control");

    return strcmp(control, "waiver.expired") == 0 && waived != NULL ? waived : control;
}

/* One check with everything open under it, from its worst finding on. */
static void write_check(const List *list, const GPtrArray *ranked, guint first)
{
    g_autoptr(GHashTable) places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const json_t *worst = g_ptr_array_index(ranked, first);
    const json_t *control = okse_report_view_control(list->view, worst), *evidence;
    const char *id = okse_json_peek_text(worst, "control"), *why = law(list, json_object_get(worst, "reason"));
    size_t k;

    g_string_append(list->out, "\n- [ ] **");
    escape(list, law(list, json_object_get(control, "title")));
    g_string_append_printf(list->out, "** (`%s`)\n", id);
    for (guint i = first; i < ranked->len; i++) {
        const json_t *finding = g_ptr_array_index(ranked, i);

        if (is_open(finding) && strcmp(okse_json_peek_text(finding, "control"), id) == 0)
            write_article(list, finding);
    }
    if (json_is_object(json_object_get(control, "remediation"))) {
        g_string_append_printf(list->out, "  - %s: ", say(list, "remediation"));
        escape(list, law(list, json_object_get(control, "remediation")));
        g_string_append_c(list->out, '\n');
    }
    if (why != NULL) {
        g_string_append_printf(list->out, "  - %s: ", say(list, "reason"));
        escape(list, why);
        g_string_append_c(list->out, '\n');
    }
    for (guint i = first; i < ranked->len; i++) {
        const json_t *finding = g_ptr_array_index(ranked, i);

        if (!is_open(finding) || strcmp(okse_json_peek_text(finding, "control"), id) != 0)
            continue;
        json_array_foreach(json_object_get(finding, "evidence"), k, evidence) write_place(list, evidence, places);
    }
    g_string_append_printf(list->out, "\n  %s\n", say(list, "checklist.again"));
    write_command(list, asked_of(worst));
}

static void write_head(const List *list)
{
    const json_t *target = json_object_get(list->findings, "target");
    const json_t *warnings = json_object_get(list->findings, "warnings"), *warning;
    size_t i;

    g_string_append_printf(list->out, "# %s\n\n", say(list, "checklist.title"));
    escape(list, okse_json_peek_text(target, "hostname"));
    g_string_append(list->out, ", ");
    escape(list, okse_json_peek_text(list->findings, "audited_at"));
    g_string_append_printf(list->out, ": **%s**\n",
                           word(list, "verdict.", okse_json_peek_text(list->findings, "verdict")));
    json_array_foreach(warnings, i, warning)
    {
        g_string_append(list->out, "\n> ");
        escape(list, law(list, json_object_get(warning, "message")));
        g_string_append_c(list->out, '\n');
    }
}

/* The commands before and behind all entries. */
static void write_whole(const List *list)
{
    g_string_append_printf(list->out, "\n- [ ] %s\n\n  ```sh\n  okse audit --evidence evidence.tar",
                           say(list, "checklist.whole"));
    append_law(list);
    g_string_append(list->out, " --previous FINDINGS\n  ```\n");
}

GBytes *okse_report_checklist(const json_t *findings, const char *language, const OkseResources *resources,
                              GError **error)
{
    const char *languages[] = {language, NULL};
    g_autoptr(OkseMessages) messages = okse_messages_open(resources, languages, error);
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const GPtrArray *ranked = okse_report_view_ranked(view);
    List list = {NULL, findings, view, messages, language};

    if (messages == NULL)
        return NULL;
    list.out = g_string_new(NULL);
    write_head(&list);
    for (guint i = 0; i < ranked->len; i++) {
        const json_t *finding = g_ptr_array_index(ranked, i);

        if (!is_open(finding))
            continue;
        if (g_hash_table_size(seen) == 0)
            g_string_append_printf(list.out, "\n%s\n\n%s\n\n```sh\nokse collect --root ROOT -o evidence.tar\n```\n",
                                   say(&list, "checklist.lead"), say(&list, "checklist.collect"));
        if (g_hash_table_add(seen, (gpointer)(uintptr_t)okse_json_peek_text(finding, "control")))
            write_check(&list, ranked, i);
    }
    if (g_hash_table_size(seen) == 0)
        g_string_append_printf(list.out, "\n%s\n", say(&list, "checklist.none"));
    else
        write_whole(&list);
    return g_string_free_to_bytes(list.out);
}
