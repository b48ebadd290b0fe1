/* A pod that no policy for outgoing traffic selects may send everywhere; one that some do, where any of them lets it.
 * Policies of other makers (Cilium, Calico, AdminNetworkPolicy) are seen and keep the answer open. */
#include "audit/network_policy.h"

#include "core/limits.h"
#include "core/text.h"

#include <string.h>

#define LIMIT_OBJECTS 5000u /* each workload is compared with each policy */
#define LIMIT_LIST_DEPTH 4u
#define LIMIT_SUBJECT 120u /* bytes of the names of many workloads */
#define PROTOCOL_TCP 6u

typedef struct {
    char *namespace, *name; /* namespace NULL: the whole cluster */
    json_t *selector, *egress;
    bool about_egress, foreign;
    OkseFirewallRule rule; /* where it stands */
} Policy;

typedef struct {
    char *namespace, *subject, *path;
    unsigned line;
    json_t *labels; /* object */
    bool host_network;
} Workload;

struct OkseNetworkPolicies {
    GPtrArray *policies, *workloads;
    bool full; /* there were more than LIMIT_OBJECTS */
};

static void policy_free(gpointer data)
{
    Policy *policy = data;

    g_free(policy->namespace);
    g_free(policy->name);
    json_decref(policy->selector);
    json_decref(policy->egress);
    g_free(policy->rule.path);
    g_free(policy->rule.text);
    g_free(policy->rule.unmodelled);
    g_free(policy);
}

static void workload_free(gpointer data)
{
    Workload *workload = data;

    g_free(workload->namespace);
    g_free(workload->subject);
    g_free(workload->path);
    json_decref(workload->labels);
    g_free(workload);
}

OkseNetworkPolicies *okse_network_policies_new(void)
{
    OkseNetworkPolicies *policies = g_new0(OkseNetworkPolicies, 1);

    policies->policies = g_ptr_array_new_with_free_func(policy_free);
    policies->workloads = g_ptr_array_new_with_free_func(workload_free);
    return policies;
}

void okse_network_policies_free(OkseNetworkPolicies *policies)
{
    if (policies == NULL)
        return;
    g_ptr_array_unref(policies->policies);
    g_ptr_array_unref(policies->workloads);
    g_free(policies);
}

static char *shown(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = okse_json_peek_text(object, key);

    return okse_text_show(text != NULL ? text : otherwise, -1, false);
}

static json_t *keep(const json_t *value)
{
    return json_incref((json_t *)(uintptr_t)value);
}

/* policyTypes, or what follows where it is missing: Egress when there are rules for it. */
static bool is_about_egress(const json_t *spec)
{
    const json_t *types = json_object_get(spec, "policyTypes"), *type;
    size_t i;

    if (!json_is_array(types) || json_array_size(types) == 0)
        return json_object_get(spec, "egress") != NULL;
    json_array_foreach(types, i, type)
    {
        if (g_strcmp0(json_string_value(type), "Egress") == 0)
            return true;
    }
    return false;
}

static Policy *new_policy(const json_t *object, const char *kind, const char *path, unsigned line)
{
    const json_t *metadata = json_object_get(object, "metadata"), *spec = json_object_get(object, "spec");
    Policy *policy = g_new0(Policy, 1);

    policy->namespace = shown(metadata, "namespace", "default");
    policy->name = shown(metadata, "name", "?");
    policy->selector = keep(json_object_get(spec, "podSelector"));
    policy->egress = keep(json_object_get(spec, "egress"));
    policy->about_egress = is_about_egress(spec);
    policy->rule.path = g_strdup(path);
    policy->rule.line = line;
    policy->rule.text = g_strdup_printf("%s %s/%s", kind, policy->namespace, policy->name);
    return policy;
}

static bool is_foreign(const char *version, const char *kind)
{
    return g_str_has_prefix(version, "cilium.io/") || g_str_has_prefix(version, "crd.projectcalico.org/") ||
                   g_str_has_prefix(version, "projectcalico.org/") ||
                   g_str_has_prefix(version, "policy.networking.k8s.io/")
               ? strstr(kind, "NetworkPolicy") != NULL
               : false;
}

static void add_policy(OkseNetworkPolicies *policies, const json_t *object, const char *path, unsigned line)
{
    const char *version = okse_json_peek_text(object, "apiVersion"), *kind = okse_json_peek_text(object, "kind");
    Policy *policy = new_policy(object, kind, path, line);

    policy->foreign = is_foreign(version, kind);
    if (policy->foreign) {
        policy->rule.unmodelled = g_strdup("a policy of this kind is not modelled");
        if (json_object_get(json_object_get(object, "metadata"), "namespace") == NULL)
            g_clear_pointer(&policy->namespace, g_free);
    }
    g_ptr_array_add(policies->policies, policy);
}

/* Where the pods of a workload are described, or NULL. */
static const json_t *pod_of(const json_t *object, const char *kind)
{
    static const char *const templates[] = {"Deployment", "StatefulSet",           "DaemonSet", "ReplicaSet",
                                            "Job",        "ReplicationController", NULL};
    const json_t *spec = json_object_get(object, "spec");

    if (strcmp(kind, "Pod") == 0)
        return object;
    if (g_strv_contains(templates, kind))
        return json_object_get(spec, "template");
    if (strcmp(kind, "CronJob") == 0)
        return json_object_get(json_object_get(json_object_get(spec, "jobTemplate"), "spec"), "template");
    return NULL;
}

static void add_workload(OkseNetworkPolicies *policies, const json_t *object, const json_t *pod, const char *path,
                         unsigned line)
{
    const json_t *metadata = json_object_get(object, "metadata");
    Workload *workload = g_new0(Workload, 1);
    g_autofree char *kind = shown(object, "kind", "?"), *name = shown(metadata, "name", "?");

    workload->namespace = shown(metadata, "namespace", "default");
    workload->subject = g_strdup_printf("namespace %s, %s %s", workload->namespace, kind, name);
    workload->path = g_strdup(path);
    workload->line = line;
    workload->labels = keep(json_object_get(json_object_get(pod, "metadata"), "labels"));
    workload->host_network = json_is_true(json_object_get(json_object_get(pod, "spec"), "hostNetwork"));
    g_ptr_array_add(policies->workloads, workload);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by LIMIT_LIST_DEPTH */
static void add_object(OkseNetworkPolicies *policies, const json_t *object, const char *path, unsigned line,
                       unsigned depth)
{
    const char *version = okse_json_peek_text(object, "apiVersion"), *kind = okse_json_peek_text(object, "kind");
    const json_t *items = json_object_get(object, "items"), *item, *pod;
    size_t i;

    if (version == NULL || kind == NULL)
        return;
    policies->full = policies->full || policies->policies->len + policies->workloads->len >= LIMIT_OBJECTS;
    if (policies->full)
        return;
    if (g_str_has_suffix(kind, "List") && json_is_array(items)) {
        json_array_foreach(items, i, item)
        {
            if (depth < LIMIT_LIST_DEPTH)
                add_object(policies, item, path, line, depth + 1);
        }
        return;
    }
    pod = pod_of(object, kind);
    if (pod != NULL)
        add_workload(policies, object, pod, path, line);
    else if (is_foreign(version, kind) ||
             (strcmp(kind, "NetworkPolicy") == 0 && strcmp(version, "networking.k8s.io/v1") == 0))
        add_policy(policies, object, path, line);
}

void okse_network_policies_add(OkseNetworkPolicies *policies, const json_t *object, const char *path, unsigned line)
{
    add_object(policies, object, path, line, 0);
}

typedef enum { NO, YES, PERHAPS } Answer;

static Answer expression_holds(const json_t *expression, const json_t *labels)
{
    const char *key = okse_json_peek_text(expression, "key"), *operation = okse_json_peek_text(expression, "operator");
    const char *label = key == NULL ? NULL : okse_json_peek_text(labels, key);
    const json_t *value;
    bool in = false;
    size_t i;

    if (key == NULL || operation == NULL)
        return PERHAPS;
    json_array_foreach(json_object_get(expression, "values"), i, value) in =
        in || (label != NULL && g_strcmp0(json_string_value(value), label) == 0);
    if (strcmp(operation, "In") == 0)
        return in ? YES : NO;
    if (strcmp(operation, "NotIn") == 0)
        return in ? NO : YES;
    if (strcmp(operation, "Exists") == 0)
        return label != NULL ? YES : NO;
    if (strcmp(operation, "DoesNotExist") == 0)
        return label == NULL ? YES : NO;
    return PERHAPS;
}

static Answer selects(const json_t *selector, const json_t *labels)
{
    const json_t *wanted = json_object_get(selector, "matchLabels"), *expression;
    const char *key;
    json_t *value;
    Answer answer = YES;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
    {
        if (g_strcmp0(okse_json_peek_text(labels, key), json_string_value(value)) != 0)
            return NO;
    }
    json_array_foreach(json_object_get(selector, "matchExpressions"), i, expression)
    {
        Answer one = expression_holds(expression, labels);

        if (one == NO)
            return NO;
        answer = one == PERHAPS ? PERHAPS : answer;
    }
    return answer;
}

typedef struct {
    OksePacketSet packets;
    GPtrArray *unmodelled; /* OkseFirewallRule, borrowed */
    bool isolated;
} Judged;

static void name(Judged *judged, const OkseFirewallRule *rule)
{
    if (!g_ptr_array_find(judged->unmodelled, rule, NULL))
        g_ptr_array_add(judged->unmodelled, (gpointer)(uintptr_t)rule);
}

/* The destinations of a peer; false when it names pods, which are inside. A range that cannot be read is everything. */
static bool peer_ranges(const json_t *peer, GArray *ranges, bool *sure)
{
    const json_t *block = json_object_get(peer, "ipBlock"), *except;
    const char *text = okse_json_peek_text(block, "cidr");
    g_autoptr(GArray) less = okse_intervals_new(), left = NULL;
    OkseInterval range;
    size_t i;

    if (block == NULL)
        return false;
    if (text == NULL || !okse_wide_parse_prefix(text, &range)) {
        range = okse_packet_side_whole(OKSE_PACKET_DESTINATION);
        *sure = false;
    }
    json_array_foreach(json_object_get(block, "except"), i, except)
    {
        OkseInterval one;

        if (json_string_value(except) != NULL && okse_wide_parse_prefix(json_string_value(except), &one))
            okse_intervals_add(less, one.low, one.high);
        else
            *sure = false;
    }
    okse_intervals_tidy(less);
    left = okse_intervals_complement(less, range);
    g_array_append_vals(ranges, left->data, left->len);
    return true;
}

/* One entry of ports as intervals; false when it is not known which ports it means. */
static bool port_box(const json_t *port, OksePacketBox *box)
{
    const char *protocol = okse_json_peek_text(port, "protocol");
    const json_t *number = json_object_get(port, "port"), *end = json_object_get(port, "endPort");
    json_int_t low = json_integer_value(number), high = json_is_integer(end) ? json_integer_value(end) : low;
    unsigned value = protocol == NULL || strcmp(protocol, "TCP") == 0 ? PROTOCOL_TCP
                     : strcmp(protocol, "UDP") == 0                   ? 17
                     : strcmp(protocol, "SCTP") == 0                  ? 132
                                                                      : 0;

    if (value == 0)
        return false;
    box->sides[OKSE_PACKET_PROTOCOL] = (OkseInterval){value, value};
    if (number == NULL)
        return true;
    if (!json_is_integer(number) || low < 0 || high < low || high > 65535)
        return false; /* a name: of a port of the pods that it is sent to */
    box->sides[OKSE_PACKET_PORT] = (OkseInterval){(OkseWide)low, (OkseWide)high};
    return true;
}

static void add_boxes(Judged *judged, const Policy *policy, const GArray *ranges, OksePacketBox box)
{
    box.way = &policy->rule;
    for (guint i = 0; i < ranges->len; i++) {
        box.sides[OKSE_PACKET_DESTINATION] = g_array_index(ranges, OkseInterval, i);
        okse_packet_set_add(&judged->packets, &box);
    }
}

static void add_rule(Judged *judged, const Policy *policy, const json_t *rule, bool selected)
{
    const json_t *peers = json_object_get(rule, "to"), *ports = json_object_get(rule, "ports"), *one;
    g_autoptr(GArray) ranges = okse_intervals_new();
    bool sure = selected;
    size_t i;

    if (json_array_size(peers) == 0)
        okse_intervals_add(ranges, 0, ~(OkseWide)0);
    json_array_foreach(peers, i, one) peer_ranges(one, ranges, &sure);
    okse_intervals_tidy(ranges);
    json_array_foreach(ports, i, one)
    {
        OksePacketBox box = okse_packet_box_whole();

        box.sure = port_box(one, &box) && sure;
        if (!box.sure && ranges->len > 0)
            name(judged, &policy->rule);
        add_boxes(judged, policy, ranges, box);
    }
    if (json_array_size(ports) == 0) {
        OksePacketBox box = okse_packet_box_whole();

        box.sure = sure;
        if (!sure && ranges->len > 0)
            name(judged, &policy->rule);
        add_boxes(judged, policy, ranges, box);
    }
}

static void add_everything(Judged *judged, const OkseFirewallRule *way, bool sure)
{
    OksePacketBox box = okse_packet_box_whole();

    box.way = way;
    box.sure = sure;
    okse_packet_set_add(&judged->packets, &box);
}

static void judge(const OkseNetworkPolicies *policies, const char *namespace, const json_t *labels, const Policy *only,
                  Judged *judged)
{
    bool perhaps = false;

    for (guint i = 0; i < policies->policies->len; i++) {
        const Policy *policy = g_ptr_array_index(policies->policies, i);
        Answer answer;
        const json_t *rule;
        size_t k;

        if (policy->namespace != NULL && strcmp(policy->namespace, namespace) != 0)
            continue;
        if (policy->foreign) {
            name(judged, &policy->rule);
            continue;
        }
        answer = only == policy ? YES
                 : only != NULL ? (json_equal(policy->selector, only->selector) ? YES
                                   : json_object_size(policy->selector) == 0    ? YES
                                                                                : NO)
                                : selects(policy->selector, labels);
        if (!policy->about_egress || answer == NO)
            continue;
        judged->isolated = judged->isolated || answer == YES;
        perhaps = perhaps || answer == PERHAPS;
        if (answer == PERHAPS)
            name(judged, &policy->rule);
        json_array_foreach(policy->egress, k, rule) add_rule(judged, policy, rule, answer == YES);
    }
    if (!judged->isolated)
        add_everything(judged, NULL, !perhaps);
    if (judged->unmodelled->len > 0)
        okse_packet_set_unsure(&judged->packets);
}

typedef struct {
    const OkseNetworkPolicies *policies;
    OkseNetworkPolicyVisitor visit;
    void *context;
    GHashTable *open; /* namespace → Workload: all its pods that no policy selects */
    unsigned subjects;
} Visit;

static void report(Visit *visit, const Workload *workload, Judged *judged)
{
    g_autoptr(OkseEnvelope) envelope = okse_envelope_of(&judged->packets);
    OkseNetworkPolicyResult result = {workload->subject, workload->path, workload->line,
                                      judged->isolated,  envelope,       judged->unmodelled};

    if (visit->subjects++ < OKSE_NETWORK_POLICY_SUBJECTS)
        visit->visit(visit->context, &result);
}

/* Pods of one namespace that no policy selects can all reach the same: everything. */
static void join_open(Visit *visit, const Workload *workload)
{
    Workload *all = g_hash_table_lookup(visit->open, workload->namespace);
    char *longer;

    if (all == NULL) {
        all = g_new0(Workload, 1);
        all->namespace = g_strdup(workload->namespace);
        all->subject = g_strdup(workload->subject);
        all->path = g_strdup(workload->path);
        all->line = workload->line;
        g_hash_table_insert(visit->open, all->namespace, all);
    } else if (strlen(all->subject) < LIMIT_SUBJECT) {
        longer = g_strdup_printf("%s, %s", all->subject, strchr(workload->subject, ',') + 2);
        g_free(all->subject);
        all->subject = longer;
    } else if (!g_str_has_suffix(all->subject, ", …")) {
        longer = g_strconcat(all->subject, ", …", NULL);
        g_free(all->subject);
        all->subject = longer;
    }
}

static void visit_workload(Visit *visit, const Workload *workload, const Policy *only)
{
    g_autoptr(GPtrArray) unmodelled = g_ptr_array_new();
    OkseFirewallRule host = {.path = workload->path,
                             .line = workload->line,
                             .text = workload->subject,
                             .unmodelled = (char *)(uintptr_t) "its pods use the network of the host"};
    Judged judged = {.unmodelled = unmodelled};

    okse_packet_set_init(&judged.packets);
    if (workload->host_network) {
        g_ptr_array_add(unmodelled, &host);
        add_everything(&judged, NULL, false);
    } else {
        judge(visit->policies, workload->namespace, workload->labels, only, &judged);
    }
    if (judged.isolated || unmodelled->len > 0)
        report(visit, workload, &judged);
    else
        join_open(visit, workload);
    okse_packet_set_clear(&judged.packets);
}

static bool selects_some(const OkseNetworkPolicies *policies, const Policy *policy)
{
    for (guint i = 0; i < policies->workloads->len; i++) {
        const Workload *workload = g_ptr_array_index(policies->workloads, i);

        if ((policy->namespace == NULL || strcmp(workload->namespace, policy->namespace) == 0) &&
            (policy->foreign || selects(policy->selector, workload->labels) != NO))
            return true;
    }
    return false;
}

static int compare_workloads(gconstpointer a, gconstpointer b)
{
    const Workload *first = *(const Workload *const *)a, *second = *(const Workload *const *)b;

    return strcmp(first->subject, second->subject);
}

static void visit_open(Visit *visit)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new(), sorted = g_ptr_array_new();
    g_autoptr(GList) values = g_hash_table_get_values(visit->open);

    for (const GList *one = values; one != NULL; one = one->next)
        g_ptr_array_add(sorted, one->data);
    g_ptr_array_sort(sorted, compare_workloads);
    for (guint i = 0; i < sorted->len; i++) {
        Judged judged = {.unmodelled = none};

        okse_packet_set_init(&judged.packets);
        add_everything(&judged, NULL, true);
        report(visit, g_ptr_array_index(sorted, i), &judged);
        okse_packet_set_clear(&judged.packets);
    }
}

bool okse_network_policies_visit(const OkseNetworkPolicies *policies, OkseNetworkPolicyVisitor visitor, void *context)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    g_autoptr(GHashTable) open = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, workload_free);
    Visit visit = {policies, visitor, context, open, 0};

    for (guint i = 0; i < policies->workloads->len; i++)
        g_ptr_array_add(sorted, g_ptr_array_index(policies->workloads, i));
    g_ptr_array_sort(sorted, compare_workloads);
    for (guint i = 0; i < sorted->len; i++)
        visit_workload(&visit, g_ptr_array_index(sorted, i), NULL);
    visit_open(&visit);
    for (guint i = 0; i < policies->policies->len; i++) {
        const Policy *policy = g_ptr_array_index(policies->policies, i);
        g_autofree char *subject = g_strdup_printf("the pods of %s", policy->rule.text);
        char everywhere[] = "the whole cluster";
        Workload pods = {policy->namespace != NULL ? policy->namespace : everywhere,
                         subject,
                         policy->rule.path,
                         policy->rule.line,
                         NULL,
                         false};

        if ((policy->about_egress || policy->foreign) && !selects_some(policies, policy))
            visit_workload(&visit, &pods, policy);
    }
    return visit.subjects <= OKSE_NETWORK_POLICY_SUBJECTS && !policies->full;
}
