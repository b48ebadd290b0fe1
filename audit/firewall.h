#pragma once

#include "audit/packet_set.h"
#include "core/json.h"

/* Packet filters as a model that can be walked: what happens to the first packet of a connection that a process of the
 * host opens, with an ordinary socket. Both nftables and iptables become one form, the JSON of libnftables
 * (libnftables-json(5)), in which every rule may carry where it stands: "okse": {"path","line","text"}. */

typedef enum {
    OKSE_CONDITION_SIDE,   /* a side is in intervals */
    OKSE_CONDITION_BOXES,  /* the packet is in one of the boxes */
    OKSE_CONDITION_DEVICE, /* it leaves by one of the named devices ("eth*" too) */
    OKSE_CONDITION_INPUT,  /* it came in by one of the named devices; what this host made came by none */
    OKSE_CONDITION_SOURCE, /* its source address is in intervals */
    OKSE_CONDITION_NEVER,
} OkseRuleConditionKind;

typedef struct {
    OkseRuleConditionKind kind;
    OksePacketSide side;
    bool negated;
    GArray *values; /* OkseInterval, tidy; OksePacketBox of BOXES; NULL for devices and NEVER */
    GPtrArray *names;
} OkseRuleCondition;

typedef enum {
    OKSE_VERDICT_NONE, /* go on */
    OKSE_VERDICT_ACCEPT,
    OKSE_VERDICT_DROP, /* also: turned to this host or a private address */
    OKSE_VERDICT_JUMP,
    OKSE_VERDICT_GOTO,
    OKSE_VERDICT_RETURN,
    OKSE_VERDICT_UNKNOWN, /* accepted, dropped or let go on */
} OkseVerdictKind;

typedef struct {
    GPtrArray *conditions; /* OkseRuleCondition: all of them */
    OkseVerdictKind verdict;
    char *target; /* of jump and goto: a chain of the same table */
} OkseBranch;

typedef struct {
    GPtrArray *conditions; /* OkseRuleCondition: all of them */
    GPtrArray *branches;   /* OkseBranch, tried in order; empty: the rule only counts or logs */
    bool mapped;           /* the branches are those of a verdict map */
    char *unmodelled;      /* why it may match less than its conditions say; NULL: it does not */
    char *path;            /* where it stands, or "nftables" for the kernel */
    unsigned line;         /* 0: none */
    gint64 handle;         /* 0: none */
    char *text;
} OkseFirewallRule;

typedef struct {
    char *family, *table, *name;
    char *hook, *type; /* "output", "filter"; NULL: a chain that is jumped to */
    gint64 priority;
    bool drops;               /* its policy */
    GPtrArray *rules;         /* OkseFirewallRule */
    OkseFirewallRule *policy; /* where the policy stands: the way of a packet that no rule stopped */
} OkseFirewallChain;

typedef struct OkseFirewall {
    GPtrArray *chains; /* OkseFirewallChain */
    GHashTable *named; /* "family table chain" → OkseFirewallChain (borrowed) */
    GPtrArray *notes;  /* OkseFirewallRule: what is not modelled although it is no rule of an output chain */
    guint rules;
} OkseFirewall;

OkseFirewall *okse_firewall_new(void);
void okse_firewall_free(OkseFirewall *firewall);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseFirewall, okse_firewall_free)

/* Take in a document {"nftables":[…]}. What is not understood is kept as unmodelled, never left out. origin: how the
 * sources of rules without a place of their own are called. Errors: INVALID when it is no such document. */
bool okse_firewall_add(OkseFirewall *firewall, const json_t *document, const char *origin, GError **error);

/* The chain that a packet of the chain's table is sent to, or NULL. */
const OkseFirewallChain *okse_firewall_chain(const OkseFirewall *firewall, const OkseFirewallChain *from,
                                             const char *name);
/* Remember something that is not modelled. Everything is copied. */
void okse_firewall_note(OkseFirewall *firewall, const char *path, unsigned line, const char *text, const char *why);

/* Which hooks a packet passes. */
typedef enum {
    OKSE_LEG_OUT,       /* made here: output, postrouting */
    OKSE_LEG_ARRIVING,  /* came in by a device: prerouting */
    OKSE_LEG_FORWARDED, /* and leaves by one: forward, postrouting */
} OkseFirewallLeg;

/* Through which device, and with which source address, a packet leaves. */
typedef struct {
    OkseFirewallLeg leg;
    const char *input;  /* by which it came; NULL: it was made here */
    const char *device; /* NULL: not known */
    bool has_source;
    OkseWide source;
} OkseFirewallPath;

/* Send packets through the hooks of the leg; those that come out are left in `packets`, with the rule or
 * policy that let them out as their way. Rules that were met and are not modelled are added to `unmodelled`
 * (OkseFirewallRule, borrowed, each once). */
void okse_firewall_walk(const OkseFirewall *firewall, const OkseFirewallPath *path, OksePacketSet *packets,
                        GPtrArray *unmodelled);

/* A file that another one includes. */
typedef struct {
    char *path;
    GBytes *bytes;
} OkseFirewallFile;
void okse_firewall_file_free(gpointer file);

/* What a text in the language of nft(8) says, as {"nftables":[…]}; every rule has its place. What is not understood
 * becomes {"okse-unread": {"path","line","text"}}, in its rule or beside the tables. include: the files
 * (OkseFirewallFile) that a pattern names, NULL when they cannot be read; may be NULL itself. */
typedef GPtrArray *(*OkseFirewallInclude)(void *context, const char *pattern);
json_t *okse_nft_text_read(GBytes *text, const char *path, OkseFirewallInclude include,
                           void *context) G_GNUC_WARN_UNUSED_RESULT;
/* The expressions of one rule, as nft lists it. */
json_t *okse_nft_rule_read(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* What iptables-save(8) wrote, the same way; family: "ip" or "ip6". */
json_t *okse_iptables_read(GBytes *text, const char *path, const char *family) G_GNUC_WARN_UNUSED_RESULT;

/* For the readers. */
char *okse_firewall_text(GBytes *bytes) G_GNUC_WARN_UNUSED_RESULT; /* without NUL, valid UTF-8 */
void okse_rule_condition_free(gpointer condition);
void okse_branch_free(gpointer branch);
/* Sets by "family table name" → json_t: the array of elements, or null where they change with time. Add the conditions
 * of a match to `conditions`. Returns NULL, or why it is not modelled (owned by nobody: static). */
const char *okse_firewall_match(const json_t *match, GHashTable *sets, const char *scope, GPtrArray *conditions);
/* The branches of a verdict map, each with its conditions. */
const char *okse_firewall_verdict_map(const json_t *vmap, GHashTable *sets, const char *scope, GPtrArray *branches);
/* A verdict as JSON: {"accept":null}, {"jump":{"target":"x"}}. False when it is none. */
bool okse_firewall_verdict(const json_t *statement, OkseBranch *branch);
