/* The way of packets through the chains: a rule splits them into those it decides about and those that go on. Of a rule
 * that is not modelled both happen, and nothing of it is sure. */
#include "audit/firewall.h"

#include <string.h>

#define LIMIT_JUMPS 16u      /* NFT_JUMP_STACK_SIZE of the kernel */
#define LIMIT_STEPS 2000000u /* boxes that rules look at in one walk */

typedef struct {
    const OkseFirewall *firewall;
    const OkseFirewallPath *path;
    OksePacketSet *accepted; /* by the base chain that is walked */
    GPtrArray *unmodelled;
    unsigned steps;
    bool translating; /* in a chain of type nat: it says how a packet goes, not that it may */
} Walk;

static void name(const Walk *walk, const OkseFirewallRule *rule)
{
    if (!g_ptr_array_find(walk->unmodelled, rule, NULL))
        g_ptr_array_add(walk->unmodelled, (gpointer)(uintptr_t)rule);
}

static bool device_fits(const OkseRuleCondition *condition, const char *device)
{
    for (guint i = 0; i < condition->names->len; i++) {
        const char *one = g_ptr_array_index(condition->names, i);
        size_t length = strlen(one);

        if (length > 0 && one[length - 1] == '*' ? strncmp(one, device, length - 1) == 0 : strcmp(one, device) == 0)
            return true;
    }
    return false;
}

typedef enum { NO, YES, PERHAPS } Answer;

/* Conditions that the path answers for every packet of it. */
static Answer path_answer(const OkseRuleCondition *condition, const OkseFirewallPath *path)
{
    bool fits;

    if (condition->kind == OKSE_CONDITION_NEVER)
        return NO;
    if (condition->kind == OKSE_CONDITION_INPUT) { /* its name is empty where there is none (Linux 5.5) */
        fits = device_fits(condition, path->input != NULL ? path->input : "");
    } else if (condition->kind == OKSE_CONDITION_DEVICE) {
        if (path->device == NULL) /* it is not known which, but it is none that stays inside */
            return condition->names->len == 1 && strcmp(g_ptr_array_index(condition->names, 0), "lo") == 0
                       ? (condition->negated ? YES : NO)
                       : PERHAPS;
        fits = device_fits(condition, path->device);
    } else {
        if (!path->has_source)
            return PERHAPS;
        fits = okse_intervals_contain(condition->values, path->source);
    }
    return fits != condition->negated ? YES : NO;
}

static void move_all(OksePacketSet *from, OksePacketSet *to)
{
    okse_packet_set_join(to, from);
    g_array_set_size(from->boxes, 0);
}

/* Leave in `packets` what fulfils the condition; the rest is added to `rest`. */
static void apply_condition(const OkseRuleCondition *condition, const OkseFirewallPath *path, OksePacketSet *packets,
                            OksePacketSet *rest)
{
    g_auto(OksePacketSet) in = {0};

    okse_packet_set_init(&in);
    if (condition->kind == OKSE_CONDITION_SIDE) {
        okse_packet_set_split(packets, condition->side, condition->values, condition->negated ? rest : &in,
                              condition->negated ? &in : rest);
    } else if (condition->kind == OKSE_CONDITION_BOXES) {
        okse_packet_set_split_boxes(packets, condition->values, condition->negated ? rest : &in,
                                    condition->negated ? &in : rest);
    } else {
        Answer answer = path_answer(condition, path);

        if (answer == PERHAPS) {
            okse_packet_set_unsure(packets);
            okse_packet_set_join(rest, packets);
        }
        move_all(packets, answer == NO ? rest : &in);
    }
    okse_packet_set_swap(packets, &in);
}

static void apply_conditions(const GPtrArray *conditions, const OkseFirewallPath *path, OksePacketSet *packets,
                             OksePacketSet *rest)
{
    for (guint i = 0; i < conditions->len && packets->boxes->len > 0; i++)
        apply_condition(g_ptr_array_index(conditions, i), path, packets, rest);
}

static void walk_chain(Walk *walk, const OkseFirewallChain *chain, OksePacketSet *packets, OksePacketSet *returned,
                       unsigned depth);

static void accept(const Walk *walk, const OkseFirewallRule *rule, OksePacketSet *packets)
{
    for (guint i = 0; i < packets->boxes->len; i++) {
        OksePacketBox *box = &g_array_index(packets->boxes, OksePacketBox, i);

        if (!walk->translating || box->way == NULL)
            box->way = rule;
    }
    move_all(packets, walk->accepted);
}

/* A rule that is at work. */
typedef struct {
    const OkseFirewallChain *chain;
    const OkseFirewallRule *rule;
    OksePacketSet *on;       /* what goes on behind the rule */
    OksePacketSet *returned; /* what leaves the chain */
    unsigned depth;
} Step;

/* Follow a jump or goto: what falls through at the end of a jump goes on behind the rule. */
static void jump(Walk *walk, const Step *step, const OkseBranch *branch, OksePacketSet *packets)
{
    const OkseFirewallChain *target = okse_firewall_chain(walk->firewall, step->chain, branch->target);
    OksePacketSet *back = branch->verdict == OKSE_VERDICT_JUMP ? step->on : step->returned;

    if (target == NULL || step->depth >= LIMIT_JUMPS) {
        name(walk, step->rule);
        okse_packet_set_unsure(packets);
        okse_packet_set_join(walk->accepted, packets);
        move_all(packets, back);
        return;
    }
    walk_chain(walk, target, packets, back, step->depth + 1);
}

static void decide(Walk *walk, const Step *step, const OkseBranch *branch, OksePacketSet *packets)
{
    switch (branch->verdict) {
    case OKSE_VERDICT_NONE:
        move_all(packets, step->on);
        break;
    case OKSE_VERDICT_ACCEPT:
        accept(walk, step->rule, packets);
        break;
    case OKSE_VERDICT_DROP:
        break;
    case OKSE_VERDICT_RETURN:
        move_all(packets, step->returned);
        break;
    case OKSE_VERDICT_JUMP:
    case OKSE_VERDICT_GOTO:
        jump(walk, step, branch, packets);
        break;
    case OKSE_VERDICT_UNKNOWN:
        okse_packet_set_unsure(packets);
        okse_packet_set_join(step->on, packets);
        accept(walk, step->rule, packets);
        break;
    }
}

static bool is_whole(const OksePacketBox *box, OksePacketSide side)
{
    OkseInterval whole = okse_packet_side_whole(side);

    return box->sides[side].low == whole.low && box->sides[side].high == whole.high;
}

static bool condition_asks_for_user(const OkseRuleCondition *condition)
{
    if (condition->kind == OKSE_CONDITION_SIDE)
        return condition->side == OKSE_PACKET_UID || condition->side == OKSE_PACKET_GID;
    for (guint i = 0; condition->kind == OKSE_CONDITION_BOXES && i < condition->values->len; i++) {
        const OksePacketBox *box = &g_array_index(condition->values, OksePacketBox, i);

        if (!is_whole(box, OKSE_PACKET_UID) || !is_whole(box, OKSE_PACKET_GID))
            return true;
    }
    return false;
}

static bool conditions_ask_for_user(const GPtrArray *conditions)
{
    for (guint i = 0; i < conditions->len; i++)
        if (condition_asks_for_user(g_ptr_array_index(conditions, i)))
            return true;
    return false;
}

/* Of a packet that came in nobody knows the user: to nftables and iptables that is not the same. */
static bool asks_for_user(const OkseFirewallRule *rule)
{
    bool asks = conditions_ask_for_user(rule->conditions);

    for (guint i = 0; i < rule->branches->len && !asks; i++)
        asks = conditions_ask_for_user(((const OkseBranch *)g_ptr_array_index(rule->branches, i))->conditions);
    return asks;
}

/* Leave in `packets` what goes on behind the rule. */
static void walk_rule(Walk *walk, Step *step, OksePacketSet *packets)
{
    const OkseFirewallRule *rule = step->rule;
    g_auto(OksePacketSet) on = {0};

    if (rule->branches->len == 0)
        return; /* it only counts or logs, or its verdict map has nothing for such packets */
    okse_packet_set_init(&on);
    step->on = &on;
    if (walk->path->input != NULL && asks_for_user(rule)) {
        name(walk, rule);
        okse_packet_set_unsure(packets);
        okse_packet_set_join(&on, packets);
    }
    apply_conditions(rule->conditions, walk->path, packets, &on);
    if (packets->boxes->len > 0 && rule->unmodelled != NULL) {
        name(walk, rule);
        okse_packet_set_unsure(packets);
        okse_packet_set_join(&on, packets);
    }
    for (guint i = 0; i < rule->branches->len && packets->boxes->len > 0; i++) {
        const OkseBranch *branch = g_ptr_array_index(rule->branches, i);
        g_auto(OksePacketSet) rest = {0};

        okse_packet_set_init(&rest);
        apply_conditions(branch->conditions, walk->path, packets, &rest);
        decide(walk, step, branch, packets);
        okse_packet_set_swap(packets, &rest);
    }
    move_all(packets, &on);
    okse_packet_set_swap(packets, &on);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by LIMIT_JUMPS */
static void walk_chain(Walk *walk, const OkseFirewallChain *chain, OksePacketSet *packets, OksePacketSet *returned,
                       unsigned depth)
{
    for (guint i = 0; i < chain->rules->len && packets->boxes->len > 0; i++) {
        const OkseFirewallRule *rule = g_ptr_array_index(chain->rules, i);
        Step step = {chain, rule, NULL, returned, depth};

        walk->steps += 1 + packets->boxes->len;
        if (walk->steps > LIMIT_STEPS) { /* whatever else would happen to them */
            name(walk, rule);
            okse_packet_set_unsure(packets);
            okse_packet_set_join(walk->accepted, packets);
            break;
        }
        walk_rule(walk, &step, packets);
    }
    move_all(packets, returned);
}

/* The families whose chains see a packet, as destinations. */
static GArray *family_destinations(const char *family)
{
    g_autoptr(GArray) four = okse_intervals_new();

    okse_intervals_add(four, OKSE_IPV4_BASE, OKSE_IPV4_BASE | 0xffffffff);
    if (strcmp(family, "ip") == 0)
        return g_steal_pointer(&four);
    if (strcmp(family, "ip6") == 0)
        return okse_intervals_complement(four, okse_packet_side_whole(OKSE_PACKET_DESTINATION));
    g_array_set_size(four, 0);
    if (strcmp(family, "inet") == 0)
        okse_intervals_add(four, 0, ~(OkseWide)0);
    return g_steal_pointer(&four);
}

static void walk_base(Walk *walk, const OkseFirewallChain *chain, OksePacketSet *packets)
{
    g_autoptr(GArray) destinations = family_destinations(chain->family);
    g_auto(OksePacketSet) mine = {0}, accepted = {0}, fallen = {0};

    okse_packet_set_init(&mine);
    okse_packet_set_init(&accepted);
    okse_packet_set_init(&fallen);
    okse_packet_set_split(packets, OKSE_PACKET_DESTINATION, destinations, &mine, &accepted);
    walk->accepted = &accepted;
    walk->translating = g_strcmp0(chain->type, "nat") == 0;
    walk_chain(walk, chain, &mine, &fallen, 0);
    for (guint i = 0; !chain->drops && i < fallen.boxes->len; i++) {
        OksePacketBox *box = &g_array_index(fallen.boxes, OksePacketBox, i);

        if (box->way == NULL) /* a rule that let it out says more than a policy that did not stop it */
            box->way = chain->policy;
    }
    if (!chain->drops)
        okse_packet_set_join(&accepted, &fallen);
    okse_packet_set_swap(packets, &accepted);
}

static int compare_priorities(gconstpointer a, gconstpointer b)
{
    const OkseFirewallChain *first = *(const OkseFirewallChain *const *)a,
                            *second = *(const OkseFirewallChain *const *)b;

    return first->priority < second->priority ? -1 : first->priority > second->priority;
}

void okse_firewall_walk(const OkseFirewall *firewall, const OkseFirewallPath *path, OksePacketSet *packets,
                        GPtrArray *unmodelled)
{
    static const char *const hooks[][2] = {
        [OKSE_LEG_OUT] = {"output", "postrouting"},
        [OKSE_LEG_ARRIVING] = {"prerouting", NULL},
        [OKSE_LEG_FORWARDED] = {"forward", "postrouting"},
    };
    Walk walk = {firewall, path, NULL, unmodelled, 0, false};

    for (guint i = 0; i < firewall->notes->len && packets->boxes->len > 0; i++) {
        name(&walk, g_ptr_array_index(firewall->notes, i));
        okse_packet_set_unsure(packets);
    }
    for (unsigned hook = 0; hook < 2 && hooks[path->leg][hook] != NULL; hook++) {
        g_autoptr(GPtrArray) chains = g_ptr_array_new();

        for (guint i = 0; i < firewall->chains->len; i++) {
            OkseFirewallChain *chain = g_ptr_array_index(firewall->chains, i);

            if (g_strcmp0(chain->hook, hooks[path->leg][hook]) == 0)
                g_ptr_array_add(chains, chain);
        }
        g_ptr_array_sort(chains, compare_priorities);
        for (guint i = 0; i < chains->len; i++)
            walk_base(&walk, g_ptr_array_index(chains, i), packets);
    }
}
