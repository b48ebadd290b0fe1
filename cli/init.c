#include "cli/commands.h"
#include "core/fd.h"
#include "core/json.h"
#include "packager/scaffold.h"

#include <string.h>
#include <sys/stat.h>

typedef struct {
    char *example;
} InitOptions;

static const OkseOption init_options[] = {
    {OKSE_OPTION_TEXT, "example", 0, "NAME", "write this example instead (a wrong name is answered with all)",
     offsetof(InitOptions, example)},
    {0},
};

/* The stack is named after the directory. */
static char *stack_name(const char *directory)
{
    g_autofree char *absolute = g_canonicalize_filename(directory, NULL);

    return g_path_get_basename(absolute);
}

static GStrv propose(int fd, const char *directory, const OkseResources *resources, GError **error)
{
    g_autofree char *name = stack_name(directory);
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = okse_scaffold_stack(fd, name, resources, &cause);
    g_autoptr(GBytes) bytes = NULL;
    static const char *const written[] = {"stack.yaml", NULL};

    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    if (text == NULL)
        return okse_scaffold_example(fd, "start", resources, error);
    bytes = g_bytes_new(text, strlen(text));
    if (!okse_write_beneath(fd, "stack.yaml", bytes, 0644, error))
        return NULL;
    return g_strdupv((char **)(uintptr_t)written);
}

static void print_people(const char *directory, const GStrv written)
{
    g_autofree char *stack =
        strcmp(directory, ".") == 0 ? g_strdup("stack.yaml") : g_build_filename(directory, "stack.yaml", NULL);

    for (char **file = written; *file != NULL; file++)
        okse_print("%s/%s\n", directory, *file);
    okse_note("change the vendor, then: okse build %s --country VN", stack);
}

static bool print_machine(const char *directory, const GStrv written, GError **error)
{
    g_autoptr(json_t) files = json_array();
    g_autoptr(json_t) document = NULL;

    for (char **file = written; *file != NULL; file++)
        json_array_append_new(files, json_string(*file));
    document = json_pack("{s:s,s:s%,s:O}", "schema", "okse.init.v1", "directory", directory, strlen(directory), "files",
                         files);
    if (document == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "the directory's name is not UTF-8");
    return okse_print_json(document, error);
}

static int init_run(const OkseInvocation *invocation, GError **error)
{
    const InitOptions *options = invocation->options;
    const char *directory = invocation->count > 0 ? invocation->arguments[0] : ".";
    g_autoptr(OkseResources) resources = okse_resources_open(invocation->manifests, error);
    okse_autofd fd = -1;
    g_auto(GStrv) written = NULL;
    struct stat info;

    if (resources == NULL)
        return 2;
    if (mkdir(directory, 0777) < 0 && errno != EEXIST) {
        okse_fail_errno(error, "%s", directory);
        return 3;
    }
    fd = okse_open_directory(directory, error);
    if (fd < 0)
        return 3;
    if (fstatat(fd, "stack.yaml", &info, AT_SYMLINK_NOFOLLOW) == 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s/stack.yaml: is there already; nothing was written", directory);
        return 2;
    }
    written = options->example != NULL ? okse_scaffold_example(fd, options->example, resources, error)
                                       : propose(fd, directory, resources, error);
    if (written == NULL)
        return 2;
    if (invocation->json)
        return print_machine(directory, written, error) ? 0 : 3;
    print_people(directory, written);
    return 0;
}

const OkseCommand okse_command_init = {
    .name = "init",
    .arguments = "[DIR]",
    .minimum = 0,
    .maximum = 1,
    .summary = "Write a first stack.yaml for what lies in a directory.",
    .details =
        "Weights, wheels, OCI images and configuration in DIR (default: here) become components. In an empty or new\n"
        "directory an example that builds is written. Nothing that exists is replaced.",
    .options = init_options,
    .options_size = sizeof(InitOptions),
    .run = init_run,
};
