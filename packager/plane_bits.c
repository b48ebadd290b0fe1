#include "packager/plane_bits.h"

#include <glib.h>
#include <string.h>

static void split2(const uint8_t *restrict plain, size_t count, uint8_t *restrict first, uint8_t *restrict second)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t value;

        memcpy(&value, plain + 2 * i, sizeof value);
        value = GUINT16_FROM_LE(value);
        value = (uint16_t)(value << 1 | value >> 15);
        first[i] = (uint8_t)(value >> 8);
        second[i] = (uint8_t)value;
    }
}

static void join2(const uint8_t *restrict first, const uint8_t *restrict second, size_t count, uint8_t *restrict plain)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t value = (uint16_t)(first[i] << 8 | second[i]);

        value = GUINT16_TO_LE((uint16_t)(value >> 1 | value << 15));
        memcpy(plain + 2 * i, &value, sizeof value);
    }
}

static void split4(const uint8_t *restrict plain, size_t count, uint8_t *restrict a, uint8_t *restrict b,
                   uint8_t *restrict c, uint8_t *restrict d)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t value;

        memcpy(&value, plain + 4 * i, sizeof value);
        value = GUINT32_FROM_LE(value);
        value = value << 1 | value >> 31;
        a[i] = (uint8_t)(value >> 24);
        b[i] = (uint8_t)(value >> 16);
        c[i] = (uint8_t)(value >> 8);
        d[i] = (uint8_t)value;
    }
}

static void join4(const uint8_t *restrict a, const uint8_t *restrict b, const uint8_t *restrict c,
                  const uint8_t *restrict d, size_t count, uint8_t *restrict plain)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)a[i] << 24 | (uint32_t)b[i] << 16 | (uint32_t)c[i] << 8 | d[i];

        value = GUINT32_TO_LE(value >> 1 | value << 31);
        memcpy(plain + 4 * i, &value, sizeof value);
    }
}

/* Doubles are rare among weights: plane by plane, which is simple, is enough. */
static void split8(const uint8_t *plain, size_t count, uint8_t *const planes[])
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value;

        memcpy(&value, plain + 8 * i, sizeof value);
        value = GUINT64_FROM_LE(value);
        value = value << 1 | value >> 63;
        for (unsigned plane = 0; plane < 8; plane++)
            planes[plane][i] = (uint8_t)(value >> (56 - 8 * plane));
    }
}

static void join8(const uint8_t *const planes[], size_t count, uint8_t *plain)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 0;

        for (unsigned plane = 0; plane < 8; plane++)
            value = value << 8 | planes[plane][i];
        value = GUINT64_TO_LE(value >> 1 | value << 63);
        memcpy(plain + 8 * i, &value, sizeof value);
    }
}

void okse_planes_split(const uint8_t *plain, size_t count, unsigned width, uint8_t *const planes[])
{
    if (width == 2)
        split2(plain, count, planes[0], planes[1]);
    else if (width == 4)
        split4(plain, count, planes[0], planes[1], planes[2], planes[3]);
    else
        split8(plain, count, planes);
}

void okse_planes_join(const uint8_t *const planes[], size_t count, unsigned width, uint8_t *plain)
{
    if (width == 2)
        join2(planes[0], planes[1], count, plain);
    else if (width == 4)
        join4(planes[0], planes[1], planes[2], planes[3], count, plain);
    else
        join8(planes, count, plain);
}
