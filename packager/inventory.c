#include "packager/inventory.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/package_metadata.h"
#include "packager/patterns.h"

#include <string.h>

#define TEXTS_LIMIT 200u
#define PACKAGES_LIMIT 2000u
#define CONFIG_NAME "config.json"

static void text_free(gpointer data)
{
    OkseLicenseText *text = data;

    g_free(text->path);
    g_free(text->text);
    g_free(text);
}

void okse_inventory_free(OkseInventory *inventory)
{
    if (inventory == NULL)
        return;
    g_ptr_array_unref(inventory->texts);
    json_decref(inventory->packages);
    json_decref(inventory->model);
    g_free(inventory);
}

static OkseLicenseText *text_new(const char *path, GBytes *bytes)
{
    OkseLicenseText *text = g_new0(OkseLicenseText, 1);

    text->path = g_strdup(path);
    text->text = g_bytes_get_size(bytes) == 0
                     ? g_strdup("")
                     : okse_text_show(g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes), true);
    return text;
}

void okse_inventory_add_license(OkseInventory *inventory, const char *path, GBytes *bytes)
{
    OkseLicenseText *first = text_new(path, bytes);

    for (guint i = inventory->texts->len; i > 0; i--)
        if (strcmp(((OkseLicenseText *)g_ptr_array_index(inventory->texts, i - 1))->text, first->text) == 0)
            g_ptr_array_remove_index(inventory->texts, i - 1);
    g_ptr_array_insert(inventory->texts, 0, first);
}

static bool is_license(const json_t *names, const OkseEntry *entry)
{
    return entry->size <= OKSE_LIMIT_LICENSE && okse_patterns_find(names, entry->path) != NULL;
}

static bool is_config(const OkseEntry *entry)
{
    return strcmp(entry->path, CONFIG_NAME) == 0 && entry->size <= OKSE_LIMIT_METADATA;
}

static void read_config(OkseInventory *inventory, GBytes *bytes)
{
    g_autoptr(json_t) config = okse_json_read(bytes, OKSE_LIMIT_METADATA, CONFIG_NAME, NULL);
    const char *type = okse_json_peek_text(config, "model_type");
    const char *architecture = json_string_value(json_array_get(json_object_get(config, "architectures"), 0));

    if (type == NULL && architecture == NULL)
        return;
    inventory->model = json_object();
    if (type != NULL)
        json_object_set_new(inventory->model, "model_type", json_string(type));
    if (architecture != NULL)
        json_object_set_new(inventory->model, "architecture", json_string(architecture));
}

static void read_package(OkseInventory *inventory, const char *path, GBytes *bytes)
{
    json_t *package = okse_package_read(path, bytes);

    if (package == NULL)
        return;
    json_object_set_new(package, "path", json_string(path));
    json_array_append_new(inventory->packages, package);
}

typedef struct {
    const OkseSource *source;
    const json_t *names;
    OkseInventory *inventory;
    GByteArray *bytes; /* of the file that is delivered */
} Reading;

static bool gather(void *context, unsigned index, const void *data, size_t length, GError **error)
{
    Reading *reading = context;
    const OkseEntry *entry = okse_source_entry(reading->source, index);
    g_autoptr(GBytes) whole = NULL;

    (void)error;
    g_byte_array_append(reading->bytes, data, (guint)length);
    if (reading->bytes->len < entry->size)
        return true;
    whole = g_byte_array_free_to_bytes(g_steal_pointer(&reading->bytes));
    reading->bytes = g_byte_array_new();
    if (is_license(reading->names, entry))
        g_ptr_array_add(reading->inventory->texts, text_new(entry->path, whole));
    if (okse_package_is_candidate(entry->path, entry->size))
        read_package(reading->inventory, entry->path, whole);
    if (is_config(entry))
        read_config(reading->inventory, whole);
    return true;
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const OkseLicenseText *const *)a)->path, (*(const OkseLicenseText *const *)b)->path);
}

/* An archive delivers in its own order. */
static void sort_packages(OkseInventory *inventory)
{
    json_t *sorted = json_array();

    for (size_t i = 0; i < json_array_size(inventory->packages); i++) {
        json_t *package = json_array_get(inventory->packages, i);
        size_t at = json_array_size(sorted);

        while (at > 0 && strcmp(okse_json_peek_text(json_array_get(sorted, at - 1), "path"),
                                okse_json_peek_text(package, "path")) > 0)
            at--;
        json_array_insert(sorted, at, package);
    }
    json_decref(inventory->packages);
    inventory->packages = sorted;
}

OkseInventory *okse_inventory_of(const OkseSource *source, const json_t *names, GError **error)
{
    g_autofree bool *wanted = g_new0(bool, okse_source_count(source));
    OkseInventory *inventory = g_new0(OkseInventory, 1);
    Reading reading = {source, names, inventory, g_byte_array_new()};
    unsigned texts = 0, packages = 0, files = 0;
    bool good = true;

    inventory->texts = g_ptr_array_new_with_free_func(text_free);
    inventory->packages = json_array();
    for (unsigned i = 0; i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);

        if (entry->kind != OKSE_ENTRY_FILE || entry->size == 0)
            continue;
        wanted[i] = (is_license(names, entry) && texts++ < TEXTS_LIMIT) || is_config(entry) ||
                    (okse_package_is_candidate(entry->path, entry->size) && packages++ < PACKAGES_LIMIT);
        files += wanted[i];
    }
    if (files > 0)
        good = okse_source_copy(source, wanted, gather, &reading, error);
    g_byte_array_unref(reading.bytes);
    if (!good) {
        okse_inventory_free(inventory);
        return NULL;
    }
    g_ptr_array_sort(inventory->texts, compare_texts);
    sort_packages(inventory);
    return inventory;
}
