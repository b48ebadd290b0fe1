/* The processes that serve: engines and stores by name (manifests/scan.yaml), whatever runs from the install, and
 * whatever listens to more than this machine. Values of the environment stay where they are; names are told. */
#include "audit/collector.h"
#include "audit/process_words.h"
#include "audit/storage_chain.h"
#include "core/digest.h"
#include "core/fd.h"

#include <string.h>
#include <sys/stat.h>

#define EXE_LIMIT (512u << 20) /* bytes of a program that are hashed */
#define WORDS_SHOWN 4096u      /* bytes of a command line in a fact */
#define WORDS_LOOKED 8u        /* words that may name what an interpreter runs */
#define BLOCK (256u << 10)

typedef struct {
    OkseCollection *collection;
    GRegex *named;         /* or NULL */
    GHashTable *listeners; /* pid */
    GHashTable *digests;   /* "device:inode" → digest */
} Serving;

/* Numbers of the processes that hold a listening socket of another address than loopback. */
static GHashTable *listeners(const OkseCollection *collection)
{
    GHashTable *found = g_hash_table_new(NULL, NULL);
    const json_t *sockets = okse_facts_peek(collection->facts, "sockets"), *one;
    size_t i;

    json_array_foreach(sockets, i, one)
    {
        const char *local = okse_json_peek_text(one, "local");
        json_int_t pid = json_integer_value(json_object_get(json_object_get(one, "process"), "pid"));

        if (pid > 0 && strcmp(okse_json_peek_text(one, "direction"), "listening") == 0 &&
            !g_str_has_prefix(local, "127.") && !g_str_has_prefix(local, "[::1]"))
            g_hash_table_add(found, GUINT_TO_POINTER((guint)pid));
    }
    return found;
}

/* The component of the install that a path lies in; owned, or NULL. */
static char *component_of(const OkseCollection *collection, const char *path)
{
    const char *rest = NULL;
    size_t length = collection->root == NULL ? 0 : strlen(collection->root);
    g_auto(GStrv) words = NULL;

    if (length == 0 || path == NULL || strncmp(path, collection->root, length) != 0 || path[length] != '/')
        return NULL;
    rest = path + length + 1;
    words = g_strsplit(rest, "/", 4);
    if (g_strv_length(words) >= 3 && strcmp(words[0], "current") == 0)
        return g_strdup(words[1]);
    return g_strv_length(words) == 4 && strcmp(words[0], "generations") == 0 ? g_strdup(words[2]) : NULL;
}

static bool hash_file(int fd, OkseSha256 *digest)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree char *buffer = g_malloc(BLOCK);
    uint64_t total = 0;
    ssize_t got = 1;

    while (got > 0 && total <= EXE_LIMIT) {
        got = read(fd, buffer, BLOCK);
        if (got > 0)
            okse_sha256_stream_update(stream, buffer, (size_t)got);
        total += (uint64_t)MAX(got, 0);
    }
    *digest = okse_sha256_stream_end(stream);
    return got == 0;
}

/* Of the file that runs, whatever its name leads to by now; not of one that a network may hold back. Programs that run
 * many times are hashed once. */
static char *digest_of(const Serving *serving, const OkseProcess *process)
{
    const OkseCollection *collection = serving->collection;
    const char *host = NULL, *type = NULL;
    okse_autofd fd = -1;
    g_autofree char *file = NULL, *known = NULL;
    struct stat info;
    OkseSha256 digest;
    char text[OKSE_SHA256_TEXT];

    if (process->exe == NULL || process->mntns != okse_processes_own_mntns(collection->processes))
        return NULL;
    okse_storage_of_path(collection, process->exe, &host, &type);
    if (type == NULL || okse_mount_is_remote(type) || g_str_has_prefix(type, "fuse"))
        return NULL;
    fd = okse_processes_open(collection->processes, process, "exe");
    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
        return NULL;
    file = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64)info.st_dev, (guint64)info.st_ino);
    known = g_strdup(g_hash_table_lookup(serving->digests, file));
    if (known != NULL)
        return g_steal_pointer(&known);
    if (!hash_file(fd, &digest))
        return NULL;
    okse_sha256_text(&digest, text);
    g_hash_table_insert(serving->digests, g_steal_pointer(&file), g_strdup(text));
    return g_strdup(text);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *names_of(const OkseCollection *collection, const OkseProcess *process)
{
    g_auto(GStrv) environment = okse_process_environment(collection->processes, process);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    json_t *list = json_array();

    for (char **one = environment; one != NULL && *one != NULL; one++)
        if (strchr(*one, '=') > *one)
            g_ptr_array_add(names, g_strndup(*one, strcspn(*one, "=")));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(names, i)));
    return list;
}

/* The program by its name, and what an interpreter runs by the words behind it. */
static bool is_named(const Serving *serving, const OkseProcess *process, char *const *words)
{
    g_autofree char *name = process->exe == NULL ? g_strdup("") : g_path_get_basename(process->exe);

    if (serving->named == NULL)
        return false;
    if (g_regex_match(serving->named, name, 0, NULL))
        return true;
    for (unsigned i = 0; words != NULL && words[i] != NULL && i < WORDS_LOOKED; i++) {
        g_autofree char *word = g_path_get_basename(words[i]);

        if (g_regex_match(serving->named, word, 0, NULL))
            return true;
    }
    return false;
}

static void look_at(const Serving *serving, const OkseProcess *process)
{
    OkseCollection *collection = serving->collection;
    g_auto(GStrv) words = okse_process_words(collection->processes, process);
    g_autofree char *component = component_of(collection, process->exe), *line = NULL, *masked = NULL, *key = NULL;
    g_autofree char *netns = NULL, *cut = NULL, *digest = NULL, *shown = NULL;

    if (component == NULL && !g_hash_table_contains(serving->listeners, GUINT_TO_POINTER(process->pid)) &&
        !is_named(serving, process, words))
        return;
    line = words == NULL ? g_strdup("") : g_strjoinv(" ", words);
    masked = okse_collect_mask(collection, line);
    cut = g_strndup(masked, WORDS_SHOWN);
    shown = g_utf8_make_valid(cut, -1);
    key = g_strdup_printf("%u|%s", process->pid, process->exe != NULL ? process->exe : "");
    digest = digest_of(serving, process);
    netns = process->netns == 0 ? NULL : g_strdup_printf("net:[%" G_GUINT64_FORMAT "]", process->netns);
    okse_facts_add(
        collection->facts, "processes", key,
        json_pack("{s:i,s:i,s:s?,s:s?,s:s?,s:s?,s:s?,s:s?,s:s,s:o,s:o,s:s}", "pid", (int)process->pid, "uid",
                  (int)process->uid, "exe", process->exe, "digest", digest, "component", component, "unit",
                  process->unit, "container", process->container, "netns", netns, "command", shown, "variables",
                  names_of(collection, process), "source",
                  okse_facts_source(&(OkseSourceFact){
                      .collector = "processes", .path = "/proc/PID/cmdline", .excerpt = shown, .via = "proc"}),
                  "state", "observed"));
}

void okse_collect_processes(OkseCollection *collection)
{
    const OkseProcesses *processes = collection->processes;
    const char *pattern = okse_json_peek_text(okse_scanner_rules(collection->scanner), "serving_programs");
    g_autoptr(GRegex) named = pattern == NULL ? NULL : g_regex_new(pattern, G_REGEX_RAW, 0, NULL);
    g_autoptr(GHashTable) heard = listeners(collection);
    g_autoptr(GHashTable) digests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Serving serving = {collection, named, heard, digests};

    for (unsigned i = 0; i < okse_processes_count(processes); i++)
        if (!okse_processes_get(processes, i)->kernel)
            look_at(&serving, okse_processes_get(processes, i));
    if (okse_processes_why_not(processes) != NULL)
        okse_facts_coverage(collection->facts, "processes", OKSE_PARTIAL, okse_processes_why_not(processes));
    okse_facts_coverage(collection->facts, "processes", OKSE_COMPLETE, NULL);
}
