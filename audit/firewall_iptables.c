/* What iptables-save(8) writes, as the JSON that libnftables would give for the same rules. Source: iptables-save(8),
 * iptables-extensions(8) of iptables 1.8.9. */
#include "audit/firewall.h"
#include "core/text.h"

#include <string.h>

#define LIMIT_LINE 65536u
#define SHOWN 200u

typedef struct {
    json_t *list;
    const char *path, *family;
    unsigned line;
    char *table; /* "filter" */
} Saved;

typedef struct {
    char **words;
    unsigned at, count;
    json_t *expressions;
    char *protocol; /* of -p, for ports */
    bool negated;
} Arguments;

static const char *take(Arguments *arguments)
{
    return arguments->at < arguments->count ? arguments->words[arguments->at++] : "";
}

static void add_match(Arguments *arguments, json_t *left, json_t *right)
{
    json_array_append_new(
        arguments->expressions,
        json_pack("{s:{s:s,s:o,s:o}}", "match", "op", arguments->negated ? "!=" : "==", "left", left, "right", right));
}

static void add_unknown(Arguments *arguments)
{
    add_match(arguments, json_pack("{s:n}", "okse-unread"), json_integer(0));
}

static json_t *payload(const char *protocol, const char *field)
{
    return json_pack("{s:{s:s,s:s}}", "payload", "protocol", protocol, "field", field);
}

static json_t *meta(const char *key)
{
    return json_pack("{s:{s:s}}", "meta", "key", key);
}

static json_t *number_or_name(const char *text)
{
    guint64 number;

    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &number, NULL) ? json_integer((json_int_t)number)
                                                                               : json_string(text);
}

/* "80", "80:90", ":90": a value, or a range. sign: what stands between the ends. */
static json_t *range(const char *text, char sign, const char *lowest, const char *highest)
{
    const char *middle = strchr(text, sign);
    g_autofree char *low = middle == NULL ? NULL : g_strndup(text, (gsize)(middle - text));

    if (middle == NULL)
        return number_or_name(text);
    return json_pack("{s:[o,o]}", "range", number_or_name(*low != '\0' ? low : lowest),
                     number_or_name(middle[1] != '\0' ? middle + 1 : highest));
}

static json_t *ports(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    json_t *list = json_array();

    for (char **word = words; *word != NULL; word++)
        json_array_append_new(list, range(*word, ':', "0", "65535"));
    return json_pack("{s:o}", "set", list);
}

static json_t *names(const char *text)
{
    static const char *const all[] = {"fin", "syn", "rst", "psh", "ack", "urg"};
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    json_t *list = json_array();

    for (char **word = words; *word != NULL; word++) {
        g_autofree char *lower = g_ascii_strdown(*word, -1);

        for (unsigned i = 0; strcmp(lower, "all") == 0 && i < G_N_ELEMENTS(all); i++)
            json_array_append_new(list, json_string(all[i]));
        if (strcmp(lower, "all") != 0 && strcmp(lower, "none") != 0)
            json_array_append_new(list, json_string(lower));
    }
    return list;
}

static void add_address(const Saved *saved, Arguments *arguments, const char *field)
{
    add_match(arguments, payload(saved->family, field), json_string(take(arguments)));
}

static void add_device(Arguments *arguments, const char *key)
{
    g_autofree char *name = g_strdup(take(arguments));
    size_t length = strlen(name);

    if (length > 0 && name[length - 1] == '+')
        name[length - 1] = '*';
    add_match(arguments, meta(key), json_string(name));
}

static void add_protocol(Arguments *arguments)
{
    const char *name = take(arguments);

    g_free(arguments->protocol);
    arguments->protocol = g_strdup(name);
    if (strcmp(name, "all") != 0)
        add_match(arguments, meta("l4proto"), number_or_name(strcmp(name, "ipv6-icmp") == 0 ? "icmpv6" : name));
}

static const char *port_protocol(const Arguments *arguments)
{
    static const char *const known[] = {"tcp", "udp", "sctp", "dccp", "udplite", NULL};

    return arguments->protocol != NULL && g_strv_contains(known, arguments->protocol) ? arguments->protocol : "th";
}

/* "! --dport 22" is a packet of the protocol with another port; "th" has no such ground. */
static void add_ports(Arguments *arguments, const char *field)
{
    add_match(arguments, payload(port_protocol(arguments), field), ports(take(arguments)));
}

static void add_icmp(Arguments *arguments, const char *protocol)
{
    g_auto(GStrv) words = g_strsplit(take(arguments), "/", 2);

    if (words[0] == NULL || (words[1] != NULL && arguments->negated) || strcmp(words[0], "any") == 0) {
        if (words[0] == NULL || strcmp(words[0], "any") != 0)
            add_unknown(arguments);
        return;
    }
    add_match(arguments, payload(protocol, "type"), number_or_name(words[0]));
    if (words[1] != NULL)
        add_match(arguments, payload(protocol, "code"), number_or_name(words[1]));
}

static void add_flags(Arguments *arguments)
{
    json_t *mask = names(take(arguments)), *value = names(take(arguments));

    add_match(arguments, json_pack("{s:[o,o]}", "&", payload("tcp", "flags"), mask), json_pack("{s:o}", "|", value));
}

static void add_type(Arguments *arguments, bool destination)
{
    g_autofree char *name = g_ascii_strdown(take(arguments), -1);

    if (!destination || strchr(name, ',') != NULL)
        add_unknown(arguments);
    else
        add_match(arguments, json_pack("{s:{s:s,s:[s]}}", "fib", "result", "type", "flags", "daddr"),
                  json_string(name));
}

static void add_module(Arguments *arguments)
{
    static const char *const known[] = {"tcp",       "udp",       "sctp",  "dccp",     "udplite",
                                        "multiport", "conntrack", "state", "comment",  "owner",
                                        "iprange",   "icmp",      "icmp6", "addrtype", NULL};

    if (!g_strv_contains(known, take(arguments)))
        add_unknown(arguments);
}

/* The matches with a value. */
static bool add_option(const Saved *saved, Arguments *arguments, const char *word)
{
    bool four = strcmp(saved->family, "ip") == 0;

    if (strcmp(word, "-s") == 0)
        add_address(saved, arguments, "saddr");
    else if (strcmp(word, "-d") == 0)
        add_address(saved, arguments, "daddr");
    else if (strcmp(word, "-p") == 0)
        add_protocol(arguments);
    else if (strcmp(word, "-i") == 0)
        add_device(arguments, "iifname");
    else if (strcmp(word, "-o") == 0)
        add_device(arguments, "oifname");
    else if (strcmp(word, "-m") == 0)
        add_module(arguments);
    else if (strcmp(word, "--dport") == 0 || strcmp(word, "--dports") == 0)
        add_ports(arguments, "dport");
    else if (strcmp(word, "--sport") == 0 || strcmp(word, "--sports") == 0)
        add_ports(arguments, "sport");
    else if (strcmp(word, "--ctstate") == 0 || strcmp(word, "--state") == 0)
        add_match(arguments, json_pack("{s:{s:s}}", "ct", "key", "state"),
                  json_pack("{s:o}", "set", names(take(arguments))));
    else if (strcmp(word, "--uid-owner") == 0)
        add_match(arguments, meta("skuid"), range(take(arguments), '-', "0", "4294967295"));
    else if (strcmp(word, "--gid-owner") == 0)
        add_match(arguments, meta("skgid"), range(take(arguments), '-', "0", "4294967295"));
    else if (strcmp(word, "--dst-range") == 0)
        add_match(arguments, payload(saved->family, "daddr"), range(take(arguments), '-', "", ""));
    else if (strcmp(word, "--src-range") == 0)
        add_match(arguments, payload(saved->family, "saddr"), range(take(arguments), '-', "", ""));
    else if (strcmp(word, "--dst-type") == 0 || strcmp(word, "--src-type") == 0)
        add_type(arguments, word[2] == 'd');
    else if (strcmp(word, "--icmp-type") == 0 || strcmp(word, "--icmpv6-type") == 0)
        add_icmp(arguments, four ? "icmp" : "icmpv6");
    else if (strcmp(word, "--comment") == 0)
        take(arguments);
    else
        return false;
    return true;
}

static json_t *dnat(Arguments *arguments)
{
    const char *to, *colon;

    if (strcmp(take(arguments), "--to-destination") != 0)
        return json_pack("{s:n}", "dnat");
    to = take(arguments);
    if (*to == '[')
        return json_pack("{s:{s:o}}", "dnat", "addr", json_stringn(to + 1, strcspn(to + 1, "]")));
    colon = strchr(to, ':');
    if (colon == NULL || strchr(colon + 1, ':') != NULL)
        return json_pack("{s:{s:s}}", "dnat", "addr", to);
    return json_pack("{s:{s:o}}", "dnat", "addr", json_stringn(to, (size_t)(colon - to)));
}

static bool has_word(const Arguments *arguments, const char *word)
{
    for (unsigned i = 0; i < arguments->count; i++)
        if (strcmp(arguments->words[i], word) == 0)
            return true;
    return false;
}

/* The target ends a rule; what follows are its own options. */
static void add_target(Arguments *arguments, bool goes)
{
    static const char *const statements[][2] = {
        {"ACCEPT", "accept"},     {"DROP", "drop"},
        {"REJECT", "reject"},     {"RETURN", "return"},
        {"LOG", "log"},           {"NFLOG", "log"},
        {"MARK", "counter"},      {"CONNMARK", "counter"},
        {"TCPMSS", "counter"},    {"CLASSIFY", "counter"},
        {"DSCP", "counter"},      {"TOS", "counter"},
        {"NOTRACK", "notrack"},   {"CONNSECMARK", "counter"},
        {"SECMARK", "counter"},   {"CHECKSUM", "counter"},
        {"SNAT", "snat"},         {"MASQUERADE", "masquerade"},
        {"REDIRECT", "redirect"}, {"NFQUEUE", "queue"},
        {"QUEUE", "queue"},       {"TEE", "dup"},
        {"SET", "counter"},       {"TRACE", "counter"},
        {"AUDIT", "log"},         {"ULOG", "log"},
    };
    static const char *const opaque[] = {"NETMAP", "TPROXY", "HMARK", "LED",     "IDLETIMER", "SYNPROXY", "CLUSTERIP",
                                         "TTL",    "HL",     "ECN",   "RATEEST", "DNPT",      "SNPT",     NULL};
    const char *target = take(arguments);

    if (strcmp(target, "CT") == 0) {
        json_array_append_new(arguments->expressions,
                              json_pack("{s:n}", has_word(arguments, "--notrack") ? "notrack" : "counter"));
        return;
    }
    if (strcmp(target, "DNAT") == 0) {
        json_array_append_new(arguments->expressions, dnat(arguments));
        return;
    }
    for (unsigned i = 0; !goes && i < G_N_ELEMENTS(statements); i++)
        if (strcmp(statements[i][0], target) == 0) {
            json_array_append_new(arguments->expressions, json_pack("{s:n}", statements[i][1]));
            return;
        }
    if (g_strv_contains(opaque, target))
        json_array_append_new(arguments->expressions, json_pack("{s:n}", "okse-unread"));
    else
        json_array_append_new(arguments->expressions, json_pack("{s:{s:s}}", goes ? "goto" : "jump", "target", target));
}

static void read_arguments(const Saved *saved, Arguments *arguments)
{
    while (arguments->at < arguments->count) {
        const char *word = take(arguments);

        arguments->negated = strcmp(word, "!") == 0;
        if (arguments->negated)
            word = take(arguments);
        if (strcmp(word, "-j") == 0 || strcmp(word, "-g") == 0) {
            add_target(arguments, word[1] == 'g');
            return;
        }
        if (strcmp(word, "--tcp-flags") == 0) {
            add_flags(arguments);
        } else if (strcmp(word, "--syn") == 0) {
            add_match(arguments,
                      json_pack("{s:[o,[s,s,s,s]]}", "&", payload("tcp", "flags"), "fin", "syn", "rst", "ack"),
                      json_string("syn"));
        } else if (!add_option(saved, arguments, word)) {
            add_unknown(arguments);
            while (arguments->at < arguments->count && *arguments->words[arguments->at] != '-' &&
                   strcmp(arguments->words[arguments->at], "!") != 0)
                arguments->at++;
        }
    }
}

static json_t *place(const Saved *saved, const char *line)
{
    g_autofree char *cut = g_strndup(line, MIN(strlen(line), SHOWN)), *text = okse_text_show(cut, -1, false),
                    *path = okse_text_show(saved->path, -1, false);

    return json_pack("{s:s,s:i,s:s}", "path", path, "line", (int)saved->line, "text", text);
}

static void unread(const Saved *saved, const char *line)
{
    json_array_append_new(saved->list, json_pack("{s:o}", "okse-unread", place(saved, line)));
}

/* iptables' own tables beside those of nftables. */
static json_t *table_name(const Saved *saved)
{
    g_autofree char *name = g_strconcat("iptables ", saved->table, NULL);

    return json_string(name);
}

static void read_rule(const Saved *saved, const char *line)
{
    g_auto(GStrv) words = NULL;
    gint count = 0;
    Arguments arguments = {0};

    if (!g_shell_parse_argv(line, &count, &words, NULL) || count < 2) {
        unread(saved, line);
        return;
    }
    arguments = (Arguments){words + 2, 0, (unsigned)count - 2, json_array(), NULL, false};
    read_arguments(saved, &arguments);
    json_array_append_new(saved->list, json_pack("{s:{s:s,s:o,s:o,s:o,s:o}}", "rule", "family", saved->family, "table",
                                                 table_name(saved), "chain", json_string(words[1]), "expr",
                                                 arguments.expressions, "okse", place(saved, line)));
    g_free(arguments.protocol);
}

static void read_chain(const Saved *saved, const char *line)
{
    static const struct {
        const char *table, *chain, *hook;
        int priority;
    } hooks[] = {
        {"raw", "OUTPUT", "output", -300},
        {"mangle", "OUTPUT", "output", -150},
        {"nat", "OUTPUT", "output", -100},
        {"filter", "OUTPUT", "output", 0},
        {"security", "OUTPUT", "output", 50},
        {"mangle", "POSTROUTING", "postrouting", -150},
        {"nat", "POSTROUTING", "postrouting", 100},
        {"filter", "INPUT", "input", 0},
        {"filter", "FORWARD", "forward", 0},
        {"raw", "PREROUTING", "prerouting", -300},
        {"mangle", "PREROUTING", "prerouting", -150},
        {"nat", "PREROUTING", "prerouting", -100},
        {"mangle", "FORWARD", "forward", -150},
        {"security", "FORWARD", "forward", 50},
    };
    g_auto(GStrv) words = g_strsplit(line + 1, " ", 3);
    json_t *chain;

    if (words[0] == NULL || words[1] == NULL) {
        unread(saved, line);
        return;
    }
    chain = json_pack("{s:s,s:o,s:o,s:o}", "family", saved->family, "table", table_name(saved), "name",
                      json_string(words[0]), "okse", place(saved, line));
    for (unsigned i = 0; i < G_N_ELEMENTS(hooks); i++)
        if (strcmp(hooks[i].table, saved->table) == 0 && strcmp(hooks[i].chain, words[0]) == 0) {
            json_object_set_new(chain, "hook", json_string(hooks[i].hook));
            json_object_set_new(chain, "type", json_string(strcmp(saved->table, "nat") == 0 ? "nat" : "filter"));
            json_object_set_new(chain, "prio", json_integer(hooks[i].priority));
            json_object_set_new(chain, "policy", json_string(strcmp(words[1], "DROP") == 0 ? "drop" : "accept"));
        }
    json_array_append_new(saved->list, json_pack("{s:o}", "chain", chain));
}

static void read_line(Saved *saved, char *line)
{
    const char *rule = line;

    g_strstrip(line);
    if (*line == '[' && strchr(line, ']') != NULL) { /* iptables-save -c */
        rule = strchr(line, ']') + 1;
        rule += strspn(rule, " ");
    }
    if (*rule == '\0' || *rule == '#' || strcmp(rule, "COMMIT") == 0)
        return;
    if (*rule == '*') {
        g_free(saved->table);
        saved->table = g_strdup(rule + 1);
    } else if (saved->table == NULL || strlen(line) > LIMIT_LINE) {
        unread(saved, rule);
    } else if (*rule == ':') {
        read_chain(saved, rule);
    } else if (g_str_has_prefix(rule, "-A ")) {
        read_rule(saved, rule);
    } else {
        unread(saved, rule);
    }
}

json_t *okse_iptables_read(GBytes *text, const char *path, const char *family)
{
    g_autofree char *all = okse_firewall_text(text);
    g_auto(GStrv) lines = g_strsplit(all, "\n", -1);
    Saved saved = {json_array(), path, family, 0, NULL};

    for (char **line = lines; *line != NULL; line++) {
        saved.line++;
        read_line(&saved, *line);
    }
    g_free(saved.table);
    return json_pack("{s:o}", "nftables", saved.list);
}
