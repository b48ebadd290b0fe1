/* One verification by many machines: what a shard does and says, and the records of all. */
#include "cli/verify_shard.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/approval.h"
#include "packager/shard_plan.h"

#include <string.h>

#define SINCE_DEFAULT (24 * 60 * 60) /* seconds */

void okse_shard_session_clear(ShardSession *session)
{
    g_clear_pointer(&session->record, okse_shard_record_free);
    g_clear_pointer(&session->merge, okse_shard_merge_free);
}

static bool shard_open(ShardSession *session, const char *text, GError **error)
{
    OkseShard shard;

    if (!okse_shard_parse(text, &shard, error)) {
        g_prefix_error(error, "--shard: ");
        return false;
    }
    session->record = okse_shard_record_new(&shard);
    session->record->policy = *session->terms.policy;
    session->record->clock = g_strdup(session->terms.clock);
    session->record->time = session->terms.now;
    return true;
}

/* What lies beside a record; *signature stays NULL where nothing does. */
static bool signature_read(const char *record, GBytes **signature, GError **error)
{
    g_autofree char *beside = g_strconcat(record, OKSE_APPROVAL_SUFFIX, NULL);
    g_autoptr(GError) cause = NULL;

    *signature = okse_read_path(beside, OKSE_LIMIT_APPROVAL, &cause);
    if (*signature != NULL || g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

static bool record_add(ShardSession *session, const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_CHECKPOINT, error);
    g_autoptr(GBytes) signature = NULL;

    return bytes != NULL && (session->terms.signer == NULL || signature_read(path, &signature, error)) &&
           okse_shard_merge_add(session->merge, bytes, signature, path, error);
}

static bool merge_open(ShardSession *session, const OkseInvocation *invocation, const ShardOptions *options,
                       GError **error)
{
    const char *since = options->since;

    session->terms.signer = options->is_signed;
    session->terms.since = session->terms.now - SINCE_DEFAULT;
    if (since != NULL && !okse_text_time_parse(since, &session->terms.since))
        return okse_fail(error, OKSE_ERROR_INVALID, "--since '%s' is no time such as 2026-11-23T07:30:00Z", since);
    session->merge = okse_shard_merge_new(&session->terms);
    for (unsigned i = 1; i < invocation->count; i++)
        if (!record_add(session, invocation->arguments[i], error))
            return false;
    return true;
}

bool okse_shard_session_open(ShardSession *session, const OkseInvocation *invocation, const ShardOptions *options,
                             GError **error)
{
    if ((options->since != NULL || options->is_signed != NULL) && !options->merge)
        return okse_fail(error, OKSE_ERROR_INVALID, "--since and --signed belong to --merge");
    if (options->merge)
        return merge_open(session, invocation, options, error);
    return options->shard == NULL || shard_open(session, options->shard, error);
}

GBytes *okse_shard_session_record(ShardSession *session, const OkseVerified *verified)
{
    const GPtrArray *reasons = verified->verification->reasons;
    g_autoptr(json_t) document = NULL;

    if (verified->bundle == NULL)
        return NULL;
    for (guint i = 0; i < reasons->len; i++)
        g_ptr_array_add(session->record->reasons, g_strdup(g_ptr_array_index(reasons, i)));
    document = okse_shard_record_json(session->record);
    return okse_json_write(document);
}

static void words_print(const ShardSession *session, const OkseVerified *verified)
{
    const OkseShardRecord *record = session->record;
    g_autoptr(OkseShardPlan) plan = okse_shard_plan_new(verified->bundle, record->both, record->shard.count);
    OkseShardPart part = okse_shard_plan_part(plan, record->shard.number);
    g_autofree char *bytes = okse_text_size(part.bytes);
    char identity[OKSE_SHA256_TEXT];

    okse_print("CHECKED, shard %u of %u; no verdict before okse verify --merge has all of them\n"
               "  bundle    %s %s\n  identity  %s\n  checked   %s (pieces: %" G_GUINT64_FORMAT
               "), and all metadata and signatures\n",
               record->shard.number, record->shard.count, okse_bundle_name(verified->bundle),
               okse_bundle_version(verified->bundle), okse_sha256_text(&record->identity, identity), bytes,
               part.pieces);
}

bool okse_shard_session_print(const ShardSession *session, const OkseInvocation *invocation,
                              const OkseVerified *verified, GError **error)
{
    if (invocation->json) {
        g_autoptr(json_t) document = okse_shard_record_json(session->record);

        return okse_print_json(document, error);
    }
    words_print(session, verified);
    return true;
}
