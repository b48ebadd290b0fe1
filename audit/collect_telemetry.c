/* Grades, from the weakest: "declared" — a file says so; "enforced" — what runs it lets nothing out; "observed" — the
 * kernel's own word about a running process. A switch that is set is not a packet that was not sent. */
#include "audit/collect_telemetry.h"

#include <string.h>

typedef struct {
    OkseCollection *collection;
    const char *id;
    const json_t *program;
    json_t *workload, *container; /* NULL: only its configuration or trace was seen */
    json_t *configs;              /* of this program, owned by the caller */
    const char *sign, *what, *version;
    GHashTable *judged; /* "path|line|name" of variables that a rule decided by */
} Sight;

static bool file_is_there(void *context, const char *pattern)
{
    g_auto(GStrv) found = okse_collect_glob(context, pattern, NULL);

    return found[0] != NULL;
}

/* What the image sets by itself, before what it is told. */
static json_t *environment(const Sight *sight)
{
    const json_t *preset = json_object_get(sight->program, "image_sets");
    json_t *env = json_array(), *value;
    const char *name;

    if (g_strcmp0(sight->sign, "image") == 0)
        json_object_foreach((json_t *)(uintptr_t)preset, name, value)
            json_array_append_new(env, json_pack("{s:s,s:O,s:s}", "name", name, "value", value, "from", "the image"));
    json_array_extend(env, json_object_get(sight->container, "env"));
    return env;
}

static const char *grade_of(const Sight *sight, const char *enabled)
{
    const char *egress = okse_json_peek_text(sight->workload, "egress");
    const char *state = okse_json_peek_text(sight->workload, "state");

    if (g_strcmp0(egress, "deny") == 0 || g_strcmp0(egress, "limited") == 0)
        return "enforced";
    if (g_strcmp0(state, "observed") == 0)
        return "observed";
    return strcmp(enabled, "no") == 0 ? "declared" : NULL;
}

static json_t *source_of(const Sight *sight)
{
    json_t *source;

    if (sight->workload != NULL) {
        source = json_deep_copy(json_object_get(sight->workload, "source"));
        if (json_is_integer(json_object_get(sight->container, "line")))
            json_object_set(source, "line", json_object_get(sight->container, "line"));
    } else {
        source = json_deep_copy(json_object_get(json_array_get(sight->configs, 0), "source"));
    }
    json_object_set_new(source, "collector", json_string("telemetry"));
    return source;
}

/* What it would reach, unless it is told not to. */
static void add_endpoints(const Sight *sight, const json_t *report, const json_t *source)
{
    const json_t *hosts = json_object_get(report, "hosts"), *host;
    const char *does = okse_json_peek_text(report, "does"), *role = okse_json_peek_text(report, "role");
    size_t i;

    if (role == NULL)
        role = strcmp(does, "update-check") == 0 || strcmp(does, "news") == 0 ? "update-check"
               : strcmp(does, "crash-report") == 0                            ? "errors"
               : strcmp(does, "licence-check") == 0                           ? "licence"
               : strcmp(does, "content-fetch") == 0                           ? "model-hub"
               : strcmp(does, "data-export") == 0                             ? "llm-api"
                                                                              : "telemetry";
    json_array_foreach(hosts, i, host)
    {
        json_t *own = json_deep_copy(source);

        if (strchr(json_string_value(host), '*') != NULL) {
            json_decref(own);
            continue;
        }
        okse_facts_endpoint(sight->collection->facts, &(OkseEndpointFact){.host = json_string_value(host),
                                                                          .port = 443,
                                                                          .protocol = "https",
                                                                          .tls = 1,
                                                                          .direction = "out",
                                                                          .role = role,
                                                                          .state = "default",
                                                                          .source = own});
    }
}

/* The settings by which the rule decided are not judged a second time by their names. */
static void mark_judged(const Sight *sight, const json_t *report)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(sight->container, "env"), i, row)
    {
        const char *name = okse_json_peek_text(row, "name"), *path = okse_json_peek_text(row, "path");

        if (name != NULL && path != NULL && okse_telemetry_asks(report, name))
            g_hash_table_add(sight->judged, g_strdup_printf("%s|%" JSON_INTEGER_FORMAT "|%s", path,
                                                            json_integer_value(json_object_get(row, "line")), name));
    }
}

static json_t *fact_of(const Sight *sight, const json_t *report, const json_t *verdict, json_t *source)
{
    static const char *const taken[] = {"does", "hosts", "sends", "confidence"};
    const char *enabled = okse_json_peek_text(verdict, "enabled"), *state = "configured";
    json_t *fact = json_pack("{s:s,s:O,s:s,s:s?,s:s?,s:o}", "program", sight->id, "software",
                             json_object_get(sight->program, "title"), "sign", sight->sign, "what", sight->what,
                             "version", sight->version, "source", source);

    for (unsigned i = 0; i < G_N_ELEMENTS(taken); i++)
        json_object_set(fact, taken[i], json_object_get(report, taken[i]));
    json_object_set(fact, "rule", json_object_get(report, "source"));
    json_object_update((json_t *)(uintptr_t)fact, (json_t *)(uintptr_t)verdict);
    if (sight->workload != NULL)
        state = okse_json_peek_text(sight->workload, "state");
    json_object_set_new(fact, "workload",
                        sight->workload == NULL
                            ? json_null()
                            : json_pack("{s:O?,s:O?,s:O?,s:O?}", "engine", json_object_get(sight->workload, "engine"),
                                        "namespace", json_object_get(sight->workload, "namespace"), "name",
                                        json_object_get(sight->workload, "name"), "container",
                                        json_object_get(sight->container, "name")));
    json_object_set_new(fact, "grade",
                        grade_of(sight, enabled) != NULL ? json_string(grade_of(sight, enabled)) : json_null());
    json_object_set_new(fact, "state", json_string(state));
    return fact;
}

static void judge_report(const Sight *sight, const json_t *report, size_t number)
{
    g_autoptr(json_t) env = environment(sight), source = source_of(sight);
    const OkseTelemetrySubject subject = {
        .env = env,
        .env_whole = sight->container == NULL || !json_is_false(json_object_get(sight->container, "env_whole")),
        .command = json_object_get(sight->container, "command"),
        .configs = sight->configs,
        .version = sight->version,
        .file_is_there = sight->collection->host && sight->workload != NULL &&
                                 json_is_null(json_object_get(sight->container, "image"))
                             ? file_is_there
                             : NULL,
        .context = sight->collection};
    g_autoptr(json_t) verdict = NULL;
    g_autofree char *key = NULL;
    const char *does = okse_json_peek_text(report, "does");

    if (strcmp(does, "none") == 0)
        verdict = json_pack("{s:s,s:s,s:n}", "enabled", "no", "reason", "it has no such function", "switch");
    else
        verdict = okse_telemetry_judge(report, &subject);
    key = g_strdup_printf("%s|%zu|%s|%" JSON_INTEGER_FORMAT "|%s|%s", sight->id, number,
                          okse_json_peek_text(source, "path"), json_integer_value(json_object_get(source, "line")),
                          okse_json_peek_text(sight->workload, "name"), okse_json_peek_text(sight->container, "name"));
    mark_judged(sight, report);
    if (strcmp(okse_json_peek_text(verdict, "enabled"), "no") != 0)
        add_endpoints(sight, report, source);
    okse_facts_add(sight->collection->facts, "telemetry", key, fact_of(sight, report, verdict, json_incref(source)));
}

static void judge_program(const Sight *sight)
{
    const json_t *report;
    size_t i;

    json_array_foreach(json_object_get(sight->program, "reports"), i, report) judge_report(sight, report, i);
    if (sight->workload != NULL)
        json_object_del(sight->workload, "hidden");
}

static json_t *configs_of(const OkseObjects *objects, const json_t *program)
{
    json_t *own = json_array();
    const json_t *config;
    size_t i;

    json_array_foreach(objects->configs, i, config) if (okse_telemetry_configures(objects->telemetry, program,
                                                                                  okse_json_peek_text(config, "name")))
        json_array_append(own, (json_t *)(uintptr_t)config);
    return own;
}

/* True when the program shows in one container at least. */
static bool look_at_workloads(Sight *sight)
{
    json_t *workload, *container;
    bool seen = false;
    size_t i, k;

    json_array_foreach(sight->collection->objects->workloads, i, workload)
        json_array_foreach(json_object_get(workload, "containers"), k, container)
    {
        g_autofree char *what = NULL, *version = NULL;

        sight->workload = workload;
        sight->container = container;
        sight->sign = okse_telemetry_sign(sight->program, okse_json_peek_text(container, "image"),
                                          json_object_get(container, "command"), json_object_get(container, "packages"),
                                          &what, &version);
        sight->what = what;
        sight->version = version;
        if (sight->sign != NULL) {
            judge_program(sight);
            seen = true;
        }
    }
    sight->workload = sight->container = NULL;
    sight->what = sight->version = NULL;
    return seen;
}

/* What a program writes down when it reports: it has done so, whatever is set now. */
static void look_at_traces(const Sight *sight)
{
    const json_t *traces = json_object_get(sight->program, "traces"), *pattern;
    size_t i;

    json_array_foreach(traces, i, pattern)
    {
        g_autofree char *missed = NULL;
        g_auto(GStrv) found = okse_collect_glob(sight->collection, json_string_value(pattern), &missed);

        if (missed != NULL)
            okse_facts_coverage(sight->collection->facts, "telemetry", OKSE_PARTIAL, missed);

        for (char **path = found; *path != NULL; path++) {
            json_t *source =
                okse_facts_source(&(OkseSourceFact){.collector = "telemetry", .path = *path, .via = "structured"});

            okse_facts_add(sight->collection->facts, "telemetry", *path,
                           json_pack("{s:s,s:O,s:s,s:s,s:s,s:s,s:s,s:n,s:n,s:n,s:s,s:[],s:o,s:s}", "program", sight->id,
                                     "software", json_object_get(sight->program, "title"), "sign", "trace", "what",
                                     *path, "does", "telemetry", "enabled", "unknown", "reason",
                                     "it left this when it reported or fetched; whether it still does is not known",
                                     "switch", "workload", "version", "grade", "observed", "hosts", "source", source,
                                     "state", "observed"));
        }
    }
}

static void mark_settings(OkseCollection *collection, GHashTable *judged)
{
    const json_t *settings = okse_facts_peek(collection->facts, "settings");

    for (size_t i = 0; i < json_array_size(settings); i++) {
        json_t *setting = json_array_get(settings, i);
        const json_t *source = json_object_get(setting, "source");
        g_autofree char *key =
            g_strdup_printf("%s|%" JSON_INTEGER_FORMAT "|%s", okse_json_peek_text(source, "path"),
                            json_integer_value(json_object_get(source, "line")), okse_json_peek_text(setting, "name"));

        if (g_hash_table_contains(judged, key))
            json_object_set_new(setting, "judged", json_true());
    }
}

/* A unit's interpreter has its packages beside it. */
static void look_beside(OkseCollection *collection)
{
    json_t *workload, *container;
    size_t i;

    json_array_foreach(collection->objects->workloads, i, workload)
    {
        json_t *packages;

        container = json_array_get(json_object_get(workload, "containers"), 0);
        if (!collection->host || container == NULL || !json_is_null(json_object_get(container, "image")))
            continue;
        packages = okse_collect_beside(collection, json_object_get(container, "command"));
        if (packages != NULL)
            json_object_set_new(container, "packages", packages);
    }
}

void okse_collect_telemetry(OkseCollection *collection)
{
    g_autoptr(GHashTable) judged = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const char *name;
    json_t *program;

    look_beside(collection);
    json_object_foreach((json_t *)(uintptr_t)okse_telemetry_programs(collection->objects->telemetry), name, program)
    {
        g_autoptr(json_t) configs = configs_of(collection->objects, program);
        Sight sight = {.collection = collection, .id = name, .program = program, .configs = configs, .judged = judged};

        if (!look_at_workloads(&sight) && json_array_size(configs) > 0) {
            sight.sign = "configuration";
            sight.what = okse_json_peek_text(json_array_get(configs, 0), "path");
            judge_program(&sight);
        }
        if (collection->host)
            look_at_traces(&sight);
    }
    mark_settings(collection, judged);
}
