/* One table of formats; every one a function from findings to bytes. */
#include "audit/report.h"

#include "audit/report_formats.h"
#include "audit/report_pdf.h"
#include "core/fd.h"
#include "core/json.h"

#include <string.h>

typedef struct {
    const char *name;
    GBytes *(*render)(const json_t *findings, const char *language, const OkseResources *resources, GError **error);
    bool law_first; /* without a wish, the jurisdiction's language comes first, otherwise English */
} Format;

static GBytes *render_json(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    char *text = okse_json_write_pretty(findings);

    (void)language, (void)resources, (void)error;
    return g_bytes_new_take(text, strlen(text));
}

static GBytes *render_pdf(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    const OksePdfOptions options = {.language = language, .paper = OKSE_PAPER_A4};

    return okse_report_pdf_draw(findings, &options, resources, error);
}

static const Format formats[] = {
    {"text", okse_report_text, false},          {"json", render_json, false},
    {"html", okse_report_html, true},           {"pdf", render_pdf, true},
    {"markdown", okse_report_markdown, false},  {"csv", okse_report_csv, false},
    {"junit", okse_report_junit, false},        {"xccdf", okse_report_xccdf, false},
    {"sarif", okse_report_sarif, false},        {"sarif-full", okse_report_sarif_full, false},
    {"oscal", okse_report_oscal, false},        {"poam", okse_report_poam, false},
    {"in-toto", okse_report_in_toto, false},    {"prometheus", okse_report_prometheus, false},
    {"checklist", okse_report_checklist, true},
};

const char *const *okse_report_formats(void)
{
    static const char *const names[] = {"text",    "json",       "html",      "pdf",        "markdown", "csv",
                                        "junit",   "xccdf",      "sarif",     "sarif-full", "oscal",    "poam",
                                        "in-toto", "prometheus", "checklist", NULL};

    G_STATIC_ASSERT(G_N_ELEMENTS(names) == G_N_ELEMENTS(formats) + 1);
    return names;
}

static const Format *find_format(const char *name, GError **error)
{
    g_autofree char *all = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    all = g_strjoinv(", ", (char **)(uintptr_t)okse_report_formats()); /* only read */
    okse_fail(error, OKSE_ERROR_INVALID, "unknown report format '%s' (one of: %s)", name, all);
    return NULL;
}

static bool has_language(const json_t *findings, const char *language)
{
    const json_t *list = json_object_get(findings, "languages");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), language) == 0)
            return true;
    return false;
}

/* The language to render in, borrowed; NULL and INVALID for one that neither the law nor the reports speak. */
static const char *find_language(const json_t *findings, const Format *format, const char *language,
                                 const OkseResources *resources, GError **error)
{
    const char *first = json_string_value(json_array_get(json_object_get(findings, "languages"), 0));

    if (language == NULL)
        return format->law_first && first != NULL ? first : "en";
    if (has_language(findings, language) || okse_messages_known(resources, language))
        return language;
    okse_fail(error, OKSE_ERROR_INVALID, "language '%s': neither the law of these findings nor the reports speak it",
              language);
    return NULL;
}

GBytes *okse_report_render(const json_t *findings, const char *format, const char *language,
                           const OkseResources *resources, GError **error)
{
    const Format *found = find_format(format, error);

    if (found == NULL || !okse_findings_check(findings, "findings", error))
        return NULL;
    language = find_language(findings, found, language, resources, error);
    return language == NULL ? NULL : found->render(findings, language, resources, error);
}

GBytes *okse_report_render_since(const json_t *findings, const json_t *older, const char *format, GError **error)
{
    bool full = strcmp(format, "sarif-full") == 0;

    if (!full && strcmp(format, "sarif") != 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "--baseline: the format %s has no place for it (sarif, sarif-full)",
                  format);
        return NULL;
    }
    if (!okse_findings_check(findings, "findings", error) || !okse_findings_check(older, "baseline", error))
        return NULL;
    return okse_report_sarif_against(findings, older, full);
}

GBytes *okse_report_pdf_make(const json_t *findings, const OksePdfOptions *options, const OkseResources *resources,
                             GError **error)
{
    const Format *format = find_format("pdf", error);
    OksePdfOptions chosen = *options;

    if (format == NULL || !okse_findings_check(findings, "findings", error))
        return NULL;
    chosen.language = find_language(findings, format, options->language, resources, error);
    return chosen.language == NULL ? NULL : okse_report_pdf_draw(findings, &chosen, resources, error);
}

bool okse_paper_parse(const char *name, OksePaper *paper, GError **error)
{
    if (strcmp(name, "a4") != 0 && strcmp(name, "letter") != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "paper '%s': a4 or letter was expected", name);
    *paper = strcmp(name, "a4") == 0 ? OKSE_PAPER_A4 : OKSE_PAPER_LETTER;
    return true;
}

GBytes *okse_report_terminal(const json_t *findings, const char *language, const OkseResources *resources,
                             GError **error)
{
    if (!okse_findings_check(findings, "findings", error))
        return NULL;
    language = find_language(findings, &formats[0], language, resources, error);
    return language == NULL ? NULL : okse_report_text_coloured(findings, language, resources, error);
}

bool okse_report_request_check(const char *request, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(request, "=", 2);

    if (g_strv_length(parts) != 2 || *parts[0] == '\0' || *parts[1] == '\0')
        return okse_fail(error, OKSE_ERROR_INVALID, "report '%s': FORMAT=FILE was expected, such as html=report.html",
                         request);
    return find_format(parts[0], error) != NULL;
}

bool okse_report_write(const json_t *findings, const char *request, const char *language,
                       const OkseResources *resources, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(request, "=", 2);
    g_autoptr(GBytes) report = NULL;

    if (!okse_report_request_check(request, error))
        return false;
    report = okse_report_render(findings, parts[0], language, resources, error);
    return report != NULL && okse_write_path(parts[1], report, error);
}

bool okse_report_write_all(const json_t *findings, const char *const *requests, const OkseResources *resources,
                           GError **error)
{
    bool good = true;

    for (; requests != NULL && *requests != NULL; requests++)
        good = okse_report_write(findings, *requests, NULL, resources, good ? error : NULL) && good;
    return good;
}
