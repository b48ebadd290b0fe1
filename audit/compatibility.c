/* Programs against models and against each other, by the least versions of the table. */
#include "audit/compatibility.h"

#include "audit/compatibility_rows.h"
#include "core/text.h"
#include "packager/version.h"

#include <string.h>

#define VALUE_LIMIT 256u /* bytes of a version in an image's config */

void fit_add(const Fit *fit, const FitRow *row)
{
    json_t *value = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "rule", row->rule, "subject", row->subject, "needs",
                              row->needs, "found", row->found, "confidence", row->confidence, "by", row->by);

    json_object_set_new(value, "agrees", row->answer == FIT_UNKNOWN ? json_null() : json_boolean(row->answer));
    json_array_append_new(fit->rows, value);
}

FitAnswer fit_answer(bool agrees)
{
    return agrees ? FIT_YES : FIT_NO;
}

static char folded(char letter)
{
    return letter == '_' || letter == '.' ? '-' : g_ascii_tolower(letter);
}

bool fit_begins(const char *name, const char *prefix)
{
    for (; *prefix != '\0'; name++, prefix++)
        if (folded(*name) != folded(*prefix))
            return false;
    return true;
}

bool fit_is_named(const char *name, const char *wanted)
{
    return strlen(name) == strlen(wanted) && fit_begins(name, wanted);
}

char *fit_train_of(const char *version)
{
    size_t first = strcspn(version, "."),
           second = version[first] != '\0' ? strspn(version + first + 1, "0123456789") : 0;

    return g_strndup(version, first + (second > 0 ? second + 1 : 0));
}

bool fit_same_train(const char *first, const char *second)
{
    g_autofree char *one = fit_train_of(first), *other = fit_train_of(second);

    return strcmp(one, other) == 0;
}

bool fit_share_device(const json_t *first, const json_t *second)
{
    for (size_t i = 0; i < json_array_size(first); i++)
        for (size_t k = 0; k < json_array_size(second); k++) {
            const char *one = json_string_value(json_array_get(first, i)),
                       *other = json_string_value(json_array_get(second, k));
            bool any = g_str_has_suffix(one, ":*") || g_str_has_suffix(other, ":*");

            if (any ? strncmp(one, other, 5) == 0 : strcmp(one, other) == 0)
                return true;
        }
    return false;
}

/* The row of `programs`, or NULL. */
static const json_t *program_of(const json_t *table, const char *name)
{
    const json_t *programs = json_object_get(table, "programs"), *program;
    size_t i;

    json_array_foreach(programs, i,
                       program) if (fit_is_named(okse_json_peek_text(program, "name"), name)) return program;
    return NULL;
}

/* Whether a fact of a package is about the program. */
static bool is_about(const json_t *table, const json_t *package, const char *program)
{
    const char *name = okse_json_peek_text(package, "name"), *version = okse_json_peek_text(package, "version");
    const json_t *names = json_object_get(program_of(table, program), "packages"), *pattern;
    g_autofree char *lower = name == NULL ? NULL : g_ascii_strdown(name, -1);
    size_t i;

    if (name == NULL || version == NULL)
        return false;
    if (g_strcmp0(okse_json_peek_text(package, "type"), "image") == 0 || json_array_size(names) == 0)
        return fit_is_named(name, program);
    json_array_foreach(names, i, pattern) if (g_pattern_match_simple(json_string_value(pattern), lower)) return true;
    return false;
}

/* One row for each place that says which version of `program` is here. Returns whether there is any. */
static bool compare_least(const Fit *fit, const FitRow *about, const char *program, const char *least)
{
    const json_t *packages = json_object_get(fit->fitting, "packages"), *package;
    g_autofree char *needs = g_strdup_printf("%s >= %s", program, least);
    bool any = false;
    FitRow row = *about;
    size_t i;

    json_array_foreach(packages, i, package) if (is_about(fit->table, package, program))
    {
        row.needs = needs;
        row.found = okse_json_peek_text(package, "version");
        row.by = okse_json_peek_text(package, "by");
        row.answer = fit_answer(okse_version_compare(row.found, least) >= 0);
        fit_add(fit, &row);
        any = true;
    }
    return any;
}

/* Which of them loads the model is not known from outside; one of them must be seen. */
static void compare_model(const Fit *fit, const json_t *rule, const json_t *model)
{
    FitRow row = {.rule = okse_json_peek_text(rule, "architecture"),
                  .subject = okse_json_peek_text(model, "component"),
                  .confidence = okse_json_peek_text(rule, "confidence"),
                  .by = "config.json"};
    g_autoptr(GString) needs = g_string_new(NULL);
    const char *program;
    bool any = false;
    json_t *least;

    json_object_foreach(json_object_get(rule, "needs"), program, least)
    {
        any = compare_least(fit, &row, program, json_string_value(least)) || any;
        g_string_append_printf(needs, "%s%s >= %s", needs->len > 0 ? " or " : "", program, json_string_value(least));
    }
    row.needs = needs->str;
    row.found = "no package and no image here says its version";
    row.answer = FIT_UNKNOWN;
    if (!any)
        fit_add(fit, &row);
}

static bool is_meant(const json_t *rule, const char *version)
{
    const char *from = okse_json_peek_text(rule, "from"), *below = okse_json_peek_text(rule, "below");
    const char *wanted = okse_json_peek_text(rule, "local"), *local = strchr(version, '+');

    if (wanted != NULL)
        return local != NULL && g_str_has_prefix(local + 1, wanted);
    return (from == NULL || okse_version_compare(version, from) >= 0) &&
           (below == NULL || okse_version_compare(version, below) < 0);
}

static void compare_need(const Fit *fit, const json_t *rule, const json_t *package)
{
    const char *version = okse_json_peek_text(package, "version"), *program;
    g_autofree char *subject = g_strdup_printf("%s %s", okse_json_peek_text(rule, "program"), version);
    FitRow row = {.rule = okse_json_peek_text(rule, "program"),
                  .subject = subject,
                  .confidence = okse_json_peek_text(rule, "confidence"),
                  .by = okse_json_peek_text(package, "by"),
                  .answer = FIT_UNKNOWN};
    json_t *least;

    json_object_foreach(json_object_get(rule, "needs"), program, least)
    {
        g_autofree char *needs = g_strdup_printf("%s >= %s", program, json_string_value(least));

        row.needs = needs;
        row.found = "no package and no image here says its version";
        if (!compare_least(fit, &row, program, json_string_value(least)))
            fit_add(fit, &row);
    }
}

json_t *okse_compatibility_compare(const json_t *table, const json_t *fitting)
{
    const json_t *models = json_object_get(fitting, "models"), *packages = json_object_get(fitting, "packages"), *rule,
                 *one;
    Fit fit = {table, fitting, json_array()};
    size_t i, k;

    json_array_foreach(json_object_get(table, "models"), i, rule)
        json_array_foreach(models, k, one) if (g_strcmp0(okse_json_peek_text(one, "architecture"),
                                                         okse_json_peek_text(rule, "architecture")) == 0)
            compare_model(&fit, rule, one);
    json_array_foreach(json_object_get(table, "needs"), i, rule)
        json_array_foreach(packages, k, one) if (is_about(table, one, okse_json_peek_text(rule, "program")) &&
                                                 is_meant(rule, okse_json_peek_text(one, "version")))
            compare_need(&fit, rule, one);
    fit_kits(&fit);
    fit_artefacts(&fit);
    fit_hosts(&fit);
    return fit.rows;
}

/* A version from an image's config is anybody's text. */
static void add_program(json_t *programs, const char *name, const char *version, const char *by)
{
    g_autofree char *shown = strlen(version) > VALUE_LIMIT ? NULL : okse_text_show(version, -1, false);

    if (shown != NULL && g_ascii_isdigit(*shown == 'v' ? shown[1] : *shown))
        json_array_append_new(programs, json_pack("{s:s,s:s,s:s}", "name", name, "version", shown, "by", by));
}

static void add_by_environment(json_t *programs, const json_t *program, const json_t *environment)
{
    const json_t *names = json_object_get(program, "env"), *name, *line;
    size_t i, k;

    json_array_foreach(names, i, name) json_array_foreach(environment, k, line) if (json_is_string(line))
    {
        const char *text = json_string_value(line), *key = json_string_value(name);
        size_t length = strlen(key);
        g_autofree char *by = g_strconcat("env ", key, NULL);

        if (strncmp(text, key, length) == 0 && text[length] == '=')
            add_program(programs, okse_json_peek_text(program, "name"), text + length + 1, by);
    }
}

static void add_by_labels(json_t *programs, const json_t *program, const json_t *labels)
{
    const json_t *titles = json_object_get(program, "titles"), *title;
    const char *version = okse_json_peek_text(labels, "org.opencontainers.image.version");
    const char *said = okse_json_peek_text(labels, "org.opencontainers.image.title");
    const char *source = okse_json_peek_text(labels, "org.opencontainers.image.source");
    const char *last = source == NULL ? NULL : strrchr(source, '/');
    size_t i;

    json_array_foreach(titles, i, title) if (version != NULL &&
                                             ((said != NULL && fit_is_named(said, json_string_value(title))) ||
                                              (last != NULL && fit_is_named(last + 1, json_string_value(title)))))
    {
        add_program(programs, okse_json_peek_text(program, "name"), version, "label org.opencontainers.image.version");
        return;
    }
}

json_t *okse_compatibility_image(const json_t *table, const json_t *config)
{
    const json_t *said = json_object_get(config, "config"), *programs = json_object_get(table, "programs"), *program;
    json_t *found = json_array();
    size_t i;

    json_array_foreach(programs, i, program)
    {
        size_t before = json_array_size(found);

        add_by_environment(found, program, json_object_get(said, "Env"));
        if (json_array_size(found) == before)
            add_by_labels(found, program, json_object_get(said, "Labels"));
    }
    return found;
}
