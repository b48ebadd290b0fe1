/* The report for a terminal: the verdict on the first line, then why and what to do, then everything by law. */
#include "audit/report_formats.h"

#include "audit/report_escape.h"
#include "core/json.h"

#include <string.h>

#define COLUMNS 100u
#define EVIDENCE_MAX 10u /* evidences of one finding; the findings document has all */
#define EXCERPT_MAX 160  /* characters of an excerpt */

typedef struct {
    GString *out;
    const json_t *findings;
    const OkseReportView *view;
    const OkseMessages *messages;
    const char *language;
    bool colour;
} Text;

static const char *const marks[] = {"✕", "?", "◇", "✓", "–"};
static const char *const colours[] = {"31", "33", "35", "32", "2"};

static void paint(Text *text, const char *code)
{
    if (text->colour)
        g_string_append_printf(text->out, "\x1b[%sm", code);
}

static const char *say(const Text *text, const char *key)
{
    return okse_messages_marked(text->messages, 0, key);
}

static const char *law(const Text *text, const json_t *texts)
{
    return okse_texts_get(texts, text->language, NULL);
}

static const char *word(const Text *text, const char *prefix, const char *value)
{
    g_autofree char *key = g_strconcat(prefix, value, NULL);

    return okse_messages_find(text->messages, 0, key, NULL) != NULL ? say(text, key) : value;
}

/* A jurisdiction's name: its own texts first, the names of countries where they lack the language. */
static const char *nation(const Text *text, const json_t *jurisdiction)
{
    bool own = false, known = false;
    const char *name = okse_texts_get(json_object_get(jurisdiction, "name"), text->language, &own);
    const char *country = okse_messages_country(text->messages, 0, okse_json_peek_text(jurisdiction, "iso"), &known);

    return !own && known ? country : name;
}

/* Chinese and Japanese break between letters, though never before a sign that closes. */
static bool may_break(gunichar before, gunichar after)
{
    GUnicodeBreakType type = g_unichar_break_type(after), last = g_unichar_break_type(before);

    if (type == G_UNICODE_BREAK_IDEOGRAPHIC)
        return last != G_UNICODE_BREAK_OPEN_PUNCTUATION;
    return last == G_UNICODE_BREAK_IDEOGRAPHIC && type == G_UNICODE_BREAK_OPEN_PUNCTUATION;
}

/* Up to where a line cannot be broken, and how many columns of a terminal that fills. */
static const char *unbroken(const char *text, glong *width)
{
    for (*width = 0; *text != '\0';) {
        gunichar c = g_utf8_get_char(text);
        const char *next = text + g_utf8_skip[(guchar)*text];

        *width += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
        if (*next != '\0' && may_break(c, g_utf8_get_char(next)))
            return next;
        text = next;
    }
    return text;
}

/* One word at the end of what is written; returns the new column. */
static glong put_word(Text *text, unsigned indent, glong column, const char *word, bool space)
{
    while (*word != '\0' || space) {
        glong width;
        const char *end = unbroken(word, &width);

        if (column > (glong)indent && column + space + width > (glong)COLUMNS) {
            g_string_append_printf(text->out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (space) {
            g_string_append_c(text->out, ' ');
            column++;
        }
        g_string_append_len(text->out, word, end - word);
        column += width;
        word = end;
        space = false;
    }
    return column;
}

/* Words of one paragraph, broken at COLUMNS, each line indented. */
static void paragraph(Text *text, unsigned indent, const char *words)
{
    g_autoptr(GString) shown = g_string_new(NULL);
    g_auto(GStrv) split = NULL;
    glong column = indent;

    okse_escape_line(shown, words);
    split = g_strsplit(shown->str, " ", -1);
    g_string_append_printf(text->out, "%*s", (int)indent, "");
    for (char **part = split; *part != NULL; part++)
        column = put_word(text, indent, column, *part, part != split);
    g_string_append_c(text->out, '\n');
}

static void heading(Text *text, const char *title)
{
    g_string_append_c(text->out, '\n');
    paint(text, "1");
    okse_escape_line(text->out, title);
    paint(text, "0");
    g_string_append_c(text->out, '\n');
}

static char *fill(const Text *text, const char *message, const char *name, guint64 value)
{
    g_autofree char *pattern = g_strdup_printf("{%s}", name), *plain = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    g_autofree char *number = okse_messages_value(text->messages, 0, name, plain);
    g_autoptr(GString) filled = g_string_new(message);

    g_string_replace(filled, pattern, number, 0);
    return g_string_free(g_steal_pointer(&filled), FALSE);
}

/* How much of what is there some check looked at; documents of older versions do not say. */
static void write_policed(Text *text)
{
    static const char *const names[][2] = {
        {"looked", "looked_at"}, {"facts", "facts"}, {"read", "read"}, {"unpoliced", "unpoliced"}};
    const json_t *coverage = json_object_get(json_object_get(text->findings, "inventory"), "coverage");
    g_autofree char *message = g_strdup(say(text, "policed"));

    if (!json_is_object(coverage))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *before = message;

        message = fill(text, before, names[i][0], (guint64)json_integer_value(json_object_get(coverage, names[i][1])));
    }
    paragraph(text, 2, message);
}

static void write_warning(Text *text, const json_t *warning)
{
    paint(text, colours[OKSE_STATUS_INCONCLUSIVE]);
    paragraph(text, 2, law(text, json_object_get(warning, "message")));
    paint(text, "0");
}

/* Which law, by the name and the date that it gives itself. */
static void write_policy(Text *text)
{
    const json_t *policy = json_object_get(json_object_get(text->findings, "inputs"), "policy");
    const char *identity = okse_json_peek_text(policy, "identity");
    g_autofree char *line = g_strdup_printf("%s: %s, %s%s%s", say(text, "method.policy"),
                                            okse_json_peek_text(policy, "name"), okse_json_peek_text(policy, "date"),
                                            identity != NULL ? ", " : "", identity != NULL ? identity : "");

    if (json_is_object(policy))
        paragraph(text, 2, line);
}

static void write_verdict(Text *text)
{
    const char *verdict = okse_json_peek_text(text->findings, "verdict");
    const json_t *target = json_object_get(text->findings, "target");
    OkseCounts counts = okse_report_view_counts(text->view, NULL);
    OkseStatus like = strcmp(verdict, "compliant") == 0       ? OKSE_STATUS_PASS
                      : strcmp(verdict, "non-compliant") == 0 ? OKSE_STATUS_FAIL
                                                              : OKSE_STATUS_INCONCLUSIVE;
    const char *key = okse_report_view_why(text->view);
    g_autofree char *one = fill(text, say(text, key), "fail", counts.mandatory[OKSE_STATUS_FAIL]);
    g_autofree char *two = fill(text, one, "inconclusive", counts.mandatory[OKSE_STATUS_INCONCLUSIVE]);
    g_autofree char *three = fill(text, two, "pass", counts.mandatory[OKSE_STATUS_PASS]);
    g_autofree char *why = fill(text, three, "waived", counts.mandatory[OKSE_STATUS_WAIVED]);
    g_autofree char *decided = fill(text, say(text, "coverage"), "decided", counts.decided);
    g_autofree char *total = fill(text, decided, "total", counts.total);
    g_autofree char *coverage = fill(text, total, "na", counts.all[OKSE_STATUS_NOT_APPLICABLE]);

    paint(text, "1");
    paint(text, colours[like]);
    g_string_append_printf(text->out, "%s %s", marks[like], word(text, "verdict.", verdict));
    paint(text, "0");
    g_string_append(text->out, " — ");
    okse_escape_line(text->out, okse_json_peek_text(target, "hostname"));
    g_string_append(text->out, ", ");
    okse_escape_line(text->out, okse_json_peek_text(text->findings, "audited_at"));
    g_string_append_c(text->out, '\n');
    for (size_t i = 0; i < json_array_size(json_object_get(text->findings, "warnings")); i++)
        write_warning(text, json_array_get(json_object_get(text->findings, "warnings"), i));
    paragraph(text, 2, why);
    paragraph(text, 2, coverage);
    write_policed(text);
    write_policy(text);
}

static void append_place(Text *text, const json_t *evidence)
{
    const char *file = okse_json_peek_text(evidence, "file"), *fact = okse_json_peek_text(evidence, "fact");
    json_int_t line = json_integer_value(json_object_get(evidence, "line"));

    okse_escape_line(text->out, file != NULL ? file : fact != NULL ? fact : "–");
    if (file != NULL && line > 0)
        g_string_append_printf(text->out, ":%" JSON_INTEGER_FORMAT, line);
}

static unsigned write_actions(Text *text, OkseStatus status)
{
    const GPtrArray *ranked = okse_report_view_ranked(text->view);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < ranked->len && g_hash_table_size(seen) < 3; i++) {
        const json_t *finding = g_ptr_array_index(ranked, i);
        const json_t *control = okse_report_view_control(text->view, finding);
        const json_t *remediation = json_object_get(control, "remediation");
        const json_t *evidence = json_array_get(json_object_get(finding, "evidence"), 0);

        if (okse_finding_status(finding) != status ||
            !g_hash_table_add(seen, (gpointer)(uintptr_t)okse_json_peek_text(finding, "control")))
            continue;
        paragraph(text, 2, law(text, json_is_object(remediation) ? remediation : json_object_get(control, "title")));
        if (evidence != NULL) {
            g_string_append(text->out, "    ");
            append_place(text, evidence);
            g_string_append_c(text->out, '\n');
        }
    }
    return g_hash_table_size(seen);
}

static void write_first(Text *text)
{
    heading(text, say(text, "first"));
    if (write_actions(text, OKSE_STATUS_FAIL) > 0 || write_actions(text, OKSE_STATUS_INCONCLUSIVE) > 0)
        return;
    paragraph(text, 2, say(text, okse_report_view_nothing_open(text->view)));
    if (okse_report_view_by_waiver(text->view))
        write_actions(text, OKSE_STATUS_WAIVED);
}

static void write_evidence(Text *text, const json_t *evidence)
{
    const char *excerpt = okse_json_peek_text(evidence, "excerpt"), *message = okse_json_peek_text(evidence, "message");

    g_string_append(text->out, "        ");
    append_place(text, evidence);
    if (message != NULL) {
        g_string_append(text->out, "  ");
        okse_escape_line(text->out, message);
    }
    g_string_append_c(text->out, '\n');
    if (excerpt != NULL && *excerpt != '\0') {
        g_autofree char *cut = g_utf8_substring(excerpt, 0, MIN(g_utf8_strlen(excerpt, -1), EXCERPT_MAX));

        paint(text, "2");
        g_string_append(text->out, "          | ");
        okse_escape_line(text->out, cut);
        g_string_append(text->out, strlen(cut) < strlen(excerpt) ? " …" : "");
        paint(text, "0");
        g_string_append_c(text->out, '\n');
    }
}

/* Who asks for that, or for more of it, besides the law. */
static void write_profiles(Text *text, const json_t *finding)
{
    g_autofree char *names = okse_report_view_profiles(finding);
    g_autofree char *line = names == NULL ? NULL : g_strdup_printf("%s: %s", say(text, "finding.profiles"), names);

    if (line != NULL)
        paragraph(text, 8, line);
}

static void write_since(Text *text, const json_t *finding)
{
    const char *since = okse_json_peek_text(finding, "first_seen");
    g_autofree char *line = since == NULL ? NULL : g_strdup_printf("%s: %s", say(text, "trend.since"), since);

    if (line != NULL)
        paragraph(text, 8, line);
}

static void write_finding(Text *text, const json_t *finding)
{
    const json_t *control = okse_report_view_control(text->view, finding), *list = json_object_get(finding, "evidence");
    OkseStatus status = okse_finding_status(finding);
    size_t shown = MIN(json_array_size(list), EVIDENCE_MAX);
    guint64 all = (guint64)json_integer_value(json_object_get(finding, "violations")) +
                  (guint64)json_integer_value(json_object_get(finding, "unknown")); /* each is below 2^63 */

    g_string_append(text->out, "    ");
    paint(text, colours[status]);
    g_string_append_printf(text->out, "%s %s", marks[status], word(text, "status.", okse_status_words[status]));
    paint(text, "0");
    g_string_append(text->out, "  ");
    okse_escape_line(text->out, law(text, json_object_get(control, "title")));
    g_string_append_printf(text->out, "  [%s %s]\n", okse_json_peek_text(finding, "control"),
                           okse_json_peek_text(finding, "id"));
    write_profiles(text, finding);
    write_since(text, finding);
    if (json_is_object(json_object_get(finding, "reason")))
        paragraph(text, 8, law(text, json_object_get(finding, "reason")));
    if (json_is_string(json_object_get(finding, "warning")))
        paragraph(text, 8, say(text, "lawyer"));
    for (size_t i = 0; i < shown; i++)
        write_evidence(text, json_array_get(list, i));
    if (all > shown) {
        g_autofree char *more = fill(text, say(text, "evidence.more"), "n", all - shown);

        paragraph(text, 8, more);
    }
}

static void write_provision(Text *text, const char *iso, const json_t *provision)
{
    const GPtrArray *list = okse_report_view_of_provision(text->view, iso, okse_json_peek_text(provision, "id"));
    const char *article = okse_json_peek_text(provision, "article");
    const json_t *unchecked = json_object_get(provision, "not_checkable");
    g_autofree char *title =
        g_strdup_printf("%s — %s (%s)", article != NULL ? article : okse_json_peek_text(provision, "id"),
                        law(text, json_object_get(provision, "title")),
                        word(text, "severity.", okse_json_peek_text(provision, "severity")));

    paragraph(text, 2, title);
    if (json_is_object(unchecked)) {
        paragraph(text, 4, say(text, "provision.unchecked"));
        paragraph(text, 6, law(text, unchecked));
    }
    for (guint i = 0; list != NULL && i < list->len; i++)
        write_finding(text, g_ptr_array_index(list, i));
}

static void write_instrument(Text *text, const json_t *jurisdiction, const json_t *instrument)
{
    const json_t *provisions = json_object_get(jurisdiction, "provisions");
    const char *citation = okse_json_peek_text(instrument, "citation");
    bool open = false;

    for (size_t i = 0; i < json_array_size(provisions); i++) {
        const json_t *provision = json_array_get(provisions, i);

        if (strcmp(okse_json_peek_text(provision, "instrument"), okse_json_peek_text(instrument, "id")) != 0)
            continue;
        if (!open) {
            g_autofree char *title = g_strdup_printf("%s · %s%s%s", nation(text, jurisdiction),
                                                     law(text, json_object_get(instrument, "title")),
                                                     citation != NULL ? ", " : "", citation != NULL ? citation : "");

            heading(text, title);
        }
        open = true;
        write_provision(text, okse_json_peek_text(jurisdiction, "iso"), provision);
    }
}

static void write_unseen(Text *text)
{
    const json_t *collectors = json_object_get(text->findings, "collectors");
    bool open = false;

    for (size_t i = 0; i < json_array_size(collectors); i++) {
        const json_t *collector = json_array_get(collectors, i);
        const char *status = okse_json_peek_text(collector, "status"),
                   *reason = okse_json_peek_text(collector, "reason");
        g_autofree char *line =
            g_strdup_printf("%s: %s%s%s", okse_json_peek_text(collector, "collector"), word(text, "collector.", status),
                            reason != NULL ? " — " : "", reason != NULL ? reason : "");

        if (strcmp(status, "complete") == 0 || strcmp(status, "absent") == 0)
            continue;
        if (!open)
            heading(text, say(text, "unseen.title"));
        open = true;
        paragraph(text, 2, line);
    }
}

static void write_conflicts(Text *text)
{
    const json_t *conflicts = json_object_get(text->findings, "conflicts");

    if (json_array_size(conflicts) > 0)
        heading(text, say(text, "lawyer.conflict"));
    for (size_t i = 0; i < json_array_size(conflicts); i++)
        paragraph(text, 2, law(text, json_object_get(json_array_get(conflicts, i), "message")));
}

static GBytes *render(const json_t *findings, const char *language, bool colour, const OkseResources *resources,
                      GError **error)
{
    const char *const languages[] = {language, NULL};
    g_autoptr(OkseMessages) messages = okse_messages_open(resources, languages, error);
    g_autoptr(OkseReportView) view = NULL;
    const json_t *jurisdictions = json_object_get(findings, "jurisdictions");
    Text text = {.findings = findings, .language = language, .colour = colour};

    if (messages == NULL)
        return NULL;
    view = okse_report_view_new(findings);
    text.messages = messages;
    text.view = view;
    text.out = g_string_new(NULL);
    write_verdict(&text);
    write_first(&text);
    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const json_t *jurisdiction = json_array_get(jurisdictions, i);
        const json_t *instruments = json_object_get(jurisdiction, "instruments");

        for (size_t j = 0; j < json_array_size(instruments); j++)
            write_instrument(&text, jurisdiction, json_array_get(instruments, j));
    }
    write_conflicts(&text);
    write_unseen(&text);
    g_string_append_c(text.out, '\n');
    paragraph(&text, 0, say(&text, "method.advice"));
    return g_string_free_to_bytes(text.out);
}

GBytes *okse_report_text(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    return render(findings, language, false, resources, error);
}

GBytes *okse_report_text_coloured(const json_t *findings, const char *language, const OkseResources *resources,
                                  GError **error)
{
    return render(findings, language, true, resources, error);
}
