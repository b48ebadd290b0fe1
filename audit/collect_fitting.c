/* What has to fit besides packages and models: drivers and what they carry, what was compiled for a device, programs
 * that images name, and the hosts that are declared or run. */
#include "audit/collector.h"
#include "audit/compatibility.h"
#include "core/digest.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/text.h"
#include "packager/artefact.h"
#include "packager/patterns.h"
#include "packager/version.h"

#include <string.h>

#define CHUNK (1u << 20)

typedef struct {
    OkseCollectPart part;
    const json_t *stack; /* what it says of its components */
    bool sealed;         /* of a bundle: bytes count when their digest is right, so all of a file is read */
    json_t *carries;     /* of the driver that is looked at */
} Fitting;

#define TEXTS_MOST 64u

/* A bundle's stack is whatever its maker wrote: only texts count, made safe. */
static json_t *list_of(const json_t *said, const char *key)
{
    const json_t *list = json_object_get(said, key);
    json_t *texts = json_array();

    for (size_t i = 0; i < json_array_size(list) && i < TEXTS_MOST; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        g_autofree char *shown = text == NULL ? NULL : okse_text_show(text, -1, false);

        if (shown != NULL)
            json_array_append_new(texts, json_string(shown));
    }
    return texts;
}

static json_t *compiled_of(const json_t *said)
{
    static const char *const keys[] = {"for", "train", "architecture", "fingerprint"};
    json_t *compiled;

    if (!json_is_object(said))
        return json_null();
    compiled = json_pack("{s:o}", "devices", list_of(said, "devices"));
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        json_object_set_new(compiled, keys[i], okse_collect_text(said, keys[i]));
    return compiled;
}

static void set_source(json_t *fact, const Fitting *fitting, const char *path, const char *via)
{
    const OkseCollectPart *part = &fitting->part;

    json_object_set_new(
        fact, "source",
        okse_facts_source(&(OkseSourceFact){.collector = "packages",
                                            .path = path,
                                            .component = okse_contents_name(part->contents, part->component),
                                            .via = via}));
}

static const json_t *said_of(const Fitting *fitting, const char *key)
{
    return okse_collect_said_of(fitting->stack, okse_contents_name(fitting->part.contents, fitting->part.component),
                                key);
}

static json_t *range_of(const json_t *said, const char *key)
{
    const char *text = okse_json_peek_text(said, key);

    return text != NULL && okse_version_range_is_good(text) ? okse_collect_text(said, key) : json_null();
}

static void add_driver(const Fitting *fitting)
{
    OkseCollection *collection = fitting->part.collection;
    const char *component = okse_contents_name(fitting->part.contents, fitting->part.component);
    const json_t *said = said_of(fitting, "supports");
    g_autoptr(json_t) fact = json_pack(
        "{s:s,s:o,s:o,s:o,s:o,s:o,s:O,s:s}", "component", component, "devices", list_of(said, "devices"), "kernel",
        range_of(said, "kernel"), "systems", list_of(said, "systems"), "architectures", list_of(said, "architectures"),
        "train", okse_collect_text(said, "train"), "carries", fitting->carries, "state", "declared");
    json_t *masked = okse_collect_mask_texts(collection, fact);

    set_source(masked, fitting, component, "declared");
    json_array_append(json_object_get(collection->fitting, "drivers"), masked);
    okse_facts_add(collection->facts, "drivers", component, masked);
}

static void note_carrier(const Fitting *fitting, const char *path)
{
    const json_t *row = okse_patterns_find(json_object_get(fitting->part.collection->compatibility, "carriers"), path);
    const char *what = okse_json_peek_text(row, "what");

    for (size_t i = 0; i < json_array_size(fitting->carries); i++)
        if (g_strcmp0(json_string_value(json_array_get(fitting->carries, i)), what) == 0)
            return;
    if (what != NULL)
        json_array_append_new(fitting->carries, json_string(what));
}

/* Called by visiting: only the name is looked at. */
static bool see_name(void *context, const char *path, uint64_t size)
{
    (void)size;
    note_carrier(context, path);
    return false;
}

static void never(void *context, const char *path, GBytes *bytes)
{
    (void)context;
    (void)path;
    (void)bytes;
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Files come in the order in which they lie, which is not the same on both sides of the seal. */
static void sort_carries(Fitting *fitting)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    json_t *sorted = json_array(), *text;
    size_t i;

    json_array_foreach(fitting->carries, i, text) g_ptr_array_add(texts, (gpointer)(uintptr_t)json_string_value(text));
    g_ptr_array_sort(texts, compare_texts);
    for (guint k = 0; k < texts->len; k++)
        json_array_append_new(sorted, json_string(g_ptr_array_index(texts, k)));
    json_decref(fitting->carries);
    fitting->carries = sorted;
}

static bool collect_driver(Fitting *fitting, bool image, GError **error)
{
    const OkseCollectPart *part = &fitting->part;
    bool done;

    fitting->carries = json_array();
    if (image)
        json_array_append_new(fitting->carries, json_string("image"));
    done =
        okse_contents_visit(part->contents, part->component, &(OkseContentsVisitor){see_name, never, fitting}, error);
    sort_carries(fitting);
    if (done)
        add_driver(fitting);
    g_clear_pointer(&fitting->carries, json_decref);
    return done;
}

/* All of a file of a bundle is read from its beginning to its end, or nobody would have compared it with its digest. */
static bool read_through(const OkseReadable *file, GError **error)
{
    g_autofree uint8_t *buffer = g_malloc(CHUNK);

    for (uint64_t at = 0; at < file->size; at += CHUNK)
        if (!file->read(file->context, at, buffer, (size_t)MIN(CHUNK, file->size - at), error))
            return false;
    return true;
}

static bool look(void *context, const OkseReadable *file, GError **error)
{
    const Fitting *fitting = context;
    OkseCollection *collection = fitting->part.collection;
    const json_t *rule = okse_patterns_find(json_object_get(collection->compatibility, "artefacts"), file->path);
    g_autoptr(json_t) read = NULL, fact = NULL;
    g_autofree char *shown = NULL, *path = NULL;
    json_t *masked;

    if (rule == NULL)
        return true;
    if (fitting->sealed && !read_through(file, error))
        return false;
    read = okse_artefact_read(rule, file, error);
    if (read == NULL)
        return false;
    shown = okse_collect_part_path(&fitting->part, file->path);
    path = okse_text_show(file->path, -1, false);
    fact = json_pack("{s:s,s:s,s:O,s:O,s:O,s:s}", "component",
                     okse_contents_name(fitting->part.contents, fitting->part.component), "path", path, "format",
                     json_object_get(rule, "format"), "kit", json_object_get(rule, "kit"), "confidence",
                     json_object_get(rule, "confidence"), "state", "observed");
    json_object_update(fact, read);
    json_object_set_new(fact, "compiled", compiled_of(said_of(fitting, "compiled")));
    masked = okse_collect_mask_texts(collection, fact);
    set_source(masked, fitting, shown, "structured");
    json_array_append(json_object_get(collection->fitting, "artefacts"), masked);
    okse_facts_add(collection->facts, "artefacts", shown, masked);
    return true;
}

/* An installed component is a directory. */
static bool look_installed(Fitting *fitting, GError **error)
{
    const char *generation = okse_json_peek_text(fitting->part.collection->install, "generation");
    const char *name = okse_contents_name(fitting->part.contents, fitting->part.component);
    g_autofree char *path = g_strdup_printf("generations/%s/%s", generation, name);
    okse_autofd fd = okse_open_beneath(fitting->part.collection->root_fd, path, O_RDONLY | O_DIRECTORY, 0, error);
    g_autoptr(OkseSource) source = fd < 0 ? NULL : okse_source_open_directory(fd, ".", name, error);

    return source != NULL && okse_source_look(source, look, fitting, error);
}

static bool may_hold_artefacts(const char *kind)
{
    return strcmp(kind, "weights") == 0 || strcmp(kind, "runtime") == 0 || strcmp(kind, "driver") == 0;
}

/* Programs whose version the config of an image names. */
static bool collect_image(const Fitting *fitting, GError **error)
{
    const OkseCollectPart *part = &fitting->part;
    OkseCollection *collection = part->collection;
    const char *component = okse_contents_name(part->contents, part->component);
    g_autoptr(json_t) configs = NULL;
    json_t *config, *program;
    size_t i, k;

    if (!okse_contents_image_configs(part->contents, part->component, &configs, error))
        return false;
    json_array_foreach(configs, i, config)
    {
        g_autoptr(json_t) programs = okse_compatibility_image(collection->compatibility, config);

        json_array_foreach(programs, k, program)
        {
            g_autofree char *key = g_strdup_printf("%s|%s|%s", component, okse_json_peek_text(program, "name"),
                                                   okse_json_peek_text(program, "by"));
            g_autoptr(json_t) fact =
                json_pack("{s:s,s:s,s:n,s:i,s:[],s:[],s:s}", "component", component, "type", "image", "license",
                          "members", 0, "native", "faults", "state", "configured");
            json_t *masked;

            json_object_update(fact, program);
            masked = okse_collect_mask_texts(collection, fact);
            set_source(masked, fitting, component, "structured");
            json_array_append(json_object_get(collection->fitting, "packages"), masked);
            okse_facts_add(collection->facts, "packages", key, masked);
        }
    }
    return true;
}

static bool collect_part(Fitting *fitting, GError **error)
{
    const OkseCollectPart *part = &fitting->part;
    const char *kind = okse_contents_kind(part->contents, part->component);
    g_autoptr(json_t) configs = NULL;
    bool image;

    if (!okse_contents_image_configs(part->contents, part->component, &configs, error))
        return false;
    image = json_array_size(configs) > 0;
    if (strcmp(kind, "driver") == 0 && !collect_driver(fitting, image, error))
        return false;
    if (image)
        return collect_image(fitting, error);
    if (!may_hold_artefacts(kind))
        return true;
    return part->root != NULL ? look_installed(fitting, error)
                              : okse_contents_look(part->contents, part->component, look, fitting, error);
}

static void add_host(json_t *hosts, const json_t *said, const char *name, const char *by)
{
    static const char *const keys[] = {"kernel", "system", "architecture", "devices"};
    json_t *row = json_pack("{s:s,s:s}", "name", name, "by", by);
    bool any = false;

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(said, keys[i]);

        any = any || (value != NULL && !json_is_null(value));
        json_object_set_new(row, keys[i], value != NULL ? json_deep_copy(value) : json_null());
    }
    if (any)
        json_array_append(hosts, row);
    json_decref(row);
}

/* As OCI images call what uname calls. */
static const char *architecture_of(const char *machine)
{
    static const char *const names[][2] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "386"}};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_strcmp0(machine, names[i][0]) == 0)
            return names[i][1];
    return machine;
}

/* What the site declares; and the host itself, when it is what was asked about. */
static void add_hosts(const OkseCollection *collection)
{
    const json_t *declared = json_object_get(okse_facts_peek(collection->facts, "site"), "hosts"), *row;
    const json_t *host = okse_facts_peek(collection->facts, "host"),
                 *scope = okse_facts_peek(collection->facts, "scope");
    json_t *hosts = json_object_get(collection->fitting, "hosts");
    bool asked = false;
    size_t i;

    json_array_foreach(declared, i, row) add_host(hosts, row, okse_json_peek_text(row, "name"), "site.yaml");
    json_array_foreach(scope, i, row) asked = asked || g_strcmp0(json_string_value(row), "host") == 0;
    if (asked && collection->running && okse_json_peek_text(host, "kernel") != NULL) {
        const char *name = okse_json_peek_text(host, "hostname");
        g_autoptr(json_t) machine = json_pack("{s:O,s:s?}", "kernel", json_object_get(host, "kernel"), "architecture",
                                              architecture_of(okse_json_peek_text(host, "machine")));

        add_host(hosts, machine, name != NULL ? name : "this host", "uname");
    }
}

static void add_agreements(OkseCollection *collection)
{
    g_autoptr(json_t) rows = okse_compatibility_compare(collection->compatibility, collection->fitting);
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        g_autofree char *key =
            g_strdup_printf("%s|%s|%s|%s", okse_json_peek_text(row, "rule"), okse_json_peek_text(row, "subject"),
                            okse_json_peek_text(row, "needs"), okse_json_peek_text(row, "found"));
        json_t *fact = json_deep_copy(row);

        json_object_set_new(fact, "source",
                            okse_facts_source(&(OkseSourceFact){.collector = "packages",
                                                                .path = okse_json_peek_text(row, "subject"),
                                                                .via = "structured"}));
        json_object_set_new(fact, "state", json_string("observed"));
        okse_facts_add(collection->facts, "agreements", key, fact);
    }
}

bool okse_collect_fitting(OkseCollection *collection, const OkseContents *contents, const char *root, GError **error)
{
    Fitting fitting = {.part = {collection, contents, root, 0},
                       .stack = okse_contents_stack(contents),
                       .sealed = root == NULL && okse_contents_identity(contents) != NULL};
    bool done = true;

    for (unsigned i = 0; done && i < okse_contents_count(contents); i++) {
        fitting.part.component = i;
        done = collect_part(&fitting, error);
    }
    add_hosts(collection);
    add_agreements(collection);
    return done;
}
