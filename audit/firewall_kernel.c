/* Asking the kernel through libnftables. Its JSON is the model's own form; only matches that iptables left there are
 * opaque in it, and those rules are read from the listing in text, for which libxtables translates them. */
#include "audit/firewall_source.h"
#include "core/library.h"
#include "core/limits.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_LISTING OKSE_LIMIT_EVIDENCE
#define LIMIT_NAMES 4096u
#define SHOWN 240u

/* libnftables */
typedef struct {
    typeof(nft_ctx_new) *new;
    typeof(nft_ctx_free) *free;
    typeof(nft_ctx_output_set_flags) *set_flags;
    typeof(nft_ctx_buffer_output) *buffer_output;
    typeof(nft_ctx_buffer_error) *buffer_error;
    typeof(nft_ctx_get_output_buffer) *output;
    typeof(nft_ctx_get_error_buffer) *error;
    typeof(nft_run_cmd_from_buffer) *run;
} Nftables;

static bool load(Nftables *nft, GError **error)
{
    static const OkseLibrary library = {"libnftables.so.1", "libnftables1", "reading the kernel's packet filter"};
    const OkseLibraryFunction functions[] = {
        {"nft_ctx_new", &nft->new},
        {"nft_ctx_free", &nft->free},
        {"nft_ctx_output_set_flags", &nft->set_flags},
        {"nft_ctx_buffer_output", &nft->buffer_output},
        {"nft_ctx_buffer_error", &nft->buffer_error},
        {"nft_ctx_get_output_buffer", &nft->output},
        {"nft_ctx_get_error_buffer", &nft->error},
        {"nft_run_cmd_from_buffer", &nft->run},
    };

    return okse_library_load(&library, functions, G_N_ELEMENTS(functions), error);
}

/* The listing, or NULL with *why. */
static char *list_rules(unsigned flags, char **why)
{
    g_autoptr(GError) cause = NULL;
    struct nft_ctx *context;
    char *text = NULL;
    Nftables nft;

    if (!load(&nft, &cause)) {
        *why = g_strdup(cause->message);
        return NULL;
    }
    context = nft.new(NFT_CTX_DEFAULT);
    if (context == NULL) {
        *why = g_strdup("libnftables could not be started");
        return NULL;
    }
    nft.set_flags(context, flags | NFT_CTX_OUTPUT_HANDLE | NFT_CTX_OUTPUT_NUMERIC_ALL);
    if (nft.buffer_output(context) != 0 || nft.buffer_error(context) != 0) {
        *why = g_strdup("libnftables has no memory");
    } else if (nft.run(context, "list ruleset") != 0) {
        g_autofree char *said = g_strdup(nft.error(context));

        *why = okse_text_show(g_strstrip(said), (gssize)strcspn(said, "\n"), false);
    } else {
        text = g_strdup(nft.output(context));
    }
    nft.free(context);
    return text;
}

/* "family table chain handle" → the rule's text. */
typedef struct {
    GHashTable *rules;
    char *table, *chain; /* "ip filter", "OUTPUT" */
    GString *line;       /* of a rule over several lines */
} Listing;

static void end_rule(Listing *listing, const char *handle)
{
    char *text = g_strndup(listing->line->str, listing->line->len);

    g_hash_table_insert(
        listing->rules,
        g_strdup_printf("%s %s %s", listing->table, listing->chain, g_strstrip((char *)(uintptr_t)handle)),
        g_strstrip(text));
    g_string_truncate(listing->line, 0);
}

static void listed_line(Listing *listing, char *line)
{
    char *handle;

    g_strstrip(line);
    handle = g_strrstr(line, "# handle ");
    if (g_str_has_prefix(line, "table ") && listing->table == NULL) {
        listing->table = g_strndup(line + 6, strcspn(line + 6, "{") > 0 ? strcspn(line + 6, "{") - 1 : 0);
    } else if (g_str_has_prefix(line, "chain ") && listing->chain == NULL) {
        listing->chain = g_strndup(line + 6, strcspn(line + 6, " {"));
    } else if (strcmp(line, "}") == 0 && listing->line->len == 0) {
        g_clear_pointer(listing->chain != NULL ? &listing->chain : &listing->table, g_free);
    } else if (listing->chain != NULL && *listing->chain != '\0' && *line != '\0' && !g_str_has_prefix(line, "type ")) {
        if (handle != NULL) {
            *handle = '\0';
            g_string_append(listing->line, line);
            end_rule(listing, handle + 9);
        } else {
            g_string_append_printf(listing->line, "%s ", line);
        }
    } else if (listing->table != NULL && listing->chain == NULL && strchr(line, '{') != NULL &&
               !g_str_has_suffix(line, "}")) {
        listing->chain = g_strdup(""); /* a set, a map: its end closes it */
    }
}

static GHashTable *listed_rules(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    Listing listing = {g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free), NULL, NULL, g_string_new(NULL)};

    for (char **line = lines; *line != NULL; line++)
        listed_line(&listing, *line);
    g_free(listing.table);
    g_free(listing.chain);
    g_string_free(listing.line, TRUE);
    return listing.rules;
}

static bool is_opaque(const json_t *rule)
{
    const json_t *statement;
    size_t i;

    json_array_foreach(json_object_get(rule, "expr"), i, statement)
    {
        if (json_object_get(statement, "xt") != NULL)
            return true;
    }
    return false;
}

/* Give the rules their text, and those that are opaque what the text says. */
static void complete_rules(const json_t *document, GHashTable *texts, const char *origin)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(document, "nftables"), i, entry)
    {
        json_t *rule = json_object_get(entry, "rule");
        g_autofree char *key = g_strdup_printf("%s %s %s %" JSON_INTEGER_FORMAT, okse_json_peek_text(rule, "family"),
                                               okse_json_peek_text(rule, "table"), okse_json_peek_text(rule, "chain"),
                                               json_integer_value(json_object_get(rule, "handle")));
        const char *text = rule == NULL ? NULL : g_hash_table_lookup(texts, key);
        g_autofree char *cut = text == NULL ? NULL : g_strndup(text, MIN(strlen(text), SHOWN));
        g_autofree char *shown = cut == NULL ? NULL : okse_text_show(cut, -1, false);

        if (text == NULL)
            continue;
        json_object_set_new(rule, "okse", json_pack("{s:s,s:s}", "path", origin, "text", shown));
        if (is_opaque(rule) && g_utf8_validate(text, -1, NULL))
            json_object_set_new(rule, "expr", okse_nft_rule_read(text));
    }
}

static const OkseLegacyTable *fetched(const GPtrArray *legacy, bool four, const char *name)
{
    for (guint i = 0; legacy != NULL && i < legacy->len; i++) {
        const OkseLegacyTable *table = g_ptr_array_index(legacy, i);

        if (table->four == four && strcmp(table->name, name) == 0)
            return table;
    }
    return NULL;
}

/* Tables of the old iptables are not nftables' to tell. */
static void add_legacy(OkseFirewall *firewall, const char *path, const GPtrArray *legacy, const char *origin)
{
    bool four = strstr(path, "ip6_") == NULL;
    char text[LIMIT_NAMES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    bool missing = fd < 0 && errno == ENOENT;
    g_autofree char *shown = g_strconcat("iptables-legacy", origin + strlen("nftables"), NULL);
    g_auto(GStrv) names = NULL;

    if (fd >= 0)
        close(fd);
    if (missing || length == 0)
        return;
    text[MAX(length, 0)] = '\0';
    if (length < 0)
        okse_firewall_note(firewall, path, 0, text, "whether there are rules of the old iptables cannot be read");
    names = g_strsplit(g_strchomp(text), "\n", -1);
    for (char **name = names; *name != NULL; name++) {
        const OkseLegacyTable *table = fetched(legacy, four, *name);
        g_autoptr(json_t) document = table == NULL ? NULL : okse_legacy_read(table, shown);

        if (document == NULL || !okse_firewall_add(firewall, document, shown, NULL))
            okse_firewall_note(firewall, path, 0, *name,
                               "a table of the old iptables (iptables-legacy) that could not be read");
    }
}

bool okse_firewall_read_kernel(OkseFirewall *firewall, const char *origin, const GPtrArray *legacy, char **why)
{
    g_autofree char *listing = list_rules(NFT_CTX_OUTPUT_JSON, why), *text = NULL;
    g_autoptr(GBytes) bytes = listing == NULL ? NULL : g_bytes_new_static(listing, strlen(listing));
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) document = bytes == NULL ? NULL : okse_json_read(bytes, LIMIT_LISTING, "nftables", &error);
    g_autoptr(GHashTable) texts = NULL;

    if (document != NULL)
        text = list_rules(NFT_CTX_OUTPUT_TERSE | NFT_CTX_OUTPUT_STATELESS, why);
    if (text == NULL) {
        if (*why == NULL)
            *why = g_strdup(error != NULL ? error->message : "nothing was told");
        return false;
    }
    texts = listed_rules(text);
    complete_rules(document, texts, origin);
    add_legacy(firewall, "/proc/thread-self/net/ip_tables_names", legacy, origin);
    add_legacy(firewall, "/proc/thread-self/net/ip6_tables_names", legacy, origin);
    if (okse_firewall_add(firewall, document, origin, &error))
        return true;
    *why = g_strdup(error->message);
    return false;
}
