/* One fact in place of many gives the same answers as all of them: every control, with the parameters of every
 * jurisdiction, over facts made up from the schema and from the words that the controls ask for. */
#include "audit/control_reads.h"
#include "audit/evaluate.h"
#include "audit/law.h"
#include "core/json.h"

#include <stdlib.h>
#include <string.h>

#define AT "2026-07-01T00:00:00Z"

typedef struct {
    OkseLaw *law;
    GPtrArray *words; /* json_t: what values may be */
    GArray *tasks;    /* OkseTask, all that law asks for */
    GRand *random;
    bool hostile; /* values of wrong types, missing lists */
} Fixture;

static void add_words(GPtrArray *words, const json_t *value)
{
    const json_t *item;
    const char *key;
    size_t i;

    json_array_foreach(value, i, item) add_words(words, item);
    json_object_foreach((json_t *)(uintptr_t)value, key, item) add_words(words, item);
    if (json_is_string(value) || json_is_number(value))
        g_ptr_array_add(words, json_incref((json_t *)(uintptr_t)value));
}

/* What stands between quotes in an expression. */
static void add_literals(GPtrArray *words, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "\"", -1);

    for (guint i = 1; parts[0] != NULL && parts[i] != NULL && parts[i + 1] != NULL; i += 2)
        if (strchr(parts[i], '\\') == NULL)
            g_ptr_array_add(words, json_string(parts[i]));
}

static void add_odd_words(GPtrArray *words)
{
    static const char *const odd[] = {"",    "null",       "true",       "É",  "한국", "kr",
                                      "KR ", "2026-05-01", "2030-01-01", "no", "YES"};
    g_autofree char *huge = g_strnfill(5000, 'x');

    for (size_t i = 0; i < G_N_ELEMENTS(odd); i++)
        g_ptr_array_add(words, json_string(odd[i]));
    g_ptr_array_add(words, json_string(huge));
    g_ptr_array_add(words, json_integer(0));
    g_ptr_array_add(words, json_integer(72));
    g_ptr_array_add(words, json_real(72.0));
    g_ptr_array_add(words, json_integer(9007199254740993));
    g_ptr_array_add(words, json_integer(-1));
}

static void add_tasks(Fixture *fixture, const OkseJurisdiction *jurisdiction)
{
    for (guint i = 0; i < jurisdiction->provisions->len; i++) {
        const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, i);

        for (guint k = 0; k < provision->mappings->len; k++) {
            const OkseMapping *mapping = g_ptr_array_index(provision->mappings, k);
            g_autoptr(OkseIssues) issues = okse_issues_new();
            OkseTask task = {
                .control = okse_law_control(fixture->law, mapping->control), .country = jurisdiction->iso, .at = AT};

            task.parameters = okse_control_bind(task.control, mapping->parameters, &mapping->place, issues);
            g_array_append_val(fixture->tasks, task);
            add_words(fixture->words, task.parameters);
        }
    }
}

static void task_clear(gpointer data)
{
    json_decref(((OkseTask *)data)->parameters);
}

static void word_free(gpointer data)
{
    json_decref(data);
}

static void set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);
    g_autoptr(GError) error = NULL;

    (void)data;
    fixture->law = okse_law_load(resources, NULL, &error);
    g_assert_no_error(error);
    fixture->words = g_ptr_array_new_with_free_func(word_free);
    fixture->tasks = g_array_new(FALSE, FALSE, sizeof(OkseTask));
    g_array_set_clear_func(fixture->tasks, task_clear);
    fixture->random = g_rand_new_with_seed(7);
    for (guint i = 0; i < fixture->law->jurisdictions->len; i++)
        add_tasks(fixture, g_ptr_array_index(fixture->law->jurisdictions, i));
    for (guint i = 0; i < fixture->law->controls->len; i++)
        for (unsigned k = 0; k < OKSE_EXPRESSIONS; k++) {
            const OkseControl *control = g_ptr_array_index(fixture->law->controls, i);

            if (control->expressions[k] != NULL)
                add_literals(fixture->words, control->expressions[k]);
        }
    add_odd_words(fixture->words);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_array_unref(fixture->tasks);
    g_ptr_array_unref(fixture->words);
    g_rand_free(fixture->random);
    okse_law_free(fixture->law);
}

static guint roll(Fixture *fixture, guint sides)
{
    return (guint)g_rand_int_range(fixture->random, 0, (gint32)sides);
}

static json_t *word(Fixture *fixture)
{
    return json_incref(g_ptr_array_index(fixture->words, roll(fixture, fixture->words->len)));
}

static json_t *made(Fixture *fixture, const json_t *node, unsigned depth);

static json_t *object_made(Fixture *fixture, const json_t *properties, unsigned depth)
{
    json_t *object = json_object(), *node;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)properties, key, node)
    {
        bool list = g_strcmp0(json_string_value(json_object_get(node, "type")), "array") == 0;

        if ((list && !fixture->hostile) || roll(fixture, 8) > 0) /* .[] of what is missing fails */
            json_object_set_new(object, key, made(fixture, node, depth + 1));
    }
    if (properties == NULL)
        for (guint i = roll(fixture, 4); i > 0; i--) {
            g_autofree char *name =
                g_strndup(json_string_value(g_ptr_array_index(fixture->words, roll(fixture, 40))), 60);

            json_object_set_new(object, name != NULL ? name : "date", word(fixture));
        }
    return object;
}

static json_t *of_type(Fixture *fixture, const json_t *node, const char *type, unsigned depth)
{
    json_t *list;

    if (strcmp(type, "boolean") == 0)
        return json_boolean(roll(fixture, 2));
    if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
        return json_integer(roll(fixture, 3) * 36);
    if (strcmp(type, "object") == 0)
        return object_made(fixture, json_object_get(node, "properties"), depth);
    if (strcmp(type, "array") == 0) {
        list = json_array();
        for (guint i = depth < 6 ? roll(fixture, 3) : 0; i > 0; i--)
            json_array_append_new(list, made(fixture, json_object_get(node, "items"), depth + 1));
        return list;
    }
    return strcmp(type, "string") == 0 ? word(fixture) : json_null();
}

/* A value that follows the schema, mostly. */
static json_t *made(Fixture *fixture, const json_t *node, unsigned depth)
{
    const json_t *values, *type;
    guint odd = roll(fixture, 400);

    for (const char *to; (to = json_string_value(json_object_get(node, "$ref"))) != NULL;)
        node = json_object_get(json_object_get(fixture->law->schema, "$defs"), strrchr(to, '/') + 1);
    values = json_object_get(node, "enum");
    type = json_object_get(node, "type");
    if (fixture->hostile && odd < 4)
        return odd < 2 ? word(fixture) : odd == 2 ? json_array() : json_object();
    if (values != NULL)
        return json_incref(json_array_get(values, roll(fixture, (guint)json_array_size(values))));
    if (json_is_array(type))
        type = json_array_get(type, roll(fixture, (guint)json_array_size(type)));
    return of_type(fixture, node, json_is_string(type) ? json_string_value(type) : "null", depth);
}

/* Facts of one list: many that are like another one but for the id, some that share an id. */
static json_t *list_made(Fixture *fixture, const char *name, const json_t *node)
{
    guint count = roll(fixture, 24);
    json_t *list = json_array();

    for (guint i = 0; i < count; i++) {
        bool again = i > 0 && roll(fixture, 3) == 0;
        json_t *fact = again ? json_deep_copy(json_array_get(list, roll(fixture, i)))
                             : made(fixture, json_object_get(node, "items"), 0);
        g_autofree char *id = g_strdup_printf("%s:%u", name, roll(fixture, 10) == 0 ? roll(fixture, count) : i);

        if (!json_is_object(fact)) {
            json_decref(fact);
            fact = json_object();
        }
        if (!fixture->hostile || roll(fixture, 2000) > 0)
            json_object_set_new(fact, "id", json_string(id));
        if (again && roll(fixture, 2) == 0)
            json_object_set_new(fact, "source", json_pack("{s:s}", "path", id));
        json_array_append_new(list, fact);
    }
    return list;
}

static json_t *facts_made(Fixture *fixture)
{
    json_t *facts = json_object(), *node;
    const char *name;

    json_object_foreach(json_object_get(fixture->law->schema, "properties"), name, node)
    {
        const char *type = json_string_value(json_object_get(node, "type"));

        if (fixture->hostile && roll(fixture, 60) == 0)
            continue;
        json_object_set_new(facts, name,
                            g_strcmp0(type, "array") == 0 && strcmp(name, "scope") != 0 &&
                                    strcmp(name, "collectors") != 0
                                ? list_made(fixture, name, node)
                                : made(fixture, node, 0));
    }
    return facts;
}

/* Both ways give the same. Returns how many answers are no error and not empty. */
static guint compare(const json_t *facts, const OkseTask *tasks, guint count)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) quick = okse_evaluate(facts, tasks, count, &okse_evaluate_limits, &error), plain = NULL;
    guint told = 0;

    g_assert_no_error(error);
    plain = okse_evaluate_plain(facts, tasks, count, &okse_evaluate_limits, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(json_array_size(plain), ==, count);
    for (guint i = 0; i < count; i++) {
        const json_t *a = json_array_get(quick, i), *b = json_array_get(plain, i);

        if (!json_equal(a, b))
            g_error("%s: %s but plainly %s", tasks[i].control->id, json_dumps(a, JSON_COMPACT),
                    json_dumps(b, JSON_COMPACT));
        told += json_array_size(json_object_get(b, "violations")) + json_array_size(json_object_get(b, "unknown")) > 0;
    }
    return told;
}

/* The tasks of the law from `first` on, each so many. */
static guint compare_law(Fixture *fixture, const json_t *facts, guint first, guint each)
{
    g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(OkseTask));

    for (guint i = first; i < fixture->tasks->len; i += each)
        g_array_append_val(tasks, g_array_index(fixture->tasks, OkseTask, i));
    return compare(facts, (const OkseTask *)(void *)tasks->data, tasks->len);
}

static void test_all_law(Fixture *fixture, gconstpointer data)
{
    g_autoptr(json_t) facts = facts_made(fixture);

    (void)data;
    g_assert_cmpuint(compare_law(fixture, facts, 0, 6), >, fixture->tasks->len / 12);
}

static void test_many_facts(Fixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < 4; i++) {
        g_autoptr(json_t) facts = NULL;

        fixture->hostile = i % 2 == 1;
        facts = facts_made(fixture);
        compare_law(fixture, facts, i, 61);
    }
}

/* What the library does not do, and a control may: where order and repetition matter, where facts are read as a whole,
 * where those of several lists meet. $words is a list, $word one text. */
static const char *const shapes[] = {
    ".mounts[]",
    ".mounts[] | select(.remote)",
    ".mounts[] | select(.encrypted == $word)",
    ".mounts[] | select(.encrypted | IN($words[]) | not)",
    ".mounts[] | select(.encrypted != \"yes\" and (.location.country == null or .remote == false))",
    ".mounts[] | select($word == .fstype or .fstype == null)",
    "$words[] as $w | select(any(.mounts[]; .encrypted == $w) | not) | {absent: $w}",
    "$words[] as $w | .mounts[] | select(.encrypted == $w) | {absent: \"\(.path) \($w)\"}",
    "[.mounts[] | select(.remote)] | length | {absent: tostring}",
    "[.mounts[] | select(.remote)] | select(length == 0) | {absent: \"none\"}",
    "[.mounts[] | select(.remote)] as $m | select(($m | length) > 0) | $m[]",
    "[.mounts[] | select(.remote)] as $m | select(($m | length) > 1) | $m[]",
    "[.mounts[] | select(.remote)] as $m | select(($m | length) + 1 > 3) | $m[]",
    ("[.mounts[] | select(.remote)] as $m | [.mounts[] | select(.encrypted == \"no\")] as $n"
     " | select(($m | length) != ($n | length)) | $m[]"),
    ".mounts | select(length == 0) | {absent: \"x\"}",
    ".mounts | first",
    "first(.mounts[])",
    "first(.mounts[] | select(.remote))",
    ".mounts | last",
    ".mounts[0], .mounts[1:3][]",
    ".mounts | reverse | .[]",
    ".mounts | sort_by(.path) | first",
    ".mounts | unique_by(.encrypted) | .[]",
    ".mounts | min_by(.path), max_by(.encrypted)",
    ".mounts | map(select(.remote)) | .[]",
    ".mounts | map(.encrypted) | add | {absent: .}",
    "[.mounts[].encrypted] | unique | .[] | {absent: .}",
    "[.mounts[].encrypted] | index(\"no\") | {absent: tostring}",
    "[.mounts[].encrypted] as $all | .residue[] | select(.encrypted | IN($all[]))",
    ".mounts[] | .encrypted",
    ".mounts[] | .location",
    ".mounts[].holds[]",
    ".mounts[] | select(any(.holds[]; . == \"logs\"))",
    ".mounts[] | select((.holds | length) > 0)",
    ".mounts[] | select([.holds[]] | length == 1)",
    ".mounts[] | select(isempty(.holds[]))",
    ".mounts[] | select(all(.holds[]; . != $word))",
    ".workloads[] | select(any(.containers[]; .image != null and .digest == null))",
    ".workloads[] | select([.containers[] | .mounts[]] | length > 0)",
    ".mounts[] | select(.id | endswith(\"1\"))",
    ".mounts[] | select(. == {})",
    ".mounts[] as $a | .mounts[] as $b | select($a == $b) | $a",
    ".mounts[] as $a | .mounts[] as $b | select($a.path == $b.path and $a.encrypted != $b.encrypted) | $b",
    ".mounts[] as $a | .residue[] | select(.encrypted == $a.encrypted)",
    ".mounts as $all | .residue[] | .encrypted as $e | select(any($all[]; .encrypted == $e and .remote))",
    "(.mounts[], .residue[]) | select(.remote)",
    "(.mounts[], .residue[]) | .encrypted | {absent: .}",
    "if any(.mounts[]; .remote) then .mounts[] | select(.encrypted == \"no\") else .residue[] end",
    ".mounts[] | if .remote then . else {absent: .path} end",
    "(.mounts[] | .location.country | ascii_downcase)?",
    "(.mounts[] | select(.encrypted != \"no\" or (.remote | length) >= 0))?",
    "(.mounts[] | select(.encrypted != \"no\" or (.remote | length) >= 0) | .fstype) // 1 | {absent: tostring}",
    ".mounts[] | (.location.country | ascii_downcase)? // \"none\" | {absent: .}",
    "(.mounts[] | select(.remote) | .path) // \"none\" | {absent: .}",
    ".mounts[] | .path // .fstype // \"x\" | {absent: .}",
    ".mounts[] | {absent: .path, encrypted}",
    ".mounts[] | {id: .path}",
    ".mounts[], (\"mounts:1\", \"mounts:10x\", \"a\" | {id: .})",
    ".mounts[] | .[\"encrypted\"] | select(. == \"no\")",
    ".mounts[] | select(has(\"source\"))",
    ".mounts[] | select(keys | length > 9)",
    ".mounts[] | select(type == \"object\")",
    ".mounts[] | select(.remote | not) | select(.remote == null)",
    ".mounts[] | select(.location)",
    ".mounts[] | select(.location | not)",
    ".mounts[] | select(.location == null or .location.country == $country)",
    ".mounts[] | select(.location.country > \"M\")",
    "any(.mounts[]; .remote) | select(.) | {absent: \"x\"}",
    "all(.mounts[]; .remote) | tostring | {absent: .}",
    "[.mounts[] | .remote] | any, all | tostring | {absent: .}",
    "isempty(.mounts[] | select(.remote)) | tostring | {absent: .}",
    "IN(.mounts[].path; $words[]) | tostring | {absent: .}",
    "[.mounts[] | [.path, .encrypted]] | .[] | {absent: .[1]}",
    ".collectors[] | select(.status == \"complete\") | {absent: .collector}",
    "[.collectors[].status] | join(\" \") | {absent: .}",
    ".host.hostname as $h | .mounts[] | select(.path == $h or .remote)",
    ".mounts[] | -1 as $x | select(.remote) | {absent: \"\($x)\"}",
    ".mounts[], .mounts[] as $m | $m | select(.remote)",
    "tojson | {absent: .}",
};

static OkseControl *control_of(const char *violations)
{
    static const char *const names[] = {"word", "words"};
    OkseControl *control = g_new0(OkseControl, 1);

    control->id = g_strdup(violations);
    control->parameters = g_ptr_array_new();
    control->needs = g_ptr_array_new();
    control->tests = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        OkseParameter *parameter = g_new0(OkseParameter, 1);

        parameter->name = g_strdup(names[i]);
        g_ptr_array_add(control->parameters, parameter);
    }
    control->expressions[OKSE_EXPRESSION_VIOLATIONS] = g_strdup(violations);
    control->expressions[OKSE_EXPRESSION_UNKNOWN] = g_strdup(".residue[] | select(.encrypted == \"unknown\")");
    return control;
}

static void control_end(OkseControl *control)
{
    for (guint i = 0; i < control->parameters->len; i++) {
        OkseParameter *parameter = g_ptr_array_index(control->parameters, i);

        g_free(parameter->name);
        g_free(parameter);
    }
    okse_control_free(control);
}

static void test_shapes(Fixture *fixture, gconstpointer data)
{
    OkseTask tasks[G_N_ELEMENTS(shapes)] = {0};
    g_autoptr(json_t) parameters = json_pack("{s:s, s:[s, s, s, n]}", "word", "no", "words", "no", "logs", "xfs");
    guint told = 0;

    (void)data;
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        tasks[i] = (OkseTask){control_of(shapes[i]), parameters, "KR", 0, AT};
    for (guint i = 0; i < 6; i++) {
        g_autoptr(json_t) facts = NULL;

        fixture->hostile = i % 3 == 2;
        facts = facts_made(fixture);
        told += compare(facts, tasks, G_N_ELEMENTS(shapes));
    }
    g_assert_cmpuint(told, >, 6 * G_N_ELEMENTS(shapes) / 2);
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        control_end((OkseControl *)(uintptr_t)tasks[i].control);
}

/* One fact among its like makes the program fail: before that, behind it, or swallowed. */
static void test_failing(void)
{
    static const char *const cases[][2] = {
        {"[{'id': 'a', 'location': {'country': 'US'}}, {'id': 'b', 'location': 'x'}]",
         ".mounts[] | select(.location.country == \"KR\")"},
        {"[{'id': 'a', 'holds': ['x']}, {'id': 'b', 'holds': 'x'}]", ".mounts[] | select(any(.holds[]; . == \"y\"))"},
        {"[{'id': 'a', 'encrypted': 'yes'}, {'id': 'b', 'encrypted': 'no', 'remote': true}, {'id': 'c', 'encrypted': "
         "'yes'}]",
         "(.mounts[] | select(.encrypted != \"no\" or (.remote | length) >= 0))?"},
        {"[{'id': 'a', 'path': 'p'}, {'id': 'b', 'path': 1}, {'id': 'c', 'path': 'p'}]",
         ".mounts[] | select(any(.path; startswith(\"q\")))"},
        {"[{'id': 'a'}, 7]", ".mounts[] | select(.remote)"},
        {"{'id': 'a'}", ".mounts[] | select(.remote)"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdelimit(g_strdup(cases[i][0]), "'", '"');
        g_autoptr(json_t) parameters = json_pack("{s:s, s:[]}", "word", "no", "words");
        g_autoptr(json_t) facts = json_object();
        OkseTask task = {control_of(cases[i][1]), parameters, "KR", 0, AT};

        json_object_set_new(facts, "mounts", json_loads(text, 0, NULL));
        json_object_set_new(facts, "residue", json_array());
        g_assert_nonnull(json_object_get(facts, "mounts"));
        compare(facts, &task, 1);
        control_end((OkseControl *)(uintptr_t)task.control);
    }
}

static OkseTask task_of(OkseControl *control, json_t *parameters, const char *country)
{
    return (OkseTask){control, parameters, country, 0, AT};
}

/* jq knows "$ country" too: two countries ask different things then. */
static void test_spaced_country(void)
{
    g_autoptr(json_t) parameters = json_pack("{s:s, s:[]}", "word", "no", "words");
    g_autoptr(json_t) facts = json_pack("{s:[{s:s, s:s}, {s:s, s:s}], s:[]}", "mounts", "id", "a", "path", "KR", "id",
                                        "b", "path", "US", "residue");
    OkseControl *control = control_of(".mounts[] | select(.path == $ country)");
    OkseTask tasks[] = {task_of(control, parameters, "KR"), task_of(control, parameters, "US")};

    g_assert_true(okse_control_reads_country(control));
    g_assert_cmpuint(compare(facts, tasks, 2), ==, 2);
    control_end(control);
}

/* A parameter is a variable and nothing else: one that is named for a function of jq leaves it alone. */
static void test_parameter_names(void)
{
    static const char *const names[] = {"unique", "all", "empty", "length", "not", "values"};
    g_autoptr(json_t) facts = json_pack("{s:[{s:s, s:s}, {s:s, s:b}], s:[]}", "mounts", "id", "a", "path", "p", "id",
                                        "b", "remote", 1, "residue");
    g_autoptr(json_t) expected =
        json_pack("{s:b, s:[s], s:[], s:[]}", "applies", 1, "violations", "a", "unknown", "subjects");

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        OkseControl *control = control_of(".mounts[] | select((.path | values | length == 1) and (.remote | not))");
        OkseParameter *first = g_ptr_array_index(control->parameters, 0);
        g_autoptr(json_t) parameters = json_pack("{s:[s], s:[]}", names[i], "zz", "words");
        g_autoptr(json_t) plain = NULL;
        OkseTask task = task_of(control, parameters, "KR");

        g_free(first->name);
        first->name = g_strdup(names[i]);
        compare(facts, &task, 1);
        plain = okse_evaluate_plain(facts, &task, 1, &okse_evaluate_limits, NULL);
        g_assert_true(json_equal(json_array_get(plain, 0), expected));
        control_end(control);
    }
}

/* Chains that nest deeper than the stack is are not read; the control sees the facts as they are. */
static void test_long_chains(void)
{
    static const char *const links[] = {" + 1", " // 1", ", 1", ".a", "[0]", " and 1"};

    for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
        GString *text = g_string_new(". ");
        OkseControl *control = NULL;
        g_autoptr(OkseControlReads) reads = NULL;

        for (guint k = 0; k < 300000; k++)
            g_string_append(text, links[i]);
        control = control_of(text->str);
        reads = okse_control_reads(control);
        g_assert_true(reads->plain);
        control_end(control);
        g_string_free(text, TRUE);
    }
}

/* Tasks whose documents are too large for one process are asked in several; the answers stay in their order. */
static void test_large_documents(void)
{
    static const char *const words[] = {"a", "b", "c", "e"};
    g_autofree char *huge = g_strnfill(7u << 20, 'x');
    g_autoptr(json_t) facts =
        json_pack("{s:[{s:s, s:s}, {s:s, s:s}], s:[{s:s, s:s}, {s:s, s:s}]}", "mounts", "id", "m", "path", huge, "id",
                  "n", "path", huge, "residue", "id", "r", "encrypted", "b", "id", "s", "encrypted", "e");
    OkseControl *own = control_of("(.mounts | reverse | .[0]), (.residue[] | select(.encrypted == $word))");
    OkseControl *shared = control_of("(.mounts | reverse | .[0]) | select($word != \"c\")");
    OkseTask tasks[2 * G_N_ELEMENTS(words)];

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        json_t *parameters = json_pack("{s:s, s:[]}", "word", words[i], "words");

        tasks[2 * i] = task_of(own, parameters, "KR");
        tasks[2 * i + 1] = task_of(shared, parameters, "KR");
    }
    g_assert_cmpuint(compare(facts, tasks, G_N_ELEMENTS(tasks)), ==, G_N_ELEMENTS(tasks) - 1);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        json_decref(tasks[2 * i].parameters);
    control_end(own);
    control_end(shared);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/audit/alike/all-law", Fixture, NULL, set_up, test_all_law, tear_down);
    g_test_add("/audit/alike/shapes", Fixture, NULL, set_up, test_shapes, tear_down);
    g_test_add_func("/audit/alike/failing", test_failing);
    g_test_add_func("/audit/alike/spaced-country", test_spaced_country);
    g_test_add_func("/audit/alike/parameter-names", test_parameter_names);
    g_test_add_func("/audit/alike/long-chains", test_long_chains);
    g_test_add_func("/audit/alike/large-documents", test_large_documents);
    g_test_add("/audit/alike/many-facts", Fixture, NULL, set_up, test_many_facts, tear_down);
    return g_test_run();
}
