/* One view of a stack's sources and of a bundle's components. */
#include "packager/contents_internal.h"

#include "core/fd.h"
#include "core/text.h"
#include "packager/blob_copy.h"
#include "packager/bundle_internal.h"
#include "packager/bundle_tree.h"
#include "packager/install_root.h"
#include "packager/manifest.h"
#include "packager/media_types.h"
#include "packager/records.h"
#include "packager/tar_header.h"

#include <sys/stat.h>

static void part_clear(gpointer data)
{
    ContentsPart *part = data;

    okse_tree_free(part->tree);
}

static OkseContents *contents_new(json_t *stack)
{
    OkseContents *contents = g_new0(OkseContents, 1);

    contents->generation_fd = -1;
    contents->stack = stack;
    contents->parts = g_array_new(FALSE, FALSE, sizeof(ContentsPart));
    g_array_set_clear_func(contents->parts, part_clear);
    return contents;
}

void okse_contents_free(OkseContents *contents)
{
    if (contents == NULL)
        return;
    g_array_unref(contents->parts);
    okse_fd_clear(&contents->generation_fd);
    okse_records_free(contents->records);
    json_decref(contents->stack);
    g_free(contents);
}

static ContentsPart plan_part(const OkseManifestPlan *manifest)
{
    ContentsPart part = {.name = manifest->component->name,
                         .kind = manifest->component->kind,
                         .source = manifest->source,
                         .weights = manifest->weights,
                         .image = manifest->image != NULL ? manifest : NULL};

    for (unsigned i = 0; part.source != NULL && i < okse_source_count(part.source); i++) {
        const OkseEntry *entry = okse_source_entry(part.source, i);

        part.files += entry->kind == OKSE_ENTRY_FILE;
        part.bytes += entry->kind == OKSE_ENTRY_FILE ? entry->size : 0;
    }
    for (guint i = 0; part.source == NULL && i < manifest->layers->len; i++) {
        part.files++;
        part.bytes += ((const OkseBlobPlan *)g_ptr_array_index(manifest->layers, i))->size;
    }
    return part;
}

OkseContents *okse_contents_of_plan(const OksePlan *plan)
{
    OkseContents *contents = contents_new(okse_manifest_stack_config(plan));

    contents->created = plan->epoch;
    contents->evaluations = plan->evaluations;
    for (guint i = 1; i < plan->manifests->len; i++) { /* the first is the stack manifest */
        ContentsPart part = plan_part(g_ptr_array_index(plan->manifests, i));

        g_array_append_val(contents->parts, part);
    }
    return contents;
}

/* The strict reader has seen that it is there. */
static gint64 created_of(const OkseBundle *bundle)
{
    const json_t *annotations = json_object_get(bundle->index, "annotations");
    const char *text = okse_json_peek_text(annotations, OKSE_NOTE_CREATED);
    gint64 created = 0;

    if (text != NULL)
        okse_text_time_parse(text, &created);
    return created;
}

gint64 okse_contents_created(const OkseContents *contents)
{
    return contents->created;
}

OkseContents *okse_contents_of_bundle(const OkseBundle *bundle, GError **error)
{
    g_autoptr(OkseContents) contents = contents_new(json_incref((json_t *)(uintptr_t)okse_bundle_stack(bundle)));

    contents->bundle = bundle;
    contents->created = created_of(bundle);
    for (unsigned i = 0; i < okse_bundle_components(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(bundle, i);
        OkseTree *tree = okse_bundle_tree(bundle, component, error);
        const json_t *layers = json_object_get(component->manifest, "layers");
        bool image = component->form == OKSE_FORM_IMAGE;
        ContentsPart part = {.name = component->name, .kind = component->kind, .component = component, .tree = tree};

        if (tree == NULL)
            return NULL;
        part.files = image ? json_array_size(layers) : okse_tree_files(tree);
        part.bytes = image ? component->size : okse_tree_bytes(tree);
        g_array_append_val(contents->parts, part);
    }
    return g_steal_pointer(&contents);
}

OkseContents *okse_contents_of_install(int root_fd, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *name = okse_root_current(root_fd, &cause);
    g_autoptr(OkseContents) contents = NULL;
    okse_autofd fd = name != NULL ? okse_root_generation(root_fd, name, error) : -1;

    if (cause != NULL)
        g_propagate_error(error, g_steal_pointer(&cause));
    else if (name == NULL)
        okse_fail(error, OKSE_ERROR_NOT_FOUND, "nothing is installed here yet");
    if (fd < 0)
        return NULL;
    contents = contents_new(NULL);
    contents->generation_fd = okse_fd_steal(&fd);
    contents->records = okse_records_read(contents->generation_fd, name, NULL);
    contents->stack = json_incref(contents->records->stack);
    if (contents->records->parts == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "the records of the install are damaged: %s", contents->records->fault);
        return NULL;
    }
    for (guint i = 0; i < contents->records->parts->len; i++) {
        const OksePart *installed = g_ptr_array_index(contents->records->parts, i);
        bool known = installed->tree != NULL;
        ContentsPart part = {.name = installed->name,
                             .kind = installed->kind,
                             .installed = installed,
                             .files = known ? okse_tree_files(installed->tree) : 0,
                             .bytes = known ? okse_tree_bytes(installed->tree) : 0};

        g_array_append_val(contents->parts, part);
    }
    return g_steal_pointer(&contents);
}

const json_t *okse_contents_stack(const OkseContents *contents)
{
    return contents->stack;
}

const OkseSha256 *okse_contents_identity(const OkseContents *contents)
{
    if (contents->records != NULL)
        return contents->records->has_identity ? &contents->records->identity : NULL;
    return contents->bundle != NULL ? okse_bundle_identity(contents->bundle) : NULL;
}

unsigned okse_contents_count(const OkseContents *contents)
{
    return contents->parts->len;
}

const ContentsPart *contents_part(const OkseContents *contents, unsigned component)
{
    return &g_array_index(contents->parts, ContentsPart, component);
}

const char *okse_contents_name(const OkseContents *contents, unsigned component)
{
    return contents_part(contents, component)->name;
}

const json_t *okse_contents_weights(const OkseContents *contents, unsigned component)
{
    return contents_part(contents, component)->weights;
}

const json_t *okse_contents_evaluations(const OkseContents *contents)
{
    return contents->evaluations;
}

const char *okse_contents_kind(const OkseContents *contents, unsigned component)
{
    return contents_part(contents, component)->kind;
}

uint64_t okse_contents_files(const OkseContents *contents, unsigned component)
{
    return contents_part(contents, component)->files;
}

uint64_t okse_contents_bytes(const OkseContents *contents, unsigned component)
{
    return contents_part(contents, component)->bytes;
}

/* Bytes of a source arrive in pieces, entry after entry. */
typedef struct {
    const OkseSource *source;
    const OkseContentsVisitor *visitor;
    GByteArray *bytes; /* of `entry` so far; NULL before the first */
    unsigned entry;
    uint64_t head;
} Gathering;

/* As much as belongs to the first `head` bytes; 0: everything. */
static void append_head(GByteArray *bytes, const void *data, size_t length, uint64_t head)
{
    size_t room = head == 0 ? length : (size_t)(head - MIN(head, bytes->len));

    g_byte_array_append(bytes, data, (guint)MIN(length, room));
}

static void hand_over(Gathering *gathering)
{
    g_autoptr(GBytes) bytes = gathering->bytes == NULL ? NULL : g_byte_array_free_to_bytes(gathering->bytes);

    gathering->bytes = NULL;
    if (bytes != NULL)
        gathering->visitor->file(gathering->visitor->context,
                                 okse_source_entry(gathering->source, gathering->entry)->path, bytes);
}

static bool gather(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    Gathering *gathering = context;

    (void)error;
    if (gathering->bytes != NULL && gathering->entry != entry)
        hand_over(gathering);
    if (gathering->bytes == NULL)
        gathering->bytes = g_byte_array_new();
    gathering->entry = entry;
    append_head(gathering->bytes, data, length, gathering->head);
    return true;
}

static bool visit_source(const OkseSource *source, const OkseContentsVisitor *visitor, uint64_t head, GError **error)
{
    g_autofree bool *wanted = g_new0(bool, okse_source_count(source) + 1u);
    Gathering gathering = {.source = source, .visitor = visitor, .head = head};
    bool any = false, copied;

    for (unsigned i = 0; i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);
        bool asked = entry->kind == OKSE_ENTRY_FILE && visitor->wants(visitor->context, entry->path, entry->size);
        g_autoptr(GBytes) nothing = asked && entry->size == 0 ? g_bytes_new(NULL, 0) : NULL;

        if (nothing != NULL)
            visitor->file(visitor->context, entry->path, nothing);
        wanted[i] = asked && entry->size > 0;
        any = any || wanted[i];
    }
    if (!any)
        return true;
    copied = okse_source_copy(source, wanted, gather, &gathering, error);
    if (copied)
        hand_over(&gathering);
    else
        g_clear_pointer(&gathering.bytes, g_byte_array_unref);
    return copied;
}

uint64_t contents_place(const OkseBundle *bundle, const ContentsPart *part, const OkseTreeEntry *entry, uint64_t *at)
{
    static const char types[] = {[OKSE_TREE_FILE] = '0', [OKSE_TREE_DIRECTORY] = '5', [OKSE_TREE_LINK] = '2'};
    uint64_t size = entry->type == OKSE_TREE_FILE ? entry->size : 0, place;
    g_autoptr(GBytes) header = NULL;

    if (part->component->form != OKSE_FORM_TAR)
        return okse_bundle_find(bundle, &entry->digest)->offset;
    header = okse_tar_entry(entry->path, types[entry->type], 0644, size, entry->link); /* as long in any mode */
    place = *at + g_bytes_get_size(header);
    *at = place + okse_tar_padded(size);
    return place;
}

typedef struct {
    GByteArray *bytes;
    uint64_t head;
} Head;

static bool put_head(const void *data, size_t length, void *context, GError **error)
{
    const Head *head = context;

    (void)error;
    append_head(head->bytes, data, length, head->head);
    return true;
}

/* A file of a bundle, or its head: all of it is hashed, or its head would be anybody's. */
static GBytes *read_head(const OkseBlobRange *range, uint64_t head, const char *name, GError **error)
{
    g_autoptr(GByteArray) bytes = NULL;
    Head reading;

    if (head == 0 || range->size <= head)
        return okse_blob_read(range, range->size, name, error);
    bytes = g_byte_array_new();
    reading = (Head){bytes, head};
    return okse_blob_stream(range, &(OkseBlobSink){.put = put_head, .context = &reading}, name, error)
               ? g_byte_array_free_to_bytes(g_steal_pointer(&bytes))
               : NULL;
}

static bool visit_tree(const OkseBundle *bundle, const ContentsPart *part, const OkseContentsVisitor *visitor,
                       uint64_t head, GError **error)
{
    const OkseBlob *archive =
        part->component->form == OKSE_FORM_TAR ? okse_bundle_find(bundle, &part->component->archive) : NULL;
    uint64_t at = archive != NULL ? archive->offset : 0;

    for (unsigned i = 0; i < okse_tree_count(part->tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(part->tree, i);
        OkseBlobRange range = {bundle->bytes, 0, entry->size, entry->digest};
        g_autofree char *name = g_strdup_printf("%s: %s/%s", bundle->origin, part->name, entry->path);
        g_autoptr(GBytes) bytes = NULL;

        if (entry->type == OKSE_TREE_FILE || archive != NULL)
            range.offset = contents_place(bundle, part, entry, &at);
        if (entry->type != OKSE_TREE_FILE || !visitor->wants(visitor->context, entry->path, entry->size))
            continue;
        bytes = read_head(&range, head, name, error);
        if (bytes == NULL)
            return false;
        visitor->file(visitor->context, entry->path, bytes);
    }
    return true;
}

/* The first bytes of a file as it lies there now. */
static GBytes *read_installed(int directory_fd, const OkseTreeEntry *entry, uint64_t head, const char *name,
                              GError **error)
{
    okse_autofd fd = okse_open_beneath(directory_fd, entry->path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);
    struct stat info;
    g_autofree void *bytes = NULL;
    uint64_t size;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || (head == 0 && (uint64_t)info.st_size != entry->size)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: not the file that was installed", name);
        return NULL;
    }
    size = head == 0 ? entry->size : MIN((uint64_t)info.st_size, head);
    bytes = g_malloc((gsize)size + 1);
    if (!okse_read_exact(fd, bytes, (size_t)size, name, error))
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&bytes), (gsize)size);
}

static bool visit_installed(const OkseContents *contents, const ContentsPart *part, const OkseContentsVisitor *visitor,
                            uint64_t head, GError **error)
{
    const OkseTree *tree = part->installed->tree;
    okse_autofd fd = -1;

    if (tree == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", part->name, part->installed->fault);
    fd = okse_open_beneath(contents->generation_fd, part->name, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd < 0)
        return false;
    for (unsigned i = 0; i < okse_tree_count(tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(tree, i);
        g_autofree char *name = g_strconcat(part->name, "/", entry->path, NULL);
        g_autoptr(GBytes) bytes = NULL;

        if (entry->type != OKSE_TREE_FILE || !visitor->wants(visitor->context, entry->path, entry->size))
            continue;
        bytes = read_installed(fd, entry, head, name, error);
        if (bytes == NULL)
            return false;
        visitor->file(visitor->context, entry->path, bytes);
    }
    return true;
}

bool okse_contents_visit(const OkseContents *contents, unsigned component, const OkseContentsVisitor *visitor,
                         GError **error)
{
    return okse_contents_visit_heads(contents, component, visitor, 0, error);
}

bool okse_contents_visit_heads(const OkseContents *contents, unsigned component, const OkseContentsVisitor *visitor,
                               uint64_t head, GError **error)
{
    const ContentsPart *part = contents_part(contents, component);

    if (contents->records != NULL)
        return visit_installed(contents, part, visitor, head, error);
    if (contents->bundle != NULL)
        return visit_tree(contents->bundle, part, visitor, head, error);
    return part->source == NULL || visit_source(part->source, visitor, head, error);
}
