/* One canonical form of every header, so that reading is comparing. POSIX pax; the ustar size field is right by itself,
 * because some readers look at nothing else. */
#include "packager/tar_header.h"

#include "core/limits.h"

#include <string.h>

#define OCTAL_LIMIT (1ull << 33)      /* 8 GiB: 11 octal digits */
#define LONG_OCTAL_LIMIT (1ull << 36) /* 64 GiB: 12 octal digits, no NUL */
#define PAX_NAME "PaxHeaders/blob"

enum {
    NAME_AT = 0,
    NAME_LENGTH = 100,
    MODE_AT = 100,
    UID_AT = 108,
    GID_AT = 116,
    SIZE_AT = 124,
    SIZE_LENGTH = 12,
    MTIME_AT = 136,
    CHECKSUM_AT = 148,
    CHECKSUM_LENGTH = 8,
    TYPE_AT = 156,
    LINK_AT = 157,
    MAGIC_AT = 257,
    DEVMAJOR_AT = 329,
    DEVMINOR_AT = 337,
};

static unsigned checksum(const uint8_t block[OKSE_TAR_BLOCK])
{
    unsigned sum = 0;

    for (unsigned i = 0; i < OKSE_TAR_BLOCK; i++)
        sum += i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_LENGTH ? ' ' : block[i];
    return sum;
}

static void put_size(uint8_t *field, uint64_t size)
{
    char digits[SIZE_LENGTH + 1];

    if (size < LONG_OCTAL_LIMIT) {
        g_snprintf(digits, sizeof digits,
                   size < OCTAL_LIMIT ? "%011" G_GINT64_MODIFIER "o" : "%012" G_GINT64_MODIFIER "o", size);
        memcpy(field, digits, size < OCTAL_LIMIT ? SIZE_LENGTH - 1 : SIZE_LENGTH);
        return;
    }
    field[0] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        field[SIZE_LENGTH - 1 - i] = (uint8_t)(size >> (8 * i));
}

static void put_checksum(uint8_t block[OKSE_TAR_BLOCK])
{
    char digits[CHECKSUM_LENGTH + 1];

    g_snprintf(digits, sizeof digits, "%06o", checksum(block));
    memcpy(block + CHECKSUM_AT, digits, 6);
    block[CHECKSUM_AT + 6] = 0;
    block[CHECKSUM_AT + 7] = ' ';
}

static void put_header(uint8_t block[OKSE_TAR_BLOCK], const char *name, char type, uint64_t size)
{
    memset(block, 0, OKSE_TAR_BLOCK);
    memcpy(block + NAME_AT, name, MIN(strlen(name), NAME_LENGTH));
    memcpy(block + MODE_AT, "0000644", 7);
    memcpy(block + UID_AT, "0000000", 7);
    memcpy(block + GID_AT, "0000000", 7);
    put_size(block + SIZE_AT, size);
    memcpy(block + MTIME_AT, "00000000000", 11);
    block[TYPE_AT] = (uint8_t)type;
    memcpy(block + MAGIC_AT,
           "ustar\0"
           "00",
           8);
    memcpy(block + DEVMAJOR_AT, "0000000", 7);
    memcpy(block + DEVMINOR_AT, "0000000", 7);
    put_checksum(block);
}

void okse_tar_header(uint8_t block[OKSE_TAR_BLOCK], const char *name, uint64_t size)
{
    put_header(block, name, '0', size);
}

uint64_t okse_tar_padded(uint64_t size)
{
    return (size + OKSE_TAR_BLOCK - 1) / OKSE_TAR_BLOCK * OKSE_TAR_BLOCK;
}

/* "LENGTH key=value\n", where LENGTH counts itself. */
static void append_record(GString *records, const char *key, const char *value)
{
    size_t body = strlen(key) + strlen(value) + 3, length = body + 1;
    g_autofree char *digits = NULL;

    for (size_t last = 0; last != length;) {
        last = length;
        g_free(digits);
        digits = g_strdup_printf("%" G_GSIZE_FORMAT, length);
        length = body + strlen(digits);
    }
    g_string_append_printf(records, "%s %s=%s\n", digits, key, value);
}

/* A comment record of exactly `length` bytes. */
static void append_comment(GString *records, size_t length)
{
    g_autofree char *digits = g_strdup_printf("%" G_GSIZE_FORMAT, length);
    g_autofree char *spaces = g_strnfill(length - strlen(digits) - strlen(" comment=\n"), ' ');

    g_string_append_printf(records, "%s comment=%s\n", digits, spaces);
}

static GString *size_record(uint64_t size)
{
    GString *records = g_string_new(NULL);
    g_autofree char *digits = g_strdup_printf("%" G_GUINT64_FORMAT, size);

    if (size >= OCTAL_LIMIT)
        append_record(records, "size", digits);
    return records;
}

/* Bytes of pax data (whole blocks) between the pax header block and the member's own header; 0 for no pax header. */
static uint64_t pax_length(uint64_t offset, uint64_t size, bool align, uint64_t fill_to)
{
    bool sized = size >= OCTAL_LIMIT;
    uint64_t length = OKSE_TAR_BLOCK; /* a size record is at most 30 bytes, and a comment fills the rest */

    if (fill_to != 0) {
        g_return_val_if_fail(fill_to >= offset + 2 * OKSE_TAR_BLOCK, 0);
        return fill_to - offset - OKSE_TAR_BLOCK;
    }
    if (!sized && (!align || (offset + OKSE_TAR_BLOCK) % OKSE_TAR_ALIGN == 0))
        return 0;
    while (align && (offset + 2 * OKSE_TAR_BLOCK + length) % OKSE_TAR_ALIGN != 0)
        length += OKSE_TAR_BLOCK;
    return length;
}

uint64_t okse_tar_prefix_length(uint64_t offset, uint64_t size, bool align, uint64_t fill_to)
{
    uint64_t pax = pax_length(offset, size, align, fill_to);

    return OKSE_TAR_BLOCK + (pax > 0 ? OKSE_TAR_BLOCK + pax : 0);
}

GBytes *okse_tar_prefix(uint64_t offset, const char *name, uint64_t size, bool align, uint64_t fill_to)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    uint64_t pax = pax_length(offset, size, align, fill_to);
    uint8_t block[OKSE_TAR_BLOCK];

    if (pax > 0) {
        g_autoptr(GString) records = size_record(size);

        append_comment(records, pax - records->len);
        put_header(block, PAX_NAME, 'x', pax);
        g_byte_array_append(bytes, block, sizeof block);
        g_byte_array_append(bytes, (const guint8 *)records->str, (guint)records->len);
    }
    put_header(block, name, '0', size);
    g_byte_array_append(bytes, block, sizeof block);
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

GBytes *okse_tar_entry(const char *path, char type, unsigned mode, uint64_t size, const char *target)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GString) records = size_record(size);
    g_autofree char *name = type == '5' ? g_strconcat(path, "/", NULL) : g_strdup(path);
    uint8_t block[OKSE_TAR_BLOCK], zeros[OKSE_TAR_BLOCK] = {0};
    char digits[8];

    if (strlen(name) > NAME_LENGTH)
        append_record(records, "path", name);
    if (target != NULL && strlen(target) > NAME_LENGTH)
        append_record(records, "linkpath", target);
    if (records->len > 0) {
        put_header(block, "PaxHeaders/entry", 'x', records->len);
        g_byte_array_append(bytes, block, sizeof block);
        g_byte_array_append(bytes, (const guint8 *)records->str, (guint)records->len);
        g_byte_array_append(bytes, zeros, (guint)(okse_tar_padded(records->len) - records->len));
    }
    put_header(block, name, type, size);
    g_snprintf(digits, sizeof digits, "%07o", mode);
    memcpy(block + MODE_AT, digits, 7);
    if (target != NULL)
        memcpy(block + LINK_AT, target, MIN(strlen(target), NAME_LENGTH));
    put_checksum(block);
    g_byte_array_append(bytes, block, sizeof block);
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

static bool parse_octal(const uint8_t *field, unsigned length, uint64_t *value)
{
    uint64_t sum = 0;
    unsigned i = 0;

    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++)
        sum = sum << 3 | (uint64_t)(field[i] - '0'); /* at most 12 digits: 36 bits */
    if (i == 0 || (i < length && field[i] != '\0' && field[i] != ' '))
        return false;
    *value = sum;
    return true;
}

static bool parse_size(const uint8_t *field, uint64_t *size)
{
    uint64_t sum = 0;

    if (field[0] != 0x80)
        return parse_octal(field, SIZE_LENGTH, size);
    for (unsigned i = 1; i < SIZE_LENGTH; i++) {
        if (sum >> 56 != 0)
            return false;
        sum = sum << 8 | field[i];
    }
    *size = sum;
    return true;
}

bool okse_tar_parse(const uint8_t block[OKSE_TAR_BLOCK], OkseTarMember *member, GError **error)
{
    OkseTarMember parsed = {.type = (char)block[TYPE_AT]};
    uint64_t sum;

    if (memcmp(block + MAGIC_AT,
               "ustar\0"
               "00",
               8) != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "not a tar header (no ustar magic)");
    if (!parse_octal(block + CHECKSUM_AT, CHECKSUM_LENGTH, &sum) || sum != checksum(block))
        return okse_fail(error, OKSE_ERROR_INVALID, "tar header checksum is wrong");
    if (memchr(block + NAME_AT, '\0', NAME_LENGTH) == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "tar member name does not end");
    if (!parse_size(block + SIZE_AT, &parsed.size) || parsed.size > OKSE_LIMIT_BUNDLE_SIZE)
        return okse_fail(error, OKSE_ERROR_INVALID, "tar member size is no number or over the limit");
    memcpy(parsed.name, block + NAME_AT, NAME_LENGTH);
    *member = parsed;
    return true;
}
