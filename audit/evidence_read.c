/* Reading is comparing: every header is the one that the writer writes, every digest is computed again, and the lists
 * of the head, of MANIFEST and of the archive are one. */
#include "audit/evidence.h"

#include "audit/facts_read.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/tar_header.h"

#include <string.h>

#define MEMBERS_MOST 1000000u

typedef struct {
    const char *origin;
    const uint8_t *data;
    size_t size, at;
    GPtrArray *members;
} Walk;

static void member_free(gpointer data)
{
    OkseEvidenceMember *member = data;

    g_free(member->name);
    if (member->bytes != NULL)
        g_bytes_unref(member->bytes);
    g_free(member);
}

bool okse_evidence_is(GBytes *bytes)
{
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);

    return size >= OKSE_TAR_BLOCK && memcmp(data + 257, "ustar", 5) == 0;
}

static bool refuse(const Walk *walk, const char *name, GError **error, const char *why)
{
    g_autofree char *shown = okse_text_show(name, -1, false);

    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: %s: %s", walk->origin, shown, why);
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static bool header_at(const Walk *walk, size_t at, OkseTarMember *member, GError **error)
{
    if (walk->size - at < OKSE_TAR_BLOCK)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: byte %zu: ends early", walk->origin, at);
    if (okse_tar_parse(walk->data + at, member, error))
        return true;
    g_prefix_error(error, "%s: byte %zu: ", walk->origin, at);
    return false;
}

static bool name_check(const Walk *walk, const char *name, GError **error)
{
    const OkseEvidenceMember *last =
        walk->members->len > 0 ? g_ptr_array_index(walk->members, walk->members->len - 1) : NULL;
    static const char *const heads[] = {OKSE_EVIDENCE_MANIFEST, OKSE_EVIDENCE_HEAD, OKSE_EVIDENCE_FACTS};
    bool last_raw = last != NULL && g_str_has_prefix(last->name, OKSE_EVIDENCE_RAW);

    if (!okse_path_check(name, error)) {
        g_prefix_error(error, "%s: ", walk->origin);
        return false;
    }
    if (walk->members->len < G_N_ELEMENTS(heads))
        return strcmp(name, heads[walk->members->len]) == 0 ||
               refuse(walk, name, error, "stands where another member belongs (MANIFEST, evidence.json, facts.json)");
    if (strcmp(last->name, OKSE_EVIDENCE_REDACTED) == 0)
        return refuse(walk, name, error, "stands behind redacted.json, the last member");
    if (strcmp(name, OKSE_EVIDENCE_REDACTED) == 0)
        return true;
    if (!g_str_has_prefix(name, OKSE_EVIDENCE_RAW))
        return refuse(walk, name, error, "does not belong in an evidence archive");
    if (last_raw && strcmp(last->name, name) >= 0)
        return refuse(walk, name, error, "is there twice, or not in its place");
    return true;
}

/* The header of one member; names are short enough for it (okse_evidence_write()). */
static bool take_header(Walk *walk, char **name, uint64_t *size, GError **error)
{
    OkseTarMember member;
    g_autoptr(GBytes) canonical = NULL;

    if (!header_at(walk, walk->at, &member, error))
        return false;
    *name = g_strdup(member.name);
    *size = member.size;
    if (!name_check(walk, *name, error))
        return false;
    canonical = okse_tar_entry(*name, '0', 0644, member.size, NULL);
    if (g_bytes_get_size(canonical) != OKSE_TAR_BLOCK ||
        memcmp(g_bytes_get_data(canonical, NULL), walk->data + walk->at, OKSE_TAR_BLOCK) != 0)
        return refuse(walk, *name, error, "its tar header is not in canonical form");
    walk->at += OKSE_TAR_BLOCK;
    return true;
}

static bool take_member(Walk *walk, GError **error)
{
    OkseEvidenceMember *member = g_new0(OkseEvidenceMember, 1);
    uint64_t size = 0;
    size_t padded;

    if (!take_header(walk, &member->name, &size, error)) {
        member_free(member);
        return false;
    }
    g_ptr_array_add(walk->members, member);
    if (size > walk->size - walk->at || okse_tar_padded(size) > walk->size - walk->at)
        return refuse(walk, member->name, error, "ends early");
    member->bytes = g_bytes_new(walk->data + walk->at, (gsize)size);
    padded = (size_t)okse_tar_padded(size);
    if (!is_zero(walk->data + walk->at + size, padded - (size_t)size))
        return refuse(walk, member->name, error, "the padding behind it is not zero");
    walk->at += padded;
    return true;
}

static bool take_all(Walk *walk, GError **error)
{
    while (walk->size - walk->at >= OKSE_TAR_BLOCK && !is_zero(walk->data + walk->at, OKSE_TAR_BLOCK)) {
        if (walk->members->len >= MEMBERS_MOST)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u members", walk->origin, MEMBERS_MOST);
        if (!take_member(walk, error))
            return false;
    }
    if (walk->size - walk->at != 2 * OKSE_TAR_BLOCK || !is_zero(walk->data + walk->at, 2 * OKSE_TAR_BLOCK))
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: byte %zu: an archive ends with two blocks of zeros, and nothing behind them",
                         walk->origin, walk->at);
    return (walk->members->len >= 4 &&
            strcmp(((OkseEvidenceMember *)g_ptr_array_index(walk->members, walk->members->len - 1))->name,
                   OKSE_EVIDENCE_REDACTED) == 0) ||
           refuse(walk, OKSE_EVIDENCE_REDACTED, error, "is missing");
}

/* Line by line, so that the message names the member. */
static bool manifest_check(const Walk *walk, GError **error)
{
    const OkseEvidenceMember *manifest = g_ptr_array_index(walk->members, 0);
    g_autofree char *text = okse_text_of_bytes(manifest->bytes);
    g_auto(GStrv) said = g_strsplit(text, "\n", -1);
    g_autoptr(GPtrArray) rest = g_ptr_array_new();
    g_autoptr(GBytes) canonical = NULL;

    for (guint i = 1; i < walk->members->len; i++) {
        const OkseEvidenceMember *member = g_ptr_array_index(walk->members, i);
        OkseSha256 digest = okse_sha256_of_bytes(member->bytes);
        char hex[OKSE_SHA256_HEX];
        g_autofree char *line = g_strdup_printf("%s  %s", okse_sha256_hex(&digest, hex), member->name);

        if (i > g_strv_length(said) || strcmp(said[i - 1], line) != 0)
            return refuse(walk, member->name, error, "is not what MANIFEST says");
        g_ptr_array_add(rest, g_ptr_array_index(walk->members, i));
    }
    canonical = okse_evidence_manifest(rest);
    return g_bytes_equal(canonical, manifest->bytes) ||
           refuse(walk, OKSE_EVIDENCE_MANIFEST, error, "lists what is not in the archive");
}

static const OkseEvidenceMember *member_named(const GPtrArray *members, const char *name)
{
    for (guint i = 0; i < members->len; i++)
        if (g_strcmp0(((const OkseEvidenceMember *)g_ptr_array_index(members, i))->name, name) == 0)
            return g_ptr_array_index(members, i);
    return NULL;
}

static json_t *json_of(const Walk *walk, const char *name, GError **error)
{
    const OkseEvidenceMember *member = member_named(walk->members, name);
    g_autofree char *origin = g_strconcat(walk->origin, ": ", name, NULL);
    g_autoptr(json_t) value = okse_json_read(member->bytes, OKSE_LIMIT_EVIDENCE, origin, error);
    g_autoptr(GBytes) again = value == NULL ? NULL : okse_json_write(value);

    if (value == NULL)
        return NULL;
    if (!g_bytes_equal(again, member->bytes)) {
        refuse(walk, name, error, "is not in canonical form");
        return NULL;
    }
    return g_steal_pointer(&value);
}

/* The excerpts are those of the archive, in any order of the head's list, each with its digest. */
static bool excerpts_check(const Walk *walk, const json_t *head, GError **error)
{
    const json_t *excerpts = json_object_get(head, "excerpts"), *row;
    g_autoptr(GHashTable) named = g_hash_table_new(g_str_hash, g_str_equal);
    size_t i;

    if (!json_is_array(excerpts))
        return refuse(walk, OKSE_EVIDENCE_HEAD, error, "has no list 'excerpts'");
    json_array_foreach(excerpts, i, row)
    {
        const char *name = okse_json_peek_text(row, "member"), *stored = okse_json_peek_text(row, "stored");

        if (name == NULL || stored == NULL || okse_json_peek_text(row, "path") == NULL ||
            !okse_sha256_parse(okse_json_peek_text(row, "digest") != NULL ? okse_json_peek_text(row, "digest") : "",
                               &(OkseSha256){0}, NULL))
            return refuse(walk, OKSE_EVIDENCE_HEAD, error, "an excerpt needs 'member', 'path', 'digest' and 'stored'");
        g_hash_table_insert(named, (gpointer)(uintptr_t)name, (gpointer)(uintptr_t)stored);
    }
    for (guint k = 3; k + 1 < walk->members->len; k++) {
        const OkseEvidenceMember *member = g_ptr_array_index(walk->members, k);
        OkseSha256 digest = okse_sha256_of_bytes(member->bytes);
        char text[OKSE_SHA256_TEXT];

        if (g_strcmp0(g_hash_table_lookup(named, member->name), okse_sha256_text(&digest, text)) != 0)
            return refuse(walk, member->name, error, "is not what evidence.json says of it");
    }
    return (json_array_size(excerpts) == walk->members->len - 4 &&
            g_hash_table_size(named) == walk->members->len - 4) ||
           refuse(walk, OKSE_EVIDENCE_HEAD, error, "names excerpts that are not in the archive");
}

static bool head_check(const Walk *walk, OkseEvidence *evidence, GError **error)
{
    const json_t *previous = json_object_get(evidence->head, "previous");
    const char *time = okse_json_peek_text(evidence->head, "collected_at");
    gint64 seconds;

    if (g_strcmp0(okse_json_peek_text(evidence->head, "schema"), "okse.evidence.v1") != 0)
        return refuse(walk, OKSE_EVIDENCE_HEAD, error, "is no okse.evidence.v1 document");
    if (time == NULL || !okse_text_time_parse(time, &seconds) ||
        g_strcmp0(time, okse_json_peek_text(evidence->facts, "collected_at")) != 0)
        return refuse(walk, OKSE_EVIDENCE_HEAD, error, "'collected_at' is not that of facts.json");
    evidence->chained = json_is_object(previous);
    if (!json_is_null(previous) &&
        (!evidence->chained || okse_json_peek_text(previous, "digest") == NULL ||
         !okse_sha256_parse(okse_json_peek_text(previous, "digest"), &evidence->previous, NULL)))
        return refuse(walk, OKSE_EVIDENCE_HEAD, error, "'previous' must be null or have a 'digest'");
    return excerpts_check(walk, evidence->head, error);
}

static bool understand(const Walk *walk, OkseEvidence *evidence, GError **error)
{
    g_autoptr(json_t) redacted = NULL;

    evidence->head = json_of(walk, OKSE_EVIDENCE_HEAD, error);
    evidence->facts = evidence->head == NULL ? NULL : json_of(walk, OKSE_EVIDENCE_FACTS, error);
    redacted = evidence->facts == NULL ? NULL : json_of(walk, OKSE_EVIDENCE_REDACTED, error);
    if (redacted == NULL || !okse_audit_facts_check(evidence->facts, walk->origin, error))
        return false;
    if (!json_is_array(json_object_get(redacted, "hashes")))
        return refuse(walk, OKSE_EVIDENCE_REDACTED, error, "has no list 'hashes'");
    return head_check(walk, evidence, error);
}

OkseEvidence *okse_evidence_read(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(OkseEvidence) evidence = g_new0(OkseEvidence, 1);
    Walk walk = {.origin = origin, .members = g_ptr_array_new_with_free_func(member_free)};

    walk.data = g_bytes_get_data(bytes, &walk.size);
    evidence->members = walk.members;
    evidence->digest = okse_sha256_of_bytes(bytes);
    if (!okse_evidence_is(bytes)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is no evidence archive (docs/evidence.md)", origin);
        return NULL;
    }
    if (!take_all(&walk, error) || !manifest_check(&walk, error) || !understand(&walk, evidence, error))
        return NULL;
    return g_steal_pointer(&evidence);
}

void okse_evidence_free(OkseEvidence *evidence)
{
    if (evidence == NULL)
        return;
    g_ptr_array_unref(evidence->members);
    json_decref(evidence->head);
    json_decref(evidence->facts);
    g_free(evidence);
}

const char *okse_evidence_time(const OkseEvidence *evidence)
{
    return okse_json_peek_text(evidence->facts, "collected_at");
}
