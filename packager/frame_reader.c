#include "packager/frame_reader.h"

#include "core/limits.h"

#include <string.h>

#define SLOTS 12u

/* A decoder and a frame's coded bytes: what one thread needs while it decodes. */
typedef struct {
    OkseCoder *coder;
    uint8_t *coded;
} Desk;

typedef struct {
    uint64_t reader; /* its number: another may come to lie where one was */
    uint64_t plain;
    GBytes *bytes;
    uint64_t used; /* the cache's clock */
} Slot;

struct OkseFrameCache {
    GMutex lock;
    GPtrArray *idle; /* of Desk */
    Slot slots[SLOTS];
    uint64_t clock, readers;
};

struct OkseFrameReader {
    OkseFrameCache *cache;
    uint64_t number;
    OkseBytes *data;
    OkseFrames *frames;
    char *name;
};

static void desk_free(gpointer at)
{
    Desk *desk = at;

    okse_coder_free(desk->coder);
    g_free(desk->coded);
    g_free(desk);
}

static Desk *desk_take(OkseFrameCache *cache)
{
    Desk *desk = NULL;

    g_mutex_lock(&cache->lock);
    if (cache->idle->len > 0)
        desk = g_ptr_array_steal_index(cache->idle, cache->idle->len - 1);
    g_mutex_unlock(&cache->lock);
    if (desk == NULL) {
        desk = g_new0(Desk, 1);
        desk->coder = okse_coder_new();
        desk->coded = g_malloc(OKSE_FRAME_PLAIN);
    }
    return desk;
}

static void desk_return(OkseFrameCache *cache, Desk *desk)
{
    g_mutex_lock(&cache->lock);
    g_ptr_array_add(cache->idle, desk);
    g_mutex_unlock(&cache->lock);
}

OkseFrameCache *okse_frame_cache_new(void)
{
    OkseFrameCache *cache = g_new0(OkseFrameCache, 1);

    g_mutex_init(&cache->lock);
    cache->idle = g_ptr_array_new_with_free_func(desk_free);
    return cache;
}

void okse_frame_cache_free(OkseFrameCache *cache)
{
    if (cache == NULL)
        return;
    for (unsigned i = 0; i < SLOTS; i++)
        g_clear_pointer(&cache->slots[i].bytes, g_bytes_unref);
    g_ptr_array_unref(cache->idle);
    g_mutex_clear(&cache->lock);
    g_free(cache);
}

/* The frame's plain bytes if they are there: a reference, or NULL. */
static GBytes *cache_find(OkseFrameCache *cache, const OkseFrameReader *reader, uint64_t plain)
{
    GBytes *found = NULL;

    g_mutex_lock(&cache->lock);
    for (unsigned i = 0; i < SLOTS && found == NULL; i++) {
        Slot *slot = &cache->slots[i];

        if (slot->bytes == NULL || slot->reader != reader->number || slot->plain != plain)
            continue;
        slot->used = ++cache->clock;
        found = g_bytes_ref(slot->bytes);
    }
    g_mutex_unlock(&cache->lock);
    return found;
}

/* In place of the one that was not used for longest. */
static void cache_keep(OkseFrameCache *cache, const OkseFrameReader *reader, uint64_t plain, GBytes *bytes)
{
    Slot *oldest = &cache->slots[0];
    GBytes *dropped;

    g_mutex_lock(&cache->lock);
    for (unsigned i = 1; i < SLOTS; i++)
        if (cache->slots[i].used < oldest->used)
            oldest = &cache->slots[i];
    dropped = oldest->bytes;
    *oldest = (Slot){reader->number, plain, g_bytes_ref(bytes), ++cache->clock};
    g_mutex_unlock(&cache->lock);
    if (dropped != NULL)
        g_bytes_unref(dropped);
}

static bool read_index(OkseFrameReader *reader, uint64_t plain, GError **error)
{
    uint64_t size = okse_bytes_length(reader->data), length = okse_frames_index_size(plain);
    g_autofree uint8_t *index = NULL;

    if (plain > OKSE_LIMIT_BUNDLE_SIZE || length > size)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: too short for an index of compressed frames", reader->name);
    index = g_try_malloc((gsize)length); /* up to 8 GiB, if a set says so */
    if (index == NULL)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "%s: no memory for %" G_GUINT64_FORMAT " bytes of index",
                         reader->name, length);
    if (!okse_bytes_read(reader->data, size - length, index, (size_t)length, reader->name, error))
        return false;
    reader->frames = okse_frames_read(index, plain, size, error);
    if (reader->frames == NULL)
        g_prefix_error(error, "%s: ", reader->name);
    return reader->frames != NULL;
}

OkseFrameReader *okse_frame_reader_new(OkseFrameCache *cache, const OkseBytes *data, uint64_t plain, const char *name,
                                       GError **error)
{
    g_autoptr(OkseFrameReader) reader = g_new0(OkseFrameReader, 1);

    reader->cache = cache;
    g_mutex_lock(&cache->lock);
    reader->number = ++cache->readers;
    g_mutex_unlock(&cache->lock);
    reader->data = okse_bytes_ref(data);
    reader->name = g_strdup(name);
    return read_index(reader, plain, error) ? g_steal_pointer(&reader) : NULL;
}

void okse_frame_reader_free(OkseFrameReader *reader)
{
    if (reader == NULL)
        return;
    okse_bytes_unref(reader->data);
    okse_frames_free(reader->frames);
    g_free(reader->name);
    g_free(reader);
}

static bool decode(const OkseFrameReader *reader, const OkseFramePlace *place, uint8_t *plain, GError **error)
{
    Desk *desk = desk_take(reader->cache);
    bool good = okse_bytes_read(reader->data, place->from, desk->coded, place->frame.coded, reader->name, error);

    if (good && !okse_frame_decode(desk->coder, &place->frame, desk->coded, plain, place->length, error)) {
        g_prefix_error(error, "%s at byte %" G_GUINT64_FORMAT " of data: ", reader->name, place->from);
        good = false;
    }
    desk_return(reader->cache, desk);
    return good;
}

/* `length` bytes from `skip` of one frame. */
static bool read_part(const OkseFrameReader *reader, const OkseFramePlace *place, size_t skip, uint8_t *out,
                      size_t length, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;

    if (place->frame.coding == OKSE_CODING_RAW)
        return okse_bytes_read(reader->data, place->from + skip, out, length, reader->name, error);
    if (length == place->length)
        return decode(reader, place, out, error);
    bytes = cache_find(reader->cache, reader, place->plain);
    if (bytes == NULL) {
        uint8_t *plain = g_malloc(place->length);

        bytes = g_bytes_new_take(plain, place->length);
        if (!decode(reader, place, plain, error))
            return false;
        cache_keep(reader->cache, reader, place->plain, bytes);
    }
    memcpy(out, (const uint8_t *)g_bytes_get_data(bytes, NULL) + skip, length);
    return true;
}

bool okse_frame_reader_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const OkseFrameReader *reader = context;
    uint8_t *out = buffer;

    if (offset > okse_frames_plain(reader->frames) || length > okse_frames_plain(reader->frames) - offset)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: ends early", reader->name);
    for (size_t done = 0; done < length;) {
        OkseFramePlace place = okse_frames_at(reader->frames, offset + done);
        size_t skip = (size_t)(offset + done - place.plain), part = MIN(place.length - skip, length - done);

        if (!read_part(reader, &place, skip, out + done, part, error))
            return false;
        done += part;
    }
    return true;
}
