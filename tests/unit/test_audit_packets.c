/* Sets of packets against brute force: membership of single packets, counted one by one. */
#include "audit/network_policy.h"

#include <stdlib.h>
#include <string.h>

#define SPAN 12u /* values of a side that are tried */

static OksePacketBox random_box(GRand *random)
{
    OksePacketBox box = okse_packet_box_whole();

    for (unsigned side = 0; side < 3; side++) {
        unsigned low = (unsigned)g_rand_int_range(random, 0, SPAN),
                 high = (unsigned)g_rand_int_range(random, (gint)low, SPAN);

        box.sides[side] = (OkseInterval){low, high};
    }
    return box;
}

static bool box_has(const OksePacketBox *box, const OkseWide *packet)
{
    for (unsigned side = 0; side < 3; side++)
        if (packet[side] < box->sides[side].low || packet[side] > box->sides[side].high)
            return false;
    return true;
}

static unsigned set_has(const OksePacketSet *set, const OkseWide *packet)
{
    unsigned count = 0;

    for (guint i = 0; i < set->boxes->len; i++)
        count += box_has(&g_array_index(set->boxes, OksePacketBox, i), packet);
    return count;
}

/* Every packet of the small space: in `set` minus or in the boxes, exactly once. */
static void check_split(const OksePacketSet *set, const GArray *boxes, const OksePacketSet *in,
                        const OksePacketSet *out)
{
    for (unsigned n = 0; n < SPAN * SPAN * SPAN; n++) {
        OkseWide packet[3] = {n % SPAN, n / SPAN % SPAN, n / SPAN / SPAN};
        bool cut = false;

        for (guint i = 0; i < boxes->len; i++)
            cut = cut || box_has(&g_array_index(boxes, OksePacketBox, i), packet);
        g_assert_cmpuint(set_has(in, packet), ==, set_has(set, packet) > 0 && cut);
        g_assert_cmpuint(set_has(out, packet), ==, set_has(set, packet) > 0 && !cut);
    }
}

static void test_split_boxes(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(6);

    for (unsigned round = 0; round < 200; round++) {
        g_auto(OksePacketSet) set = {0}, in = {0}, out = {0};
        g_autoptr(GArray) boxes = g_array_new(FALSE, FALSE, sizeof(OksePacketBox));
        OksePacketBox whole = random_box(random);

        okse_packet_set_init(&set);
        okse_packet_set_init(&in);
        okse_packet_set_init(&out);
        okse_packet_set_add(&set, &whole);
        for (unsigned i = 0; i < round % 6; i++) {
            OksePacketBox box = random_box(random);

            g_array_append_val(boxes, box);
        }
        okse_packet_set_split_boxes(&set, boxes, &in, &out);
        check_split(&set, boxes, &in, &out);
    }
}

static void test_split_side(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(7);

    for (unsigned round = 0; round < 200; round++) {
        g_auto(OksePacketSet) set = {0}, in = {0}, out = {0};
        g_autoptr(GArray) intervals = okse_intervals_new(), boxes = g_array_new(FALSE, FALSE, sizeof(OksePacketBox));
        OksePacketBox whole = random_box(random);
        OksePacketSide side = round % 3;

        okse_packet_set_init(&set);
        okse_packet_set_init(&in);
        okse_packet_set_init(&out);
        okse_packet_set_add(&set, &whole);
        for (unsigned i = 0; i < round % 5; i++) {
            OksePacketBox box = okse_packet_box_whole();

            box.sides[side] = random_box(random).sides[side];
            g_array_append_val(boxes, box);
            okse_intervals_add(intervals, box.sides[side].low, box.sides[side].high);
        }
        okse_intervals_tidy(intervals);
        okse_packet_set_split(&set, side, intervals, &in, &out);
        check_split(&set, boxes, &in, &out);
    }
}

/* The edges of the line: the first and the last address, and IPv4 inside it. */
static void test_intervals(void)
{
    g_autoptr(GArray) intervals = okse_intervals_new(), rest = NULL, both = NULL;
    OkseInterval whole = okse_packet_side_whole(OKSE_PACKET_DESTINATION), range;

    okse_intervals_add(intervals, 10, 20);
    okse_intervals_add(intervals, 21, 30);
    okse_intervals_add(intervals, 5, 7);
    okse_intervals_add(intervals, whole.high, whole.high);
    okse_intervals_tidy(intervals);
    g_assert_cmpuint(intervals->len, ==, 3);
    rest = okse_intervals_complement(intervals, whole);
    g_assert_cmpuint(rest->len, ==, 3);
    both = okse_intervals_intersect(intervals, rest);
    g_assert_cmpuint(both->len, ==, 0);
    g_assert_true(okse_intervals_contain(intervals, whole.high) && okse_intervals_contain(rest, 0));
    g_assert_false(okse_intervals_contain(rest, whole.high) || okse_intervals_contain(intervals, 8));
    g_assert_true(okse_wide_parse_prefix("0.0.0.0/0", &range));
    g_assert_true(range.low == OKSE_IPV4_BASE && range.high == (OKSE_IPV4_BASE | 0xffffffff));
    g_assert_true(okse_wide_parse_prefix("::/0", &range));
    g_assert_true(range.low == 0 && range.high == whole.high);
    g_assert_false(okse_wide_parse_prefix("10.0.0.0/33", &range) || okse_wide_parse_prefix("10.0.0.0/", &range) ||
                   okse_wide_parse_prefix("10.0.0.0/-1", &range) || okse_wide_parse_prefix("ten", &range));
}

static char *prefixes_of(const char *low, const char *high)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    OkseInterval range;

    g_assert_true(okse_wide_parse(low, &range.low) && okse_wide_parse(high, &range.high));
    g_assert_cmpuint(okse_interval_prefixes(range, texts, 64), ==, texts->len);
    g_ptr_array_add(texts, NULL);
    return g_strjoinv(" ", (char **)texts->pdata);
}

/* Expected: Python's ipaddress.summarize_address_range(). */
static void test_prefixes(void)
{
    static const char *const cases[][3] = {
        {"1.0.0.0", "1.0.0.255", "1.0.0.0/24"},
        {"10.0.0.1", "10.0.0.6", "10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32"},
        {"0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
        {"2001:db8::", "2001:db8::2", "2001:db8::/127 2001:db8::2/128"},
        {"255.255.255.254", "255.255.255.255", "255.255.255.254/31"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = prefixes_of(cases[i][0], cases[i][1]);

        g_assert_cmpstr(text, ==, cases[i][2]);
    }
}

/* More pieces than there is room for are never lost: the set is wider, and says that nothing in it is sure. */
static void test_crowded(void)
{
    g_auto(OksePacketSet) set = {0};
    g_autoptr(GArray) all = NULL, sure = NULL;

    okse_packet_set_init(&set);
    for (unsigned i = 0; i <= OKSE_PACKET_BOXES; i++) {
        OksePacketBox box = okse_packet_box_whole();

        box.sides[OKSE_PACKET_DESTINATION] = (OkseInterval){2 * i, 2 * i};
        okse_packet_set_add(&set, &box);
    }
    all = okse_packet_set_side(&set, OKSE_PACKET_DESTINATION, false);
    sure = okse_packet_set_side(&set, OKSE_PACKET_DESTINATION, true);
    g_assert_true(set.crowded && set.boxes->len == OKSE_PACKET_BOXES && sure->len == 0);
    for (unsigned i = 0; i <= OKSE_PACKET_BOXES; i++)
        g_assert_true(okse_intervals_contain(all, 2 * i));
}

typedef struct {
    unsigned count;
    GString *text;
} Seen;

static void on_result(void *context, const OkseNetworkPolicyResult *result)
{
    Seen *seen = context;
    g_autoptr(json_t) ranges = okse_envelope_ranges(result->envelope->surely);

    seen->count++;
    g_string_append_printf(seen->text, "%s: %s %s %u\n", result->subject, result->isolated ? "isolated" : "open",
                           result->envelope->surely->len == 1
                               ? json_string_value(json_array_get(json_object_get(ranges, "prefixes"), 0))
                           : result->envelope->surely->len == 0 ? "nothing"
                                                                : "much",
                           result->unmodelled->len);
}

/* Semantics: kubernetes.io, "Network Policies", "The two sorts of pod isolation" and "Behavior of to and from
 * selectors". */
static void test_network_policies(void)
{
    static const char objects[] =
        "{'apiVersion':'v1','kind':'List','items':["
        "{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','metadata':{'name':'deny','namespace':'shop'},"
        " 'spec':{'podSelector':{},'policyTypes':['Egress']}},"
        "{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','metadata':{'name':'in','namespace':'free'},"
        " 'spec':{'podSelector':{},'ingress':[]}},"
        "{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','metadata':{'name':'web','namespace':'shop'},"
        " 'spec':{'podSelector':{'matchExpressions':[{'key':'app','operator':'In','values':['web','api']}]},"
        "  "
        "'egress':[{'to':[{'ipBlock':{'cidr':'1.0.0.0/23','except':['1.0.1.0/"
        "24']}},{'podSelector':{}}],'ports':[{'port':443}]}]}},"
        "{'apiVersion':'cilium.io/v2','kind':'CiliumNetworkPolicy','metadata':{'name':'c','namespace':'odd'}},"
        "{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'web','namespace':'shop'},"
        " 'spec':{'template':{'metadata':{'labels':{'app':'web'}}}}},"
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'lone','namespace':'shop'}},"
        "{'apiVersion':'batch/v1','kind':'CronJob','metadata':{'name':'night','namespace':'free'}},"
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'p','namespace':'free'}},"
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'h','namespace':'shop'},'spec':{'hostNetwork':true}}]}";
    g_autofree char *text = g_strdelimit(g_strdup(objects), "'", '"');
    g_autoptr(json_t) list = json_loads(text, 0, NULL);
    g_autoptr(OkseNetworkPolicies) policies = okse_network_policies_new();
    Seen seen = {0, g_string_new(NULL)};

    g_assert_nonnull(list);
    okse_network_policies_add(policies, list, "all.yaml", 1);
    g_assert_true(okse_network_policies_visit(policies, on_result, &seen));
    g_assert_cmpstr(seen.text->str, ==,
                    "namespace shop, Deployment web: isolated 1.0.0.0/24 0\n"
                    "namespace shop, Pod h: open nothing 1\n"
                    "namespace shop, Pod lone: isolated nothing 0\n"
                    "namespace free, Pod p: open much 0\n"
                    "the pods of CiliumNetworkPolicy odd/c: open nothing 1\n");
    g_string_free(seen.text, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit/packets/split-boxes", test_split_boxes);
    g_test_add_func("/audit/packets/split-side", test_split_side);
    g_test_add_func("/audit/packets/intervals", test_intervals);
    g_test_add_func("/audit/packets/prefixes", test_prefixes);
    g_test_add_func("/audit/packets/crowded", test_crowded);
    g_test_add_func("/audit/packets/network-policies", test_network_policies);
    return g_test_run();
}
