/* A sketch is the least value of every run of five words under each of 128 orders, of which 16 bits are kept: the share
 * of equal values estimates the share of common runs (A. Broder, "On the resemblance and containment of documents",
 * 1997). Integers only, so that it is the same everywhere. Nothing rests on it being hard to forge. */
#include "packager/license_text.h"

#include "core/json.h"
#include "packager/patterns.h"

#include <string.h>

#define TEXTS_PATH "manifests/license-texts.yaml"
#define RUN 5u

typedef struct {
    char *id;
    OkseFingerprint fingerprint;
    bool has_words;
} Known;

struct OkseLicenseTexts {
    GArray *known; /* Known */
    unsigned similar;
};

/* Punctuation of Latin, general and CJK is none; every other character beyond ASCII is part of a word. */
static bool is_word(gunichar c)
{
    if (c < 0x80)
        return g_ascii_isalnum((gchar)c);
    return !(c <= 0xBF || (c >= 0x2000 && c <= 0x206F) || (c >= 0x3000 && c <= 0x303F) || c == 0xFEFF ||
             (c >= 0xFF00 && c <= 0xFF0F));
}

/* "Copyright (c) 2026 Somebody" names an owner; it is no part of the terms. */
static bool is_notice(const GPtrArray *words, guint from)
{
    static const char *const behind[] = {"c", "year", "yyyy", NULL};
    const char *second;

    if (words->len < from + 2 || strcmp(g_ptr_array_index(words, from), "copyright") != 0)
        return false;
    second = g_ptr_array_index(words, from + 1);
    return g_strv_contains(behind, second) || g_ascii_isdigit(*second);
}

static GPtrArray *words_of(GBytes *bytes)
{
    gsize size = 0;
    const char *data = g_bytes_get_data(bytes, &size);
    g_autofree char *text = g_utf8_make_valid(size > 0 ? data : "", (gssize)size);
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    guint line = 0; /* where the line's words begin */

    for (const char *at = text; *at != '\0';) {
        const char *start = at;

        while (*at != '\0' && is_word(g_utf8_get_char(at)))
            at += g_utf8_skip[(guchar)*at];
        if (at > start)
            g_ptr_array_add(words, g_ascii_strdown(start, at - start));
        if ((*at == '\n' || *at == '\0') && is_notice(words, line))
            g_ptr_array_set_size(words, (gint)line);
        if (*at == '\n')
            line = words->len;
        if (*at != '\0')
            at += g_utf8_skip[(guchar)*at];
    }
    return words;
}

static char *join(const GPtrArray *words)
{
    GString *joined = g_string_new(NULL);

    for (guint i = 0; i < words->len; i++)
        g_string_append_printf(joined, "%s%s", i > 0 ? " " : "", (const char *)g_ptr_array_index(words, i));
    return g_string_free(joined, FALSE);
}

char *okse_license_words(GBytes *text)
{
    g_autoptr(GPtrArray) words = words_of(text);

    return join(words);
}

/* splitmix64: S. Vigna, https://prng.di.unimi.it/splitmix64.c */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* FNV-1a, 64 bits, of a run joined by spaces. */
static uint64_t hash_run(const GPtrArray *words, guint from)
{
    uint64_t value = 0xCBF29CE484222325u;

    for (guint i = from; i < from + RUN; i++) {
        if (i > from)
            value = (value ^ ' ') * 0x100000001B3u;
        for (const char *at = g_ptr_array_index(words, i); *at != '\0'; at++)
            value = (value ^ (uint8_t)*at) * 0x100000001B3u;
    }
    return value;
}

static void sketch(const GPtrArray *words, uint16_t values[OKSE_SKETCH])
{
    uint64_t least[OKSE_SKETCH], seeds[OKSE_SKETCH];

    for (unsigned i = 0; i < OKSE_SKETCH; i++) {
        least[i] = UINT64_MAX;
        seeds[i] = mix(i);
    }
    for (guint at = 0; at + RUN <= words->len; at++) {
        uint64_t run = hash_run(words, at);

        for (unsigned i = 0; i < OKSE_SKETCH; i++)
            least[i] = MIN(least[i], mix(run ^ seeds[i]));
    }
    for (unsigned i = 0; i < OKSE_SKETCH; i++)
        values[i] = (uint16_t)(least[i] & 0xFFFF);
}

OkseFingerprint okse_fingerprint_of(GBytes *text)
{
    g_autoptr(GPtrArray) words = words_of(text);
    g_autofree char *joined = join(words);
    OkseFingerprint fingerprint = {.bytes = okse_sha256_of_bytes(text),
                                   .words = okse_sha256_of(joined, strlen(joined)),
                                   .has_sketch = words->len >= RUN};

    if (fingerprint.has_sketch)
        sketch(words, fingerprint.sketch);
    return fingerprint;
}

static void known_clear(gpointer data)
{
    g_free(((Known *)data)->id);
}

void okse_license_texts_free(OkseLicenseTexts *texts)
{
    if (texts == NULL)
        return;
    g_clear_pointer(&texts->known, g_array_unref);
    g_free(texts);
}

static bool read_sketch(const char *text, uint16_t values[OKSE_SKETCH])
{
    if (strlen(text) != 4 * (size_t)OKSE_SKETCH)
        return false;
    for (unsigned i = 0; i < 4 * OKSE_SKETCH; i++) {
        int digit = g_ascii_xdigit_value(text[i]);

        if (digit < 0)
            return false;
        values[i / 4] = (uint16_t)(values[i / 4] << 4 | digit);
    }
    return true;
}

static bool read_known(const json_t *row, Known *known, GError **error)
{
    const char *id = okse_json_peek_text(row, "id"), *bytes = okse_json_peek_text(row, "sha256");
    const char *words = okse_json_peek_text(row, "words"), *values = okse_json_peek_text(row, "sketch");

    if (id == NULL || bytes == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, TEXTS_PATH ": a row without 'id' or 'sha256'");
    if (!okse_sha256_parse(bytes, &known->fingerprint.bytes, error) ||
        (words != NULL && !okse_sha256_parse(words, &known->fingerprint.words, error)))
        return false;
    if (values != NULL && !read_sketch(values, known->fingerprint.sketch))
        return okse_fail(error, OKSE_ERROR_INVALID, TEXTS_PATH ": the sketch of '%s' is not %u hexadecimal digits", id,
                         4 * OKSE_SKETCH);
    known->has_words = words != NULL;
    known->fingerprint.has_sketch = values != NULL;
    known->id = g_strdup(id);
    return true;
}

OkseLicenseTexts *okse_license_texts_read(const OkseResources *resources, GError **error)
{
    g_autoptr(json_t) data = okse_patterns_read(resources, TEXTS_PATH, error);
    g_autoptr(OkseLicenseTexts) texts = g_new0(OkseLicenseTexts, 1);
    const json_t *rows = json_object_get(data, "texts");
    json_int_t similar = json_integer_value(json_object_get(data, "similar"));

    if (data == NULL)
        return NULL;
    texts->known = g_array_new(FALSE, TRUE, sizeof(Known));
    g_array_set_clear_func(texts->known, known_clear);
    if (similar < 1 || similar > 100) {
        okse_fail(error, OKSE_ERROR_INVALID, TEXTS_PATH ": 'similar' must be a number from 1 to 100");
        return NULL;
    }
    texts->similar = (unsigned)similar;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        Known known = {0};

        if (!read_known(json_array_get(rows, i), &known, error))
            return NULL;
        g_array_append_val(texts->known, known);
    }
    return g_steal_pointer(&texts);
}

static unsigned shared(const OkseFingerprint *a, const OkseFingerprint *b)
{
    unsigned equal = 0;

    if (!a->has_sketch || !b->has_sketch)
        return 0;
    for (unsigned i = 0; i < OKSE_SKETCH; i++)
        equal += a->sketch[i] == b->sketch[i];
    return equal * 100 / OKSE_SKETCH;
}

OkseLicenseMatch okse_license_match(const OkseLicenseTexts *texts, const OkseFingerprint *fingerprint)
{
    OkseLicenseMatch best = {NULL, NULL, 0};

    for (guint i = 0; i < texts->known->len; i++) {
        const Known *known = &g_array_index(texts->known, Known, i);

        if (okse_sha256_equal(&known->fingerprint.bytes, &fingerprint->bytes))
            return (OkseLicenseMatch){known->id, "digest", 100};
    }
    for (guint i = 0; i < texts->known->len; i++) {
        const Known *known = &g_array_index(texts->known, Known, i);
        unsigned score = shared(&known->fingerprint, fingerprint);

        if (known->has_words && okse_sha256_equal(&known->fingerprint.words, &fingerprint->words))
            return (OkseLicenseMatch){known->id, "normalised", 100};
        if (score > best.score)
            best = (OkseLicenseMatch){known->id, score >= texts->similar ? "similarity" : NULL, score};
    }
    return best;
}
