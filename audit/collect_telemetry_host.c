/* What only a host shows: processes with their environment, packages beside an interpreter, files in home directories.
 */
#include "audit/collect_host_files.h"
#include "audit/collect_objects.h"
#include "audit/collect_telemetry.h"
#include "audit/workload.h"
#include "core/fd.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define PROC (1u << 20) /* bytes of a process's command line or environment */
#define PACKAGES 4096u  /* beside one interpreter */

static gpointer copy_path(gconstpointer path, gpointer unused)
{
    (void)unused;
    return g_strdup(path);
}

GStrv okse_collect_glob(const OkseCollection *collection, const char *pattern, char **missed)
{
    static const char *const homes[] = {"/root", "/home/*", NULL}, *const nowhere[] = {"", NULL};
    GPtrArray *all = g_ptr_array_new();
    bool readable = true;

    for (const char *const *home = *pattern == '~' ? homes : nowhere; *home != NULL; home++) {
        g_autofree char *path = g_strconcat(*home, pattern + (*pattern == '~'), NULL);
        g_autoptr(GPtrArray) found =
            *path == '/' ? okse_collect_matches(collection, path, &readable, missed) : g_ptr_array_new();

        g_ptr_array_extend(all, found, copy_path, NULL);
    }
    g_ptr_array_add(all, NULL);
    return (GStrv)g_ptr_array_free(all, FALSE);
}

/* "vllm-0.10.0.dist-info" is vllm 0.10.0. Source: packaging.python.org, "Recording installed projects". */
static void add_package(json_t *packages, const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    char *dash = strchr(name, '-');

    name[strlen(name) - strlen(".dist-info")] = '\0';
    if (dash == NULL)
        return;
    *dash = '\0';
    g_strdelimit(name, "_.", '-');
    json_array_append_new(packages, json_pack("{s:s,s:s}", "name", name, "version", dash + 1));
}

json_t *okse_collect_beside(const OkseCollection *collection, const json_t *command)
{
    const char *program = json_string_value(json_array_get(command, 0));
    g_autofree char *directory = program != NULL && *program == '/' ? g_path_get_dirname(program) : NULL;
    g_autofree char *top = NULL, *pattern = NULL;
    g_auto(GStrv) found = NULL;
    json_t *packages;

    if (directory == NULL || !g_str_has_suffix(directory, "/bin") || strchr(directory, '*') != NULL)
        return NULL;
    top = g_strndup(directory, strlen(directory) - strlen("/bin"));
    if (*top == '\0' || strcmp(top, "/usr") == 0 || strcmp(top, "/usr/local") == 0)
        return NULL; /* everybody's interpreter says nothing about this program */
    pattern = g_strconcat(top, "/lib/python3*/site-packages/*.dist-info", NULL);
    found = okse_collect_glob(collection, pattern, NULL);
    if (found[0] == NULL)
        return NULL;
    packages = json_array();
    for (char **path = found; *path != NULL && json_array_size(packages) < PACKAGES; path++)
        if (g_utf8_validate(*path, -1, NULL))
            add_package(packages, *path);
    return packages;
}

static json_t *words_of(GBytes *bytes)
{
    gsize length;
    const char *at = g_bytes_get_data(bytes, &length), *end = length > 0 ? at + length : at;
    json_t *words = json_array();

    while (at < end && json_array_size(words) < 512) {
        g_autofree char *raw = g_strndup(at, (gsize)(end - at)), *word = g_utf8_make_valid(raw, -1);

        json_array_append_new(words, json_string(word));
        at += strlen(raw) + 1;
    }
    return words;
}

static bool is_known_program(const OkseCollection *collection, const json_t *command, const json_t *packages)
{
    const char *name;
    json_t *program;

    json_object_foreach((json_t *)(uintptr_t)okse_telemetry_programs(collection->objects->telemetry), name, program)
    {
        g_autofree char *what = NULL, *version = NULL;

        if (okse_telemetry_sign(program, NULL, command, packages, &what, &version) != NULL)
            return true;
    }
    return false;
}

static void add_process(OkseCollection *collection, int process, const char *pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/environ", pid);
    okse_autofd command_fd = openat(process, "cmdline", O_RDONLY | O_CLOEXEC);
    okse_autofd environ_fd = openat(process, "environ", O_RDONLY | O_CLOEXEC);
    g_autoptr(GBytes) line = command_fd < 0 ? NULL : okse_read_fd(command_fd, PROC, "cmdline", NULL);
    g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
    g_autoptr(json_t) command = line == NULL ? json_array() : words_of(line), packages = NULL, env = NULL;
    g_autoptr(GBytes) variables = NULL;
    const OkseScanFile scanned = {.collector = "workloads", .path = path, .name = "", .bytes = nothing};
    OkseObjectPlace place = {.key = "process", .text = pid};
    OkseObjectFile file;
    json_t *workload, *container;
    size_t i;
    json_t *word;

    if (json_array_size(command) == 0)
        return;
    packages = okse_collect_beside(collection, command);
    if (!is_known_program(collection, command, packages))
        return;
    okse_object_file_init(&file, collection, &scanned, "telemetry");
    file.quiet = true;
    workload = okse_workload_new(&file, &place, "process", "process");
    container = okse_workload_container(workload, pid);
    okse_workload_name(workload, NULL, json_string_value(json_array_get(command, 0)));
    json_array_foreach(command, i, word)
        okse_container_words(&file, &place, container, (const char *const[]){json_string_value(word), NULL});
    variables = environ_fd < 0 ? NULL : okse_read_fd(environ_fd, PROC, "environ", NULL);
    env = variables == NULL ? NULL : words_of(variables);
    json_array_foreach(env, i, word) okse_container_assignment(&file, &place, container, json_string_value(word));
    if (env == NULL)
        okse_container_variables_from(container, "an environment that is not shown");
    json_object_set_new(workload, "state", json_string("observed"));
    json_object_set_new(workload, "hidden", json_true());
    json_array_append_new(collection->objects->workloads, workload);
}

void okse_collect_programs_running(OkseCollection *collection)
{
    DIR *directory = collection->running ? opendir("/proc") : NULL;
    const struct dirent *entry = NULL;
    g_autoptr(GPtrArray) pids = g_ptr_array_new_with_free_func(g_free);

    while (directory != NULL && okse_directory_next(directory, &entry, "/proc", NULL) && entry != NULL)
        if (g_ascii_isdigit(*entry->d_name))
            g_ptr_array_add(pids, g_strdup(entry->d_name));
    for (guint i = 0; i < pids->len; i++) {
        const char *pid = g_ptr_array_index(pids, i);
        okse_autofd process = openat(dirfd(directory), pid, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (process >= 0)
            add_process(collection, process, pid);
    }
    if (directory != NULL)
        closedir(directory);
}
