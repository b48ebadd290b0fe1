#include "packager/sealed_part.h"

#include "core/digest.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/worker.h"
#include "packager/cms_decrypt.h"
#include "packager/cms_structure.h"
#include "packager/spool.h"
#include "packager/tar_header.h"

#include <string.h>

#define UNIT (1u << 20)
#define STEP (64u << 10)
#define HEAD_LIMIT (16u << 20) /* label, set.json and table are less */
#define TAIL 4096u             /* the part's end is looked at before its data */

struct OkseSealedPool {
    OkseProgress *progress; /* while parts are opened */
    GMutex lock;
    OkseSpool heads;
    uint8_t *unit; /* of `owner` */
    const OkseSealedPart *owner;
    uint64_t number;
};

struct OkseSealedPart {
    OkseSealedPool *pool;
    OkseCmsReader *reader;
    uint64_t size;
    uint64_t head_at, head; /* in the pool; its length, after which units begin */
    GArray *digests;        /* OkseSha256 of each unit */
    uint8_t tail[TAIL];
    uint64_t position; /* of the reader */
};

OkseSealedPool *okse_sealed_pool_new(void)
{
    OkseSealedPool *pool = g_new0(OkseSealedPool, 1);

    g_mutex_init(&pool->lock);
    pool->heads.fd = -1;
    return pool;
}

void okse_sealed_pool_end(OkseSealedPool *pool)
{
    g_clear_pointer(&pool->progress, okse_progress_free);
}

void okse_sealed_pool_free(OkseSealedPool *pool)
{
    if (pool == NULL)
        return;
    okse_sealed_pool_end(pool);
    okse_spool_clear(&pool->heads);
    g_mutex_clear(&pool->lock);
    g_free(pool->unit);
    g_free(pool);
}

void okse_sealed_part_free(OkseSealedPart *part)
{
    if (part == NULL)
        return;
    okse_cms_reader_free(part->reader);
    g_array_unref(part->digests);
    g_free(part);
}

uint64_t okse_sealed_part_size(const OkseSealedPart *part)
{
    return part->size;
}

bool okse_sealed_part_is(int fd, const char *path)
{
    g_autofree char *lower = g_ascii_strdown(path, -1);

    return g_str_has_suffix(lower, ".part.cms") || okse_cms_is_message(fd);
}

char *okse_sealed_part_recipients(int fd, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseCmsReader) reader = okse_cms_reader_new(fd, path, &error);
    GString *text = g_string_new("is encrypted to ");
    const GPtrArray *recipients;

    if (reader == NULL) {
        g_string_assign(text, error->message + (g_str_has_prefix(error->message, path) ? strlen(path) + 2 : 0));
        return g_string_free(text, FALSE);
    }
    recipients = okse_cms_reader_recipients(reader);
    for (guint i = 0; i < recipients->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "; " : "", (const char *)g_ptr_array_index(recipients, i));
    return g_string_free(text, FALSE);
}

/* Does the head end here? *end: where `data` begins, or 0 when this is no part. False: more is needed. */
static bool head_ends(const GByteArray *head, uint64_t *cursor, uint64_t *end)
{
    OkseTarMember member;

    *end = 0;
    while (*cursor + OKSE_TAR_BLOCK <= head->len) {
        if (!okse_tar_parse(head->data + *cursor, &member, NULL))
            return true;
        *cursor += OKSE_TAR_BLOCK;
        if (member.type == '0' && strcmp(member.name, "data") == 0) {
            *end = *cursor;
            return true;
        }
        if (member.size > HEAD_LIMIT)
            return true;
        *cursor += okse_tar_padded(member.size);
    }
    return false;
}

/* The pass that authenticates, as it goes by. */
typedef struct {
    OkseSealedPart *part;
    OkseSha256Stream *digest;
    size_t filled; /* of the present unit */
} Pass;

static void unit_end(Pass *pass)
{
    OkseSha256 digest = okse_sha256_stream_end(pass->digest);

    g_array_append_val(pass->part->digests, digest);
    pass->filled = 0;
}

static void feed_units(Pass *pass, const uint8_t *data, size_t length)
{
    while (length > 0) {
        size_t now = MIN(length, UNIT - pass->filled);

        okse_sha256_stream_update(pass->digest, data, now);
        pass->filled += now;
        data += now;
        length -= now;
        if (pass->filled == UNIT)
            unit_end(pass);
    }
}

static void keep_tail(OkseSealedPart *part, const uint8_t *data, size_t length)
{
    size_t kept = MIN(length, TAIL);

    memmove(part->tail, part->tail + kept, TAIL - kept);
    memcpy(part->tail + TAIL - kept, data + length - kept, kept);
}

static bool step(OkseSealedPart *part, uint8_t *buffer, size_t length, size_t *got, GError **error)
{
    if (okse_interrupted())
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    if (!okse_cms_reader_read(part->reader, buffer, length, got, error))
        return false;
    keep_tail(part, buffer, *got);
    part->position += *got;
    okse_progress_add(part->pool->progress, *got);
    return true;
}

/* Everything before `data`; *rest: what was read beyond it. */
static bool read_head(OkseSealedPart *part, GByteArray *head, uint8_t *buffer, GError **error)
{
    uint64_t cursor = 0, end = 0;
    size_t got = 0;

    do {
        if (!step(part, buffer, STEP, &got, error))
            return false;
        g_byte_array_append(head, buffer, (guint)got);
        if (head_ends(head, &cursor, &end))
            break;
    } while (got > 0 && head->len < HEAD_LIMIT);
    part->head = end > 0 ? end : MIN(head->len, STEP);
    part->head_at = part->pool->heads.size;
    return okse_spool_write(&part->pool->heads, head->data, (size_t)part->head, error);
}

static bool authenticate(OkseSealedPart *part, GError **error)
{
    g_autoptr(GByteArray) head = g_byte_array_new();
    g_autoptr(OkseSha256Stream) digest = okse_sha256_stream_new();
    g_autofree uint8_t *buffer = g_malloc(UNIT);
    Pass pass = {part, digest, 0};
    size_t got = 0;

    if (!read_head(part, head, buffer, error))
        return false;
    feed_units(&pass, head->data + part->head, head->len - (size_t)part->head);
    do {
        if (!step(part, buffer, UNIT, &got, error))
            return false;
        feed_units(&pass, buffer, got);
    } while (got > 0);
    if (pass.filled > 0)
        unit_end(&pass);
    g_assert(okse_cms_reader_is_authentic(part->reader) && part->position == part->size);
    return true;
}

OkseSealedPart *okse_sealed_part_open(int fd, const char *path, const OkseSealedKey *key, OkseSealedPool *pool,
                                      GError **error)
{
    g_autoptr(OkseSealedPart) part = g_new0(OkseSealedPart, 1);

    part->pool = pool;
    part->digests = g_array_new(FALSE, FALSE, sizeof(OkseSha256));
    part->reader = okse_cms_reader_new(fd, path, error);
    if (part->reader == NULL || !okse_cms_reader_unlock(part->reader, key->key, key->certificate, error))
        return NULL;
    part->size = okse_cms_reader_size(part->reader);
    if (pool->progress == NULL)
        pool->progress = okse_progress_new("decrypting", 0);
    return authenticate(part, error) ? g_steal_pointer(&part) : NULL;
}

/* Decrypt up to `to`, which is not before the reader's place. */
static bool skip(OkseSealedPart *part, uint64_t to, uint8_t *buffer)
{
    while (part->position < to) {
        size_t got = 0;

        if (!okse_cms_reader_read(part->reader, buffer, (size_t)MIN((uint64_t)UNIT, to - part->position), &got, NULL))
            return false;
        part->position += got;
    }
    return true;
}

static uint64_t unit_start(const OkseSealedPart *part, uint64_t number)
{
    return part->head + number * UNIT;
}

/* The unit into the pool, if it is what it was when the tag was good. */
static bool unit_load(OkseSealedPart *part, uint64_t number)
{
    OkseSealedPool *pool = part->pool;
    uint64_t start = unit_start(part, number), end = MIN(start + UNIT, part->size);
    OkseSha256 digest;
    size_t got = 0;

    if (pool->owner == part && pool->number == number)
        return true;
    pool->owner = NULL;
    if (pool->unit == NULL)
        pool->unit = g_malloc(UNIT);
    if (part->position > start) {
        if (!okse_cms_reader_rewind(part->reader, NULL))
            return false;
        part->position = 0;
    }
    if (!skip(part, start, pool->unit) ||
        !okse_cms_reader_read(part->reader, pool->unit, (size_t)(end - start), &got, NULL))
        return false;
    part->position += got;
    digest = okse_sha256_of(pool->unit, got);
    if (got != end - start || !okse_sha256_equal(&digest, &g_array_index(part->digests, OkseSha256, number)))
        return false;
    pool->owner = part;
    pool->number = number;
    return true;
}

static ssize_t sealed_pread(OkseSealedPart *part, void *buffer, size_t length, uint64_t at)
{
    uint64_t number;
    size_t now;

    if (at >= part->size)
        return 0;
    now = (size_t)MIN((uint64_t)MIN(length, (size_t)UNIT), part->size - at);
    if (at < part->head) {
        now = (size_t)MIN((uint64_t)now, part->head - at);
        return okse_spool_read(&part->pool->heads, part->head_at + at, buffer, now, NULL) ? (ssize_t)now : -1;
    }
    if (part->size >= TAIL && at >= part->size - TAIL) {
        memcpy(buffer, part->tail + (at - (part->size - TAIL)), now);
        return (ssize_t)now;
    }
    number = (at - part->head) / UNIT;
    if (!unit_load(part, number))
        return -1;
    now = (size_t)MIN((uint64_t)now, MIN(unit_start(part, number) + UNIT, part->size) - at);
    memcpy(buffer, part->pool->unit + (at - unit_start(part, number)), now);
    return (ssize_t)now;
}

ssize_t okse_part_pread(int fd, OkseSealedPart *sealed, void *buffer, size_t length, uint64_t at)
{
    ssize_t got;

    if (sealed == NULL)
        return pread(fd, buffer, length, (off_t)at);
    g_mutex_lock(&sealed->pool->lock);
    got = sealed_pread(sealed, buffer, length, at);
    g_mutex_unlock(&sealed->pool->lock);
    if (got < 0)
        errno = ESTALE;
    return got;
}

bool okse_part_pread_exact(int fd, OkseSealedPart *sealed, void *buffer, size_t length, uint64_t at, const char *name,
                           GError **error)
{
    if (sealed == NULL)
        return okse_pread_exact(fd, buffer, length, at, name, error);
    for (uint8_t *to = buffer; length > 0;) {
        ssize_t got = okse_part_pread(fd, sealed, to, length, at);

        if (got < 0)
            return okse_fail_errno(error, "read %s", name);
        if (got == 0)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: ends early", name);
        to += got;
        at += (uint64_t)got;
        length -= (size_t)got;
    }
    return true;
}
