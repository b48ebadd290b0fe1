#include "cli/commands.h"
#include "cli/init_papers.h"
#include "core/fd.h"
#include "core/json.h"
#include "packager/scaffold.h"

#include <string.h>
#include <sys/stat.h>

typedef struct {
    char *example, *sector;
    char **countries, **classes, **documents;
} InitOptions;

static const OkseOption init_options[] = {
    {OKSE_OPTION_TEXT, "example", 0, "NAME", "write this example instead (a wrong name is answered with all)",
     offsetof(InitOptions, example)},
    {OKSE_OPTION_LIST, "country", 0, "ISO2", "also write the papers that this country's law asks for; may be repeated",
     offsetof(InitOptions, countries)},
    {OKSE_OPTION_LIST, "data-class", 0, "CLASS", "with --country: only what concerns this class (personal, …)",
     offsetof(InitOptions, classes)},
    {OKSE_OPTION_TEXT, "sector", 0, "SECTOR", "with --country: only what concerns this sector (government, …)",
     offsetof(InitOptions, sector)},
    {OKSE_OPTION_LIST, "document", 0, "TYPE", "write only this paper, to fill in; may be repeated",
     offsetof(InitOptions, documents)},
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

static void print_people(const char *directory, const GPtrArray *written, const InitOptions *options)
{
    g_autofree char *stack =
        strcmp(directory, ".") == 0 ? g_strdup("stack.yaml") : g_build_filename(directory, "stack.yaml", NULL);

    for (guint i = 0; i < written->len; i++)
        okse_print("%s/%s\n", directory, (const char *)g_ptr_array_index(written, i));
    if (options->documents == NULL)
        okse_note("change the vendor, then: okse build %s --country %s", stack,
                  options->countries != NULL ? options->countries[0] : "VN");
}

static bool print_machine(const char *directory, const GPtrArray *written, GError **error)
{
    g_autoptr(json_t) files = json_array();
    g_autoptr(json_t) document = NULL;

    for (guint i = 0; i < written->len; i++)
        json_array_append_new(files, json_string(g_ptr_array_index(written, i)));
    document = json_pack("{s:s,s:s%,s:O}", "schema", "okse.init.v1", "directory", directory, strlen(directory), "files",
                         files);
    if (document == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "the directory's name is not UTF-8");
    return okse_print_json(document, error);
}

static bool options_check(const InitOptions *options, GError **error)
{
    if (options->documents != NULL && (options->countries != NULL || options->example != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--document writes one paper: leave out --country and --example");
    if (options->countries == NULL && (options->classes != NULL || options->sector != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--data-class and --sector belong to --country");
    return true;
}

static bool write_stack(int fd, const char *directory, const InitOptions *options, const OkseResources *resources,
                        GPtrArray *written, GError **error)
{
    struct stat info;
    g_auto(GStrv) files = NULL;

    if (fstatat(fd, "stack.yaml", &info, AT_SYMLINK_NOFOLLOW) == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s/stack.yaml: is there already; nothing was written", directory);
    files = options->example != NULL ? okse_scaffold_example(fd, options->example, resources, error)
                                     : propose(fd, directory, resources, error);
    for (char **file = files; file != NULL && *file != NULL; file++)
        g_ptr_array_add(written, g_strdup(*file));
    return files != NULL;
}

static bool write_papers(int fd, const InitOptions *options, const OkseResources *resources, GPtrArray *written,
                         GError **error)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);

    for (char **type = options->documents; type != NULL && *type != NULL; type++)
        if (!okse_init_paper(fd, *type, resources, written, error))
            return false;
    if (options->countries != NULL &&
        !okse_init_papers(fd, (const char *const *)options->countries, (const char *const *)options->classes,
                          options->sector, resources, written, notes, error))
        return false;
    for (guint i = 0; i < notes->len; i++)
        okse_note("note: %s", (const char *)g_ptr_array_index(notes, i));
    return true;
}

/* Papers first: a country without law is told before anything is written, and a proposal then finds them. */
static bool write_all(int fd, const char *directory, const InitOptions *options, const OkseResources *resources,
                      GPtrArray *written, GError **error)
{
    bool example = options->example != NULL || options->documents != NULL;

    if (example)
        return (options->documents != NULL || write_stack(fd, directory, options, resources, written, error)) &&
               write_papers(fd, options, resources, written, error);
    if (options->countries == NULL)
        return write_stack(fd, directory, options, resources, written, error);
    return write_papers(fd, options, resources, written, error) &&
           write_stack(fd, directory, options, resources, written, error);
}

static int init_run(const OkseInvocation *invocation, GError **error)
{
    const InitOptions *options = invocation->options;
    const char *directory = invocation->count > 0 ? invocation->arguments[0] : ".";
    g_autoptr(OkseResources) resources = NULL;
    g_autoptr(GPtrArray) written = g_ptr_array_new_with_free_func(g_free);
    okse_autofd fd = -1;

    if (!options_check(options, error))
        return 2;
    resources = okse_resources_open(invocation->manifests, error);
    if (resources == NULL || !okse_init_words((const char *const *)options->classes, options->sector, resources, error))
        return 2;
    if (mkdir(directory, 0777) < 0 && errno != EEXIST) {
        okse_fail_errno(error, "%s", directory);
        return 3;
    }
    fd = okse_open_directory(directory, error);
    if (fd < 0)
        return 3;
    if (!write_all(fd, directory, options, resources, written, error))
        return 2;
    if (invocation->json)
        return print_machine(directory, written, error) ? 0 : 3;
    print_people(directory, written, options);
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
        "directory an example that builds is written. Nothing that exists is replaced. With --country, papers to fill "
        "in\n"
        "come along; until they are, the pre-flight names every blank.",
    .options = init_options,
    .options_size = sizeof(InitOptions),
    .run = init_run,
};
