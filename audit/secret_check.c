#include "audit/secret_check.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define DECODED 8192u /* bytes of a value that are looked at in decoded form */

static const char *const names[OKSE_CHECKS] = {
    [OKSE_CHECK_NONE] = "none",
    [OKSE_CHECK_CRC32_BASE62] = "crc32-base62",
    [OKSE_CHECK_GRAFANA] = "grafana",
    [OKSE_CHECK_BECH32] = "bech32",
    [OKSE_CHECK_JWT] = "jwt",
    [OKSE_CHECK_DER] = "der",
    [OKSE_CHECK_BASE64_32] = "base64-32",
    [OKSE_CHECK_BASE64_64] = "base64-64",
    [OKSE_CHECK_BASE64_PAIR] = "base64-pair",
    [OKSE_CHECK_BASE64_TEXT] = "base64-text",
};

bool okse_secret_check_read(const char *name, OkseSecretCheck *check)
{
    for (unsigned i = 0; i < OKSE_CHECKS; i++)
        if (strcmp(names[i], name) == 0) {
            *check = (OkseSecretCheck)i;
            return true;
        }
    return false;
}

double okse_secret_entropy(const uint8_t *value, size_t length)
{
    size_t counts[256] = {0};
    double bits = 0;

    for (size_t i = 0; i < length; i++)
        counts[value[i]]++;
    for (unsigned i = 0; i < 256; i++)
        if (counts[i] > 0)
            bits -= (double)counts[i] / (double)length * log2((double)counts[i] / (double)length);
    return bits;
}

/* Source: ISO 3309, reflected, as in zip and Ethernet. Values are short: no table. */
static uint32_t crc32_of(const uint8_t *data, size_t length)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1u));
    }
    return ~crc;
}

static bool has_base62_crc(const uint8_t *value, size_t length)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const uint8_t *body = memchr(value, '_', length);
    size_t size;
    uint32_t crc;

    if (body == NULL || (size_t)(value + length - ++body) <= 6)
        return false;
    size = (size_t)(value + length - body) - 6;
    crc = crc32_of(body, size);
    for (unsigned i = 6; i > 0; i--) {
        if (body[size + i - 1] != (uint8_t)digits[crc % 62])
            return false;
        crc /= 62;
    }
    return true;
}

static bool has_grafana_crc(const uint8_t *value, size_t length)
{
    g_autofree char *text = g_strndup((const char *)value, length), *wanted = NULL;
    g_auto(GStrv) parts = g_strsplit(text, "_", 3);

    if (g_strv_length(parts) != 3)
        return false;
    wanted = g_strdup_printf("%08x", crc32_of((const uint8_t *)parts[1], strlen(parts[1])));
    return strcmp(wanted, parts[2]) == 0;
}

/* Source: BIP-173, "Checksum". */
static uint32_t bech32_step(uint32_t state, unsigned value)
{
    static const uint32_t generators[5] = {0x3b6a57b2u, 0x26508e6du, 0x1ea119fau, 0x3d4233ddu, 0x2a1462b3u};
    uint32_t top = state >> 25;

    state = (state & 0x1ffffffu) << 5 ^ value;
    for (unsigned i = 0; i < 5; i++)
        state ^= (top >> i & 1u) != 0 ? generators[i] : 0;
    return state;
}

static bool is_bech32(const uint8_t *value, size_t length)
{
    static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    g_autofree char *text = g_ascii_strdown((const char *)value, (gssize)length);
    char *one = strrchr(text, '1');
    uint32_t state = 1;

    if (one == NULL || one == text || strlen(one + 1) < 6)
        return false;
    for (const char *at = text; at < one; at++)
        state = bech32_step(state, (unsigned)(uint8_t)*at >> 5);
    state = bech32_step(state, 0);
    for (const char *at = text; at < one; at++)
        state = bech32_step(state, (unsigned)(uint8_t)*at & 31u);
    for (const char *at = one + 1; *at != '\0'; at++) {
        const char *digit = strchr(digits, *at);

        if (digit == NULL)
            return false;
        state = bech32_step(state, (unsigned)(digit - digits));
    }
    return state == 1;
}

static int digit_of(uint8_t c)
{
    if (g_ascii_isupper((char)c))
        return c - 'A';
    if (g_ascii_islower((char)c))
        return c - 'a' + 26;
    if (g_ascii_isdigit((char)c))
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* What source code and quoted texts put between the lines of base64. */
static bool is_between(const uint8_t *at, size_t left, size_t *skip)
{
    *skip = left > 1 && at[0] == '\\' && (at[1] == 'n' || at[1] == 'r' || at[1] == '\\') ? 2 : 1;
    return *skip == 2 || g_ascii_isspace((char)at[0]) || strchr("\"',\\", at[0]) != NULL;
}

/* Base64 of either alphabet, padded or not; *broken when something else stands in it. Returns the bytes written. */
static size_t decode(const uint8_t *value, size_t length, uint8_t *out, bool *broken)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t made = 0, skip = 1;

    *broken = false;
    for (size_t i = 0; i < length && made < DECODED; i += skip) {
        int digit = digit_of(value[i]);

        skip = 1;
        if (digit < 0 && value[i] != '=' && value[i] != '\0' && is_between(value + i, length - i, &skip))
            continue;
        if (digit < 0) {
            *broken = value[i] != '=';
            break;
        }
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[made++] = (uint8_t)(bits >> have);
        }
    }
    return made;
}

static bool is_der(const uint8_t *value, size_t length)
{
    g_autofree uint8_t *out = g_malloc(DECODED);
    bool broken;
    size_t made = decode(value, length, out, &broken);

    size_t first = out[1] == 0x82   ? 4
                   : out[1] == 0x81 ? 3
                                    : 2; /* keys are at least 32 bytes: 0x20 to 0x7f, or longer */

    if (made < 32 || out[0] != 0x30 || (first == 2 && (out[1] < 0x20 || out[1] >= 0x80)))
        return false;
    return out[first] == 0x02 || out[first] == 0x30; /* a version, or how it is encrypted */
}

static bool has_decoded_length(const uint8_t *value, size_t length, size_t wanted)
{
    g_autofree uint8_t *out = g_malloc(DECODED);
    bool broken;

    return decode(value, length, out, &broken) == wanted && !broken && okse_secret_entropy(out, wanted) > 3;
}

static bool is_printable(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (data[i] < 0x20 || data[i] == 0x7f)
            return false;
    return true;
}

static bool is_pair(const uint8_t *value, size_t length)
{
    g_autofree uint8_t *out = g_malloc(DECODED);
    bool broken;
    size_t made = decode(value, length, out, &broken);
    const uint8_t *colon = memchr(out, ':', made);

    return !broken && colon != NULL && colon > out && colon < out + made - 1 && is_printable(out, made);
}

static bool is_text(const uint8_t *value, size_t length)
{
    g_autofree uint8_t *out = g_malloc(DECODED);
    bool broken;

    return decode(value, length, out, &broken) >= 4 && !broken;
}

static json_t *decode_object(const uint8_t *value, size_t length)
{
    g_autofree uint8_t *out = g_malloc(DECODED);
    bool broken;
    size_t made = decode(value, length, out, &broken);
    json_t *object = broken ? NULL : json_loadb((const char *)out, made, JSON_DISABLE_EOF_CHECK, NULL);

    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

static bool is_jwt(const uint8_t *value, size_t length)
{
    const uint8_t *first = memchr(value, '.', length);
    const uint8_t *second = first == NULL ? NULL : memchr(first + 1, '.', (size_t)(value + length - first - 1));
    json_t *header, *payload;
    bool good;

    if (second == NULL || second == value + length - 1)
        return false;
    header = decode_object(value, (size_t)(first - value));
    payload = decode_object(first + 1, (size_t)(second - first - 1));
    good = json_is_string(json_object_get(header, "alg")) && payload != NULL;
    json_decref(header);
    json_decref(payload);
    return good;
}

bool okse_secret_check(OkseSecretCheck check, const uint8_t *value, size_t length)
{
    switch (check) {
    case OKSE_CHECK_CRC32_BASE62:
        return has_base62_crc(value, length);
    case OKSE_CHECK_GRAFANA:
        return has_grafana_crc(value, length);
    case OKSE_CHECK_BECH32:
        return is_bech32(value, length);
    case OKSE_CHECK_JWT:
        return is_jwt(value, length);
    case OKSE_CHECK_DER:
        return is_der(value, length);
    case OKSE_CHECK_BASE64_32:
        return has_decoded_length(value, length, 32);
    case OKSE_CHECK_BASE64_64:
        return has_decoded_length(value, length, 64);
    case OKSE_CHECK_BASE64_PAIR:
        return is_pair(value, length);
    case OKSE_CHECK_BASE64_TEXT:
        return is_text(value, length);
    case OKSE_CHECK_NONE:
    case OKSE_CHECKS:
        break;
    }
    return true;
}
