#include "packager/shard_merge.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/approval.h"
#include "packager/shard_plan.h"

#include <string.h>

#define SKEW 300 /* seconds that the clocks of two machines may differ */

typedef struct {
    OkseShardRecord *record;
    OkseSha256 digest;
    GBytes *signature; /* NULL: none */
    char *name;
    uint64_t taken; /* pieces that it says it checked, and that are its own */
} Source;

struct OkseShardMerge {
    const OkseShardTerms *terms;
    uint64_t bytes;               /* of all records */
    GPtrArray *sources;           /* Source, by number of the shard */
    OkseCheckpointRecord *merged; /* owns what `known` refers to */
    GHashTable *known;            /* OkseSha256 → OkseCheckpointBlob */
};

/* One judgement. */
typedef struct {
    OkseShardMerge *merge;
    const OkseBundle *bundle;
    const OkseShardPlan *plan;
    GPtrArray *reasons;
} Judging;

static void source_free(gpointer data)
{
    Source *source = data;

    okse_shard_record_free(source->record);
    g_clear_pointer(&source->signature, g_bytes_unref);
    g_free(source->name);
    g_free(source);
}

OkseShardMerge *okse_shard_merge_new(const OkseShardTerms *terms)
{
    const OkseSha256 none = {{0}};
    OkseShardMerge *merge = g_new0(OkseShardMerge, 1);

    merge->terms = terms;
    merge->sources = g_ptr_array_new_with_free_func(source_free);
    merge->merged = okse_checkpoint_record_new("", &none, false, "");
    merge->known = g_hash_table_new(okse_sha256_hash, okse_sha256_same);
    return merge;
}

void okse_shard_merge_free(OkseShardMerge *merge)
{
    if (merge == NULL)
        return;
    g_hash_table_unref(merge->known);
    g_ptr_array_unref(merge->sources);
    okse_checkpoint_record_free(merge->merged);
    g_free(merge);
}

bool okse_shard_merge_add(OkseShardMerge *merge, GBytes *bytes, GBytes *signature, const char *name, GError **error)
{
    OkseShardRecord *record;
    Source *source;

    merge->bytes += g_bytes_get_size(bytes);
    if (merge->bytes > OKSE_LIMIT_METADATA_TOTAL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the records are larger than %u bytes together", name,
                         OKSE_LIMIT_METADATA_TOTAL);
    record = okse_shard_record_read(bytes, name, error);
    if (record == NULL)
        return false;
    source = g_new0(Source, 1);
    *source = (Source){record, okse_sha256_of_bytes(bytes), signature != NULL ? g_bytes_ref(signature) : NULL,
                       g_strdup(name), 0};
    g_ptr_array_add(merge->sources, source);
    return true;
}

static void G_GNUC_PRINTF(2, 3) refuse(const Judging *judging, const char *format, ...)
{
    va_list words;

    va_start(words, format);
    g_ptr_array_add(judging->reasons, g_strdup_vprintf(format, words));
    va_end(words);
}

static bool fits_bundle(const Judging *judging, const Source *source, bool both)
{
    const OkseShardRecord *record = source->record;
    const OkseSha256 *identity = okse_bundle_identity(judging->bundle);
    OkseShardFile file = okse_shard_file(judging->bundle);
    char other[OKSE_SHA256_TEXT];

    if (!okse_sha256_equal(&record->identity, identity))
        refuse(judging, "%s: is about another bundle, %s", source->name, okse_sha256_text(&record->identity, other));
    else if (!okse_sha256_equal(&record->file.index, &file.index))
        refuse(judging, "%s: is about this bundle with other statements: it was signed before or after", source->name);
    else if (!okse_shard_file_equal(&record->file, &file))
        refuse(judging, "%s: is about another file, or this one before it was changed (size, time of modification)",
               source->name);
    else if (record->both != both)
        refuse(judging, "%s: was made %s --both", source->name, both ? "without" : "with");
    else
        return true;
    return false;
}

static bool fits_terms(const Judging *judging, const Source *source)
{
    const OkseShardTerms *terms = judging->merge->terms;
    const OkseShardRecord *record = source->record;
    g_autofree char *time = okse_text_time(record->time), *since = okse_text_time(terms->since);
    g_autofree char *now = okse_text_time(terms->now);

    if (!okse_sha256_equal(&record->policy, terms->policy))
        refuse(judging, "%s: was made under another trust policy", source->name);
    else if (strcmp(record->clock, terms->clock) != 0)
        refuse(judging, "%s: was made by another clock (%s) than this verdict (%s)", source->name, record->clock,
               terms->clock);
    else if (record->time < terms->since)
        refuse(judging, "%s: is too old: made %s, and what counts is not older than %s (--since)", source->name, time,
               since);
    else if (record->time > terms->now + SKEW)
        refuse(judging, "%s: comes from the future: made %s, and here it is %s", source->name, time, now);
    else
        return true;
    return false;
}

/* By whom --signed asks for: an approval of the record's bytes. */
static bool is_signed(const Judging *judging, const Source *source)
{
    const OkseShardTerms *terms = judging->merge->terms;
    g_auto(OkseApproval) approval = {0};

    if (terms->signer == NULL)
        return true;
    if (source->signature == NULL) {
        refuse(judging, "%s: is not signed: there is no %s" OKSE_APPROVAL_SUFFIX, source->name, source->name);
        return false;
    }
    okse_approval_judge(&source->digest, source->signature, terms->trust, terms->now, &approval);
    if (strcmp(approval.status, "valid") == 0 && g_strcmp0(approval.role, terms->signer) == 0)
        return true;
    refuse(judging, "%s: is not signed as %s: %s", source->name, terms->signer,
           approval.reason != NULL ? approval.reason : "its signature is of another role");
    return false;
}

static bool is_clean(const Judging *judging, const Source *source)
{
    const GPtrArray *reasons = source->record->reasons;

    for (guint i = 0; i < reasons->len; i++)
        refuse(judging, "%s: shard %u refused: %s", source->name, source->record->shard.number,
               (const char *)g_ptr_array_index(reasons, i));
    return reasons->len == 0;
}

static OkseCheckpointBlob *known_blob(const Judging *judging, const OkseSha256 *digest, unsigned count)
{
    OkseCheckpointBlob *blob = g_hash_table_lookup(judging->merge->known, digest);

    if (blob == NULL) {
        blob = okse_checkpoint_record_add(judging->merge->merged, digest, count);
        g_hash_table_insert(judging->merge->known, &blob->digest, blob);
    }
    return blob;
}

/* A piece counts for the shard that has it by the plan, and once. */
static bool piece_take(const Judging *judging, Source *source, const OkseShardBlob *said, uint64_t piece)
{
    unsigned number = source->record->shard.number;
    unsigned owner = okse_shard_plan_owner(judging->plan, &said->digest, piece);
    const OkseCheckpointBlob *blob = g_hash_table_lookup(judging->merge->known, &said->digest);
    char text[OKSE_SHA256_TEXT];

    okse_sha256_text(&said->digest, text);
    if (owner != number) {
        refuse(judging, "%s: says it checked piece %" G_GUINT64_FORMAT " of %s, which is shard %u's", source->name,
               piece, text, owner);
        return false;
    }
    if (blob != NULL && (blob->count == 0 || blob->present[piece])) {
        refuse(judging, "%s: says twice that it checked piece %" G_GUINT64_FORMAT " of %s", source->name, piece, text);
        return false;
    }
    source->taken++;
    return true;
}

/* The whole blob agreed with its digests: that one shard can only say if all of it is its own. */
static bool whole_take(const Judging *judging, Source *source, const OkseShardBlob *said, uint64_t pieces)
{
    for (uint64_t k = 0; k < pieces; k++)
        if (!piece_take(judging, source, said, k))
            return false;
    known_blob(judging, &said->digest, 0);
    return true;
}

static bool blob_take(const Judging *judging, Source *source, const OkseShardBlob *said)
{
    uint64_t pieces = okse_shard_plan_pieces(judging->plan, &said->digest);
    char text[OKSE_SHA256_TEXT];

    okse_sha256_text(&said->digest, text);
    if (pieces == 0) {
        refuse(judging, "%s: speaks of %s, which is no payload of this bundle", source->name, text);
        return false;
    }
    if (said->pieces == NULL)
        return whole_take(judging, source, said, pieces);
    for (guint i = 0; i < said->pieces->len; i++) {
        const OkseShardPiece *piece = &g_array_index(said->pieces, OkseShardPiece, i);
        OkseCheckpointBlob *blob;

        if (pieces == 1 || piece->piece >= pieces) {
            refuse(judging, "%s: speaks of piece %" G_GUINT64_FORMAT " of %s, which has none such", source->name,
                   piece->piece, text);
            return false;
        }
        if (!piece_take(judging, source, said, piece->piece))
            return false;
        blob = known_blob(judging, &said->digest, (unsigned)pieces);
        blob->present[piece->piece] = true;
        blob->segments[piece->piece] = piece->digest;
    }
    return true;
}

static void work_take(const Judging *judging, Source *source)
{
    const GPtrArray *blobs = source->record->blobs;
    uint64_t pieces = okse_shard_plan_part(judging->plan, source->record->shard.number).pieces;

    for (guint i = 0; i < blobs->len; i++)
        if (!blob_take(judging, source, g_ptr_array_index(blobs, i)))
            return;
    if (source->taken < pieces)
        refuse(judging, "%s: shard %u checked only %" G_GUINT64_FORMAT " of its %" G_GUINT64_FORMAT " pieces",
               source->name, source->record->shard.number, source->taken, pieces);
}

static int compare_sources(gconstpointer a, gconstpointer b)
{
    const Source *const *first = a, *const *second = b;
    unsigned one = (*first)->record->shard.number, other = (*second)->record->shard.number;

    return one != other ? (one < other ? -1 : 1) : strcmp((*first)->name, (*second)->name);
}

/* All shards of one division, each once. */
static bool are_all(const Judging *judging)
{
    const GPtrArray *sources = judging->merge->sources;
    unsigned count = okse_shard_merge_count(judging->merge), next = 1, before = judging->reasons->len;

    for (guint i = 0; i < sources->len; i++) {
        const Source *source = g_ptr_array_index(sources, i);
        OkseShard shard = source->record->shard;

        if (shard.count != count) {
            refuse(judging, "%s: is one of %u shards, %s of %u", source->name, shard.count,
                   ((const Source *)g_ptr_array_index(sources, 0))->name, count);
            continue;
        }
        if (shard.number < next)
            refuse(judging, "%s: is shard %u of %u, like %s", source->name, shard.number, count,
                   ((const Source *)g_ptr_array_index(sources, i - 1))->name);
        for (; next < shard.number; next++)
            refuse(judging, "shard %u of %u has no record", next, count);
        next = MAX(next, shard.number + 1);
    }
    for (; next <= count; next++)
        refuse(judging, "shard %u of %u has no record", next, count);
    return judging->reasons->len == before;
}

GPtrArray *okse_shard_merge_judge(OkseShardMerge *merge, const OkseBundle *bundle, bool both)
{
    GPtrArray *reasons = g_ptr_array_new_with_free_func(g_free);
    Judging judging = {merge, bundle, NULL, reasons};
    g_autoptr(OkseShardPlan) plan = NULL;
    bool all;

    if (merge->sources->len == 0) {
        refuse(&judging, "there are no records to merge");
        return reasons;
    }
    g_ptr_array_sort(merge->sources, compare_sources);
    all = are_all(&judging);
    judging.plan = plan = okse_shard_plan_new(bundle, both, okse_shard_merge_count(merge));
    for (guint i = 0; i < merge->sources->len; i++) {
        Source *source = g_ptr_array_index(merge->sources, i);

        if (fits_bundle(&judging, source, both) && fits_terms(&judging, source) && is_signed(&judging, source) &&
            is_clean(&judging, source) && all)
            work_take(&judging, source);
    }
    return reasons;
}

const OkseCheckpointBlob *okse_shard_merge_blob(const OkseShardMerge *merge, const OkseSha256 *digest)
{
    return g_hash_table_lookup(merge->known, digest);
}

unsigned okse_shard_merge_count(const OkseShardMerge *merge)
{
    return merge->sources->len == 0 ? 0 : ((const Source *)g_ptr_array_index(merge->sources, 0))->record->shard.count;
}

json_t *okse_shard_merge_json(const OkseShardMerge *merge)
{
    json_t *list = json_array();

    for (guint i = 0; i < merge->sources->len; i++) {
        const Source *source = g_ptr_array_index(merge->sources, i);
        g_autofree char *time = okse_text_time(source->record->time);
        char text[OKSE_SHA256_TEXT];

        json_array_append_new(list, json_pack("{s:i, s:s, s:s}", "shard", (int)source->record->shard.number, "record",
                                              okse_sha256_text(&source->digest, text), "time", time));
    }
    return list;
}
