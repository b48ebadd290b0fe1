/* One match of a rule becomes conditions on sides of the packet. What the first packet of a connection always or never
 * is (its state, its flags) is answered here. Sources: nft(8), libnftables-json(5), of nftables 1.0.6. */
#include "audit/firewall.h"

#include "audit/firewall_keys.h"

#include <string.h>

#define LIMIT_ELEMENTS 1000000u /* values of one match */

static OkseRuleCondition *condition_new(OkseRuleConditionKind kind)
{
    OkseRuleCondition *condition = g_new0(OkseRuleCondition, 1);

    condition->kind = kind;
    return condition;
}

static void add_side(GPtrArray *conditions, OksePacketSide side, OkseWide low, OkseWide high, bool negated)
{
    OkseRuleCondition *condition = condition_new(OKSE_CONDITION_SIDE);

    condition->side = side;
    condition->negated = negated;
    condition->values = okse_intervals_new();
    okse_intervals_add(condition->values, low, high);
    g_ptr_array_add(conditions, condition);
}

/* What a key asks of a packet before it can be compared at all. */
static void add_implied(const OkseMatchKey *key, GPtrArray *conditions)
{
    static const unsigned with_ports[] = {6, 17, 33, 132, 136};

    if (key->family != 0)
        add_side(conditions, OKSE_PACKET_DESTINATION, OKSE_IPV4_BASE, OKSE_IPV4_BASE | 0xffffffff, key->family == 6);
    if (key->protocol > 0 && key->protocol < 256)
        add_side(conditions, OKSE_PACKET_PROTOCOL, key->protocol, key->protocol, false);
    if (key->protocol == 256) {
        OkseRuleCondition *condition = condition_new(OKSE_CONDITION_SIDE);

        condition->side = OKSE_PACKET_PROTOCOL;
        condition->values = okse_intervals_new();
        for (unsigned i = 0; i < G_N_ELEMENTS(with_ports); i++)
            okse_intervals_add(condition->values, with_ports[i], with_ports[i]);
        g_ptr_array_add(conditions, condition);
    }
}

static bool family_value(const json_t *value, OkseInterval *range)
{
    uint64_t number;

    if (!okse_match_number(value, OKSE_NAMES_FAMILY, &number))
        return false;
    if (number == 2 || number == 0x800 || number == 8) /* PF_INET, ETH_P_IP, and the latter in network order */
        *range = (OkseInterval){OKSE_IPV4_BASE, OKSE_IPV4_BASE | 0xffffffff};
    else if (number == 10 || number == 0x86dd || number == 0xdd86)
        *range = (OkseInterval){0, OKSE_IPV4_BASE - 1}; /* the other half is added by value_of() */
    else
        return false;
    return true;
}

static bool address_value(const json_t *value, OkseInterval *range)
{
    const char *text = json_string_value(value);

    return text != NULL && okse_wide_parse_prefix(text, range);
}

static bool single_value(const OkseMatchKey *key, const json_t *value, OkseInterval *range)
{
    uint64_t number;

    if (key->kind == OKSE_KEY_SOURCE || (key->kind == OKSE_KEY_SIDE && key->side == OKSE_PACKET_DESTINATION))
        return key->names == OKSE_NAMES_FAMILY ? family_value(value, range) : address_value(value, range);
    if (!okse_match_number(value, key->names, &number) || (key->side == OKSE_PACKET_PROTOCOL && number > 255) ||
        ((key->side == OKSE_PACKET_PORT || key->side == OKSE_PACKET_SOURCE_PORT) && number > 65535))
        return false;
    *range = (OkseInterval){number, number};
    return true;
}

static bool prefix_value(const OkseMatchKey *key, const json_t *prefix, OkseInterval *range)
{
    const char *address = okse_json_peek_text(prefix, "addr");
    json_int_t length = json_integer_value(json_object_get(prefix, "len"));
    g_autofree char *text = g_strdup_printf("%s/%" JSON_INTEGER_FORMAT, address != NULL ? address : "", length);

    return key->side == OKSE_PACKET_DESTINATION && key->names == OKSE_NAMES_NONE && okse_wide_parse_prefix(text, range);
}

static bool value_of(const OkseMatchKey *key, const json_t *value, GArray *intervals)
{
    const json_t *range = json_object_get(value, "range"), *prefix = json_object_get(value, "prefix"),
                 *element = json_object_get(value, "elem");
    OkseInterval first, second;

    if (element != NULL) /* only what lasts: a set with time limits is not taken (set_of()) */
        return json_object_get(element, "expires") == NULL && json_object_get(element, "timeout") == NULL &&
               json_object_get(element, "limit") == NULL &&
               json_object_get(json_object_get(element, "val"), "elem") == NULL &&
               value_of(key, json_object_get(element, "val"), intervals);
    if (prefix != NULL) {
        if (!prefix_value(key, prefix, &first))
            return false;
        okse_intervals_add(intervals, first.low, first.high);
        return true;
    }
    if (range != NULL) {
        if (json_array_size(range) != 2 || !single_value(key, json_array_get(range, 0), &first) ||
            !single_value(key, json_array_get(range, 1), &second) || first.low > second.high)
            return false;
        okse_intervals_add(intervals, first.low, second.high);
        return true;
    }
    if (json_is_string(value) && g_strcmp0(json_string_value(value), "*") == 0)
        return false;
    if (!single_value(key, value, &first))
        return false;
    okse_intervals_add(intervals, first.low, first.high);
    if (key->names == OKSE_NAMES_FAMILY && first.low == 0)
        okse_intervals_add(intervals, OKSE_IPV4_BASE + ((OkseWide)1 << 32), ~(OkseWide)0);
    return true;
}

/* The elements that a right side stands for: an array (borrowed), or NULL when it is one value. */
static const char *set_of(const json_t *right, GHashTable *sets, const char *scope, const json_t **elements)
{
    const char *text = json_string_value(right);
    g_autofree char *key = NULL;

    *elements = json_object_get(right, "set");
    if (*elements == NULL && (text == NULL || *text != '@'))
        return NULL;
    if (*elements == NULL) {
        key = g_strdup_printf("%s %s", scope, text + 1);
        *elements = g_hash_table_lookup(sets, key);
        if (*elements == NULL)
            return "a set that is not there";
        if (json_is_null(*elements))
            return "a set whose elements change with time";
    }
    if (!json_is_array(*elements))
        return "a set that cannot be read";
    return json_array_size(*elements) <= LIMIT_ELEMENTS ? NULL : "a set with too many elements";
}

static const char *device_condition(OkseRuleConditionKind kind, const json_t *right, const json_t *elements,
                                    bool negated, GPtrArray *conditions)
{
    OkseRuleCondition *condition = condition_new(kind);
    const json_t *one;
    size_t i;

    condition->negated = negated;
    condition->names = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(conditions, condition);
    if (elements == NULL && json_is_string(right))
        g_ptr_array_add(condition->names, g_strdup(json_string_value(right)));
    else if (elements == NULL)
        return "a device that is no name";
    json_array_foreach(elements, i, one)
    {
        if (!json_is_string(one))
            return "a device that is no name";
        g_ptr_array_add(condition->names, g_strdup(json_string_value(one)));
    }
    return NULL;
}

/* Whether a constant equals a value, or one of the elements. */
static const char *constant_fits(const OkseMatchKey *key, const json_t *right, const json_t *elements, bool in,
                                 bool *fits)
{
    uint32_t mine = key->mask != 0 ? key->constant & key->mask : key->constant, bits;
    const json_t *one;
    size_t i;

    *fits = false;
    json_array_foreach(elements, i, one)
    {
        if (!okse_match_bits(one, key->names, &bits))
            return "a value that is not known";
        *fits = *fits || bits == mine;
    }
    if (elements != NULL)
        return NULL;
    if (!okse_match_bits(right, key->names, &bits))
        return "a value that is not known";
    *fits = in || (key->bits && json_is_array(right)) ? (bits & mine) != 0 : bits == mine;
    return NULL;
}

static const char *single_condition(const OkseMatchKey *key, const json_t *right, const json_t *elements, bool negated,
                                    GPtrArray *conditions)
{
    g_autoptr(GArray) values = okse_intervals_new();
    OkseRuleCondition *condition;
    const json_t *one;
    size_t i;

    json_array_foreach(elements, i, one)
    {
        if (!value_of(key, one, values))
            return "an element that is not modelled";
    }
    if (elements == NULL && !value_of(key, right, values))
        return "a value that is not modelled";
    okse_intervals_tidy(values);
    condition = condition_new(key->kind == OKSE_KEY_SOURCE ? OKSE_CONDITION_SOURCE : OKSE_CONDITION_SIDE);
    condition->side = key->side;
    condition->negated = negated;
    condition->values = g_steal_pointer(&values);
    g_ptr_array_add(conditions, condition);
    return NULL;
}

/* "ip daddr . tcp dport": every element is a box. */
static bool concatenation_boxes(const GArray *keys, const json_t *element, GArray *boxes)
{
    const json_t *inner = json_object_get(element, "elem");
    const json_t *parts = json_object_get(inner != NULL ? json_object_get(inner, "val") : element, "concat");
    OksePacketBox box = okse_packet_box_whole();

    if (inner != NULL && (json_object_get(inner, "timeout") != NULL || json_object_get(inner, "expires") != NULL))
        return false;
    if (json_array_size(parts) != keys->len)
        return false;
    for (guint i = 0; i < keys->len; i++) {
        const OkseMatchKey *key = &g_array_index(keys, OkseMatchKey, i);
        g_autoptr(GArray) values = okse_intervals_new();

        if (!value_of(key, json_array_get(parts, i), values) || values->len != 1)
            return false;
        box.sides[key->side] = g_array_index(values, OkseInterval, 0);
    }
    g_array_append_val(boxes, box);
    return true;
}

static GArray *concatenation_keys(const json_t *left, GPtrArray *conditions)
{
    const json_t *parts = json_object_get(left, "concat"), *part;
    g_autoptr(GArray) keys = g_array_new(FALSE, FALSE, sizeof(OkseMatchKey));
    unsigned seen = 0;
    size_t i;

    json_array_foreach(parts, i, part)
    {
        OkseMatchKey key = okse_match_key(part);

        if (key.kind != OKSE_KEY_SIDE || (seen & 1u << key.side) != 0)
            return NULL;
        seen |= 1u << key.side;
        add_implied(&key, conditions);
        g_array_append_val(keys, key);
    }
    return keys->len > 0 ? g_steal_pointer(&keys) : NULL;
}

static const char *concatenation_condition(const json_t *left, const json_t *right, const json_t *elements,
                                           bool negated, GPtrArray *conditions)
{
    g_autoptr(GArray) keys = concatenation_keys(left, conditions);
    OkseRuleCondition *condition;
    const json_t *one;
    size_t i;

    if (keys == NULL)
        return "a concatenation that is not modelled";
    condition = condition_new(OKSE_CONDITION_BOXES);
    condition->negated = negated;
    condition->values = g_array_new(FALSE, FALSE, sizeof(OksePacketBox));
    g_ptr_array_add(conditions, condition);
    json_array_foreach(elements, i, one)
    {
        if (!concatenation_boxes(keys, one, condition->values))
            return "an element that is not modelled";
    }
    if (elements == NULL && !concatenation_boxes(keys, right, condition->values))
        return "a value that is not modelled";
    return NULL;
}

/* Nothing was added but what is surely asked: what failed on the way is taken back. */
static const char *compare(const json_t *left, const json_t *right, const json_t *elements, const char *operation,
                           GPtrArray *conditions)
{
    bool negated = strcmp(operation, "!=") == 0, fits = false;
    OkseMatchKey key = okse_match_key(left);
    const char *why;

    if (json_object_get(left, "concat") != NULL)
        return concatenation_condition(left, right, elements, negated, conditions);
    if (key.kind == OKSE_KEY_UNKNOWN)
        return "it looks at something that is not modelled";
    add_implied(&key, conditions);
    if (key.kind == OKSE_KEY_DEVICE || key.kind == OKSE_KEY_INPUT)
        return device_condition(key.kind == OKSE_KEY_INPUT ? OKSE_CONDITION_INPUT : OKSE_CONDITION_DEVICE, right,
                                elements, negated, conditions);
    if (key.kind == OKSE_KEY_SIDE || key.kind == OKSE_KEY_SOURCE)
        return single_condition(&key, right, elements, negated, conditions);
    why = constant_fits(&key, right, elements, strcmp(operation, "in") == 0, &fits);
    if (why == NULL && fits == negated)
        g_ptr_array_add(conditions, condition_new(OKSE_CONDITION_NEVER));
    return why;
}

static const char *ordered(const json_t *left, const json_t *right, const char *operation, GPtrArray *conditions)
{
    OkseMatchKey key = okse_match_key(left);
    OkseInterval value, whole = okse_packet_side_whole(key.side);

    if (key.kind != OKSE_KEY_SIDE || key.names == OKSE_NAMES_FAMILY || !single_value(&key, right, &value) ||
        (operation[1] == '\0' && (*operation == '<' ? value.low == 0 : value.high == whole.high)))
        return "a comparison that is not modelled";
    if (key.family == 4)
        whole = (OkseInterval){OKSE_IPV4_BASE, OKSE_IPV4_BASE | 0xffffffff};
    add_implied(&key, conditions);
    if (*operation == '<')
        add_side(conditions, key.side, whole.low, operation[1] == '=' ? value.high : value.low - 1, false);
    else
        add_side(conditions, key.side, operation[1] == '=' ? value.low : value.high + 1, whole.high, false);
    return NULL;
}

const char *okse_firewall_match(const json_t *match, GHashTable *sets, const char *scope, GPtrArray *conditions)
{
    const json_t *left = json_object_get(match, "left"), *right = json_object_get(match, "right"), *elements;
    const char *operation = okse_json_peek_text(match, "op"), *why;
    guint before = conditions->len;

    operation = operation != NULL ? operation : "==";
    if (left == NULL || right == NULL)
        return "a match that cannot be read";
    if (*operation == '<' || *operation == '>')
        return ordered(left, right, operation, conditions);
    if (strcmp(operation, "==") != 0 && strcmp(operation, "!=") != 0 && strcmp(operation, "in") != 0)
        return "a comparison that is not modelled";
    why = set_of(right, sets, scope, &elements);
    if (why == NULL)
        why = compare(left, right, elements, operation, conditions);
    if (why != NULL)
        g_ptr_array_set_size(conditions, (gint)before);
    return why;
}

static const char *map_branch(const json_t *left, const json_t *pair, GPtrArray *branches)
{
    OkseBranch *branch = g_new0(OkseBranch, 1);
    const json_t *value = json_array_get(pair, 0);
    const json_t *one = json_is_string(value) && strcmp(json_string_value(value), "*") == 0 ? NULL : value;

    branch->conditions = g_ptr_array_new_with_free_func(okse_rule_condition_free);
    g_ptr_array_add(branches, branch);
    if (json_array_size(pair) != 2 || !okse_firewall_verdict(json_array_get(pair, 1), branch))
        return "a verdict map that cannot be read";
    if (one == NULL)
        return "a verdict map with a default";
    return compare(left, value, NULL, "==", branch->conditions);
}

const char *okse_firewall_verdict_map(const json_t *vmap, GHashTable *sets, const char *scope, GPtrArray *branches)
{
    const json_t *left = json_object_get(vmap, "key"), *elements = NULL, *pair;
    const char *why =
        left == NULL ? "a verdict map without a key" : set_of(json_object_get(vmap, "data"), sets, scope, &elements);
    size_t i;

    if (why != NULL || elements == NULL)
        return why != NULL ? why : "a verdict map that cannot be read";
    json_array_foreach(elements, i, pair)
    {
        why = map_branch(left, pair, branches);
        if (why != NULL)
            return why;
    }
    return NULL;
}
