/* Literals say where to look, the kind's expression says whether it is one: so that most bytes are seen once, by code
 * that looks for everything at the same time. A window keeps what the expressions may need on both sides. */
#include "audit/secret_scan.h"

#include "core/text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define WINDOW (1u << 20)
#define CAPACITY (WINDOW + 2 * OKSE_SECRET_REACH)
#define HEAD 8192u    /* bytes that decide whether a stream is text */
#define ROUNDS 10000u /* of PBKDF2: 4 ms a secret; guessing a password from its fingerprint costs as much a try */
#define KEY_SHOWN 64

struct OkseSecretScan {
    const OkseSecretRules *rules;
    char *salt;
    char *name;         /* of the stream: its last element */
    uint8_t *window;    /* CAPACITY */
    size_t length;      /* bytes in the window */
    uint64_t base;      /* offset of the window in the stream */
    uint64_t handled;   /* literals that end up to here have been looked at */
    uint64_t limit;     /* and in this pass, those up to here are */
    unsigned base_line; /* of the window's first byte, from 1 */
    bool text, begun;   /* begun: `text` is decided */
    bool masking;       /* only places are asked for */
    uint64_t *done;     /* of each kind: where its last match ended */
    bool *active;       /* of each kind: looked for in files of this name */
    GArray *found;      /* OkseSecret */
    OkseSecretGaps gaps;
};

static void secret_clear(gpointer data)
{
    OkseSecret *secret = data;

    g_clear_pointer(&secret->key, g_free);
}

OkseSecretScan *okse_secret_scan_new(const OkseSecretRules *rules, const char *salt)
{
    OkseSecretScan *scan = g_new0(OkseSecretScan, 1);

    scan->rules = rules;
    scan->salt = g_strdup(salt);
    scan->window = g_malloc(CAPACITY);
    scan->done = g_new0(uint64_t, rules->kinds->len);
    scan->active = g_new0(bool, rules->kinds->len);
    scan->found = g_array_new(FALSE, TRUE, sizeof(OkseSecret));
    g_array_set_clear_func(scan->found, secret_clear);
    return scan;
}

void okse_secret_scan_free(OkseSecretScan *scan)
{
    if (scan == NULL)
        return;
    OPENSSL_cleanse(scan->window, CAPACITY);
    g_free(scan->window);
    g_free(scan->done);
    g_free(scan->active);
    g_free(scan->salt);
    g_free(scan->name);
    g_array_unref(scan->found);
    g_free(scan);
}

static bool any_matches(const GPtrArray *globs, const char *name)
{
    for (guint i = 0; i < globs->len; i++)
        if (g_pattern_spec_match_string(g_ptr_array_index(globs, i), name))
            return true;
    return false;
}

static void choose_kinds(OkseSecretScan *scan, const char *path)
{
    g_autofree char *base = path == NULL ? NULL : g_path_get_basename(path);

    g_free(scan->name);
    scan->name = base == NULL ? NULL : g_ascii_strdown(base, -1);
    for (guint i = 0; i < scan->rules->kinds->len; i++) {
        const OkseSecretKind *kind = g_ptr_array_index(scan->rules->kinds, i);

        scan->active[i] = base == NULL || ((kind->files == NULL || any_matches(kind->files, scan->name)) &&
                                           (kind->except == NULL || !any_matches(kind->except, scan->name)));
        scan->done[i] = 0;
    }
}

/* Source: safetensors, 8 bytes of length (little-endian) before the header. */
static bool header_length(const OkseReadable *file, uint64_t *length, GError **error)
{
    uint8_t start[8];

    *length = 0;
    if (file->size < sizeof start)
        return true;
    if (!file->read(file->context, 0, start, sizeof start, error))
        return false;
    for (unsigned i = 8; i > 0; i--)
        *length = *length << 8 | start[i - 1];
    *length = MIN(*length, file->size - sizeof start) + sizeof start;
    return true;
}

bool okse_secret_scan_head(const OkseSecretScan *scan, const OkseReadable *file, uint64_t *end, GError **error)
{
    g_autofree char *base = g_path_get_basename(file->path), *name = g_ascii_strdown(base, -1);

    *end = file->size;
    for (guint i = 0; i < scan->rules->heads->len; i++) {
        const OkseSecretHead *head = &g_array_index(scan->rules->heads, OkseSecretHead, i);

        if (!g_pattern_spec_match_string(head->name, name) || file->size < head->from)
            continue;
        if (head->safetensors && !header_length(file, end, error))
            return false;
        *end = MIN(*end, head->size);
        return true;
    }
    return true;
}

void okse_secret_scan_begin(OkseSecretScan *scan, const char *path)
{
    choose_kinds(scan, path);
    scan->length = 0;
    scan->base = scan->handled = 0;
    scan->base_line = 1;
    scan->text = scan->begun = false;
    scan->gaps = (OkseSecretGaps){0};
    g_array_set_size(scan->found, 0);
}

/* Source: RFC 8018, PBKDF2 with HMAC-SHA256. Six bytes tell secrets of one package apart and say little of the value.
 */
static void fingerprint(const OkseSecretScan *scan, const uint8_t *value, size_t length, char text[])
{
    uint8_t out[6];
    int done = PKCS5_PBKDF2_HMAC((const char *)value, (int)length, (const uint8_t *)scan->salt, (int)strlen(scan->salt),
                                 ROUNDS, EVP_sha256(), sizeof out, out);

    g_assert(done == 1);
    for (unsigned i = 0; i < sizeof out; i++)
        g_snprintf(text + 2 * (size_t)i, 3, "%02x", out[i]);
}

static char *key_of(const GMatchInfo *match)
{
    g_autofree char *raw = g_match_info_fetch_named(match, "key");
    g_autofree char *valid = raw == NULL || *raw == '\0' ? NULL : g_utf8_make_valid(raw, -1);

    return valid == NULL ? NULL : okse_text_show(valid, MIN((gssize)strlen(valid), KEY_SHOWN), false);
}

/* Whether a match is a secret of its kind; *critical what it is worth. */
static bool is_secret(const OkseSecretScan *scan, const OkseSecretKind *kind, const uint8_t *value, size_t length,
                      bool *critical)
{
    *critical = kind->critical;
    if (length == 0 || okse_secret_entropy(value, length) < kind->entropy)
        return false;
    if (kind->placeholders &&
        g_regex_match_full(scan->rules->placeholder, (const char *)value, (gssize)length, 0, 0, NULL, NULL))
        return false;
    if (okse_secret_check(kind->check, value, length))
        return true;
    *critical = false;
    return kind->weaker;
}

static void keep(OkseSecretScan *scan, const OkseSecretKind *kind, bool critical, gint start, gint end, char *key)
{
    OkseSecret secret = {.kind = kind,
                         .critical = critical,
                         .offset = scan->base + (uint64_t)start,
                         .length = (uint64_t)(end - start),
                         .key = key};

    if (scan->found->len >= OKSE_SECRETS_OF_FILE) {
        scan->gaps.left_out++;
        g_free(key);
        return;
    }
    if (scan->text)
        secret.line = scan->base_line + okse_text_count_lines((const char *)scan->window, (size_t)start);
    if (!scan->masking)
        fingerprint(scan, scan->window + start, (size_t)(end - start), secret.fingerprint);
    g_array_append_val(scan->found, secret);
}

static void value_place(const GMatchInfo *match, gint *start, gint *end)
{
    if (!g_match_info_fetch_named_pos(match, "value", start, end) || *start < 0)
        g_match_info_fetch_pos(match, 0, start, end);
}

/* Every match of a kind in bytes from..to of the window. */
static void look(OkseSecretScan *scan, unsigned index, size_t from, size_t to)
{
    const OkseSecretKind *kind = g_ptr_array_index(scan->rules->kinds, index);
    g_autoptr(GMatchInfo) match = NULL;
    g_autoptr(GError) stopped = NULL;
    bool more =
        g_regex_match_full(kind->pattern, (const char *)scan->window, (gssize)to, (gint)from, 0, &match, &stopped);

    for (; more; more = g_match_info_next(match, &stopped)) {
        gint start = 0, end = 0, value = 0, value_end = 0;
        bool critical;

        g_match_info_fetch_pos(match, 0, &start, &end);
        value_place(match, &value, &value_end);
        scan->done[index] = MAX(scan->done[index], scan->base + (uint64_t)MAX(end, start + 1));
        if (is_secret(scan, kind, scan->window + value, (size_t)(value_end - value), &critical))
            keep(scan, kind, critical, value, value_end, key_of(match));
    }
    scan->gaps.gave_up += stopped != NULL;
}

static void on_literal(void *context, unsigned literal, size_t end)
{
    OkseSecretScan *scan = context;
    unsigned index = g_array_index(scan->rules->kind_of, unsigned, literal);
    const OkseSecretKind *kind = g_ptr_array_index(scan->rules->kinds, index);
    size_t length = g_array_index(scan->rules->literals, OkseLiteral, literal).length, from, to;
    uint64_t at = scan->base + end;

    if (!scan->active[index] || at <= scan->handled || at > scan->limit || at <= scan->done[index])
        return;
    from = end - length > kind->before ? end - length - kind->before : 0;
    if (scan->done[index] > scan->base)
        from = MAX(from, (size_t)(scan->done[index] - scan->base));
    to = MIN(scan->length, end + kind->after);
    look(scan, index, from, to);
}

/* All of the window but its end, which the next bytes may belong to. */
static void pass(OkseSecretScan *scan, bool last)
{
    size_t keep_from;

    if (!scan->begun) {
        scan->text = memchr(scan->window, '\0', MIN(scan->length, HEAD)) == NULL;
        scan->begun = true;
    }
    scan->limit = scan->base + scan->length - (last ? 0 : OKSE_SECRET_REACH);
    okse_literals_find(scan->rules->finder, scan->window, scan->length, on_literal, scan);
    scan->handled = scan->limit;
    keep_from = last ? scan->length : scan->length - 2 * (size_t)OKSE_SECRET_REACH;
    scan->base_line += scan->text ? okse_text_count_lines((const char *)scan->window, keep_from) : 0;
    memmove(scan->window, scan->window + keep_from, scan->length - keep_from);
    scan->base += keep_from;
    scan->length -= keep_from;
}

void okse_secret_scan_feed(OkseSecretScan *scan, const uint8_t *data, size_t length)
{
    while (length > 0) {
        size_t part = MIN(length, CAPACITY - scan->length);

        memcpy(scan->window + scan->length, data, part);
        scan->length += part;
        data += part;
        length -= part;
        if (scan->length == CAPACITY)
            pass(scan, false);
    }
}

/* By offset; at one place the kind that comes first in the table. */
static int compare_secrets(gconstpointer a, gconstpointer b)
{
    const OkseSecret *first = a, *second = b;

    if (first->offset != second->offset)
        return (first->offset > second->offset) - (first->offset < second->offset);
    return (first->length < second->length) - (first->length > second->length);
}

static bool overlap(const OkseSecret *a, const OkseSecret *b)
{
    return a->offset < b->offset + b->length && b->offset < a->offset + a->length;
}

static guint rank(const OkseSecretScan *scan, const OkseSecret *secret)
{
    guint index = 0;

    g_ptr_array_find(scan->rules->kinds, secret->kind, &index);
    return index;
}

/* One secret that several kinds see is reported once, by the kind that is first in the table. */
static void drop_doubles(OkseSecretScan *scan)
{
    for (guint i = 0; i < scan->found->len;) {
        const OkseSecret *one = &g_array_index(scan->found, OkseSecret, i);
        bool covered = false;

        for (guint k = 0; k < scan->found->len && !covered; k++) {
            const OkseSecret *other = &g_array_index(scan->found, OkseSecret, k);

            covered = k != i && overlap(one, other) &&
                      (rank(scan, other) < rank(scan, one) || (other->kind == one->kind && k < i));
        }
        if (covered)
            g_array_remove_index(scan->found, i);
        else
            i++;
    }
}

const GArray *okse_secret_scan_end(OkseSecretScan *scan, OkseSecretGaps *gaps)
{
    pass(scan, true);
    g_array_sort(scan->found, compare_secrets);
    drop_doubles(scan);
    OPENSSL_cleanse(scan->window, MIN(scan->base, CAPACITY));
    if (gaps != NULL)
        *gaps = scan->gaps;
    return scan->found;
}

char *okse_secret_scan_mask(OkseSecretScan *scan, const char *line)
{
    g_autoptr(GString) masked = g_string_new(NULL);
    size_t length = strlen(line), at = 0;
    const GArray *found;

    scan->masking = true;
    okse_secret_scan_begin(scan, NULL);
    okse_secret_scan_feed(scan, (const uint8_t *)line, length);
    found = okse_secret_scan_end(scan, NULL);
    scan->masking = false;
    for (guint i = 0; i < found->len; i++) {
        const OkseSecret *secret = &g_array_index(found, OkseSecret, i);

        if (secret->offset < at)
            continue;
        g_string_append_len(masked, line + at, (gssize)(secret->offset - at));
        g_string_append(masked, "***");
        at = (size_t)(secret->offset + secret->length);
    }
    g_string_append_len(masked, line + at, (gssize)(length - at));
    return g_string_free(g_steal_pointer(&masked), FALSE);
}
