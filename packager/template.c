#include "packager/template.h"

#include "core/digest.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/library.h"
#include "core/limits.h"
#include "core/sandbox.h"
#include "core/text.h"
#include "core/worker.h"
#include "core/yaml_write.h"

#include <libjsonnet.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define LIBRARY_LIMIT (16u << 20)    /* bytes of all files that can be imported */
#define RESULT_LIMIT (64u << 20)     /* bytes of what a program makes */
#define MEMORY_LIMIT (2048ull << 20) /* address space of the process */
#define SECONDS_LIMIT 30u            /* of processor time */
#define MESSAGE_LINES 4u             /* of the library's message; below come the calls that led there */

struct OkseTemplates {
    GTree *files; /* path → GBytes, by path */
    uint64_t size;
};

static int compare(gconstpointer a, gconstpointer b, gpointer data)
{
    (void)data;
    return strcmp(a, b);
}

static void release(gpointer bytes)
{
    g_bytes_unref(bytes);
}

OkseTemplates *okse_templates_new(void)
{
    OkseTemplates *templates = g_new0(OkseTemplates, 1);

    templates->files = g_tree_new_full(compare, NULL, g_free, release);
    return templates;
}

void okse_templates_free(OkseTemplates *templates)
{
    if (templates == NULL)
        return;
    g_tree_unref(templates->files);
    g_free(templates);
}

bool okse_templates_add(OkseTemplates *templates, const char *path, GBytes *bytes, GError **error)
{
    gsize size;
    const char *text = g_bytes_get_data(bytes, &size);
    bool good = g_utf8_validate_len(text, size, NULL); /* a NUL is refused, too */

    templates->size += size;
    if (good && templates->size <= LIBRARY_LIMIT) {
        g_tree_replace(templates->files, g_strdup(path), bytes);
        return true;
    }
    g_bytes_unref(bytes);
    if (!good)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a template must be UTF-8 text", path);
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: with it the templates are larger than %u MiB", path,
                     LIBRARY_LIMIT >> 20);
}

static gboolean digest_file(gpointer path, gpointer bytes, gpointer stream)
{
    okse_sha256_stream_file(stream, path, bytes);
    return FALSE;
}

char *okse_templates_digest(const OkseTemplates *templates)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    OkseSha256 digest;
    char text[OKSE_SHA256_TEXT];

    g_tree_foreach(templates->files, digest_file, stream);
    digest = okse_sha256_stream_end(stream);
    return g_strdup(okse_sha256_text(&digest, text));
}

/* "lib/" and "../services/llm.libsonnet" → "services/llm.libsonnet"; NULL when it climbs out. What begins with "okse/"
 * comes with Okse, wherever it is asked for. */
static char *resolve(const char *base, const char *path)
{
    g_autofree char *whole = g_str_has_prefix(path, "okse/") ? g_strdup(path) : g_strconcat(base, path, NULL);
    g_auto(GStrv) parts = g_strsplit(whole, "/", -1);
    g_autoptr(GPtrArray) stack = g_ptr_array_new();

    for (char **part = parts; *part != NULL; part++) {
        if (strcmp(*part, "..") == 0 && stack->len == 0)
            return NULL;
        if (strcmp(*part, "..") == 0)
            g_ptr_array_set_size(stack, (int)stack->len - 1);
        else if (**part != '\0' && strcmp(*part, ".") != 0)
            g_ptr_array_add(stack, *part);
    }
    g_ptr_array_add(stack, NULL);
    return g_strjoinv("/", (char **)stack->pdata);
}

/* libjsonnet, which brings a C++ library with it */
typedef struct {
    typeof(jsonnet_make) *make;
    typeof(jsonnet_realloc) *realloc;
    typeof(jsonnet_import_callback) *import_callback;
    typeof(jsonnet_native_callback) *native_callback;
    typeof(jsonnet_tla_code) *tla_code;
    typeof(jsonnet_evaluate_snippet) *evaluate_snippet;
    typeof(jsonnet_json_extract_string) *extract_string;
    typeof(jsonnet_json_make_string) *make_string;
} Jsonnet;

static bool load(Jsonnet *jsonnet, GError **error)
{
    static const OkseLibrary library = {"libjsonnet.so.0", "libjsonnet0", "rendering templates"};
    const OkseLibraryFunction functions[] = {
        {"jsonnet_make", &jsonnet->make},
        {"jsonnet_realloc", &jsonnet->realloc},
        {"jsonnet_import_callback", &jsonnet->import_callback},
        {"jsonnet_native_callback", &jsonnet->native_callback},
        {"jsonnet_tla_code", &jsonnet->tla_code},
        {"jsonnet_evaluate_snippet", &jsonnet->evaluate_snippet},
        {"jsonnet_json_extract_string", &jsonnet->extract_string},
        {"jsonnet_json_make_string", &jsonnet->make_string},
    };

    return okse_library_load(&library, functions, G_N_ELEMENTS(functions), error);
}

typedef struct {
    const OkseTemplates *templates;
    const Jsonnet *jsonnet;
    struct JsonnetVm *vm;
} Import;

static char *handed_over(const Import *import, const char *text, size_t length)
{
    char *copy = import->jsonnet->realloc(import->vm, NULL, length + 1);

    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

static char *import_file(void *context, const char *base, const char *path, char **found_here, int *success)
{
    static const char missing[] = "no such template (imports reach the template's own directory and okse/…)";
    const Import *import = context;
    g_autofree char *name = resolve(base, path);
    GBytes *bytes = name == NULL ? NULL : g_tree_lookup(import->templates->files, name);
    gsize size;
    const char *text;

    *success = bytes != NULL;
    if (bytes == NULL)
        return handed_over(import, missing, sizeof missing - 1);
    text = g_bytes_get_data(bytes, &size);
    *found_here = handed_over(import, name, strlen(name));
    return handed_over(import, text, size);
}

/* std.native('okse.yaml')(std.toString(value)): the library's own YAML writer takes minutes for what takes this
 * milliseconds. Native functions are given simple values only, hence the text. */
static struct JsonnetJsonValue *write_yaml(void *context, const struct JsonnetJsonValue *const *arguments, int *success)
{
    const Import *import = context;
    const char *text = import->jsonnet->extract_string(import->vm, arguments[0]);
    g_autoptr(GBytes) bytes = g_bytes_new_static(text != NULL ? text : "", text != NULL ? strlen(text) : 0);
    g_autoptr(GError) cause = NULL;
    g_autoptr(json_t) value = okse_json_read(bytes, RESULT_LIMIT, "okse.yaml", &cause);
    g_autofree char *written = value == NULL ? NULL : okse_yaml_write(value);

    *success = written != NULL;
    return import->jsonnet->make_string(import->vm, written != NULL ? written : cause->message);
}

static bool limit(__rlimit_resource_t resource, uint64_t value)
{
    struct rlimit bound = {value, value};

    return setrlimit(resource, &bound) == 0;
}

static bool confine(GError **error)
{
    if (!limit(RLIMIT_CPU, SECONDS_LIMIT) || !limit(RLIMIT_CORE, 0) || !limit(RLIMIT_FSIZE, 0) ||
        (!OKSE_ADDRESS_SPACE_IS_SHADOWED && !limit(RLIMIT_AS, MEMORY_LIMIT)))
        return okse_fail_errno(error, "limit the evaluation of templates");
    return okse_sandbox_enter(NULL, NULL, NULL, error);
}

/* Ends of the process that evaluates; what it has to say lies in the pipe. */
enum { EVALUATED = 0, OBJECTED = 80, UNCONFINED = 81 };

static _Noreturn void evaluate(const Jsonnet *jsonnet, const OkseTemplates *templates, const char *entry,
                               const json_t *arguments, int fd)
{
    Import import = {templates, jsonnet, jsonnet->make()};
    GBytes *program = g_tree_lookup(templates->files, entry);
    g_autofree char *source = g_strndup(g_bytes_get_data(program, NULL), g_bytes_get_size(program));
    g_autoptr(GError) cause = NULL;
    static const char *const yaml_parameters[] = {"json", NULL};
    const char *name;
    json_t *value;
    int failed = 0;
    char *text;

    signal(SIGINT, SIG_DFL); /* the parent only notes it, and a program would go on to its limit */
    signal(SIGTERM, SIG_DFL);
    if (!confine(&cause)) {
        okse_write_all(fd, cause->message, strlen(cause->message), "pipe", NULL);
        _exit(UNCONFINED);
    }
    jsonnet->import_callback(import.vm, import_file, &import);
    jsonnet->native_callback(import.vm, "okse.yaml", write_yaml, &import, yaml_parameters);
    json_object_foreach((json_t *)(uintptr_t)arguments, name, value)
    {
        g_autoptr(GBytes) code = okse_json_write(value);
        g_autofree char *written = g_strndup(g_bytes_get_data(code, NULL), g_bytes_get_size(code));

        jsonnet->tla_code(import.vm, name, written);
    }
    text = jsonnet->evaluate_snippet(import.vm, entry, source, &failed);
    if (!okse_write_all(fd, text, strlen(text), "pipe", NULL))
        _exit(UNCONFINED);
    _exit(failed ? OBJECTED : EVALUATED); /* nothing is freed: the process is the arena */
}

/* The first lines of what the library says: the fault, and where in the template it was. */
static bool object(const char *entry, const char *message, size_t length, GError **error)
{
    g_autofree char *text = g_strndup(message, length);
    g_auto(GStrv) lines = g_strsplit(g_strstrip(text), "\n", MESSAGE_LINES + 1);
    g_autoptr(GString) told = g_string_new(NULL);

    for (unsigned i = 0; i < MESSAGE_LINES && lines[i] != NULL; i++) {
        g_autofree char *shown = okse_text_show(g_strdelimit(g_strstrip(lines[i]), "\t", ' '), -1, false);

        g_string_append_printf(told, "%s%s", i == 0 ? "" : " < ", shown);
    }
    return okse_fail(error, OKSE_ERROR_INVALID, "template %s: %s", entry, told->str);
}

static bool judge_end(const char *entry, int status, GBytes *output, GError **error)
{
    gsize length;
    const char *text = g_bytes_get_data(output, &length);

    if (WIFEXITED(status) && WEXITSTATUS(status) == EVALUATED)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == OBJECTED)
        return object(entry, text, length, error);
    if (WIFEXITED(status) && WEXITSTATUS(status) == UNCONFINED)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "template %s: %.*s", entry, (int)MIN(length, 300), text);
    if (okse_interrupted())
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    return okse_fail(error, OKSE_ERROR_INVALID,
                     "template %s: its evaluation had to be stopped: it may take %u s and %u MiB, and go only so deep",
                     entry, SECONDS_LIMIT, (unsigned)(MEMORY_LIMIT >> 20));
}

static bool run(const OkseTemplates *templates, const char *entry, const json_t *arguments, GBytes **output,
                GError **error)
{
    okse_autofd reading = -1;
    GError *cause = NULL;
    int ends[2], status;
    Jsonnet jsonnet;
    pid_t child;

    if (!load(&jsonnet, error))
        return false;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return okse_fail_errno(error, "make a pipe for templates");
    reading = ends[0];
    child = fork();
    if (child == 0)
        evaluate(&jsonnet, templates, entry, arguments, ends[1]);
    close(ends[1]);
    if (child < 0)
        return okse_fail_errno(error, "make a process for templates");
    *output = okse_read_fd(reading, RESULT_LIMIT, entry, &cause);
    if (*output == NULL)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return okse_fail_errno(error, "wait for the evaluation of templates");
    if (*output == NULL) {
        g_propagate_prefixed_error(error, cause, "template ");
        return false;
    }
    return judge_end(entry, status, *output, error);
}

static bool check_files(const char *entry, const json_t *files, GError **error)
{
    const char *path;
    json_t *text;

    if (!json_is_object(files) || json_object_size(files) == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "template %s: it must make an object of files: path to text",
                         entry);
    json_object_foreach((json_t *)(uintptr_t)files, path, text)
    {
        g_autofree char *shown = okse_text_show(path, -1, false);

        if (!okse_path_check(path, error)) {
            g_prefix_error(error, "template %s: file '%s': ", entry, shown);
            return false;
        }
        if (!json_is_string(text))
            return okse_fail(error, OKSE_ERROR_INVALID, "template %s: file '%s' must be a text", entry, shown);
    }
    return true;
}

json_t *okse_template_render(const OkseTemplates *templates, const char *entry, const json_t *arguments, GError **error)
{
    g_autoptr(GBytes) output = NULL;
    g_autoptr(json_t) files = NULL;
    bool evaluated;

    if (g_tree_lookup(templates->files, entry) == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "no template '%s'", entry);
        return NULL;
    }
    evaluated = run(templates, entry, arguments, &output, error);
    if (evaluated)
        files = okse_json_read(output, RESULT_LIMIT, entry, error);
    return files != NULL && check_files(entry, files, error) ? g_steal_pointer(&files) : NULL;
}
