/* Who can come in: accounts that log in, administrators, keys, and the directories that vouch for people from afar.
 * Passwords are never looked at; of a key its kind and from where it may be used, no comment (it names a person). */
#include "audit/collect_host_files.h"
#include "core/digest.h"

#include <string.h>

#define FILE_LIMIT (4u << 20)
#define KEYS_LIMIT 1000u /* keys of one account that are told */

typedef struct {
    OkseCollection *collection;
    OkseHostLook *look;
    const char *path;
    char digest[OKSE_SHA256_TEXT];
} Where;

typedef struct {
    const char *kind, *name, *value;
    json_int_t uid; /* -1: none */
    unsigned line;
} Account;

/* Masked piece by piece: "NOPASSWD: ALL" of sudo has the name of a secret and is none. */
static char *masked(const Where *where, const char *value)
{
    g_auto(GStrv) pieces = g_strsplit(value, "PASSWD:", -1);

    for (char **piece = pieces; *piece != NULL; piece++) {
        char *safe = okse_collect_mask(where->collection, *piece);

        g_free(*piece);
        *piece = safe;
    }
    return g_strjoinv("PASSWD:", pieces);
}

static void add(const Where *where, const Account *account)
{
    g_autofree char *name = g_utf8_make_valid(account->name, -1), *raw = g_utf8_make_valid(account->value, -1);
    g_autofree char *value = masked(where, raw);
    g_autofree char *key = g_strdup_printf("%s|%s|%s|%u", account->kind, where->path, name, account->line);
    json_t *fact = json_pack("{s:s,s:s,s:s,s:o,s:s}", "kind", account->kind, "name", name, "value", value, "source",
                             okse_facts_source(&(OkseSourceFact){.collector = "accounts",
                                                                 .path = where->path,
                                                                 .line = account->line,
                                                                 .digest = where->digest,
                                                                 .excerpt = value,
                                                                 .via = "structured"}),
                             "state", "configured");

    json_object_set_new(fact, "uid", account->uid < 0 ? json_null() : json_integer(account->uid));
    okse_facts_add(where->collection->facts, "accounts", key, fact);
}

/* The lines of a file, or NULL; what is there and cannot be read is said. */
static GStrv lines_of(Where *where, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = okse_collect_read(where->collection, path, FILE_LIMIT, &error);
    g_autofree char *text = bytes == NULL ? NULL : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    OkseSha256 digest;

    if (bytes == NULL) {
        where->look->readable = where->look->readable && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
        return NULL;
    }
    where->look->found = true;
    digest = okse_sha256_of_bytes(bytes);
    okse_sha256_text(&digest, where->digest);
    return g_strsplit(text, "\n", -1);
}

/* Source: authorized_keys in sshd(8): options, kind, key, comment; options hold no white space outside quotes. */
char *okse_authorized_key_read(const char *line, char **from)
{
    static const char *const kinds[] = {"ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"};
    const char *at = line + strspn(line, " \t"), *start = at, *options_end;
    g_autofree char *options = NULL;
    bool quoted = false;

    *from = NULL;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++)
            if (g_str_has_prefix(at, kinds[i])) {
                options = g_strndup(start, (gsize)(at - start));
                const char *found = strstr(options, "from=\"");

                if (found != NULL)
                    *from = g_strndup(found + 6, strcspn(found + 6, "\""));
                return g_strndup(at, strcspn(at, " \t"));
            }
        for (options_end = at; *options_end != '\0' && (quoted || !g_ascii_isspace(*options_end)); options_end++)
            if (*options_end == '"' && (options_end == at || options_end[-1] != '\\'))
                quoted = !quoted;
        at = options_end + strspn(options_end, " \t");
    }
    return NULL;
}

static void read_keys(const Where *accounts, const char *user, const char *home)
{
    static const char *const names[] = {"/.ssh/authorized_keys", "/.ssh/authorized_keys2"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strconcat(home, names[i], NULL), *valid = g_utf8_make_valid(path, -1);
        Where where = {accounts->collection, accounts->look, valid, ""};
        g_auto(GStrv) lines = NULL;

        if (*path != '/')
            continue;
        if (okse_collect_on_network(accounts->collection, path)) {
            accounts->look->readable = false;
            continue;
        }
        lines = lines_of(&where, path);
        for (unsigned k = 0; lines != NULL && lines[k] != NULL && k < KEYS_LIMIT; k++) {
            g_autofree char *from = NULL, *kind = okse_authorized_key_read(lines[k], &from), *value = NULL;

            if (kind == NULL || lines[k][strspn(lines[k], " \t")] == '#')
                continue;
            value = from != NULL ? g_strdup_printf("%s from %s", kind, from) : g_steal_pointer(&kind);
            add(&where, &(Account){"key", user, value, -1, k + 1});
        }
    }
}

static bool logs_in(const char *shell)
{
    static const char *const none[] = {"nologin", "false", "sync", "halt", "shutdown", NULL};
    g_autofree char *name = *shell == '\0' ? g_strdup("sh") : g_path_get_basename(shell);

    return !g_strv_contains(none, name);
}

static void read_accounts(OkseCollection *collection, OkseHostLook *look)
{
    Where where = {collection, look, "/etc/passwd", ""};
    g_auto(GStrv) lines = lines_of(&where, where.path);

    for (unsigned i = 0; lines != NULL && lines[i] != NULL; i++) {
        g_auto(GStrv) fields = g_strsplit(lines[i], ":", -1);
        guint64 uid;

        if (g_strv_length(fields) != 7 || !g_ascii_string_to_unsigned(fields[2], 10, 0, G_MAXUINT32, &uid, NULL))
            continue;
        if (uid == 0 || logs_in(fields[6]))
            add(&where,
                &(Account){"account", fields[0], *fields[6] != '\0' ? fields[6] : "/bin/sh", (json_int_t)uid, i + 1});
        read_keys(&where, fields[0], fields[5]);
    }
}

static void read_groups(OkseCollection *collection, OkseHostLook *look)
{
    static const char *const powerful[] = {"root", "sudo", "wheel", "admin", "docker", "lxd", "libvirt", "disk", NULL};
    Where where = {collection, look, "/etc/group", ""};
    g_auto(GStrv) lines = lines_of(&where, where.path);

    for (unsigned i = 0; lines != NULL && lines[i] != NULL; i++) {
        g_auto(GStrv) fields = g_strsplit(lines[i], ":", -1);

        if (g_strv_length(fields) == 4 && *fields[3] != '\0' &&
            g_strv_contains((const char *const *)powerful, fields[0]))
            add(&where, &(Account){"group", fields[0], fields[3], -1, i + 1});
    }
}

static void read_sudoers(OkseCollection *collection, OkseHostLook *look)
{
    static const char *const patterns[] = {"/etc/sudoers", "/etc/sudoers.d/*"};

    for (unsigned k = 0; k < G_N_ELEMENTS(patterns); k++) {
        g_autoptr(GPtrArray) paths = okse_collect_matches(collection, patterns[k], &look->readable, NULL);

        for (guint n = 0; n < paths->len; n++) {
            g_autofree char *shown = g_utf8_make_valid(g_ptr_array_index(paths, n), -1);
            Where where = {collection, look, shown, ""};
            g_auto(GStrv) lines = lines_of(&where, g_ptr_array_index(paths, n));

            for (unsigned i = 0; lines != NULL && lines[i] != NULL; i++) {
                char *line = g_strstrip(lines[i]);
                g_autofree char *who = g_strndup(line, strcspn(line, " \t="));

                if (*line == '\0' || *line == '#' || *line == '@' || g_str_has_prefix(line, "Defaults") ||
                    strstr(line, "_Alias") != NULL || strchr(line, '=') == NULL)
                    continue;
                add(&where, &(Account){"sudo", who, g_strchug(line + strlen(who)), -1, i + 1});
            }
        }
    }
}

static void on_sshd(void *context, const OkseStatement *statement)
{
    static const char *const told[] = {"allowusers",
                                       "allowgroups",
                                       "denyusers",
                                       "denygroups",
                                       "passwordauthentication",
                                       "permitrootlogin",
                                       "permitemptypasswords",
                                       "kbdinteractiveauthentication",
                                       "challengeresponseauthentication",
                                       "pubkeyauthentication",
                                       "authorizedkeysfile",
                                       "authorizedkeyscommand",
                                       "authenticationmethods",
                                       "trustedusercakeys",
                                       "gatewayports",
                                       "allowtcpforwarding",
                                       "permittunnel",
                                       "match",
                                       "port",
                                       "listenaddress",
                                       NULL};
    g_autofree char *lower = g_ascii_strdown(statement->name, -1);

    if (g_strv_contains((const char *const *)told, lower))
        add(context, &(Account){"sshd", statement->name, statement->value, -1, statement->line});
}

static void read_sshd(OkseCollection *collection, OkseHostLook *look)
{
    static const char *const patterns[] = {"/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf"};

    for (unsigned k = 0; k < G_N_ELEMENTS(patterns); k++) {
        g_autoptr(GPtrArray) paths = okse_collect_matches(collection, patterns[k], &look->readable, NULL);

        for (guint n = 0; n < paths->len; n++) {
            g_autofree char *shown = g_utf8_make_valid(g_ptr_array_index(paths, n), -1);
            Where where = {collection, look, shown, ""};
            g_auto(GStrv) lines = lines_of(&where, g_ptr_array_index(paths, n));
            g_autofree char *text = lines == NULL ? NULL : g_strjoinv("\n", lines);
            const char *why = NULL;

            if (text != NULL && !okse_form_read(OKSE_FORM_WORDS, text, strlen(text), on_sshd, &where, &why))
                look->readable = false;
        }
    }
}

void okse_collect_accounts(OkseCollection *collection)
{
    OkseHostLook look = {.readable = true};

    read_accounts(collection, &look);
    read_groups(collection, &look);
    read_sudoers(collection, &look);
    read_sshd(collection, &look);
    okse_collect_host_files(collection, "accounts", &look);
    okse_collect_host_coverage(collection, "accounts", &look,
                               "accounts, keys or rules of access could not all be read (run as root)",
                               "no account is there");
}
