/* The files of a source as bytes that can be read at any place. */
#include "packager/source_look.h"

#include "packager/spool.h"

#include <string.h>

bool okse_readable_bytes(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data((GBytes *)(uintptr_t)context, &size);

    if (offset > size || length > size - offset)
        return okse_fail(error, OKSE_ERROR_INVALID, "ends early");
    memcpy(buffer, data + offset, length);
    return true;
}

typedef struct {
    const OkseSource *source;
    unsigned entry;
} Peek;

static bool peek(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Peek *at = context;

    return okse_source_peek(at->source, at->entry, offset, buffer, length, error);
}

typedef struct {
    const OkseSource *source;
    OkseLook look;
    void *context; /* of look */
    OkseSpool spool;
    unsigned entry; /* whose bytes are in the spool; G_MAXUINT for none */
} Walk;

static bool look_spooled(Walk *walk, GError **error)
{
    OkseReadable file = {.size = walk->spool.size, .read = okse_spool_read, .context = &walk->spool};

    if (walk->entry == G_MAXUINT)
        return true;
    file.path = okse_source_entry(walk->source, walk->entry)->path;
    walk->entry = G_MAXUINT;
    return walk->look(walk->context, &file, error) && okse_spool_reset(&walk->spool, error);
}

static bool receive(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    Walk *walk = context;

    if (walk->entry != entry && !look_spooled(walk, error))
        return false;
    walk->entry = entry;
    return okse_spool_write(&walk->spool, data, length, error);
}

/* Contents of an archive come once, in its order. */
static bool look_sequential(const OkseSource *source, OkseLook look, void *context, GError **error)
{
    Walk walk = {.source = source, .look = look, .context = context, .spool = {.fd = -1}, .entry = G_MAXUINT};
    bool done = okse_source_copy(source, NULL, receive, &walk, error) && look_spooled(&walk, error);

    okse_spool_clear(&walk.spool);
    return done;
}

bool okse_source_look(const OkseSource *source, OkseLook look, void *context, GError **error)
{
    if (okse_source_is_sequential(source))
        return look_sequential(source, look, context, error);
    for (unsigned i = 0; i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);
        Peek at = {source, i};
        OkseReadable file = {.path = entry->path, .size = entry->size, .read = peek, .context = &at};

        if (entry->kind == OKSE_ENTRY_FILE && !look(context, &file, error))
            return false;
    }
    return true;
}

GHashTable *okse_source_sizes(const OkseSource *source)
{
    GHashTable *sizes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (unsigned i = 0; i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);

        if (entry->kind == OKSE_ENTRY_FILE)
            g_hash_table_insert(sizes, g_strdup(entry->path), g_memdup2(&entry->size, sizeof entry->size));
    }
    return sizes;
}
