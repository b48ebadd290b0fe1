/* The rules of all tables, compiled from the JSON of libnftables. */
#include "audit/firewall.h"

#include "audit/place.h"

#include <string.h>

#define LIMIT_RULES 200000u

void okse_rule_condition_free(gpointer data)
{
    OkseRuleCondition *condition = data;

    g_clear_pointer(&condition->values, g_array_unref);
    g_clear_pointer(&condition->names, g_ptr_array_unref);
    g_free(condition);
}

void okse_branch_free(gpointer data)
{
    OkseBranch *branch = data;

    g_ptr_array_unref(branch->conditions);
    g_free(branch->target);
    g_free(branch);
}

static OkseFirewallRule *rule_new(const char *path, unsigned line, const char *text)
{
    OkseFirewallRule *rule = g_new0(OkseFirewallRule, 1);

    rule->conditions = g_ptr_array_new_with_free_func(okse_rule_condition_free);
    rule->branches = g_ptr_array_new_with_free_func(okse_branch_free);
    rule->path = g_strdup(path);
    rule->line = line;
    rule->text = g_strdup(text);
    return rule;
}

static void rule_free(gpointer data)
{
    OkseFirewallRule *rule = data;

    if (rule == NULL)
        return;
    g_ptr_array_unref(rule->conditions);
    g_ptr_array_unref(rule->branches);
    g_free(rule->unmodelled);
    g_free(rule->path);
    g_free(rule->text);
    g_free(rule);
}

static void chain_free(gpointer data)
{
    OkseFirewallChain *chain = data;

    g_free(chain->family);
    g_free(chain->table);
    g_free(chain->name);
    g_free(chain->hook);
    g_free(chain->type);
    g_ptr_array_unref(chain->rules);
    rule_free(chain->policy);
    g_free(chain);
}

OkseFirewall *okse_firewall_new(void)
{
    OkseFirewall *firewall = g_new0(OkseFirewall, 1);

    firewall->chains = g_ptr_array_new_with_free_func(chain_free);
    firewall->named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    firewall->notes = g_ptr_array_new_with_free_func(rule_free);
    return firewall;
}

void okse_firewall_free(OkseFirewall *firewall)
{
    if (firewall == NULL)
        return;
    g_ptr_array_unref(firewall->chains);
    g_hash_table_unref(firewall->named);
    g_ptr_array_unref(firewall->notes);
    g_free(firewall);
}

void okse_firewall_note(OkseFirewall *firewall, const char *path, unsigned line, const char *text, const char *why)
{
    OkseFirewallRule *rule = rule_new(path, line, text);

    rule->unmodelled = g_strdup(why);
    g_ptr_array_add(firewall->notes, rule);
}

static char *chain_key(const char *family, const char *table, const char *name)
{
    return g_strdup_printf("%s %s %s", family, table, name);
}

const OkseFirewallChain *okse_firewall_chain(const OkseFirewall *firewall, const OkseFirewallChain *from,
                                             const char *name)
{
    g_autofree char *key = chain_key(from->family, from->table, name);

    return g_hash_table_lookup(firewall->named, key);
}

bool okse_firewall_verdict(const json_t *statement, OkseBranch *branch)
{
    static const struct {
        const char *name;
        OkseVerdictKind verdict;
    } verdicts[] = {
        {"accept", OKSE_VERDICT_ACCEPT}, {"drop", OKSE_VERDICT_DROP},         {"reject", OKSE_VERDICT_DROP},
        {"jump", OKSE_VERDICT_JUMP},     {"goto", OKSE_VERDICT_GOTO},         {"return", OKSE_VERDICT_RETURN},
        {"continue", OKSE_VERDICT_NONE}, {"masquerade", OKSE_VERDICT_ACCEPT}, {"snat", OKSE_VERDICT_ACCEPT},
        {"redirect", OKSE_VERDICT_DROP},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(verdicts); i++) {
        const json_t *value = json_object_get(statement, verdicts[i].name);

        if (value == NULL)
            continue;
        branch->verdict = verdicts[i].verdict;
        branch->target = g_strdup(okse_json_peek_text(value, "target"));
        return (branch->verdict != OKSE_VERDICT_JUMP && branch->verdict != OKSE_VERDICT_GOTO) || branch->target != NULL;
    }
    return false;
}

typedef struct {
    OkseFirewall *firewall;
    GHashTable *sets; /* "family table name" → json_t: elements, or null where they change with time */
    const char *origin;
    bool untracked; /* some rule takes connections out of tracking */
} Reading;

static void unmodelled(OkseFirewallRule *rule, const char *why)
{
    if (rule->unmodelled == NULL)
        rule->unmodelled = g_strdup(why);
}

static OkseBranch *add_branch(OkseFirewallRule *rule, OkseVerdictKind verdict)
{
    OkseBranch *branch = g_new0(OkseBranch, 1);

    branch->conditions = g_ptr_array_new_with_free_func(okse_rule_condition_free);
    branch->verdict = verdict;
    g_ptr_array_add(rule->branches, branch);
    return branch;
}

/* Where a packet is sent to: to this host or a private address it leaves the public space for good. */
static void use_dnat(OkseFirewallRule *rule, const json_t *value)
{
    const char *address = json_string_value(json_object_get(value, "addr"));
    OkseInterval range;
    bool inside = address != NULL && okse_wide_parse_prefix(address, &range) && range.low == range.high &&
                  strcmp(okse_atlas_scope(address), "public") != 0;

    if (inside) {
        add_branch(rule, OKSE_VERDICT_DROP);
        return;
    }
    unmodelled(rule, "destinations are rewritten");
    add_branch(rule, OKSE_VERDICT_UNKNOWN);
}

/* What a rule does besides: nothing that decides about a packet. */
static bool is_harmless(const char *key, const json_t *value)
{
    static const char *const names[] = {"counter", "log",  "comment", "ct helper",      "ct timeout", "secmark",
                                        "flow",    "last", "notrack", "ct expectation", "okse",       NULL};
    const json_t *changed = json_object_get(value, "key");

    if (strcmp(key, "mangle") == 0)
        return json_object_get(changed, "meta") != NULL || json_object_get(changed, "ct") != NULL ||
               g_strcmp0(okse_json_peek_text(json_object_get(changed, "payload"), "field"), "dscp") == 0;
    return g_strv_contains(names, key) || strcmp(key, "set") == 0 || strcmp(key, "map") == 0;
}

static bool never_holds(const OkseBranch *branch)
{
    for (guint i = 0; i < branch->conditions->len; i++)
        if (((const OkseRuleCondition *)g_ptr_array_index(branch->conditions, i))->kind == OKSE_CONDITION_NEVER)
            return true;
    return false;
}

static void use_verdict_map(const Reading *reading, OkseFirewallRule *rule, const json_t *value, const char *scope)
{
    const char *why = rule->branches->len > 0 ? "a verdict map behind another"
                                              : okse_firewall_verdict_map(value, reading->sets, scope, rule->branches);
    OkseBranch *first;

    if (why != NULL) {
        unmodelled(rule, why);
        g_ptr_array_set_size(rule->branches, 0);
        add_branch(rule, OKSE_VERDICT_UNKNOWN);
        return;
    }
    for (guint i = rule->branches->len; i > 0; i--)
        if (never_holds(g_ptr_array_index(rule->branches, i - 1)))
            g_ptr_array_remove_index(rule->branches, i - 1);
    first = rule->branches->len > 0 ? g_ptr_array_index(rule->branches, 0) : NULL;
    if (first == NULL || first->conditions->len > 0) {
        rule->mapped = true;
    } else if (first->verdict == OKSE_VERDICT_NONE) { /* what is asked is always so: nothing happens here */
        g_ptr_array_set_size(rule->branches, 0);
    } else {
        g_ptr_array_set_size(rule->branches, 1);
    }
}

/* Behind a verdict map come only those packets that it lets go on. */
static void use_behind_map(OkseFirewallRule *rule, const OkseBranch *verdict)
{
    if (verdict == NULL)
        unmodelled(rule, "a match behind a verdict map");
    for (guint i = 0; i < rule->branches->len; i++) {
        OkseBranch *branch = g_ptr_array_index(rule->branches, i);

        if (branch->verdict != OKSE_VERDICT_NONE)
            continue;
        branch->verdict = verdict != NULL ? verdict->verdict : OKSE_VERDICT_UNKNOWN;
        branch->target = g_strdup(verdict != NULL ? verdict->target : NULL);
    }
}

static bool is_tracking(const json_t *match)
{
    const json_t *left = json_object_get(match, "left");

    return g_strcmp0(okse_json_peek_text(json_object_get(left, "ct"), "key"), "state") == 0;
}

static void use_match(const Reading *reading, OkseFirewallRule *rule, const json_t *match, const char *scope)
{
    const char *why;

    if (rule->mapped) {
        use_behind_map(rule, NULL);
        return;
    }
    why = reading->untracked && is_tracking(match) ? "connections are taken out of tracking (notrack)"
                                                   : okse_firewall_match(match, reading->sets, scope, rule->conditions);
    if (why != NULL)
        unmodelled(rule, why);
}

static void use_statement(const Reading *reading, OkseFirewallRule *rule, const json_t *statement, const char *scope)
{
    static const char *const narrowing[] = {"limit", "quota", "connlimit", "ct count", "numgen", NULL};
    const char *key = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)statement));
    const json_t *value = key == NULL ? NULL : json_object_get(statement, key);
    OkseBranch branch = {0};

    if (key == NULL) {
        unmodelled(rule, "a part that is no statement");
        add_branch(rule, OKSE_VERDICT_UNKNOWN);
    } else if (strcmp(key, "match") == 0) {
        use_match(reading, rule, value, scope);
    } else if (strcmp(key, "vmap") == 0) {
        use_verdict_map(reading, rule, value, scope);
    } else if (strcmp(key, "dnat") == 0) {
        use_dnat(rule, value);
    } else if (okse_firewall_verdict(statement, &branch)) {
        if (rule->mapped)
            use_behind_map(rule, &branch);
        else
            add_branch(rule, branch.verdict)->target = g_strdup(branch.target);
        g_free(branch.target);
    } else if (g_strv_contains(narrowing, key)) {
        unmodelled(rule, "how often it matches changes with time");
    } else if (strcmp(key, "xt") == 0 && g_strcmp0(okse_json_peek_text(value, "type"), "match") == 0) {
        unmodelled(rule, "a match of iptables that nft cannot tell");
    } else if (strcmp(key, "dup") == 0) {
        okse_firewall_note(reading->firewall, rule->path, rule->line, rule->text, "packets are copied to another host");
    } else if (!is_harmless(key, value)) {
        unmodelled(rule, strcmp(key, "queue") == 0 ? "a program decides (queue)" : "a statement that is not modelled");
        add_branch(rule, OKSE_VERDICT_UNKNOWN);
    }
}

static const OkseFirewallChain *chain_of(const Reading *reading, const json_t *object, const char *name)
{
    const char *family = okse_json_peek_text(object, "family"), *table = okse_json_peek_text(object, "table");
    g_autofree char *key = family == NULL || table == NULL || name == NULL ? NULL : chain_key(family, table, name);

    return key == NULL ? NULL : g_hash_table_lookup(reading->firewall->named, key);
}

static OkseFirewallRule *placed_rule(const Reading *reading, const json_t *object)
{
    const json_t *place = json_object_get(object, "okse"), *handle = json_object_get(object, "handle");
    const char *path = okse_json_peek_text(place, "path"), *text = okse_json_peek_text(place, "text");
    g_autofree char *dumped = text != NULL ? NULL : json_dumps(json_object_get(object, "expr"), JSON_COMPACT);
    json_int_t line = json_integer_value(json_object_get(place, "line"));
    OkseFirewallRule *rule =
        rule_new(path != NULL ? path : reading->origin, line > 0 ? (unsigned)line : 0, text != NULL ? text : dumped);

    rule->handle = json_integer_value(handle);
    return rule;
}

static void add_rule(const Reading *reading, const json_t *object)
{
    const OkseFirewallChain *chain = chain_of(reading, object, okse_json_peek_text(object, "chain"));
    const json_t *statements = json_object_get(object, "expr"), *statement;
    OkseFirewallRule *rule = placed_rule(reading, object);
    g_autofree char *scope =
        g_strdup_printf("%s %s", okse_json_peek_text(object, "family"), okse_json_peek_text(object, "table"));
    size_t i;

    if (chain == NULL || reading->firewall->rules >= LIMIT_RULES) {
        unmodelled(rule, chain == NULL ? "a rule of a chain that is not there" : "too many rules");
        g_ptr_array_add(reading->firewall->notes, rule);
        return;
    }
    json_array_foreach(statements, i, statement) use_statement(reading, rule, statement, scope);
    if (!json_is_array(statements)) {
        unmodelled(rule, "a rule without expressions");
        add_branch(rule, OKSE_VERDICT_UNKNOWN);
    }
    g_ptr_array_add(chain->rules, rule);
    reading->firewall->rules++;
}

static void set_policy(OkseFirewallChain *chain, const json_t *object, const char *origin)
{
    const json_t *place = json_object_get(object, "okse");
    const char *path = okse_json_peek_text(place, "path"), *policy = okse_json_peek_text(object, "policy");
    json_int_t line = json_integer_value(json_object_get(place, "line"));
    g_autofree char *text = g_strdup_printf("chain %s %s %s: policy %s", chain->family, chain->table, chain->name,
                                            policy != NULL ? policy : "accept");

    chain->drops = g_strcmp0(policy, "drop") == 0;
    chain->policy = rule_new(path != NULL ? path : origin, line > 0 ? (unsigned)line : 0, text);
    chain->policy->handle = json_integer_value(json_object_get(object, "handle"));
}

static void add_chain(const Reading *reading, const json_t *object)
{
    const char *name = okse_json_peek_text(object, "name"), *hook = okse_json_peek_text(object, "hook");
    OkseFirewallChain *chain;

    if (name == NULL || okse_json_peek_text(object, "family") == NULL || okse_json_peek_text(object, "table") == NULL) {
        okse_firewall_note(reading->firewall, reading->origin, 0, NULL, "a chain without a name");
        return;
    }
    if (chain_of(reading, object, name) != NULL)
        return;
    chain = g_new0(OkseFirewallChain, 1);
    chain->family = g_strdup(okse_json_peek_text(object, "family"));
    chain->table = g_strdup(okse_json_peek_text(object, "table"));
    chain->name = g_strdup(name);
    chain->hook = g_strdup(hook);
    chain->type = g_strdup(okse_json_peek_text(object, "type"));
    chain->priority = json_integer_value(json_object_get(object, "prio"));
    chain->rules = g_ptr_array_new_with_free_func(rule_free);
    set_policy(chain, object, reading->origin);
    g_ptr_array_add(reading->firewall->chains, chain);
    g_hash_table_insert(reading->firewall->named, chain_key(chain->family, chain->table, name), chain);
    if (strcmp(chain->family, "netdev") == 0 && g_strcmp0(hook, "egress") == 0)
        okse_firewall_note(reading->firewall, chain->policy->path, chain->policy->line, chain->policy->text,
                           "a chain at a device's own exit (netdev egress)");
}

static bool changes_with_time(const json_t *set)
{
    const json_t *flags = json_object_get(set, "flags"), *flag;
    size_t i;

    json_array_foreach(flags, i, flag)
    {
        if (g_strcmp0(json_string_value(flag), "dynamic") == 0 || g_strcmp0(json_string_value(flag), "timeout") == 0)
            return true;
    }
    return json_object_get(set, "timeout") != NULL;
}

static void add_set(const Reading *reading, const json_t *object)
{
    const char *family = okse_json_peek_text(object, "family"), *table = okse_json_peek_text(object, "table");
    const char *name = okse_json_peek_text(object, "name");
    const json_t *elements = json_object_get(object, "elem");

    if (family == NULL || table == NULL || name == NULL)
        return;
    g_hash_table_insert(reading->sets, chain_key(family, table, name),
                        changes_with_time(object) ? json_null()
                        : elements != NULL        ? json_incref((json_t *)(uintptr_t)elements)
                                                  : json_array());
}

static bool takes_out_of_tracking(const json_t *rule)
{
    const json_t *statement;
    size_t i;

    json_array_foreach(json_object_get(rule, "expr"), i, statement)
    {
        if (json_object_get(statement, "notrack") != NULL)
            return true;
    }
    return false;
}

bool okse_firewall_add(OkseFirewall *firewall, const json_t *document, const char *origin, GError **error)
{
    const json_t *list = okse_json_array(document, "nftables", origin, error), *entry;
    g_autoptr(GHashTable) sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
    Reading reading = {firewall, sets, origin, false};
    size_t i;

    if (list == NULL)
        return false;
    json_array_foreach(list, i, entry)
    {
        const json_t *set = json_object_get(entry, "set"), *map = json_object_get(entry, "map");

        add_set(&reading, set != NULL ? set : map);
        if (json_object_get(entry, "chain") != NULL)
            add_chain(&reading, json_object_get(entry, "chain"));
        reading.untracked = reading.untracked || takes_out_of_tracking(json_object_get(entry, "rule"));
        if (json_object_get(entry, "okse-unread") != NULL) {
            const json_t *place = json_object_get(entry, "okse-unread");

            okse_firewall_note(firewall, okse_json_peek_text(place, "path"),
                               (unsigned)json_integer_value(json_object_get(place, "line")),
                               okse_json_peek_text(place, "text"), "could not be read");
        }
    }
    json_array_foreach(list, i, entry) if (json_object_get(entry, "rule") != NULL)
        add_rule(&reading, json_object_get(entry, "rule"));
    return true;
}
