/* Where what people gave a model can stay: swap, core dumps, caches, logs, stores, temporary files; whether the disk
 * below is encrypted, and whether it leaves the machine. Sizes are told, contents are not looked at. */
#include "audit/collect_host_files.h"
#include "audit/process_words.h"
#include "audit/storage_chain.h"
#include "core/fd.h"

#include <string.h>
#include <sys/stat.h>

#define SMALL (1u << 20)

typedef struct {
    OkseCollection *collection;
    json_t *classes; /* data classes that were declared */
    OkseHostLook *look;
    GPtrArray *names; /* GRegex of the table's settings, in its order */
} Residue;

typedef struct {
    const char *kind, *path, *encrypted, *host, *detail;
    bool remote;
    json_int_t size; /* -1: not told */
    const char *state, *from, *via, *excerpt;
    unsigned line;
} Place;

static void add(const Residue *residue, const Place *place)
{
    OkseCollection *collection = residue->collection;
    g_autofree char *path = g_utf8_make_valid(place->path, -1);
    g_autofree char *key = g_strdup_printf("%s|%s|%s|%u", place->kind, path, place->from, place->line);
    g_autofree char *excerpt = place->excerpt == NULL ? NULL : okse_collect_mask(collection, place->excerpt);
    json_t *fact = json_pack(
        "{s:s,s:s,s:s,s:b,s:s?,s:s?,s:O,s:o,s:s}", "kind", place->kind, "path", path, "encrypted", place->encrypted,
        "remote", (int)place->remote, "host", place->host, "detail", place->detail, "data_classes", residue->classes,
        "source",
        okse_facts_source(&(OkseSourceFact){
            .collector = "residue", .path = place->from, .line = place->line, .excerpt = excerpt, .via = place->via}),
        "state", place->state);

    json_object_set_new(fact, "size", place->size < 0 ? json_null() : json_integer(place->size));
    okse_facts_add(collection->facts, "residue", key, fact);
}

/* The place with what is known of the file system that it lies on. */
static void add_on_disk(const Residue *residue, Place place)
{
    const char *type = NULL;

    place.encrypted = okse_storage_of_path(residue->collection, place.path, &place.host, &type);
    place.remote = okse_mount_is_remote(type);
    if (place.detail == NULL)
        place.detail = type;
    add(residue, &place);
}

static char *text_of(const Residue *residue, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = okse_collect_read(residue->collection, path, SMALL, &error);
    g_autofree char *raw = bytes == NULL ? NULL : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));

    residue->look->found = residue->look->found || bytes != NULL;
    if (bytes == NULL && !g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        residue->look->readable = false;
    return raw == NULL ? NULL : g_utf8_make_valid(raw, -1);
}

static GStrv words_of(const char *line)
{
    g_autofree char *text = g_strdup(line);
    g_auto(GStrv) raw = g_strsplit(g_strdelimit(text, "\t", ' '), " ", -1);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (char **word = raw; *word != NULL; word++)
        if (**word != '\0')
            g_strv_builder_add(builder, *word);
    return g_strv_builder_end(builder);
}

/* Source: proc(5), /proc/swaps: the first line names the columns. Compressed memory (zram) is on no disk. */
static void swaps_in_use(const Residue *residue)
{
    g_autofree char *text = text_of(residue, "/proc/swaps");
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);

    for (unsigned i = 1; *lines != NULL && lines[i] != NULL; i++) {
        g_auto(GStrv) words = words_of(lines[i]);
        g_auto(OkseStorageChain) chain = {0};
        Place place = {
            .kind = "swap", .size = -1, .state = "observed", .from = "/proc/swaps", .via = "proc", .line = i + 1};

        if (g_strv_length(words) < 3 || g_str_has_prefix(words[0], "/dev/zram"))
            continue;
        place.path = words[0];
        place.excerpt = lines[i];
        if (!g_str_has_prefix(words[0], "/dev/")) {
            add_on_disk(residue, place);
            continue;
        }
        okse_storage_chain_named(residue->collection, strrchr(words[0], '/') + 1, &chain);
        place.encrypted = chain.encrypted;
        place.remote = chain.remote;
        add(residue, &place);
    }
}

/* Whether crypttab(5) makes this mapping. */
static bool in_crypttab(const Residue *residue, const char *device)
{
    g_autofree char *text = text_of(residue, "/etc/crypttab");
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    bool found = false;

    for (char **line = lines; *line != NULL && !found; line++) {
        g_auto(GStrv) words = words_of(*line);

        found = *words != NULL && **words != '#' && g_str_has_prefix(device, "/dev/mapper/") &&
                strcmp(device + strlen("/dev/mapper/"), *words) == 0;
    }
    return found;
}

static bool is_active(const Residue *residue, const char *device)
{
    const json_t *list = okse_facts_peek(residue->collection->facts, "residue"), *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (strcmp(okse_json_peek_text(one, "path"), device) == 0)
            return true;
    }
    return false;
}

/* Swap that fstab(5) would switch on, and is not on now. */
static void swaps_configured(const Residue *residue)
{
    g_autofree char *text = text_of(residue, "/etc/fstab");
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);

    for (unsigned i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) words = words_of(lines[i]);
        Place place = {.kind = "swap",
                       .size = -1,
                       .state = "configured",
                       .from = "/etc/fstab",
                       .via = "structured",
                       .line = i + 1,
                       .encrypted = "unknown"};

        if (g_strv_length(words) < 3 || **words == '#' || strcmp(words[2], "swap") != 0 || is_active(residue, words[0]))
            continue;
        place.path = words[0];
        place.excerpt = lines[i];
        if (in_crypttab(residue, words[0]))
            place.encrypted = "yes";
        if (g_str_has_prefix(words[0], "/") && !g_str_has_prefix(words[0], "/dev/"))
            add_on_disk(residue, place);
        else
            add(residue, &place);
    }
}

/* resume= on the kernel's command line: memory goes to that device when the machine sleeps. */
static void hibernation(const Residue *residue)
{
    g_autofree char *text = text_of(residue, "/proc/cmdline");
    g_auto(GStrv) words = words_of(text != NULL ? g_strchomp(text) : "");

    for (char **word = words; *word != NULL; word++) {
        g_auto(OkseStorageChain) chain = {0};
        const char *device = g_str_has_prefix(*word, "resume=") ? *word + strlen("resume=") : NULL;
        Place place = {.kind = "hibernation",
                       .size = -1,
                       .state = "configured",
                       .from = "/proc/cmdline",
                       .via = "proc",
                       .line = 1,
                       .encrypted = "unknown"};

        if (device == NULL || *device == '\0')
            continue;
        place.path = device;
        place.excerpt = *word;
        if (g_str_has_prefix(device, "/dev/")) {
            okse_storage_chain_named(residue->collection, strrchr(device, '/') + 1, &chain);
            place.encrypted = chain.encrypted;
        }
        add(residue, &place);
    }
}

static void on_storage(void *context, const OkseStatement *statement)
{
    char **storage = context;

    if (strcmp(statement->key, "Coredump.Storage") != 0)
        return;
    g_free(*storage);
    *storage = g_strdup(statement->value);
}

/* Source: coredump.conf(5): Storage=none|external|journal, external where nothing is said. Later files win. */
static char *coredump_storage(const Residue *residue)
{
    static const char *const patterns[] = {"/etc/systemd/coredump.conf", "/usr/lib/systemd/coredump.conf.d/*.conf",
                                           "/run/systemd/coredump.conf.d/*.conf",
                                           "/etc/systemd/coredump.conf.d/*.conf"};
    char *storage = g_strdup("external");

    for (unsigned i = 0; i < G_N_ELEMENTS(patterns); i++) {
        g_autoptr(GPtrArray) paths =
            okse_collect_matches(residue->collection, patterns[i], &residue->look->readable, NULL);

        for (guint k = 0; k < paths->len; k++) {
            g_autofree char *text = text_of(residue, g_ptr_array_index(paths, k));
            const char *why = NULL;

            if (text != NULL)
                okse_form_read(OKSE_FORM_INI, text, strlen(text), on_storage, &storage, &why);
        }
    }
    return storage;
}

static void core_pipe(const Residue *residue, const char *helper, Place place)
{
    place.detail = helper;
    if (strstr(helper, "systemd-coredump") != NULL) {
        g_autofree char *storage = coredump_storage(residue);

        if (strcmp(storage, "none") == 0)
            return;
        place.path = strcmp(storage, "journal") == 0 ? "/var/log/journal" : "/var/lib/systemd/coredump";
        add_on_disk(residue, place);
    } else if (strstr(helper, "apport") != NULL) {
        place.path = "/var/crash";
        add_on_disk(residue, place);
    } else { /* what the helper does with it nobody can say from here */
        place.path = helper;
        place.encrypted = "unknown";
        add(residue, &place);
    }
}

/* Source: core(5), kernel.core_pattern: |helper, a path, or a name in the working directory of whatever dies. */
static void cores(const Residue *residue)
{
    g_autofree char *text = text_of(residue, "/proc/sys/kernel/core_pattern");
    Place place = {.kind = "core",
                   .size = -1,
                   .state = "observed",
                   .from = "/proc/sys/kernel/core_pattern",
                   .via = "proc",
                   .line = 1};

    if (text == NULL || *g_strstrip(text) == '\0')
        return;
    place.excerpt = text;
    if (*text == '|') {
        core_pipe(residue, text + 1, place);
    } else if (*text == '/') {
        place.path = text;
        add_on_disk(residue, place);
    } else {
        place.path = "(working directory)";
        place.encrypted = "unknown";
        place.detail = "kept in the directory of the process that dies, where its limit of core files allows";
        add(residue, &place);
    }
}

/* Crash dumps of the kernel hold all memory; where they go is an endpoint already (manifests/host-files.yaml). */
static void kdump(const Residue *residue)
{
    const json_t *endpoints = okse_facts_peek(residue->collection->facts, "endpoints"), *one, *source;
    size_t i, k;

    json_array_foreach(endpoints, i, one)
    {
        json_array_foreach(json_object_get(one, "sources"), k, source)
        {
            const char *path = okse_json_peek_text(source, "path");

            if (g_strcmp0(path, "/etc/kdump.conf") != 0 && g_strcmp0(path, "/etc/default/kdump-tools") != 0)
                continue;
            add(residue, &(Place){.kind = "kdump",
                                  .path = "(remote)",
                                  .encrypted = "unknown",
                                  .remote = true,
                                  .host = okse_json_peek_text(one, "host"),
                                  .size = -1,
                                  .state = "configured",
                                  .from = path,
                                  .via = "structured",
                                  .line = (unsigned)json_integer_value(json_object_get(source, "line")),
                                  .excerpt = okse_json_peek_text(source, "excerpt")});
        }
    }
}

static void known_paths(const Residue *residue)
{
    const json_t *rows = json_object_get(residue->collection->host_files->residue, "paths"), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        g_autoptr(GPtrArray) paths =
            okse_collect_matches(residue->collection, okse_json_peek_text(row, "path"), &residue->look->readable, NULL);

        for (guint k = 0; k < paths->len; k++) {
            const char *path = g_ptr_array_index(paths, k);
            okse_autofd fd = okse_collect_open(residue->collection, path, O_PATH, NULL);
            struct stat info = {0};
            bool file = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
            g_autofree char *from = g_utf8_make_valid(path, -1);

            residue->look->found = true;
            add_on_disk(residue, (Place){.kind = okse_json_peek_text(row, "kind"),
                                         .path = path,
                                         .size = file ? info.st_size : -1,
                                         .state = "observed",
                                         .from = from,
                                         .via = "structured"});
        }
    }
}

/* A value that is a path, or a URL of a disk (file://) or of a server. */
static void add_value(const Residue *residue, const char *kind, const char *value, Place place)
{
    g_auto(OkseDestination) found = {0};

    place.kind = kind;
    place.size = -1;
    if (g_str_has_prefix(value, "file://"))
        value += strlen("file://");
    place.path = value;
    if (*value == '/') {
        add_on_disk(residue, place);
    } else if (strstr(value, "://") != NULL && okse_destination_read(value, NULL, OKSE_WRITTEN_PLAIN, &found)) {
        g_autofree char *shown = okse_collect_mask(residue->collection, value);

        place.path = shown;
        place.remote = true;
        place.host = found.host;
        place.encrypted = "unknown";
        add(residue, &place);
    }
}

static const char *kind_of(const Residue *residue, const char *name)
{
    const json_t *rows = json_object_get(residue->collection->host_files->residue, "settings");

    for (guint i = 0; i < residue->names->len; i++)
        if (g_regex_match(g_ptr_array_index(residue->names, i), name, 0, NULL))
            return okse_json_peek_text(json_array_get(rows, i), "kind");
    return NULL;
}

static GPtrArray *compile_names(const json_t *rules)
{
    GPtrArray *names = g_ptr_array_new_with_free_func((GDestroyNotify)g_regex_unref);
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(rules, "settings"), i, row)
    {
        g_autofree char *pattern = g_strdup_printf("^(?:%s)$", okse_json_peek_text(row, "name"));

        g_ptr_array_add(names, g_regex_new(pattern, G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, NULL));
    }
    return names;
}

/* What configuration sets, as the scanner found it. */
static void configured(const Residue *residue)
{
    const json_t *settings = okse_facts_peek(residue->collection->facts, "settings"), *one;
    size_t i;

    json_array_foreach(settings, i, one)
    {
        const char *kind = kind_of(residue, okse_json_peek_text(one, "name")),
                   *value = okse_json_peek_text(one, "value");
        const json_t *source = json_object_get(one, "source");

        if (kind == NULL || value == NULL)
            continue;
        add_value(residue, kind, value,
                  (Place){.state = "configured",
                          .from = okse_json_peek_text(source, "path"),
                          .via = "structured",
                          .line = (unsigned)json_integer_value(json_object_get(source, "line")),
                          .detail = okse_json_peek_text(one, "name")});
    }
}

typedef struct {
    const Residue *residue;
    const char *path;
} Lmcache;

static void on_lmcache(void *context, const OkseStatement *statement)
{
    const Residue *residue = ((const Lmcache *)context)->residue;
    const char *path = ((const Lmcache *)context)->path;

    if (strcmp(statement->key, "local_disk") == 0 || strcmp(statement->key, "remote_url") == 0)
        add_value(residue, "kv-cache", statement->value,
                  (Place){.state = "effective",
                          .from = path,
                          .via = "structured",
                          .line = statement->line,
                          .detail = "LMCACHE_CONFIG_FILE"});
}

/* LMCache's own file. Source: LMCache, "Configuring LMCache". */
static void lmcache_file(const Residue *residue, const char *path)
{
    g_autofree char *text = okse_collect_on_network(residue->collection, path) ? NULL : text_of(residue, path);
    const char *why = NULL;
    Lmcache file = {residue, path};

    if (text == NULL || !okse_form_read(OKSE_FORM_YAML, text, strlen(text), on_lmcache, &file, &why))
        residue->look->readable = false;
}

static void use_variable(const Residue *residue, const OkseProcess *process, const char *variable)
{
    g_autofree char *name = g_strndup(variable, strcspn(variable, "="));
    g_autofree char *from = g_strdup_printf("/proc/%u/environ", process->pid);
    const char *kind = kind_of(residue, name), *value = variable + strlen(name);
    bool own = process->mntns == okse_processes_own_mntns(residue->collection->processes);

    value += *value == '=';
    if (kind != NULL && (own || *value != '/'))
        add_value(residue, kind, value, (Place){.state = "effective", .from = from, .via = "proc", .detail = name});
    else if (kind != NULL) /* a path of a container: where it lies its mounts say */
        add(residue, &(Place){.kind = kind,
                              .path = value,
                              .encrypted = "unknown",
                              .size = -1,
                              .state = "effective",
                              .from = from,
                              .via = "proc",
                              .detail = process->container});
    if (strcmp(name, "LMCACHE_CONFIG_FILE") == 0 && *value == '/' && own)
        lmcache_file(residue, value);
}

/* What a running process was started with counts more than what a file says. */
static void effective(const Residue *residue)
{
    const OkseProcesses *processes = residue->collection->processes;

    for (unsigned i = 0; processes != NULL && i < okse_processes_count(processes); i++) {
        const OkseProcess *process = okse_processes_get(processes, i);
        g_auto(GStrv) environment = process->kernel ? NULL : okse_process_environment(processes, process);

        for (char **one = environment; one != NULL && *one != NULL; one++)
            use_variable(residue, process, *one);
    }
    if (processes != NULL && okse_processes_hidden(processes) != NULL)
        okse_facts_coverage(residue->collection->facts, "residue", OKSE_PARTIAL, okse_processes_hidden(processes));
}

static void temporary(const Residue *residue)
{
    static const char *const paths[] = {"/tmp", "/var/tmp", "/dev/shm"};

    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
        if (okse_collect_on_network(residue->collection, paths[i]) ||
            okse_collect_exists(residue->collection, paths[i]))
            add_on_disk(residue, (Place){.kind = "tmp",
                                         .path = paths[i],
                                         .size = -1,
                                         .state = "observed",
                                         .from = paths[i],
                                         .via = "structured"});
}

static json_t *classes_of(const OkseCollection *collection)
{
    const json_t *compliance = json_object_get(collection->install, "compliance");
    const json_t *declared = json_object_get(compliance, "data_classes");

    return json_is_array(declared) ? json_deep_copy(declared) : json_array();
}

void okse_collect_residue_running(OkseCollection *collection)
{
    g_autoptr(json_t) classes = classes_of(collection);
    OkseHostLook look = {.readable = true};
    g_autoptr(GPtrArray) names = compile_names(collection->host_files->residue);
    Residue residue = {collection, classes, &look, names};

    effective(&residue);
    if (!look.readable)
        okse_facts_coverage(collection->facts, "residue", OKSE_PARTIAL, "a cache's configuration could not be read");
}

void okse_collect_residue(OkseCollection *collection)
{
    g_autoptr(json_t) classes = classes_of(collection);
    OkseHostLook look = {.readable = true};
    g_autoptr(GPtrArray) names = compile_names(collection->host_files->residue);
    Residue residue = {collection, classes, &look, names};

    okse_collect_host_files(collection, "residue", &look);
    swaps_in_use(&residue);
    swaps_configured(&residue);
    hibernation(&residue);
    cores(&residue);
    kdump(&residue);
    known_paths(&residue);
    temporary(&residue);
    configured(&residue);
    if (!collection->running)
        okse_facts_coverage(collection->facts, "residue", OKSE_PARTIAL,
                            "swap and core dumps of a system that does not run are known from its configuration alone");
    okse_collect_host_coverage(collection, "residue", &look, "a place where data can stay could not be looked at",
                               "no place where data can stay was found");
}
