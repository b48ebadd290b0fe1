/* Reading forward in a file of which nothing is believed. */
#include "packager/weights_internal.h"

#include <string.h>

#define BUFFER (64u << 10)

void weights_cursor_open(WeightsCursor *cursor, const WeightsFile *file, uint64_t at, uint64_t end)
{
    g_assert(at <= end && end <= file->size);
    *cursor = (WeightsCursor){.file = file, .at = at, .end = end, .buffer = g_malloc(BUFFER)};
}

void weights_cursor_clear(WeightsCursor *cursor)
{
    g_clear_pointer(&cursor->buffer, g_free);
    g_clear_error(&cursor->error);
}

/* Bytes at the cursor that are in memory; 0 at the end or after a failure. */
static size_t available(WeightsCursor *cursor, const uint8_t **data)
{
    uint64_t offset = cursor->at - cursor->buffered_at;

    if (cursor->at >= cursor->end || cursor->error != NULL)
        return 0;
    if (cursor->buffered == 0 || cursor->at < cursor->buffered_at || offset >= cursor->buffered) {
        size_t length = (size_t)MIN(BUFFER, cursor->end - cursor->at);

        cursor->buffered = 0;
        if (!cursor->file->read(cursor->file->context, cursor->at, cursor->buffer, length, &cursor->error))
            return 0;
        cursor->buffered_at = cursor->at;
        cursor->buffered = length;
        offset = 0;
    }
    *data = cursor->buffer + offset;
    return cursor->buffered - (size_t)offset;
}

bool weights_take(WeightsCursor *cursor, void *out, size_t length)
{
    uint8_t *to = out;

    if (length > weights_left(cursor))
        return false;
    while (length > 0) {
        const uint8_t *data = NULL;
        size_t part = MIN(available(cursor, &data), length);

        if (part == 0)
            return false;
        memcpy(to, data, part);
        to += part;
        length -= part;
        cursor->at += part;
    }
    return true;
}

bool weights_skip(WeightsCursor *cursor, uint64_t length)
{
    if (length > weights_left(cursor))
        return false;
    cursor->at += length;
    return true;
}

bool weights_take_number(WeightsCursor *cursor, unsigned bytes, uint64_t *value)
{
    uint8_t raw[8];
    uint64_t number = 0;

    g_assert(bytes >= 1 && bytes <= sizeof raw);
    if (!weights_take(cursor, raw, bytes))
        return false;
    for (unsigned i = bytes; i > 0; i--)
        number = number << 8 | raw[i - 1];
    *value = number;
    return true;
}

char *weights_take_text(WeightsCursor *cursor, uint64_t length, uint64_t limit)
{
    g_autofree char *text = NULL;

    if (length > limit || length > weights_left(cursor))
        return NULL;
    text = g_malloc((size_t)length + 1);
    if (!weights_take(cursor, text, (size_t)length))
        return NULL;
    text[length] = '\0';
    return g_steal_pointer(&text);
}

char *weights_take_line(WeightsCursor *cursor, size_t limit, size_t *length)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (;;) {
        const uint8_t *data = NULL;
        size_t part = available(cursor, &data);
        const uint8_t *end = part == 0 ? NULL : memchr(data, '\n', part);
        size_t use = end != NULL ? (size_t)(end - data) : part;

        if (part == 0 || line->len + use > limit)
            return NULL;
        g_string_append_len(line, (const char *)data, (gssize)use);
        cursor->at += use + (end != NULL);
        if (end == NULL)
            continue;
        *length = line->len;
        return g_string_free(g_steal_pointer(&line), FALSE);
    }
}
