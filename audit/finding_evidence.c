/* A fact that was seen in several places is evidence in each of them; one that is not there has no place at all. The
 * messages hold names and numbers of the target only, so they need no translation. */
#include "audit/finding_evidence.h"

#include "audit/fact_kinds.h"

#include <string.h>

struct OkseFactIndex {
    GHashTable *by_id; /* borrowed text → borrowed fact */
};

OkseFactIndex *okse_fact_index_new(const json_t *facts)
{
    OkseFactIndex *index = g_new0(OkseFactIndex, 1);

    index->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++) {
        json_t *fact;
        size_t i;

        json_array_foreach(json_object_get(facts, kind->list), i, fact)
        {
            const char *id = okse_json_peek_text(fact, "id");

            if (id != NULL)
                g_hash_table_insert(index->by_id, (gpointer)(uintptr_t)id, fact);
        }
    }
    return index;
}

void okse_fact_index_free(OkseFactIndex *index)
{
    if (index == NULL)
        return;
    g_hash_table_unref(index->by_id);
    g_free(index);
}

static const char *text_or(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = okse_json_peek_text(object, key);

    return text != NULL ? text : otherwise;
}

static const char *country_of(const json_t *fact)
{
    return okse_json_peek_text(json_object_get(fact, "location"), "country");
}

static char *endpoint_message(const json_t *fact)
{
    const json_t *port = json_object_get(fact, "port");
    g_autofree char *number =
        json_is_integer(port) ? g_strdup_printf(":%" JSON_INTEGER_FORMAT, json_integer_value(port)) : g_strdup("");
    const char *country = country_of(fact);

    return g_strdup_printf("%s → %s%s (%s)", text_or(fact, "role", "unknown"), text_or(fact, "host", "?"), number,
                           country != NULL ? country : "?");
}

static char *setting_message(const json_t *fact)
{
    const char *value = okse_json_peek_text(fact, "value");

    return g_strdup_printf("%s=%s", text_or(fact, "name", "?"), value != NULL ? value : "***");
}

/* "assistant: LicenseRef-EXAONE-1.2-NC (base LGAI-EXAONE/EXAONE-4.0-1.2B)" */
static char *license_message(const json_t *fact)
{
    const json_t *detected = json_object_get(fact, "detected");
    const char *said = okse_json_peek_text(detected, "said");

    return g_strdup_printf("%s: %s (%s%s%s)", text_or(fact, "component", "?"),
                           text_or(detected, "id", "no known license"), text_or(detected, "method", "?"),
                           said != NULL ? " " : "", said != NULL ? said : "");
}

static char *index_message(const json_t *fact)
{
    const json_t *lowest = json_object_get(fact, "lowest"), *missing = json_object_get(fact, "missing");
    const char *version = okse_json_peek_text(fact, "version");
    g_autofree char *parts = !json_is_number(lowest)
                                 ? g_strdup("its parts are not known")
                                 : g_strdup_printf("its parts let it be %.2f to %.2f%s", json_number_value(lowest),
                                                   json_number_value(json_object_get(fact, "highest")),
                                                   json_array_size(missing) > 0 ? ", some are missing" : "");

    return g_strdup_printf("%s %s: %.2f is claimed; %s", text_or(fact, "name", "?"),
                           version != NULL ? version : "without a version",
                           json_number_value(json_object_get(fact, "value")), parts);
}

/* What is wrong with a claim is in its members; which of them matters depends on what it claims. */
static char *evaluation_message(const json_t *fact)
{
    const char *claim = text_or(fact, "claim", "?"), *name = text_or(fact, "name", "?");

    if (strcmp(claim, "index") == 0)
        return index_message(fact);
    if (strcmp(claim, "judge") == 0)
        return g_strdup_printf("%s %s: location %s", text_or(fact, "role", "judge"), name,
                               text_or(fact, "location", "not named"));
    if (strcmp(claim, "score") == 0)
        return g_strdup_printf("%s: %g%s", name, json_number_value(json_object_get(fact, "value")),
                               json_is_true(json_object_get(fact, "judged")) ? ", graded by another model" : "");
    if (strcmp(claim, "subject") == 0 || strcmp(claim, "output") == 0)
        return g_strdup_printf("%s: %s was evaluated, %s is here", text_or(fact, "target", "?"),
                               text_or(fact, "digest", "?"), text_or(fact, "shipped", "nothing"));
    if (strcmp(claim, "fault") == 0)
        return g_strdup(text_or(fact, "fault", "?"));
    return g_strdup_printf("%s: %s", text_or(fact, "format", "?"), name);
}

/* "exaone needs vllm >= 0.10.0, 0.9.2 is here (Exaone4ForCausalLM)"; how it is known, where that is not a package */
static char *agreement_message(const json_t *fact)
{
    const char *by = text_or(fact, "by", "package");
    bool said = strcmp(by, "package") != 0 && json_is_boolean(json_object_get(fact, "agrees"));

    return g_strdup_printf(json_is_null(json_object_get(fact, "agrees")) ? "%s needs %s; not known: %s (%s)%s%s"
                                                                         : "%s needs %s, %s is here (%s)%s%s",
                           text_or(fact, "subject", "?"), text_or(fact, "needs", "?"), text_or(fact, "found", "?"),
                           text_or(fact, "rule", "?"), said ? ", by " : "", said ? by : "");
}

static char *driver_message(const json_t *fact)
{
    const json_t *devices = json_object_get(fact, "devices");
    const char *kernel = text_or(fact, "kernel", NULL);

    if (json_array_size(json_object_get(fact, "carries")) == 0)
        return g_strdup_printf("%s: holds no package, module, installer or firmware", text_or(fact, "component", "?"));
    return g_strdup_printf("%s: devices %s, kernel %s", text_or(fact, "component", "?"),
                           json_array_size(devices) > 0 ? json_string_value(json_array_get(devices, 0)) : "not stated",
                           kernel != NULL ? kernel : "not stated");
}

static char *tool_message(const json_t *fact)
{
    const char *what = text_or(fact, "what", text_or(fact, "url", text_or(fact, "command", "?")));

    return g_strdup_printf("%s (%s): %s", text_or(fact, "name", "?"), text_or(fact, "origin", "?"), what);
}

/* "this host: 10.0.0.5 → 203.0.113.9 port 443 (protocol 6, by eth0)": the packet that shows it. */
static char *reach_message(const json_t *fact)
{
    const json_t *packet = json_object_get(fact, "packet");
    const char *country = okse_json_peek_text(fact, "country"), *device = okse_json_peek_text(packet, "device");

    return g_strdup_printf("%s: %s → %s port %" JSON_INTEGER_FORMAT " (protocol %" JSON_INTEGER_FORMAT ", by %s, %s)%s",
                           text_or(fact, "subject", "?"), text_or(packet, "source", "?"),
                           text_or(packet, "destination", "?"), json_integer_value(json_object_get(packet, "port")),
                           json_integer_value(json_object_get(packet, "protocol")), device != NULL ? device : "?",
                           country != NULL ? country : "?",
                           json_is_true(json_object_get(fact, "surely")) ? "" : ", perhaps");
}

/* What is not modelled, by name; else what becomes of what no rule is about. */
static char *egress_message(const json_t *fact)
{
    const json_t *first = json_array_get(json_object_get(fact, "unmodelled"), 0);
    const json_t *line = json_object_get(first, "line"), *handle = json_object_get(first, "handle");
    json_int_t number = json_integer_value(json_is_integer(line) ? line : handle);

    if (first == NULL)
        return g_strdup_printf("%s: by default IPv4 %s, IPv6 %s", text_or(fact, "subject", "?"),
                               text_or(fact, "ipv4", "?"), text_or(fact, "ipv6", "?"));
    return g_strdup_printf("%s: not modelled: %s%s%" JSON_INTEGER_FORMAT ": %s (%s)", text_or(fact, "subject", "?"),
                           text_or(first, "path", "?"), json_is_integer(line) ? ":" : " handle ", number,
                           text_or(first, "text", "?"), text_or(first, "why", "?"));
}

/* One line about a fact of any domain; the domain is the prefix of its id. */
static char *message_of(const char *id, const json_t *fact)
{
    if (g_str_has_prefix(id, "doc:") && json_array_size(json_object_get(fact, "faults")) > 0)
        return g_strdup(json_string_value(json_array_get(json_object_get(fact, "faults"), 0)));
    if (g_str_has_prefix(id, "ep:"))
        return endpoint_message(fact);
    if (g_str_has_prefix(id, "set:"))
        return setting_message(fact);
    if (g_str_has_prefix(id, "mnt:"))
        return g_strdup_printf("%s (%s, encrypted: %s, %s)", text_or(fact, "path", "?"), text_or(fact, "fstype", "?"),
                               text_or(fact, "encrypted", "unknown"),
                               text_or(json_object_get(fact, "location"), "country", "?"));
    if (g_str_has_prefix(id, "sock:"))
        return g_strdup_printf("%s %s → %s", text_or(fact, "protocol", "?"), text_or(fact, "local", "?"),
                               text_or(fact, "remote", "-"));
    if (g_str_has_prefix(id, "rt:"))
        return g_strdup_printf("%s via %s", text_or(fact, "destination", "?"), text_or(fact, "gateway", "-"));
    if (g_str_has_prefix(id, "rch:"))
        return reach_message(fact);
    if (g_str_has_prefix(id, "egr:"))
        return egress_message(fact);
    if (g_str_has_prefix(id, "doc:"))
        return g_strdup_printf("%s: %s", text_or(fact, "type", "?"),
                               text_or(fact, "title", text_or(fact, "path", "?")));
    if (g_str_has_prefix(id, "fet:"))
        return g_strdup_printf("%s: %s", text_or(fact, "kind", "?"), text_or(fact, "what", "?"));
    if (g_str_has_prefix(id, "lic:"))
        return license_message(fact);
    if (g_str_has_prefix(id, "dft:"))
        return g_strdup_printf("%s: %s", text_or(fact, "path", "?"), text_or(fact, "status", "?"));
    if (g_str_has_prefix(id, "sec:"))
        return g_strdup_printf("%s (%s, fingerprint %s)", text_or(fact, "title", "?"), text_or(fact, "kind", "?"),
                               text_or(fact, "fingerprint", "?"));
    if (g_str_has_prefix(id, "prg:"))
        return g_strdup_printf("%s (%s)", text_or(fact, "text", "?"), text_or(fact, "rule", "?"));
    if (g_str_has_prefix(id, "agr:"))
        return agreement_message(fact);
    if (g_str_has_prefix(id, "drv:"))
        return driver_message(fact);
    if (g_str_has_prefix(id, "tol:"))
        return tool_message(fact);
    if (g_str_has_prefix(id, "art:"))
        return g_strdup_printf("%s: %s, compiled with %s", text_or(fact, "path", "?"), text_or(fact, "format", "?"),
                               text_or(fact, "train", "?"));
    if (g_str_has_prefix(id, "pkg:")) {
        const char *first = json_string_value(json_array_get(json_object_get(fact, "faults"), 0));

        return g_strdup_printf("%s %s: %s", text_or(fact, "name", "?"), text_or(fact, "version", "?"),
                               first != NULL ? first : "is what its RECORD says");
    }
    if (g_str_has_prefix(id, "try:")) {
        const char *first = json_string_value(json_array_get(json_object_get(fact, "attempts"), 0));

        return g_strdup_printf("%s: %s%s", text_or(fact, "component", "?"), first != NULL ? first : "tried nothing",
                               json_is_true(json_object_get(fact, "lived")) ? "" : " (it did not live to the end)");
    }
    if (g_str_has_prefix(id, "dis:"))
        return g_strdup_printf("%s: %s is declared, %s is seen", text_or(fact, "kind", "?"),
                               text_or(fact, "declared", "nothing"), text_or(fact, "seen", "nothing"));
    if (g_str_has_prefix(id, "hst:"))
        return g_strdup_printf("%s in %s (%s)", text_or(fact, "host", "?"), text_or(fact, "component", "?"),
                               text_or(fact, "kind", "?"));
    if (g_str_has_prefix(id, "emb:"))
        return g_strdup_printf("%s (%s, as of %s)", text_or(fact, "title", "?"), text_or(fact, "list", "?"),
                               text_or(fact, "as_of", "?"));
    if (g_str_has_prefix(id, "tel:"))
        return g_strdup_printf("%s: %s %s (%s)", text_or(fact, "software", "?"), text_or(fact, "does", "?"),
                               text_or(fact, "enabled", "unknown"), text_or(fact, "reason", "?"));
    if (g_str_has_prefix(id, "wl:") || g_str_has_prefix(id, "obj:"))
        return g_strdup_printf("%s %s, egress %s", text_or(fact, "kind", "?"), text_or(fact, "name", "?"),
                               text_or(fact, "egress", "-"));
    if (g_str_has_prefix(id, "rsc:"))
        return g_strdup_printf("%s.%s in %s (%s)", text_or(fact, "type", "?"), text_or(fact, "name", "?"),
                               text_or(fact, "region", "?"), text_or(fact, "country", "?"));
    if (g_str_has_prefix(id, "evl:"))
        return evaluation_message(fact);
    return g_strdup(id);
}

static json_t *text_value(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static json_t *evidence_at(const char *id, const char *verdict, const json_t *fact, const json_t *source)
{
    g_autofree char *message = message_of(id, fact);
    const json_t *line = json_object_get(source, "line");

    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "fact", id, "verdict", verdict, "file",
                     text_value(okse_json_peek_text(source, "path")), "line",
                     json_is_integer(line) ? json_integer(json_integer_value(line)) : json_null(), "excerpt",
                     text_value(okse_json_peek_text(source, "excerpt")), "message", message, "component",
                     text_value(okse_json_peek_text(source, "component")), "state",
                     text_value(okse_json_peek_text(fact, "state")), "country", text_value(country_of(fact)));
}

static json_t *evidence_absent(const char *what, const char *verdict)
{
    return json_pack("{s:n, s:s, s:n, s:n, s:n, s:s, s:n, s:n, s:n}", "fact", "verdict", verdict, "file", "line",
                     "excerpt", "message", what, "component", "state", "country");
}

static void add_evidence(const OkseFactIndex *index, GPtrArray *all, const json_t *reference, const char *verdict)
{
    const char *id = json_string_value(reference);
    const json_t *fact = id != NULL ? g_hash_table_lookup(index->by_id, id) : NULL;
    const json_t *sources = json_object_get(fact, "sources"), *source;
    size_t i;

    if (fact == NULL)
        g_ptr_array_add(all, evidence_absent(id != NULL ? id : text_or(reference, "absent", "?"), verdict));
    else if (json_array_size(sources) > 0)
        json_array_foreach(sources, i, source) g_ptr_array_add(all, evidence_at(id, verdict, fact, source));
    else
        g_ptr_array_add(all, evidence_at(id, verdict, fact, json_object_get(fact, "source")));
}

static int compare_evidence(gconstpointer a, gconstpointer b)
{
    const json_t *first = *(json_t *const *)a, *second = *(json_t *const *)b;
    json_int_t lines[2] = {json_integer_value(json_object_get(first, "line")),
                           json_integer_value(json_object_get(second, "line"))};
    int order = strcmp(text_or(first, "file", ""), text_or(second, "file", ""));

    if (order == 0)
        order = (lines[0] > lines[1]) - (lines[0] < lines[1]);
    if (order == 0)
        order = strcmp(text_or(first, "fact", ""), text_or(second, "fact", ""));
    if (order == 0)
        order = strcmp(text_or(first, "message", ""), text_or(second, "message", ""));
    return order;
}

/* The first so many are kept; violations before what is merely unknown, so that a cut never hides them. */
static void append_sorted(json_t *list, GPtrArray *all)
{
    g_ptr_array_sort(all, compare_evidence);
    for (guint i = 0; i < all->len && json_array_size(list) < OKSE_EVIDENCE_LISTED; i++)
        json_array_append(list, g_ptr_array_index(all, i));
}

static void evidence_free(gpointer data)
{
    json_decref(data);
}

json_t *okse_finding_evidence(const OkseFactIndex *index, const json_t *result)
{
    static const char *const keys[][2] = {{"violations", "violation"}, {"unknown", "unknown"}};
    g_autoptr(json_t) list = json_array();
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    json_t *sorted = json_array(), *entry;
    size_t i;

    for (size_t k = 0; k < G_N_ELEMENTS(keys); k++) {
        g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(evidence_free);

        json_array_foreach(json_object_get(result, keys[k][0]), i, entry) add_evidence(index, all, entry, keys[k][1]);
        append_sorted(list, all);
    }
    json_array_foreach(list, i, entry) g_ptr_array_add(kept, entry);
    g_ptr_array_sort(kept, compare_evidence);
    for (guint k = 0; k < kept->len; k++)
        json_array_append(sorted, g_ptr_array_index(kept, k));
    return sorted;
}
