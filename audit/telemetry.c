/* Three values all the way: a condition holds, does not, or cannot be known (a variable that comes from a secret, a
 * version that nobody named). "forced" outweighs "off", that outweighs "on", and where none holds the program does what
 * it does by default; what could not be known makes the answer unknown wherever it could have changed it. */
#include "audit/telemetry.h"

#include "core/globs.h"
#include "core/yaml.h"
#include "packager/version.h"

#include <string.h>

typedef enum { NO, MAYBE, YES } Truth;

struct OkseTelemetry {
    json_t *table;
    OkseGlobs *configs; /* programs, by the paths of their configuration */
};

void okse_telemetry_free(OkseTelemetry *telemetry)
{
    if (telemetry == NULL)
        return;
    json_decref(telemetry->table);
    okse_globs_free(telemetry->configs);
    g_free(telemetry);
}

const json_t *okse_telemetry_programs(const OkseTelemetry *telemetry)
{
    return json_object_get(telemetry->table, "programs");
}

static const char *const subjects[] = {"variable", "flag", "after", "setting", "file", "version", "any", "all", NULL};
static const char *const comparisons[] = {"is", "any_of", "words", "present", "not", "unset", "hub_id", "below", NULL};

static unsigned members_among(const json_t *condition, const char *const *names)
{
    unsigned found = 0;

    for (; *names != NULL; names++)
        found += json_object_get(condition, *names) != NULL;
    return found;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH of the table */
static bool condition_check(const json_t *condition, const char *where, GError **error)
{
    const json_t *inner = json_object_get(condition, "any"), *one;
    size_t i;

    if (inner == NULL)
        inner = json_object_get(condition, "all");
    if (members_among(condition, subjects) != 1 ||
        (inner == NULL && json_object_get(condition, "file") == NULL && members_among(condition, comparisons) != 1))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "manifests/telemetry.yaml: %s: a condition names one subject and one comparison", where);
    json_array_foreach(inner, i, one) if (!condition_check(one, where, error)) return false;
    return true;
}

static bool report_check(const json_t *report, const char *program, GError **error)
{
    static const char *const lists[] = {"forced", "off", "on"};

    if (okse_json_text(report, "does", program, error) == NULL ||
        okse_json_text(report, "default", program, error) == NULL ||
        okse_json_text(report, "confidence", program, error) == NULL ||
        okse_json_array(report, "hosts", program, error) == NULL)
        return false;
    for (unsigned k = 0; k < G_N_ELEMENTS(lists); k++) {
        const json_t *one;
        size_t i;

        json_array_foreach(json_object_get(report, lists[k]), i,
                           one) if (!condition_check(one, program, error)) return false;
    }
    return true;
}

static bool table_check(const json_t *table, GError **error)
{
    const json_t *programs = okse_json_object(table, "programs", "manifests/telemetry.yaml", error);
    const char *name;
    json_t *program;

    if (programs == NULL)
        return false;
    json_object_foreach((json_t *)(uintptr_t)programs, name, program)
    {
        const json_t *reports = okse_json_array(program, "reports", name, error), *report;
        size_t i;

        if (reports == NULL || okse_json_text(program, "title", name, error) == NULL)
            return false;
        json_array_foreach(reports, i, report) if (!report_check(report, name, error)) return false;
    }
    return true;
}

static OkseGlobs *configs_of(const json_t *programs)
{
    OkseGlobs *globs = okse_globs_new();
    const json_t *pattern;
    const char *name;
    json_t *program;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)programs, name, program)
        json_array_foreach(json_object_get(program, "configs"), i, pattern)
            okse_globs_add(globs, json_string_value(pattern), OKSE_GLOB_END, program);
    return globs;
}

bool okse_telemetry_configures(const OkseTelemetry *telemetry, const json_t *program, const char *path)
{
    g_autoptr(GPtrArray) programs = okse_globs_match(telemetry->configs, path);

    return programs != NULL && (program == NULL || g_ptr_array_find(programs, program, NULL));
}

OkseTelemetry *okse_telemetry_read(const OkseResources *resources, GError **error)
{
    static const char path[] = "manifests/telemetry.yaml";
    g_autofree char *name = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, name, error);
    g_autoptr(OkseTelemetry) telemetry = g_new0(OkseTelemetry, 1);

    if (yaml == NULL)
        return NULL;
    telemetry->table = okse_node_to_json(okse_yaml_root(yaml));
    if (!table_check(telemetry->table, error))
        return NULL;
    telemetry->configs = configs_of(okse_telemetry_programs(telemetry));
    return g_steal_pointer(&telemetry);
}

/* "org/name" of a hub: no path, no URL. */
static bool is_hub_id(const char *value)
{
    const char *slash = strchr(value, '/');

    return g_ascii_isalnum(*value) && slash != NULL && slash[1] != '\0' && strchr(slash + 1, '/') == NULL &&
           strpbrk(value, ": \\$") == NULL;
}

static bool among(const json_t *list, const char *value, bool any_case)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        const char *text = json_string_value(one);

        if (text != NULL && (any_case ? g_ascii_strcasecmp(text, value) : strcmp(text, value)) == 0)
            return true;
    }
    return false;
}

/* value NULL: it is not there. */
static Truth compare(const json_t *condition, const char *value)
{
    const char *is = okse_json_peek_text(condition, "is"), *not_this = okse_json_peek_text(condition, "not");

    if (json_object_get(condition, "unset") != NULL)
        return value == NULL ? YES : NO;
    if (value == NULL)
        return NO;
    if (strstr(value, "${") != NULL || strstr(value, "$(") != NULL || strstr(value, "{{") != NULL)
        return MAYBE;
    if (is != NULL)
        return strcmp(is, value) == 0 ? YES : NO;
    if (not_this != NULL)
        return strcmp(not_this, value) != 0 ? YES : NO;
    if (json_object_get(condition, "present") != NULL)
        return *value != '\0' ? YES : NO;
    if (json_object_get(condition, "hub_id") != NULL)
        return is_hub_id(value) ? YES : NO;
    if (json_object_get(condition, "words") != NULL)
        return among(json_object_get(condition, "words"), value, true) ? YES : NO;
    return among(json_object_get(condition, "any_of"), value, false) ? YES : NO;
}

/* What decided, for the fact. */
typedef struct {
    json_t *yes, *maybe; /* {"name","value","path","line"}, owned */
} Decider;

static void remember(Decider *decider, Truth truth, const char *name, const json_t *where, const char *value)
{
    json_t **slot = truth == YES ? &decider->yes : truth == MAYBE ? &decider->maybe : NULL;
    const json_t *line = json_object_get(where, "line"), *path = json_object_get(where, "path");

    if (slot == NULL || *slot != NULL)
        return;
    *slot = json_pack("{s:s,s:s?,s:O?,s:O?}", "name", name, "value", value, "path", path, "line", line);
}

static Truth judge_variable(const json_t *condition, const OkseTelemetrySubject *subject, Decider *decider)
{
    const char *name = okse_json_peek_text(condition, "variable"), *value;
    const json_t *row = NULL, *one;
    Truth truth;
    size_t i;

    json_array_foreach(subject->env, i, one) if (g_strcmp0(okse_json_peek_text(one, "name"), name) == 0) row = one;
    value = okse_json_peek_text(row, "value");
    if (row == NULL)
        truth = subject->env_whole ? compare(condition, NULL) : MAYBE;
    else
        truth = value != NULL ? compare(condition, value) : MAYBE;
    if (row != NULL || truth == MAYBE)
        remember(decider, truth, name, row, value);
    return truth;
}

/* The value of --flag, "" for one without; NULL: it is not there. after: the word behind a word. */
static const char *flag_value(const json_t *command, const char *flag, bool after)
{
    size_t length = strlen(flag);

    for (size_t i = 0; i < json_array_size(command); i++) {
        const char *word = json_string_value(json_array_get(command, i));
        const char *next = json_string_value(json_array_get(command, i + 1));

        if (word == NULL || strncmp(word, flag, length) != 0)
            continue;
        if (word[length] == '=' && !after)
            return word + length + 1;
        if (word[length] == '\0')
            return next != NULL && (*next != '-' || after) ? next : "";
    }
    return NULL;
}

static Truth judge_flag(const json_t *condition, const OkseTelemetrySubject *subject, Decider *decider)
{
    const char *flag = okse_json_peek_text(condition, "flag"), *after = okse_json_peek_text(condition, "after");
    const char *value = flag_value(subject->command, flag != NULL ? flag : after, flag == NULL);
    bool bare = json_object_get(condition, "present") != NULL && value != NULL;
    Truth truth = bare ? YES : compare(condition, value);

    remember(decider, truth, flag != NULL ? flag : after, NULL, value);
    return truth;
}

/* All configurations of the program must agree, for it is not known which of them it reads. */
static Truth judge_setting(const json_t *condition, const OkseTelemetrySubject *subject, Decider *decider)
{
    const char *name = okse_json_peek_text(condition, "setting");
    unsigned counts[3] = {0};
    const json_t *config;
    size_t i;

    json_array_foreach(subject->configs, i, config)
    {
        const json_t *row = json_object_get(json_object_get(config, "values"), name);
        const char *value = okse_json_peek_text(row, "value");
        Truth truth = compare(condition, value);
        g_autoptr(json_t) where =
            json_pack("{s:O?,s:O?}", "path", json_object_get(config, "path"), "line", json_object_get(row, "line"));

        counts[truth]++;
        if (row != NULL)
            remember(decider, truth, name, where, value);
    }
    return counts[YES] > 0 && counts[NO] + counts[MAYBE] == 0 ? YES : counts[YES] + counts[MAYBE] > 0 ? MAYBE : NO;
}

static Truth judge_file(const json_t *condition, const OkseTelemetrySubject *subject, Decider *decider)
{
    const char *pattern = okse_json_peek_text(condition, "file");
    g_autoptr(json_t) where = json_pack("{s:s}", "path", pattern);
    bool there = subject->file_is_there != NULL && subject->file_is_there(subject->context, pattern);

    /* which home directory the program has is not known, so a missing file proves nothing and changes nothing */
    remember(decider, there ? YES : NO, pattern, where, "is there");
    return there ? YES : NO;
}

static Truth judge_version(const json_t *condition, const OkseTelemetrySubject *subject, Decider *decider)
{
    const char *below = okse_json_peek_text(condition, "below");
    bool known = subject->version != NULL && g_ascii_isdigit(*subject->version);
    Truth truth = !known || below == NULL ? MAYBE : okse_version_compare(subject->version, below) < 0 ? YES : NO;

    remember(decider, truth, "version", NULL, subject->version);
    return truth;
}

static Truth judge_list(const json_t *list, bool every, const OkseTelemetrySubject *subject, Decider *decider);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH of the table */
static Truth judge_condition(const json_t *condition, const OkseTelemetrySubject *subject, Decider *decider)
{
    if (json_object_get(condition, "all") != NULL)
        return judge_list(json_object_get(condition, "all"), true, subject, decider);
    if (json_object_get(condition, "any") != NULL)
        return judge_list(json_object_get(condition, "any"), false, subject, decider);
    if (json_object_get(condition, "variable") != NULL)
        return judge_variable(condition, subject, decider);
    if (json_object_get(condition, "setting") != NULL)
        return judge_setting(condition, subject, decider);
    if (json_object_get(condition, "file") != NULL)
        return judge_file(condition, subject, decider);
    if (json_object_get(condition, "version") != NULL)
        return judge_version(condition, subject, decider);
    return judge_flag(condition, subject, decider);
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static Truth judge_list(const json_t *list, bool every, const OkseTelemetrySubject *subject, Decider *decider)
{
    Truth truth = every && json_array_size(list) > 0 ? YES : NO;

    for (size_t i = 0; i < json_array_size(list); i++) {
        Truth one = judge_condition(json_array_get(list, i), subject, decider);

        truth = every ? MIN(truth, one) : MAX(truth, one);
    }
    return truth;
}

static void decider_clear(Decider *decider)
{
    json_decref(decider->yes);
    json_decref(decider->maybe);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Decider, decider_clear)

static json_t *verdict(const char *enabled, const char *reason, json_t *decider)
{
    return json_pack("{s:s,s:s,s:O?}", "enabled", enabled, "reason", reason, "switch", decider);
}

json_t *okse_telemetry_judge(const json_t *report, const OkseTelemetrySubject *subject)
{
    const char *by_default = okse_json_peek_text(report, "default");
    bool sure = g_strcmp0(okse_json_peek_text(report, "confidence"), "low") != 0;
    g_auto(Decider) forced = {0}, off = {0}, on = {0};
    Truth is_forced = judge_list(json_object_get(report, "forced"), false, subject, &forced);
    Truth is_off = judge_list(json_object_get(report, "off"), false, subject, &off);
    Truth is_on = judge_list(json_object_get(report, "on"), false, subject, &on);
    bool on_by_default = g_strcmp0(by_default, "on") == 0, off_by_default = g_strcmp0(by_default, "off") == 0;

    if (is_forced == YES)
        return verdict("yes", "it was told to, whatever else is set", forced.yes);
    if (is_forced == MAYBE)
        return verdict("unknown", "whether it is told to cannot be known", forced.maybe);
    if (is_off == YES)
        return verdict(sure ? "no" : "unknown",
                       sure ? "it was told not to" : "the switch is set, but the rule itself is not sure", off.yes);
    if (is_off == MAYBE && !(off_by_default && is_on == NO))
        return verdict("unknown", "whether it is told not to cannot be known", off.maybe);
    if (is_on == YES)
        return verdict("yes", "it was told to", on.yes);
    if (is_on == MAYBE)
        return verdict("unknown", "whether it is told to cannot be known", on.maybe);
    if (on_by_default && sure)
        return verdict("yes", "it does so unless told otherwise", NULL);
    if (off_by_default && sure)
        return verdict("no", "it does so only when told to", NULL);
    return verdict("unknown",
                   sure ? "what it does by default depends on its version or is not known"
                        : "what it does by default is not known for sure",
                   NULL);
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static bool list_asks(const json_t *list, const char *variable)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) if (g_strcmp0(okse_json_peek_text(one, "variable"), variable) == 0 ||
                                         list_asks(json_object_get(one, "all"), variable) ||
                                         list_asks(json_object_get(one, "any"), variable)) return true;
    return false;
}

bool okse_telemetry_asks(const json_t *report, const char *variable)
{
    return list_asks(json_object_get(report, "forced"), variable) ||
           list_asks(json_object_get(report, "off"), variable) || list_asks(json_object_get(report, "on"), variable);
}
