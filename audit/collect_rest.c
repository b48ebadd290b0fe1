/* Configuration of programs that no table knows. Whatever lies below the directories of manifests/guess.yaml, was read
 * by nobody else is looked at for hosts (audit/guess.h), and what is no text, cannot be read or was left out is named:
 * never silence. Links are followed at the end, to files that lie elsewhere: what they name in there is met as itself.
 */
#include "audit/collect_host_files.h"
#include "audit/collect_software.h"
#include "audit/collector.h"
#include "audit/object_store.h"
#include "audit/scan_rules.h"
#include "audit/target.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/text_decode.h"
#include "core/worker.h"

#include <string.h>
#include <sys/stat.h>

#define DEPTH 16u
#define FILES 20000u
#define FILE_LIMIT (1u << 20)

typedef struct {
    OkseCollection *collection;
    GPtrArray *links; /* char *: paths */
    unsigned files;
} Rest;

typedef struct {
    OkseCollection *collection;
    const OkseScanFile *file;
} Found;

static void partial(const Rest *rest, const char *path, const char *why)
{
    g_autofree char *shown = okse_text_show(path, -1, false);
    g_autofree char *reason = g_strdup_printf("%s: %s", shown, why);

    okse_facts_coverage(rest->collection->facts, "configuration", OKSE_PARTIAL, reason);
}

static bool is_left(const Rest *rest, const char *path)
{
    const json_t *patterns = json_object_get(okse_guess_rules(rest->collection->guess), "leave");

    for (size_t i = 0; i < json_array_size(patterns); i++)
        if (g_pattern_match_simple(json_string_value(json_array_get(patterns, i)), path))
            return true;
    return false;
}

static json_t *source_of(const Found *found, const OkseGuessed *guessed)
{
    g_autofree char *trimmed = g_strstrip(g_strdup(guessed->line));
    g_autofree char *masked = okse_collect_mask(found->collection, trimmed);

    return okse_facts_source(&(OkseSourceFact){.collector = found->file->collector,
                                               .path = found->file->path,
                                               .line = guessed->line_number,
                                               .column = guessed->column,
                                               .key = guessed->key,
                                               .digest = okse_collect_digest(found->collection, found->file),
                                               .excerpt = masked,
                                               .component = found->file->component,
                                               .via = "guessed"});
}

static void add_mention(const Found *found, const OkseGuessed *guessed)
{
    g_autofree char *key =
        g_strdup_printf("%s|%u|%u|%s", found->file->path, guessed->line_number, guessed->column, guessed->host);

    okse_facts_add(found->collection->facts, "mentions", key,
                   json_pack("{s:s,s:s,s:o}", "host", guessed->host, "noise", guessed->noise, "source",
                             source_of(found, guessed)));
}

/* A reader of structured files told it, or it describes something. */
static bool is_told(const Found *found, const OkseGuessed *guessed)
{
    g_autofree char *place = g_strdup_printf("%s|%u|%s", found->file->path, guessed->line_number, guessed->host);

    return (found->collection->claims != NULL && g_hash_table_contains(found->collection->claims, place)) ||
           (found->collection->objects != NULL &&
            okse_objects_is_form(found->collection->objects, found->file->path, guessed->line_number));
}

static void on_guessed(void *context, const OkseGuessed *guessed)
{
    const Found *found = context;

    if (is_told(found, guessed))
        return;
    if (guessed->noise != NULL) {
        add_mention(found, guessed);
        return;
    }
    okse_facts_endpoint(
        found->collection->facts,
        &(OkseEndpointFact){.host = guessed->host,
                            .port = guessed->port > 0 ? guessed->port : okse_scheme_port(guessed->scheme),
                            .protocol = guessed->scheme,
                            .tls = okse_scheme_tls(guessed->scheme),
                            .direction = guessed->own ? "in" : "out",
                            .role = okse_scanner_role(found->collection->scanner, guessed->key, found->file->path,
                                                      guessed->scheme, guessed->host),
                            .state = "configured",
                            .source = source_of(found, guessed)});
}

static void guess(const Rest *rest, const char *path, GBytes *bytes)
{
    OkseCollection *collection = rest->collection;
    bool whole = true;
    g_autoptr(GBytes) plain = okse_text_decode(bytes, &whole);
    g_autofree char *shown = okse_text_show(path, -1, false);
    const OkseScanFile file = {
        .collector = "configuration", .path = shown, .name = shown, .bytes = plain, .original = bytes};
    const Found found = {collection, &file};
    gsize length;
    const char *text = g_bytes_get_data(plain, &length);

    if (!whole && !okse_guess_is_data(collection->guess, bytes))
        partial(rest, path, OKSE_COLLECT_NO_TEXT);
    if (!okse_guess_text(collection->guess, shown, text, length, on_guessed, (void *)(uintptr_t)&found))
        partial(rest, path, "has lines with more than is looked at");
}

static void use_file(const Rest *rest, int fd, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = okse_read_fd(fd, FILE_LIMIT, path, &error);

    if (bytes == NULL)
        partial(rest, path, error->message);
    else
        guess(rest, path, bytes);
}

static void visit_file(Rest *rest, int directory, const char *path, const char *name)
{
    g_autoptr(GError) error = NULL;
    okse_autofd fd = -1;

    if (g_hash_table_contains(rest->collection->looked, path) || rest->files++ >= FILES)
        return;
    fd = okse_open_beneath(directory, name, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, &error);
    if (fd < 0)
        partial(rest, path, error->message);
    else
        use_file(rest, fd, path);
}

static void walk(Rest *rest, int fd, const char *prefix, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by DEPTH */
static void visit(Rest *rest, int directory, const char *prefix, const char *name, unsigned depth)
{
    g_autofree char *path = g_strconcat(prefix, "/", name, NULL);
    okse_autofd child = -1;
    struct stat info;

    if (is_left(rest, path))
        return;
    if (okse_collect_on_network(rest->collection, path)) {
        partial(rest, path, "is a network file system, which is not touched");
        return;
    }
    if (fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
        partial(rest, path, g_strerror(errno));
        return;
    }
    if (S_ISREG(info.st_mode))
        visit_file(rest, directory, path, name);
    if (S_ISLNK(info.st_mode))
        g_ptr_array_add(rest->links, g_strdup(path));
    if (!S_ISDIR(info.st_mode))
        return;
    child = depth < DEPTH ? okse_open_beneath(directory, name, O_RDONLY | O_DIRECTORY, 0, NULL) : -1;
    if (child < 0)
        partial(rest, path, "the directory could not be read");
    else
        walk(rest, child, path, depth + 1);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by DEPTH */
static void walk(Rest *rest, int fd, const char *prefix, unsigned depth)
{
    bool whole = true;
    g_autoptr(GPtrArray) names = okse_directory_names(fd, &whole);

    if (names == NULL || !whole)
        partial(rest, prefix, g_strerror(errno));
    for (guint i = 0; names != NULL && i < names->len && !okse_interrupted(); i++)
        visit(rest, fd, prefix, g_ptr_array_index(names, i), depth);
}

/* What a link leads to was met, is left alone, or is the kernel's own. */
static bool is_met(const Rest *rest, const char *path, const char *real)
{
    static const char *const kernel[] = {"/proc/", "/sys/", "/dev/", NULL};
    const json_t *directories = json_object_get(okse_guess_rules(rest->collection->guess), "directories");
    bool met = is_left(rest, real) || g_hash_table_contains(rest->collection->looked, path) ||
               g_hash_table_contains(rest->collection->looked, real);

    for (size_t i = 0; i < json_array_size(directories) && !met; i++) {
        g_autofree char *below = g_strconcat(json_string_value(json_array_get(directories, i)), "/", NULL);

        met = g_str_has_prefix(real, below);
    }
    for (const char *const *prefix = kernel; *prefix != NULL && !met; prefix++)
        met = g_str_has_prefix(real, *prefix);
    return met;
}

static void follow(Rest *rest, const char *path)
{
    g_autofree char *real = okse_collect_resolved(rest->collection, path);
    g_autoptr(GError) error = NULL;
    okse_autofd looked = -1, fd = -1;
    struct stat info = {0};

    if (real == NULL) {
        partial(rest, path, "leads onto a network file system, which is not touched");
        return;
    }
    if (is_met(rest, path, real) || rest->files++ >= FILES)
        return;
    looked = okse_collect_open(rest->collection, real, O_PATH, &error);
    if (looked < 0 && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return;
    if (looked < 0 || fstat(looked, &info) < 0)
        partial(rest, path, error != NULL ? error->message : g_strerror(errno));
    else if (S_ISDIR(info.st_mode))
        partial(rest, path, "is a link to a directory elsewhere, which was not looked through");
    if (looked < 0 || !S_ISREG(info.st_mode))
        return;
    fd = okse_collect_open(rest->collection, real, O_RDONLY | O_NOCTTY | O_NONBLOCK, &error);
    if (fd < 0)
        partial(rest, path, error->message);
    else
        use_file(rest, fd, path);
    g_hash_table_add(rest->collection->looked, g_steal_pointer(&real)); /* several links may lead there */
}

void okse_collect_rest(OkseCollection *collection)
{
    const json_t *directories = json_object_get(okse_guess_rules(collection->guess), "directories");
    g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func(g_free);
    Rest rest = {collection, links, 0};

    for (size_t i = 0; i < json_array_size(directories); i++) {
        const char *path = json_string_value(json_array_get(directories, i));
        g_autoptr(GError) error = NULL;
        okse_autofd fd = okse_collect_on_network(collection, path)
                             ? -1
                             : okse_open_in_root(collection->sysroot_fd, path + 1, O_RDONLY | O_DIRECTORY, &error);

        if (fd >= 0)
            walk(&rest, fd, path, 0);
        else if (error == NULL || !g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
            partial(&rest, path, error != NULL ? error->message : "lies on a network file system and was left alone");
    }
    for (guint i = 0; i < links->len && !okse_interrupted(); i++)
        follow(&rest, g_ptr_array_index(links, i));
    if (rest.files > FILES)
        partial(&rest, "the rest", "there are more files with configuration than are looked at");
    if (okse_interrupted())
        partial(&rest, "the rest", OKSE_OUT_OF_TIME);
}
