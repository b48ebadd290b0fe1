/* Ways in and out beside the routes: tunnels and their peers by configuration, and programs that hold one open by what
 * they were started with, running or in a unit. */
#include "audit/collect_host_files.h"
#include "audit/process_words.h"
#include "core/fd.h"

#include <string.h>

/* A program, its options that take a word, and what of its words says where it goes. */
typedef struct {
    const char *program;
    const char *with_word; /* letters of options with an argument */
    OkseWritten written;
    const char *role;
} Tunnel;

/* Source: ssh(1), autossh(1), sshuttle(8) -r, chisel "client SERVER". */
static const Tunnel tunnels[] = {
    {"ssh", "BbcDEeFIiJLlmOopPQRSWw", OKSE_WRITTEN_LOGIN, "vpn"},
    {"autossh", "MBbcDEeFIiJLlmOopPQRSWw", OKSE_WRITTEN_LOGIN, "vpn"},
    {NULL, NULL, OKSE_WRITTEN_LOGIN, NULL},
};

typedef struct {
    const char *host, *port;
    bool reverse, forward;
} Ssh;

static Ssh read_ssh(const Tunnel *tunnel, char *const *words)
{
    Ssh found = {0};

    for (char *const *word = words + 1; *word != NULL && found.host == NULL; word++) {
        const char *option = *word;

        if (*option != '-') {
            found.host = option;
            continue;
        }
        for (option++; *option != '\0'; option++) {
            bool takes = strchr(tunnel->with_word, *option) != NULL;
            const char *value = takes ? (option[1] != '\0' ? option + 1 : word[1]) : NULL;

            found.reverse = found.reverse || *option == 'R';
            found.forward = found.forward || strchr("DLwWN", *option) != NULL;
            if (*option == 'p' && value != NULL)
                found.port = value;
            if (!takes)
                continue;
            if (option[1] == '\0' && word[1] != NULL)
                word++;
            break;
        }
    }
    return found;
}

/* "--remote HOST PORT" of openvpn, "-r USER@HOST" of sshuttle, "client URL" of chisel. */
static const char *value_behind(char *const *words, const char *const *flags)
{
    for (char *const *word = words + 1; *word != NULL; word++)
        if (g_strv_contains(flags, *word) && word[1] != NULL)
            return word[1];
    return NULL;
}

bool okse_tunnel_read(char *const *words, OkseTunnelFound *found)
{
    static const char *const remote[] = {"--remote", NULL}, *const login[] = {"-r", "--remote", NULL};
    static const char *const client[] = {"client", NULL};
    g_autofree char *program = words[0] == NULL ? g_strdup("") : g_path_get_basename(words[0]);
    const char *host = NULL, *port = NULL;

    *found = (OkseTunnelFound){.role = "vpn", .port = 22};
    for (const Tunnel *tunnel = tunnels; tunnel->program != NULL; tunnel++) {
        if (strcmp(tunnel->program, program) != 0)
            continue;
        Ssh ssh = read_ssh(tunnel, words);

        host = ssh.reverse || ssh.forward ? ssh.host : NULL;
        port = ssh.port;
        found->role = ssh.reverse ? "remote-support" : "vpn";
    }
    if (strcmp(program, "sshuttle") == 0) {
        host = value_behind(words, login);
    } else if (strcmp(program, "openvpn") == 0) {
        host = value_behind(words, remote);
        found->port = 1194;
    } else if (strcmp(program, "chisel") == 0) {
        host = value_behind(words, client);
        found->port = 0;
    }
    if (host == NULL || !okse_destination_read(host, NULL, found->port == 22 ? OKSE_WRITTEN_LOGIN : OKSE_WRITTEN_PLAIN,
                                               &found->destination))
        return false;
    if (found->destination.port > 0)
        found->port = found->destination.port;
    if (port != NULL && g_ascii_strtoull(port, NULL, 10) <= 65535)
        found->port = (unsigned)g_ascii_strtoull(port, NULL, 10);
    return true;
}

static void add_tunnel(OkseCollection *collection, char *const *words, const char *state, json_t *process,
                       json_t *source)
{
    OkseTunnelFound found;

    if (okse_tunnel_read(words, &found))
        okse_facts_endpoint(
            collection->facts,
            &(OkseEndpointFact){.host = found.destination.host,
                                .port = found.port,
                                .protocol = found.destination.scheme != NULL ? found.destination.scheme : "tcp",
                                .tls = 1,
                                .direction = "out",
                                .role = found.role,
                                .state = state,
                                .process = json_incref(process),
                                .source = json_incref(source)});
    okse_destination_clear(&found.destination);
    json_decref(process);
    json_decref(source);
}

static void look_at_process(OkseCollection *collection, const OkseProcess *process)
{
    g_auto(GStrv) words = okse_process_words(collection->processes, process);
    g_autofree char *line = NULL, *masked = NULL;

    if (words == NULL || *words == NULL)
        return;
    line = g_strjoinv(" ", words);
    masked = okse_collect_mask(collection, line);
    add_tunnel(collection, words, "observed", okse_process_json(process),
               okse_facts_source(&(OkseSourceFact){
                   .collector = "tunnels", .path = "/proc/PID/cmdline", .excerpt = masked, .via = "proc"}));
}

typedef struct {
    OkseCollection *collection;
    const char *path;
} Unit;

static void on_statement(void *context, const OkseStatement *statement)
{
    const Unit *unit = context;
    g_auto(GStrv) words = NULL;
    g_autofree char *masked = NULL;
    const char *command = statement->value + strspn(statement->value, "-@:+!");

    if (!g_str_has_prefix(statement->name, "Exec") || !g_shell_parse_argv(command, NULL, &words, NULL))
        return;
    masked = okse_collect_mask(unit->collection, statement->value);
    add_tunnel(unit->collection, words, "configured", NULL,
               okse_facts_source(&(OkseSourceFact){.collector = "tunnels",
                                                   .path = unit->path,
                                                   .line = statement->line,
                                                   .key = statement->key,
                                                   .excerpt = masked,
                                                   .via = "structured"}));
}

static void look_at_units(OkseCollection *collection, OkseHostLook *look)
{
    static const char *const patterns[] = {"/etc/systemd/system/*.service", "/etc/systemd/system/*.service.d/*.conf",
                                           "/etc/systemd/user/*.service", "/run/systemd/system/*.service",
                                           "/usr/local/lib/systemd/system/*.service"};

    for (unsigned i = 0; i < G_N_ELEMENTS(patterns); i++) {
        g_autoptr(GPtrArray) paths = okse_collect_matches(collection, patterns[i], &look->readable, NULL);

        for (guint k = 0; k < paths->len; k++) {
            const char *path = g_ptr_array_index(paths, k), *why = NULL;
            g_autoptr(GError) error = NULL;
            g_autoptr(GBytes) bytes = okse_collect_read(collection, path, 1u << 20, &error);
            g_autofree char *shown = g_utf8_make_valid(path, -1);
            Unit unit = {collection, shown};

            if (bytes != NULL)
                okse_form_read(OKSE_FORM_INI, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), on_statement,
                               &unit, &why);
            look->found = look->found || bytes != NULL;
            if (why != NULL)
                look->readable = false;
        }
    }
}

void okse_collect_tunnels(OkseCollection *collection)
{
    OkseHostLook look = {.readable = true};
    const OkseProcesses *processes = collection->processes;

    okse_collect_host_files(collection, "tunnels", &look);
    look_at_units(collection, &look);
    for (unsigned i = 0; processes != NULL && i < okse_processes_count(processes); i++)
        look_at_process(collection, okse_processes_get(processes, i));
    if (processes != NULL && okse_processes_hidden(processes) != NULL)
        okse_facts_coverage(collection->facts, "tunnels", OKSE_PARTIAL, okse_processes_hidden(processes));
    look.found = look.found || processes != NULL;
    okse_collect_host_coverage(collection, "tunnels", &look, "a configuration of a tunnel could not be read",
                               "no tunnel is configured");
}
