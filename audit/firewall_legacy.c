/* A table is one run of entries: the chains of the hooks, then those of the user, each of which begins with an entry
 * whose target is ERROR and holds the name, and ends with one that returns. Sources: Linux,
 * net/ipv4/netfilter/ip_tables.c; iptables, libiptc/libiptc.c, whose words iptables-save writes. */
#include "audit/firewall_legacy.h"

#include "audit/firewall.h"
#include "audit/firewall_legacy_words.h"
#include "core/fd.h"

#include <arpa/inet.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>
#include <sys/socket.h>

#define LIMIT_NAMES 4096u
#define LIMIT_ENTRIES (64u << 20) /* bytes of one table */
#define HOOKS 5u

/* The two families differ in the head of an entry alone. */
G_STATIC_ASSERT(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo));
G_STATIC_ASSERT(sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries));
G_STATIC_ASSERT(IPT_SO_GET_INFO == IP6T_SO_GET_INFO && IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES);

void okse_legacy_table_free(gpointer data)
{
    OkseLegacyTable *table = data;

    g_free(table->name);
    g_clear_pointer(&table->info, g_bytes_unref);
    g_clear_pointer(&table->entries, g_bytes_unref);
    g_free(table);
}

/* Fetching. */
static void fetch_table(int fd, OkseLegacyTable *table)
{
    struct ipt_getinfo info = {0};
    socklen_t length = sizeof info;
    int level = table->four ? IPPROTO_IP : IPPROTO_IPV6;
    g_autofree struct ipt_get_entries *request = NULL;

    g_strlcpy(info.name, table->name, sizeof info.name);
    if (getsockopt(fd, level, IPT_SO_GET_INFO, &info, &length) < 0 || info.size > LIMIT_ENTRIES)
        return;
    length = (socklen_t)(sizeof *request + info.size);
    request = g_malloc0(length);
    g_strlcpy(request->name, table->name, sizeof request->name);
    request->size = info.size;
    if (getsockopt(fd, level, IPT_SO_GET_ENTRIES, request, &length) < 0)
        return; /* also when the table changed meanwhile */
    table->info = g_bytes_new(&info, sizeof info);
    table->entries = g_bytes_new((const char *)request + sizeof *request, info.size);
}

static void fetch_family(GPtrArray *tables, bool four)
{
    char text[LIMIT_NAMES];
    okse_autofd list = open(four ? "/proc/thread-self/net/ip_tables_names" : "/proc/thread-self/net/ip6_tables_names",
                            O_RDONLY | O_CLOEXEC);
    ssize_t length = list < 0 ? -1 : read(list, text, sizeof text - 1);
    okse_autofd fd = length > 0 ? socket(four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    g_auto(GStrv) names = NULL;

    if (fd < 0)
        return;
    text[length] = '\0';
    names = g_strsplit(g_strchomp(text), "\n", -1);
    for (char **name = names; *name != NULL; name++) {
        OkseLegacyTable *table = g_new0(OkseLegacyTable, 1);

        table->four = four;
        table->name = g_strdup(*name);
        g_ptr_array_add(tables, table);
        fetch_table(fd, table);
    }
}

GPtrArray *okse_legacy_fetch(void)
{
    GPtrArray *tables = g_ptr_array_new_with_free_func(okse_legacy_table_free);

    fetch_family(tables, true);
    fetch_family(tables, false);
    return tables;
}

/* Reading. */
typedef struct {
    bool four;
    const uint8_t *bytes;
    size_t size, head; /* of the table; of the head of an entry */
    struct ipt_getinfo info;
    GHashTable *chains; /* offset of the first rule → name of the user's chain */
} Table;

typedef struct {
    size_t offset, target, next; /* from the begin of the table */
    const char *name;            /* of the target, with its NUL */
    unsigned revision;
    const uint8_t *data;
    size_t length;
} Entry;

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

/* A match or target at an offset, not beyond `end`: its head and what lies behind it. */
static bool part_at(const Table *table, size_t at, size_t end, OkseLegacyPart *part, size_t *next)
{
    struct xt_entry_match head;

    if (end > table->size || at > end || end - at < sizeof head)
        return false;
    memcpy(&head, table->bytes + at, sizeof head);
    if (head.u.match_size < sizeof head || head.u.match_size > end - at ||
        !ends(head.u.user.name, sizeof head.u.user.name))
        return false;
    *next = at + head.u.match_size;
    part->name = (const char *)table->bytes + at + offsetof(struct xt_entry_match, u.user.name);
    part->revision = head.u.user.revision;
    part->four = table->four;
    part->data = table->bytes + at + sizeof head;
    part->length = head.u.match_size - sizeof head;
    return true;
}

static bool entry_at(const Table *table, size_t offset, Entry *entry)
{
    size_t at =
        offset + (table->four ? offsetof(struct ipt_entry, target_offset) : offsetof(struct ip6t_entry, target_offset));
    uint16_t offsets[2];
    OkseLegacyPart part;
    size_t end;

    if (offset > table->size || table->size - offset < table->head)
        return false;
    memcpy(offsets, table->bytes + at, sizeof offsets);
    if (offsets[0] < table->head || offsets[1] <= offsets[0] || offsets[1] > table->size - offset ||
        !part_at(table, offset + offsets[0], offset + offsets[1], &part, &end))
        return false;
    *entry =
        (Entry){offset, offset + offsets[0], offset + offsets[1], part.name, part.revision, part.data, part.length};
    return true;
}

static bool is_head(const Entry *entry)
{
    return strcmp(entry->name, XT_ERROR_TARGET) == 0 && entry->length > 0 &&
           ends((const char *)entry->data, entry->length);
}

static void say_device(GString *line, const char *option, const char *name, const uint8_t *mask, bool inverted)
{
    char text[IFNAMSIZ + 1] = "";
    size_t length = 0;

    while (length < IFNAMSIZ && mask[length] != 0)
        length++;
    if (length == 0 && !inverted)
        return;
    memcpy(text, name, length);
    g_string_append_printf(line, " %s%s ", inverted ? "! " : "", option);
    if (length == 0 || text[length - 1] != '\0') /* the end of the name is not asked for */
        g_strlcat(text, "+", sizeof text);
    okse_legacy_word(line, text);
}

static void say_protocol(GString *line, unsigned protocol, bool inverted)
{
    static const struct {
        unsigned number;
        const char *name;
    } names[] = {{1, "icmp"},       {6, "tcp"},    {17, "udp"},     {33, "dccp"},
                 {58, "ipv6-icmp"}, {132, "sctp"}, {136, "udplite"}};

    g_string_append_printf(line, " %s-p ", inverted ? "! " : "");
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].number == protocol) {
            g_string_append(line, names[i].name);
            return;
        }
    g_string_append_printf(line, "%u", protocol);
}

/* The head of a rule; whether it jumps for good. */
static bool say_head_four(const Table *table, size_t offset, GString *line)
{
    struct ipt_entry entry;

    memcpy(&entry, table->bytes + offset, sizeof entry);
    okse_legacy_address_words(line, "-s", &entry.ip.src, &entry.ip.smsk, true,
                              (entry.ip.invflags & IPT_INV_SRCIP) != 0);
    okse_legacy_address_words(line, "-d", &entry.ip.dst, &entry.ip.dmsk, true,
                              (entry.ip.invflags & IPT_INV_DSTIP) != 0);
    say_device(line, "-i", entry.ip.iniface, entry.ip.iniface_mask, (entry.ip.invflags & IPT_INV_VIA_IN) != 0);
    say_device(line, "-o", entry.ip.outiface, entry.ip.outiface_mask, (entry.ip.invflags & IPT_INV_VIA_OUT) != 0);
    if (entry.ip.proto != 0 || (entry.ip.invflags & XT_INV_PROTO) != 0)
        say_protocol(line, entry.ip.proto, (entry.ip.invflags & XT_INV_PROTO) != 0);
    if ((entry.ip.flags & IPT_F_FRAG) != 0 || (entry.ip.invflags & (IPT_INV_FRAG | IPT_INV_TOS)) != 0)
        g_string_append(line, " -f");
    return (entry.ip.flags & IPT_F_GOTO) != 0;
}

static bool say_head_six(const Table *table, size_t offset, GString *line)
{
    struct ip6t_entry entry;

    memcpy(&entry, table->bytes + offset, sizeof entry);
    okse_legacy_address_words(line, "-s", &entry.ipv6.src, &entry.ipv6.smsk, false,
                              (entry.ipv6.invflags & IP6T_INV_SRCIP) != 0);
    okse_legacy_address_words(line, "-d", &entry.ipv6.dst, &entry.ipv6.dmsk, false,
                              (entry.ipv6.invflags & IP6T_INV_DSTIP) != 0);
    say_device(line, "-i", entry.ipv6.iniface, entry.ipv6.iniface_mask, (entry.ipv6.invflags & IP6T_INV_VIA_IN) != 0);
    say_device(line, "-o", entry.ipv6.outiface, entry.ipv6.outiface_mask,
               (entry.ipv6.invflags & IP6T_INV_VIA_OUT) != 0);
    if ((entry.ipv6.flags & IP6T_F_PROTO) != 0)
        say_protocol(line, entry.ipv6.proto, (entry.ipv6.invflags & IP6T_INV_PROTO) != 0);
    if ((entry.ipv6.flags & IP6T_F_TOS) != 0 || (entry.ipv6.invflags & (IP6T_INV_TOS | IP6T_INV_FRAG)) != 0)
        g_string_append(line, " --tos ?");
    return (entry.ipv6.flags & IP6T_F_GOTO) != 0;
}

/* False when it leads nowhere. */
static bool say_standard(const Table *table, const Entry *entry, bool goes, GString *line)
{
    int32_t verdict;
    const char *chain;

    if (entry->length < sizeof verdict)
        return false;
    memcpy(&verdict, entry->data, sizeof verdict);
    if (verdict >= 0 && (size_t)verdict == entry->next)
        return true; /* a rule that only counts */
    if (verdict >= 0) {
        chain = g_hash_table_lookup(table->chains, GSIZE_TO_POINTER((gsize)verdict));
        g_string_append(line, goes ? " -g " : " -j ");
        if (chain != NULL)
            okse_legacy_word(line, chain);
        return chain != NULL;
    }
    g_string_append(line, verdict == -NF_DROP - 1     ? " -j DROP"
                          : verdict == -NF_ACCEPT - 1 ? " -j ACCEPT"
                          : verdict == -NF_QUEUE - 1  ? " -j QUEUE"
                          : verdict == XT_RETURN      ? " -j RETURN"
                                                      : " -j HMARK"); /* a verdict that nobody has */
    return true;
}

static bool say_rule(const Table *table, const Entry *entry, const char *chain, GString *text)
{
    size_t at = entry->offset + table->head;
    OkseLegacyPart match;
    bool goes;

    g_string_append(text, "-A ");
    okse_legacy_word(text, chain);
    goes = table->four ? say_head_four(table, entry->offset, text) : say_head_six(table, entry->offset, text);
    while (at < entry->target) {
        if (!part_at(table, at, entry->target, &match, &at))
            return false;
        okse_legacy_match_words(text, &match);
    }
    if (*entry->name == '\0') {
        if (!say_standard(table, entry, goes, text))
            return false;
    } else {
        okse_legacy_target_words(
            text, &(OkseLegacyPart){entry->name, entry->revision, table->four, entry->data, entry->length});
    }
    g_string_append_c(text, '\n');
    return true;
}

static const char *const hook_names[HOOKS] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};

/* The hook that begins (or has its policy) here, or -1. */
static int hook_at(const Table *table, const unsigned *offsets, size_t offset)
{
    for (unsigned hook = 0; hook < HOOKS; hook++)
        if ((table->info.valid_hooks & 1u << hook) != 0 && offsets[hook] == offset)
            return (int)hook;
    return -1;
}

/* Name the chains, so that jumps find them. */
static bool name_chains(const Table *table, GString *text)
{
    Entry entry, policy;

    for (size_t at = 0; at < table->size; at = entry.next) {
        int hook = hook_at(table, table->info.hook_entry, at);
        int32_t verdict = 0;

        if (!entry_at(table, at, &entry))
            return false;
        if (hook >= 0) {
            if (!entry_at(table, table->info.underflow[hook], &policy) || policy.length < sizeof verdict)
                return false;
            memcpy(&verdict, policy.data, sizeof verdict);
            g_string_append_printf(text, ":%s %s\n", hook_names[hook],
                                   *policy.name == '\0' && verdict == -NF_DROP - 1 ? "DROP" : "ACCEPT");
        }
        if (!is_head(&entry) || entry.next >= table->size)
            continue;
        g_hash_table_insert(table->chains, GSIZE_TO_POINTER(entry.next), g_strdup((const char *)entry.data));
        g_string_append_c(text, ':');
        okse_legacy_word(text, (const char *)entry.data);
        g_string_append(text, " -\n");
    }
    return true;
}

/* The entry behind which the user's chain ends is its return, no rule. */
static bool is_last(const Table *table, const Entry *entry)
{
    Entry next;

    return entry->next >= table->size || (entry_at(table, entry->next, &next) && is_head(&next));
}

static bool say_rules(const Table *table, GString *text)
{
    const char *chain = NULL;
    bool built_in = false;
    Entry entry;

    for (size_t at = 0; at < table->size; at = entry.next) {
        int hook = hook_at(table, table->info.hook_entry, at);

        if (!entry_at(table, at, &entry))
            return false;
        if (hook >= 0) {
            chain = hook_names[hook];
            built_in = true;
        }
        if (is_head(&entry)) {
            chain = g_hash_table_lookup(table->chains, GSIZE_TO_POINTER(entry.next));
            built_in = false;
        } else if (built_in && hook_at(table, table->info.underflow, at) >= 0) {
            chain = NULL; /* that was the policy */
        } else if (chain == NULL) {
            return false;
        } else if ((built_in || !is_last(table, &entry)) && !say_rule(table, &entry, chain, text)) {
            return false;
        }
    }
    return true;
}

char *okse_legacy_text(const OkseLegacyTable *legacy)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GHashTable) chains = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    Table table = {.four = legacy->four, .chains = chains};
    bool good;

    if (legacy->entries == NULL || g_bytes_get_size(legacy->info) != sizeof table.info)
        return NULL;
    memcpy(&table.info, g_bytes_get_data(legacy->info, NULL), sizeof table.info);
    table.bytes = g_bytes_get_data(legacy->entries, &table.size);
    table.head = legacy->four ? sizeof(struct ipt_entry) : sizeof(struct ip6t_entry);
    g_string_append_printf(text, "*%s\n", legacy->name);
    good = name_chains(&table, text) && say_rules(&table, text);
    g_string_append(text, "COMMIT\n");
    return good ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

json_t *okse_legacy_read(const OkseLegacyTable *table, const char *path)
{
    g_autofree char *text = okse_legacy_text(table);
    g_autoptr(GBytes) bytes = text == NULL ? NULL : g_bytes_new_static(text, strlen(text));
    json_t *document = bytes == NULL ? NULL : okse_iptables_read(bytes, path, table->four ? "ip" : "ip6"), *entry;
    size_t i;

    json_array_foreach(json_object_get(document, "nftables"), i, entry)
    {
        json_t *inner = json_object_iter_value(json_object_iter(entry)), *place = json_object_get(inner, "okse");

        json_object_del(place != NULL ? place : inner, "line"); /* of a text that nobody has */
    }
    return document;
}
