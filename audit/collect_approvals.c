/* Documents that somebody answers for: the signature lies beside each, and whose it is says the trust policy. */
#include "audit/collector.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

#define APPROVALS_LIMIT 1000u /* signatures of documents in one package */

void okse_collect_signature(const OkseCollectFiles *files, const char *path, GBytes *bytes)
{
    g_autofree char *shown = g_strconcat(files->shown, "/", path, NULL);

    shown[strlen(shown) - strlen(OKSE_APPROVAL_SUFFIX)] = '\0';
    if (g_bytes_get_size(bytes) <= OKSE_LIMIT_APPROVAL &&
        g_hash_table_size(files->collection->signatures) < APPROVALS_LIMIT)
        g_hash_table_insert(files->collection->signatures, g_steal_pointer(&shown), g_bytes_ref(bytes));
    else
        okse_collect_files_partial(files, path, "is too large, or one of too many, and was not read");
}

static json_t *approval_fact(const OkseCollection *collection, const json_t *document, GBytes *signature)
{
    g_auto(OkseApproval) approval = {0};
    OkseSha256 digest;

    if (collection->trust == NULL)
        return json_pack("{s:s,s:n,s:n,s:n,s:s}", "status", "unjudged", "role", "signer", "signed_at", "reason",
                         "no trust policy was given (--trust)");
    okse_sha256_parse(okse_json_peek_text(document, "digest"), &digest, NULL);
    okse_approval_judge(&digest, signature, collection->trust, collection->now, &approval);
    return json_pack("{s:s,s:s?,s:s?,s:s?,s:s?}", "status", approval.status, "role", approval.role, "signer",
                     approval.signer, "signed_at", approval.signed_at, "reason", approval.reason);
}

void okse_collect_approvals(OkseCollection *collection)
{
    const OkseTrust *trust = collection->trust;
    json_t *document, *approvers = trust != NULL ? json_array() : json_null();
    const char *shown;

    for (guint i = 0; trust != NULL && i < trust->approvals->len; i++) {
        const OkseRole *role = g_ptr_array_index(trust->approvals, i);
        g_autofree char *name = okse_text_show(role->name, -1, false);

        json_array_append_new(approvers, json_string(name));
    }
    okse_facts_set(collection->facts, "approvers", approvers);
    json_object_foreach(collection->papers, shown, document)
    {
        GBytes *signature = g_hash_table_lookup(collection->signatures, shown);

        if (signature != NULL)
            json_object_set_new(document, "approval", approval_fact(collection, document, signature));
    }
}
