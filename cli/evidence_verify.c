/* okse evidence verify: is every byte what it was, who says so, and is a collection missing between these? */
#include "cli/collect_output.h"
#include "cli/commands.h"
#include "cli/edge.h"
#include "core/fd.h"
#include "core/text.h"
#include "packager/approval.h"

#include <string.h>

typedef struct {
    char *trust, *at;
} VerifyOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_PATH, "trust", 0, "FILE", "who may sign evidence (trust.yaml: approvals)",
     offsetof(VerifyOptions, trust)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "judge signatures as of then (default: now)", offsetof(VerifyOptions, at)},
    {0},
};

typedef struct {
    char *path;
    OkseEvidence *evidence; /* NULL: it does not hold */
    OkseApproval approval;  /* status NULL: not signed, or no policy */
    bool is_signed;
} One;

typedef struct {
    GPtrArray *all; /* One, by time when they hold */
    json_t *faults; /* texts */
    const OkseTrust *trust;
    gint64 now;
} Verification;

static void one_free(gpointer data)
{
    One *one = data;

    g_free(one->path);
    okse_evidence_free(one->evidence);
    okse_approval_clear(&one->approval);
    g_free(one);
}

static void fault(const Verification *all, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void fault(const Verification *all, const char *format, ...)
{
    va_list arguments;
    g_autofree char *text = NULL, *shown = NULL;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    shown = okse_text_show(text, -1, false);
    json_array_append_new(all->faults, json_string(shown));
}

static void judge(const Verification *all, One *one, GBytes *signature)
{
    if (all->trust == NULL)
        return;
    okse_approval_judge(&one->evidence->digest, signature, all->trust, all->now, &one->approval);
    if (strcmp(one->approval.status, "valid") != 0)
        fault(all, "%s: its signature is %s: %s", one->path, one->approval.status,
              one->approval.reason != NULL ? one->approval.reason : "");
}

/* Errors: the file cannot be read at all. What is wrong with it is a fault. */
static bool look(const Verification *all, const char *path, GError **error)
{
    One *one = g_new0(One, 1);
    g_autoptr(GError) cause = NULL;
    g_autofree char *beside = g_strconcat(path, OKSE_APPROVAL_SUFFIX, NULL);
    g_autoptr(GBytes) signature = NULL;

    one->path = g_strdup(path);
    g_ptr_array_add(all->all, one);
    one->evidence = okse_evidence_open(path, &cause);
    if (one->evidence == NULL && (g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND) ||
                                  g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_SYSTEM))) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (one->evidence == NULL) {
        fault(all, "%s", cause->message);
        return true;
    }
    signature = okse_read_path(beside, OKSE_LIMIT_APPROVAL, &cause);
    one->is_signed = signature != NULL;
    if (signature != NULL)
        judge(all, one, signature);
    else if (all->trust != NULL)
        fault(all, "%s: is not signed (%s)", path, cause->message);
    return true;
}

static bool look_all(const Verification *all, const OkseInvocation *invocation, GError **error)
{
    for (unsigned i = 0; i < invocation->count; i++) {
        const char *path = invocation->arguments[i];
        g_autoptr(GPtrArray) list = NULL;

        if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
            if (!look(all, path, error))
                return false;
            continue;
        }
        list = okse_evidence_list(path, error);
        if (list == NULL)
            return false;
        if (list->len == 0)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: holds no evidence (*.tar)", path);
        for (guint k = 0; k < list->len; k++)
            if (!look(all, g_ptr_array_index(list, k), error))
                return false;
    }
    return true;
}

static int compare_times(gconstpointer a, gconstpointer b)
{
    const One *first = *(One *const *)a, *second = *(One *const *)b;
    int order = (first->evidence == NULL) - (second->evidence == NULL);

    if (order == 0 && first->evidence != NULL)
        order = strcmp(okse_evidence_time(first->evidence), okse_evidence_time(second->evidence));
    return order != 0 ? order : strcmp(first->path, second->path);
}

/* Whose predecessor is missing, and who share one. The first may have none: then nothing was before it. */
static void chain_check(const Verification *all)
{
    for (guint i = 0; i < all->all->len; i++) {
        const One *one = g_ptr_array_index(all->all, i);
        unsigned found = 0;

        if (one->evidence == NULL)
            continue;
        for (guint k = 0; k < all->all->len; k++) {
            const One *other = g_ptr_array_index(all->all, k);

            if (k == i || other->evidence == NULL)
                continue;
            found += one->evidence->chained && okse_sha256_equal(&other->evidence->digest, &one->evidence->previous);
            if (k < i && one->evidence->chained == other->evidence->chained &&
                (!one->evidence->chained || okse_sha256_equal(&one->evidence->previous, &other->evidence->previous)))
                fault(all, "%s and %s %s: the chain has two branches", other->path, one->path,
                      one->evidence->chained ? "follow the same archive" : "both begin a chain");
        }
        if (one->evidence->chained && found == 0) {
            const json_t *previous = json_object_get(one->evidence->head, "previous");
            const char *at = okse_json_peek_text(previous, "collected_at");

            fault(all, "%s: the archive before it, %s of %s, is not here: a collection is missing", one->path,
                  okse_json_peek_text(previous, "digest"), at != NULL ? at : "(no time)");
        }
    }
}

static json_t *json_of(const Verification *all)
{
    json_t *list = json_array();

    for (guint i = 0; i < all->all->len; i++) {
        const One *one = g_ptr_array_index(all->all, i);
        g_autofree char *name = g_filename_display_name(one->path);
        json_t *row = json_pack("{s:s,s:b,s:b,s:s?,s:s?,s:s?}", "evidence", name, "intact", one->evidence != NULL,
                                "signed", (int)one->is_signed, "signature", one->approval.status, "signer",
                                one->approval.signer, "role", one->approval.role);
        char digest[OKSE_SHA256_TEXT];

        if (one->evidence != NULL) {
            json_object_set_new(row, "digest", json_string(okse_sha256_text(&one->evidence->digest, digest)));
            json_object_set_new(row, "collected_at", json_string(okse_evidence_time(one->evidence)));
            json_object_set(row, "previous", json_object_get(one->evidence->head, "previous"));
        }
        json_array_append_new(list, row);
    }
    return json_pack("{s:s,s:b,s:o,s:O}", "schema", "okse.evidence-verified.v1", "verified",
                     json_array_size(all->faults) == 0, "archives", list, "faults", all->faults);
}

static void print(const Verification *all)
{
    for (guint i = 0; i < all->all->len; i++) {
        const One *one = g_ptr_array_index(all->all, i);
        char digest[OKSE_SHA256_TEXT];

        if (one->evidence == NULL)
            continue;
        okse_print("%s  %s  %s", okse_sha256_text(&one->evidence->digest, digest), okse_evidence_time(one->evidence),
                   one->path);
        if (one->approval.status != NULL)
            okse_print("  %s: %s as %s", one->approval.status,
                       one->approval.signer != NULL ? one->approval.signer : "?",
                       one->approval.role != NULL ? one->approval.role : "?");
        else
            okse_print("  %s", one->is_signed ? "signed, by whom says --trust" : "not signed");
        okse_print("\n");
    }
    for (size_t i = 0; i < json_array_size(all->faults); i++)
        okse_print("fault: %s\n", json_string_value(json_array_get(all->faults, i)));
    okse_print("%s\n", json_array_size(all->faults) == 0 ? "intact" : "NOT intact");
}

static int verify_run(const OkseInvocation *invocation, GError **error)
{
    const VerifyOptions *given = invocation->options;
    g_autoptr(OkseTrust) trust = NULL;
    g_autoptr(GPtrArray) ones = g_ptr_array_new_with_free_func(one_free);
    g_autoptr(json_t) faults = json_array(), document = NULL;
    Verification all = {.all = ones, .faults = faults};
    const char *clock = NULL;

    if (!okse_edge_verification_time(given->at, &all.now, &clock, error) ||
        (given->trust != NULL && (trust = okse_trust_open(given->trust, error)) == NULL))
        return 2;
    all.trust = trust;
    if (!look_all(&all, invocation, error))
        return 2;
    g_ptr_array_sort(ones, compare_times);
    if (ones->len > 1)
        chain_check(&all);
    document = json_of(&all);
    if (invocation->json && !okse_print_json(document, error))
        return 3;
    if (!invocation->json)
        print(&all);
    return json_array_size(faults) == 0 ? 0 : 1;
}

const OkseCommand okse_command_evidence_verify = {
    .name = "evidence verify",
    .arguments = "EVIDENCE…",
    .minimum = 1,
    .maximum = G_MAXUINT,
    .summary = "Check the digests, signatures and chain of evidence archives.",
    .details = "EVIDENCE is an archive or a directory of them (*.tar). Of several, each must name one that is here as\n"
               "the one before it, but for the first of all: what was removed between them shows. With --trust each\n"
               "must be signed by somebody whom the policy's 'approvals' name for that role. One archive alone is not\n"
               "asked for the one before it. Exit status: 0 intact, 1 not.",
    .options = options,
    .options_size = sizeof(VerifyOptions),
    .run = verify_run,
};
