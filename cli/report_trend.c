/* okse report trend: a folder of findings over time. */
#include "audit/report_trend.h"
#include "audit/report.h"
#include "cli/commands.h"
#include "core/fd.h"
#include "core/limits.h"

#include <sys/stat.h>

#define FILES_LIMIT 10000u

typedef struct {
    char *output, *language;
} TrendOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "write the page here (HTML, one file)", offsetof(TrendOptions, output)},
    {OKSE_OPTION_TEXT, "language", 'l', "LANG", "language of the page (default: en)", offsetof(TrendOptions, language)},
    {0},
};

/* One file of the folder; false when it is named as left out although it looks like a document. */
static bool add_file(OkseTrend *trend, int directory, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) findings = NULL;
    okse_autofd fd = -1;

    if (!g_str_has_suffix(name, ".json")) {
        okse_trend_skip(trend, name, "its name does not end in .json");
        return true;
    }
    fd = okse_open_beneath(directory, name, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, &error);
    bytes = fd < 0 ? NULL : okse_read_fd(fd, OKSE_LIMIT_EVIDENCE, name, &error);
    findings = bytes == NULL ? NULL : okse_findings_read(bytes, name, &error);
    if (findings == NULL) {
        okse_trend_skip(trend, name, error->message);
        return false;
    }
    okse_trend_add(trend, name, findings);
    return true;
}

static bool add_all(OkseTrend *trend, const char *path, bool *whole, GError **error)
{
    okse_autofd directory = okse_open_directory(path, error);
    g_autoptr(GPtrArray) names = directory < 0 ? NULL : okse_directory_names(directory, whole);

    if (directory < 0)
        return false;
    if (names == NULL || !*whole)
        return okse_fail_errno(error, "list '%s'", path);
    if (names->len > FILES_LIMIT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u files", path, FILES_LIMIT);
    for (guint i = 0; i < names->len; i++)
        if (!add_file(trend, directory, g_ptr_array_index(names, i)))
            *whole = false;
    return true;
}

static void name_skipped(const json_t *document)
{
    const json_t *list = json_object_get(document, "skipped"), *row;
    size_t i;

    json_array_foreach(list, i, row) okse_note("left out: %s: %s", json_string_value(json_object_get(row, "file")),
                                               json_string_value(json_object_get(row, "why")));
}

static int trend_run(const OkseInvocation *invocation, GError **error)
{
    const TrendOptions *given = invocation->options;
    g_autoptr(OkseResources) resources = okse_resources_open(invocation->manifests, error);
    g_autoptr(OkseTrend) trend = okse_trend_new();
    g_autoptr(json_t) document = NULL;
    g_autoptr(GBytes) page = NULL;
    bool whole = true;

    if (resources == NULL || !add_all(trend, invocation->arguments[0], &whole, error))
        return 3;
    document = okse_trend_json(trend);
    if (json_array_size(json_object_get(document, "targets")) == 0) {
        name_skipped(document);
        okse_fail(error, OKSE_ERROR_INVALID, "%s: no findings document is in it", invocation->arguments[0]);
        return 2;
    }
    page = given->output == NULL ? NULL : okse_trend_html(document, given->language, resources, error);
    if (given->output != NULL && (page == NULL || !okse_write_path(given->output, page, error)))
        return 3;
    name_skipped(document);
    if (invocation->json) {
        if (!okse_print_json(document, error))
            return 3;
    } else if (given->output == NULL) {
        g_autofree char *text = okse_trend_text(document);

        okse_print("%s", text);
    }
    return whole ? 0 : 4;
}

const OkseCommand okse_command_report_trend = {
    .name = "report trend",
    .arguments = "DIR",
    .minimum = 1,
    .maximum = 1,
    .summary = "Show a folder of findings over time: verdicts, what is open since when, what was fixed.",
    .details =
        "Every FILE.json in DIR is a findings document of some target; links and folders in it are not followed.\n"
        "What is none is named and left out. Exit status: 0 all were read, 4 a .json file was left out.",
    .options = options,
    .options_size = sizeof(TrendOptions),
    .run = trend_run,
};
