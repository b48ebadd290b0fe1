/* A provision that does not apply needs a reason that somebody stated: the stack's own declaration, or the law's date.
 * A target that declares nothing is taken to hold personal data, because almost everything does; what depends on more
 * than that stays open. */
#include "audit/applicability.h"

#include "audit/law_read.h"
#include "audit/verdict.h"
#include "core/json.h"

#include <string.h>

static void words_free(gpointer data)
{
    g_ptr_array_unref(data);
}

void okse_data_classes_free(OkseDataClasses *classes)
{
    if (classes == NULL)
        return;
    g_hash_table_unref(classes->implies);
    g_hash_table_unref(classes->sector_implies);
    g_ptr_array_unref(classes->private_unless);
    g_ptr_array_unref(classes->always);
    g_ptr_array_unref(classes->weights_classes);
    g_ptr_array_unref(classes->weights_sectors);
    g_free(classes);
}

static void read_implies(GHashTable *implies, const char *key, const OkseNode *node, const char *origin,
                         OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, key, issues);

    for (unsigned i = 0; i < okse_node_count(node); i++) {
        const char *name = okse_node_key(node, i);

        g_hash_table_insert(implies, g_strdup(name), okse_law_take_words(map, name, OKSE_REQUIRED, origin, issues));
    }
    okse_map_end(map);
}

static OkseDataClasses *classes_of(const OkseYaml *document, const char *origin, OkseIssues *issues)
{
    OkseDataClasses *classes = g_new0(OkseDataClasses, 1);
    OkseMap *map = okse_map_open(okse_yaml_root(document), "data classes", issues);
    const OkseNode *implies = NULL;
    const char *kind = NULL;

    classes->implies = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, words_free);
    classes->sector_implies = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, words_free);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &kind);
    classes->always = okse_law_take_words(map, "always", OKSE_REQUIRED, origin, issues);
    classes->weights_classes = okse_law_take_words(map, "with_weights", OKSE_REQUIRED, origin, issues);
    classes->weights_sectors = okse_law_take_words(map, "sectors_with_weights", OKSE_REQUIRED, origin, issues);
    classes->private_unless = okse_law_take_words(map, "private_unless", OKSE_REQUIRED, origin, issues);
    if (okse_map_take_map(map, "implies", OKSE_REQUIRED, &implies))
        read_implies(classes->implies, "implies", implies, origin, issues);
    if (okse_map_take_map(map, "sector_implies", OKSE_REQUIRED, &implies))
        read_implies(classes->sector_implies, "sector_implies", implies, origin, issues);
    okse_map_end(map);
    return classes;
}

OkseDataClasses *okse_data_classes_read(GBytes *yaml, const char *origin, GError **error)
{
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseYaml) document = okse_law_open(yaml, origin, "data-class-rules/v1", issues);
    g_autoptr(OkseDataClasses) classes = document == NULL ? NULL : classes_of(document, origin, issues);

    if (!okse_issues_none(issues, error))
        return NULL;
    return g_steal_pointer(&classes);
}

static GHashTable *set_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* Add a class or sector and what follows from it; the set itself ends circles. */
static void add_word(GHashTable *set, GHashTable *implies, const char *name)
{
    const GPtrArray *implied = g_hash_table_lookup(implies, name);

    if (!g_hash_table_add(set, g_strdup(name)))
        return;
    for (guint i = 0; implied != NULL && i < implied->len; i++)
        add_word(set, implies, g_ptr_array_index(implied, i));
}

GHashTable *okse_data_class_closure(const OkseDataClasses *classes, const char *name)
{
    GHashTable *set = set_new();

    add_word(set, classes->implies, name);
    return set;
}

static void add_classes(GHashTable *set, const OkseDataClasses *classes, const GPtrArray *names)
{
    for (guint i = 0; i < names->len; i++)
        add_word(set, classes->implies, g_ptr_array_index(names, i));
}

static bool has_weights(const json_t *install)
{
    const json_t *component;
    size_t i;

    json_array_foreach(json_object_get(install, "components"), i,
                       component) if (g_strcmp0(okse_json_peek_text(component, "kind"), "weights") == 0) return true;
    return false;
}

/* One sector as text, or a list of them. */
static void add_declared_sectors(GHashTable *sectors, const json_t *declared, const OkseDataClasses *classes)
{
    const json_t *name;
    size_t i;

    if (json_is_string(declared))
        add_word(sectors, classes->sector_implies, json_string_value(declared));
    json_array_foreach(declared, i, name) if (json_is_string(name))
        add_word(sectors, classes->sector_implies, json_string_value(name));
}

static void read_sectors(OkseTarget *target, const json_t *compliance, const OkseDataClasses *classes, bool weights)
{
    g_autoptr(GHashTable) sectors = set_new();
    bool public = false;

    add_declared_sectors(sectors, json_object_get(compliance, "sector"), classes);
    if (g_hash_table_size(sectors) == 0)
        return;
    for (guint i = 0; i < classes->private_unless->len; i++)
    public = public || g_hash_table_contains(sectors, g_ptr_array_index(classes->private_unless, i));
    if (!public)
        g_hash_table_add(sectors, g_strdup("private"));
    for (guint i = 0; weights && i < classes->weights_sectors->len; i++)
        g_hash_table_add(sectors, g_strdup(g_ptr_array_index(classes->weights_sectors, i)));
    target->sectors = g_steal_pointer(&sectors);
}

OkseTarget *okse_target_new(const json_t *facts, const OkseDataClasses *classes)
{
    OkseTarget *target = g_new0(OkseTarget, 1);
    const json_t *install = json_object_get(facts, "install");
    const json_t *compliance = json_object_get(install, "compliance");
    const json_t *declared = json_object_get(compliance, "data_classes"), *name;
    bool weights = has_weights(install);
    size_t i;

    read_sectors(target, compliance, classes, weights);
    if (!json_is_array(declared))
        return target;
    target->data = set_new();
    add_classes(target->data, classes, classes->always);
    if (weights)
        add_classes(target->data, classes, classes->weights_classes);
    json_array_foreach(declared, i, name) if (json_is_string(name))
        add_word(target->data, classes->implies, json_string_value(name));
    return target;
}

void okse_target_free(OkseTarget *target)
{
    if (target == NULL)
        return;
    if (target->data != NULL)
        g_hash_table_unref(target->data);
    if (target->sectors != NULL)
        g_hash_table_unref(target->sectors);
    g_free(target);
}

static bool has_word(const GPtrArray *words, const char *word)
{
    for (guint i = 0; i < words->len; i++)
        if (strcmp(g_ptr_array_index(words, i), word) == 0)
            return true;
    return false;
}

static bool meets(const GPtrArray *words, GHashTable *set)
{
    for (guint i = 0; i < words->len; i++)
        if (g_hash_table_contains(set, g_ptr_array_index(words, i)))
            return true;
    return has_word(words, "all");
}

static char *listed(const GPtrArray *words)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < words->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", (const char *)g_ptr_array_index(words, i));
    return g_string_free(text, FALSE);
}

static OkseApplies undeclared(const char *what, json_t **reason)
{
    *reason = okse_reason("whether this applies depends on the %s, and the target declares none",
                          "적용 여부가 '%s'에 달려 있으나 대상이 선언하지 않았습니다", what);
    return OKSE_APPLIES_UNDECLARED;
}

bool okse_provision_in_force(const OkseProvision *provision, gint64 at)
{
    return provision->dated && provision->effective_time <= at &&
           (provision->until == NULL || provision->until_time > at);
}

OkseApplies okse_applies(const OkseProvision *provision, const OkseTarget *target, gint64 at, json_t **reason)
{
    g_autofree char *data = listed(provision->data);
    g_autofree char *sectors = listed(provision->sectors);

    *reason = NULL;
    if (!provision->dated) {
        *reason = okse_reason("coming: the date it takes effect is not known", "예정: 시행일이 알려지지 않았습니다");
        return OKSE_APPLIES_NOT;
    }
    if (provision->effective_time > at) {
        *reason = okse_reason("coming: in force from %s", "예정: %s 시행", provision->effective);
        return OKSE_APPLIES_NOT;
    }
    if (provision->until != NULL && provision->until_time <= at) {
        *reason = okse_reason("repealed: no longer in force from %s", "폐지: %s부터 효력 없음", provision->until);
        return OKSE_APPLIES_NOT;
    }
    if (target->data != NULL && !meets(provision->data, target->data)) {
        *reason = okse_reason("no such data is declared (%s)", "해당 데이터가 선언되지 않았습니다 (%s)", data);
        return OKSE_APPLIES_NOT;
    }
    if (target->sectors != NULL && !meets(provision->sectors, target->sectors)) {
        *reason = okse_reason("another sector is declared (this one is for: %s)",
                              "다른 부문이 선언되었습니다 (적용 부문: %s)", sectors);
        return OKSE_APPLIES_NOT;
    }
    if (target->data == NULL && !has_word(provision->data, "all") && !has_word(provision->data, "personal"))
        return undeclared("data classes", reason);
    if (target->sectors == NULL && !has_word(provision->sectors, "all"))
        return undeclared("sector", reason);
    return OKSE_APPLIES;
}
