/* One reading of every file of every component, for all that look into them: secrets, and programs that would run. */
#include "audit/collect_payload.h"

#include "core/fd.h"
#include "packager/weights.h"

#include <string.h>

#define SMALL (1u << 20) /* read once and looked at in memory */

typedef struct {
    OksePayload payload;
    OkseSecretScan *scan;
    OkseExamination *examination; /* NULL: programs are not looked for here */
    OksePayloadTally tally;
} Walk;

static bool look_both(Walk *walk, const OkseReadable *file, GError **error)
{
    if (!okse_collect_secrets(&walk->payload, walk->scan, file, &walk->tally, error))
        return false;
    if (walk->examination != NULL)
        okse_examination_look(walk->examination, file);
    return true;
}

static bool look(void *context, const OkseReadable *file, GError **error)
{
    Walk *walk = context;
    g_autofree uint8_t *data = file->size > 0 && file->size <= SMALL ? g_malloc((gsize)file->size) : NULL;
    g_autoptr(GBytes) bytes = NULL;
    OkseReadable small = *file;

    if (data == NULL)
        return look_both(walk, file, error);
    if (!file->read(file->context, 0, data, (size_t)file->size, error))
        return false;
    bytes = g_bytes_new_static(data, (gsize)file->size);
    small.read = okse_readable_bytes;
    small.context = bytes;
    return look_both(walk, &small, error);
}

static bool is_weights(const char *kind)
{
    return g_strcmp0(kind, "weights") == 0;
}

static bool finish_programs(Walk *walk, GError **error)
{
    g_autoptr(json_t) report = okse_examination_finish(walk->examination, error);

    if (report != NULL)
        okse_collect_programs(&walk->payload, report);
    return report != NULL;
}

/* A stack's weights have been examined when it was planned; images are not examined for programs. */
static bool walk_contents(Walk *walk, const OkseContents *contents, unsigned index, const OkseWeightsRules *rules,
                          GError **error)
{
    const json_t *known = okse_contents_weights(contents, index);
    g_autoptr(GHashTable) sizes = okse_contents_sizes(contents, index);
    g_autoptr(OkseExamination) examination = known != NULL || okse_contents_is_image(contents, index)
                                                 ? NULL
                                                 : okse_examination_new(rules, sizes, !is_weights(walk->payload.kind));

    walk->examination = examination;
    if (!okse_contents_look(contents, index, look, walk, error))
        return false;
    okse_embedded_component(walk->payload.embedded, walk->payload.collection, walk->payload.name);
    if (known != NULL)
        okse_collect_programs(&walk->payload, known);
    return examination == NULL || finish_programs(walk, error);
}

static bool collect_contents(Walk *walk, const OkseContents *contents, const OkseWeightsRules *rules, GError **error)
{
    for (unsigned i = 0; i < okse_contents_count(contents); i++) {
        walk->payload.name = walk->payload.shown = okse_contents_name(contents, i);
        walk->payload.kind = okse_contents_kind(contents, i);
        if (!walk_contents(walk, contents, i, rules, error))
            return false;
    }
    return true;
}

/* An installed image is a directory with a layout, whose blobs are files like others. */
static bool walk_installed(Walk *walk, int fd, const OkseWeightsRules *rules, GError **error)
{
    g_autoptr(OkseSource) source = okse_source_open_directory(fd, ".", walk->payload.shown, error);
    g_autoptr(GHashTable) sizes = source == NULL ? NULL : okse_source_sizes(source);
    g_autoptr(OkseExamination) examination = NULL;

    if (source == NULL)
        return false;
    if (okse_source_find(source, "oci-layout") < 0)
        examination = okse_examination_new(rules, sizes, !is_weights(walk->payload.kind));
    walk->examination = examination;
    return okse_source_look(source, look, walk, error) && (examination == NULL || finish_programs(walk, error));
}

static void collect_installed(Walk *walk, OkseCollection *collection, const OkseWeightsRules *rules)
{
    const json_t *components = json_object_get(collection->install, "components"), *component;
    const char *generation = okse_json_peek_text(collection->install, "generation");
    size_t i;

    json_array_foreach(components, i, component)
    {
        const char *name = okse_json_peek_text(component, "name");
        g_autofree char *path = g_strdup_printf("generations/%s/%s", generation, name);
        g_autofree char *shown = g_strdup_printf("%s/current/%s", collection->root, name);
        g_autoptr(GError) error = NULL;
        okse_autofd fd = okse_open_beneath(collection->root_fd, path, O_RDONLY | O_DIRECTORY, 0, &error);
        bool good;

        walk->payload.name = name;
        walk->payload.shown = shown;
        walk->payload.kind = okse_json_peek_text(component, "kind");
        good = fd >= 0 && walk_installed(walk, fd, rules, &error);
        okse_embedded_component(walk->payload.embedded, collection, name);
        if (good)
            continue;
        okse_facts_coverage(collection->facts, "embedded", OKSE_PARTIAL, error->message);
        okse_facts_coverage(collection->facts, "secrets", OKSE_PARTIAL, error->message);
        okse_facts_coverage(collection->facts, "programs", OKSE_PARTIAL, error->message);
    }
}

static void finish(Walk *walk, OkseCollection *collection)
{
    const OksePayloadTally *tally = &walk->tally;

    okse_facts_set(collection->facts, "scanned",
                   json_pack("{s:I,s:I,s:I,s:I,s:I,s:O}", "files", (json_int_t)tally->files, "bytes",
                             (json_int_t)tally->bytes, "members", (json_int_t)tally->members, "nested",
                             (json_int_t)tally->nested, "secrets_left_out", (json_int_t)tally->left_out, "heads",
                             tally->heads));
    okse_facts_coverage(collection->facts, "secrets", OKSE_COMPLETE, NULL);
    okse_facts_coverage(collection->facts, "programs", OKSE_COMPLETE, NULL);
    okse_facts_coverage(collection->facts, "embedded", OKSE_COMPLETE, NULL);
}

/* The same secret in two places of one package is seen to be the same; in two packages it is not. */
static char *salt_of(const OkseCollection *collection, const OkseContents *contents)
{
    const json_t *named = contents != NULL ? okse_contents_stack(contents) : collection->install;
    const char *name = okse_json_peek_text(named, "name");

    return g_strconcat("okse.secret.v1\n", name != NULL ? name : "", NULL);
}

bool okse_collect_payload(OkseCollection *collection, const OkseContents *contents, const OkseResources *resources,
                          GError **error)
{
    g_autoptr(OkseWeightsRules) programs = okse_weights_rules_read(resources, error);
    g_autofree char *salt = programs == NULL ? NULL : salt_of(collection, contents);
    g_autoptr(OkseSecretScan) scan = programs == NULL ? NULL : okse_secret_scan_new(collection->secrets, salt);
    g_autoptr(json_t) heads = json_array();
    g_autoptr(OkseEmbedded) embedded = okse_embedded_new();
    Walk walk = {.payload = {.collection = collection, .masker = collection->masker, .embedded = embedded},
                 .scan = scan,
                 .tally = {.heads = heads}};

    if (programs == NULL)
        return false;
    if (contents != NULL && !collect_contents(&walk, contents, programs, error))
        return false;
    if (contents == NULL)
        collect_installed(&walk, collection, programs);
    finish(&walk, collection);
    return true;
}
