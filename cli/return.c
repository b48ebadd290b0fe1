/* okse return: what a site sends back to its vendor, and nothing else. Every file is named by the allow-list, and
 * looked into before it goes; what is packed are the bytes that were looked at. */
#include "audit/leaving.h"
#include "cli/commands.h"
#include "cli/staging.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/approval.h"
#include "packager/build.h"
#include "packager/return_list.h"
#include "packager/return_statement.h"
#include "packager/stack.h"

#include <string.h>

#define LIST "return.yaml"
#define COMPONENT_LIST "list"
#define COMPONENT_RECORDS "records"
#define ROLE "operator"

typedef struct {
    char *root, *allow, *never, *output;
    char *key, *certificate, *role, *passphrase_fd;
    gboolean dry_run, is_unsigned;
} ReturnOptions;

static const OkseOption return_options[] = {
    {OKSE_OPTION_PATH, "root", 0, "DIR", "the directory below which the listed files lie",
     offsetof(ReturnOptions, root)},
    {OKSE_OPTION_PATH, "allow", 0, "LIST", "the allow-list: what leaves, file by file", offsetof(ReturnOptions, allow)},
    {OKSE_OPTION_PATH, "never", 0, "FILE", "words that nothing may hold, one a line (names of the inner network)",
     offsetof(ReturnOptions, never)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "where to write the bundle (default: NAME-VERSION-COUNTRY.okse)",
     offsetof(ReturnOptions, output)},
    {OKSE_OPTION_PATH, "key", 'k', "URI", "sign with this key: a PEM or PKCS#12 file, or a pkcs11: URI",
     offsetof(ReturnOptions, key)},
    {OKSE_OPTION_PATH, "cert", 0, "PEM", "certificate chain of the key, its own first",
     offsetof(ReturnOptions, certificate)},
    {OKSE_OPTION_TEXT, "role", 0, "ROLE", "sign as operator (default), ministry, …", offsetof(ReturnOptions, role)},
    {OKSE_OPTION_TEXT, "passphrase-fd", 0, "N", "read the key's passphrase or PIN there",
     offsetof(ReturnOptions, passphrase_fd)},
    {OKSE_OPTION_FLAG, "dry-run", 0, NULL, "look into everything and write nothing", offsetof(ReturnOptions, dry_run)},
    {OKSE_OPTION_FLAG, "unsigned", 0, NULL, "say nothing about the missing signature",
     offsetof(ReturnOptions, is_unsigned)},
    {0},
};

typedef struct {
    OkseResources *resources;
    GBytes *list_bytes;
    OkseReturnList *list;
    GStrv never;
    OkseLeaving *leaving;
    GPtrArray *files; /* GBytes, by item */
} Session;

static void session_clear(Session *session)
{
    g_clear_pointer(&session->leaving, okse_leaving_free);
    g_clear_pointer(&session->list, okse_return_list_free);
    g_clear_pointer(&session->list_bytes, g_bytes_unref);
    g_clear_pointer(&session->files, g_ptr_array_unref);
    g_clear_pointer(&session->never, g_strfreev);
    g_clear_pointer(&session->resources, okse_resources_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)

static bool options_check(const ReturnOptions *options, GError **error)
{
    if (options->root == NULL || options->allow == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "return needs --root DIR and --allow LIST: what leaves is named, file by file");
    return options->key == NULL || !options->is_unsigned ||
           okse_fail(error, OKSE_ERROR_INVALID, "--key and --unsigned contradict each other");
}

/* One word a line; lines that are empty are none. */
static bool never_read(Session *session, const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = path != NULL ? okse_read_path(path, OKSE_LIMIT_DOCUMENT, error) : NULL;
    g_autofree char *text = bytes != NULL ? okse_text_of_bytes(bytes) : NULL;
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_auto(GStrv) lines = text != NULL ? g_strsplit(text, "\n", -1) : NULL;

    if (path != NULL && bytes == NULL)
        return false;
    if (text != NULL && !g_utf8_validate(text, -1, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is no UTF-8 text", path);
    for (char **line = lines; line != NULL && *line != NULL; line++)
        if (*g_strstrip(*line) != '\0')
            g_ptr_array_add(words, g_strdup(*line));
    g_ptr_array_add(words, NULL);
    session->never = (GStrv)g_ptr_array_steal(words, NULL);
    return true;
}

/* What its reader takes at most, asked before it is in memory. */
static uint64_t limit_of(OkseReturnKind kind)
{
    return kind == OKSE_RETURN_FINDINGS       ? OKSE_LIMIT_EVIDENCE
           : kind == OKSE_RETURN_VERIFICATION ? OKSE_LIMIT_METADATA
                                              : OKSE_LIMIT_APPROVAL;
}

static bool files_read(Session *session, const char *root, GError **error)
{
    okse_autofd fd = okse_open_directory(root, error);

    for (guint i = 0; fd >= 0 && i < session->list->items->len; i++) {
        const OkseReturnItem *item = g_ptr_array_index(session->list->items, i);
        okse_autofd file = okse_open_beneath(fd, item->path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);
        GBytes *bytes = file >= 0 ? okse_read_fd(file, limit_of(item->kind), item->path, error) : NULL;

        if (bytes == NULL)
            return false;
        g_ptr_array_add(session->files, bytes);
    }
    return fd >= 0;
}

static bool session_open(Session *session, const OkseInvocation *invocation, GError **error)
{
    const ReturnOptions *options = invocation->options;

    session->files = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    session->resources = okse_resources_open(invocation->manifests, error);
    session->list_bytes =
        session->resources != NULL ? okse_read_path(options->allow, OKSE_LIMIT_DOCUMENT, error) : NULL;
    if (session->list_bytes == NULL)
        return false;
    session->list = okse_return_list_read(session->list_bytes, options->allow, session->resources, error);
    if (session->list == NULL || !never_read(session, options->never, error))
        return false;
    session->leaving = okse_leaving_new(session->resources, (const char *const *)session->never, error);
    return session->leaving != NULL && files_read(session, options->root, error);
}

static GBytes *file_of(const Session *session, const OkseReturnItem *wanted)
{
    for (guint i = 0; i < session->list->items->len; i++)
        if (g_ptr_array_index(session->list->items, i) == wanted)
            return g_ptr_array_index(session->files, i);
    g_assert_not_reached();
}

static bool statement_check(const Session *session, const OkseReturnItem *item, GBytes *bytes, GError **error)
{
    const OkseReturnItem *about = okse_return_list_find(session->list, item->about);
    g_autofree char *name = g_path_get_basename(about->path);
    OkseSha256 digest = okse_sha256_of_bytes(file_of(session, about));
    g_autoptr(GPtrArray) inside = NULL;

    if (!okse_return_statement_check(bytes, item->path, name, &digest, &inside, error))
        return false;
    for (guint i = 0; i < inside->len; i++)
        if (!okse_leaving_texts(session->leaving, g_ptr_array_index(inside, i), item->path, error))
            return false;
    return true;
}

/* A record that nobody answers for proves nothing to the vendor. */
static bool is_answered_for(const Session *session, const OkseReturnItem *wanted, GError **error)
{
    for (guint i = 0; i < session->list->items->len; i++) {
        const OkseReturnItem *item = g_ptr_array_index(session->list->items, i);

        if (item->about != NULL && strcmp(item->about, wanted->path) == 0)
            return true;
    }
    return okse_fail(error, OKSE_ERROR_REFUSED,
                     "%s: is a record that nobody signed: okse sign --document %s --key KEY --role ROLE, and list "
                     "%s" OKSE_APPROVAL_SUFFIX " as a statement about it",
                     wanted->path, wanted->path, wanted->path);
}

static bool item_check(const Session *session, const OkseReturnItem *item, GBytes *bytes, GError **error)
{
    switch (item->kind) {
    case OKSE_RETURN_VERIFICATION:
        if (!okse_leaving_verification(session->leaving, bytes, item->path, error) ||
            !is_answered_for(session, item, error))
            return false;
        break;
    case OKSE_RETURN_FINDINGS:
        if (!okse_leaving_findings(session->leaving, bytes, item->redaction, item->path, error))
            return false;
        break;
    case OKSE_RETURN_STATEMENT:
        if (!statement_check(session, item, bytes, error))
            return false;
        break;
    }
    return okse_leaving_texts(session->leaving, bytes, item->path, error);
}

/* What the list says, without the escapes of YAML. */
static GBytes *list_texts(const OkseReturnList *list)
{
    GString *text = g_string_new(list->name);

    g_string_append_printf(text, "\n%s\n%s\n%s\n", list->version, list->from_name,
                           list->from_contact != NULL ? list->from_contact : "");
    for (guint i = 0; i < list->items->len; i++)
        g_string_append_printf(text, "%s\n", ((const OkseReturnItem *)g_ptr_array_index(list->items, i))->path);
    return g_string_free_to_bytes(text);
}

static bool all_check(const Session *session, const char *list, GError **error)
{
    g_autoptr(GBytes) said = list_texts(session->list);

    for (guint i = 0; i < session->list->items->len; i++)
        if (!item_check(session, g_ptr_array_index(session->list->items, i), g_ptr_array_index(session->files, i),
                        error))
            return false;
    return okse_leaving_texts(session->leaving, session->list_bytes, list, error) &&
           okse_leaving_texts(session->leaving, said, list, error);
}

static GBytes *stack_yaml(const OkseReturnList *list)
{
    return okse_staging_yaml(
        "stack/v1",
        json_pack("{s:s, s:s, s:I, s:{s:s, s:s, s:s*}, s:[{s:s, s:s, s:{s:s}}, {s:s, s:s, s:{s:s}}]}", "name",
                  list->name, "version", list->version, "sequence", (json_int_t)list->sequence, "vendor", "name",
                  list->from_name, "country", list->from_country, "contact", list->from_contact, "components", "name",
                  COMPONENT_LIST, "kind", OKSE_KIND_RECORDS, "source", "path", COMPONENT_LIST, "name",
                  COMPONENT_RECORDS, "kind", OKSE_KIND_RECORDS, "source", "path", COMPONENT_RECORDS));
}

static bool build(const Session *session, const ReturnOptions *options, OkseBuildResult *result, GError **error)
{
    g_auto(OkseStaging) staging = OKSE_STAGING_INIT;
    g_autoptr(GBytes) stack = stack_yaml(session->list);
    OkseBuildRequest request = {.country = session->list->to,
                                .output = options->output,
                                .epoch = OKSE_EPOCH_OF_SOURCES,
                                .dry_run = options->dry_run};

    if (!okse_staging_open(&staging, error) ||
        !okse_staging_file(&staging, COMPONENT_LIST, LIST, session->list_bytes, error) ||
        !okse_staging_stack(&staging, stack, error))
        return false;
    for (guint i = 0; i < session->list->items->len; i++) {
        const OkseReturnItem *item = g_ptr_array_index(session->list->items, i);

        if (!okse_staging_file(&staging, COMPONENT_RECORDS, item->path, g_ptr_array_index(session->files, i), error))
            return false;
    }
    request.stack_path = staging.stack;
    return okse_build(&request, session->resources, result, error);
}

static json_t *items_json(const Session *session)
{
    json_t *items = json_array();
    char text[OKSE_SHA256_TEXT];

    for (guint i = 0; i < session->list->items->len; i++) {
        const OkseReturnItem *item = g_ptr_array_index(session->list->items, i);
        OkseSha256 digest = okse_sha256_of_bytes(g_ptr_array_index(session->files, i));

        json_array_append_new(items,
                              json_pack("{s:s, s:s}", "path", item->path, "digest", okse_sha256_text(&digest, text)));
    }
    return items;
}

static bool result_print(const OkseInvocation *invocation, const Session *session, const OkseBuildResult *result,
                         GError **error)
{
    const ReturnOptions *options = invocation->options;
    bool is_signed = options->key != NULL && !options->dry_run;
    char identity[OKSE_SHA256_TEXT];

    okse_sha256_text(&result->identity, identity);
    if (invocation->json) {
        g_autoptr(json_t) document =
            json_pack("{s:s, s:s?, s:s?, s:s, s:o, s:b}", "schema", "okse.return.v1", "path",
                      options->dry_run ? NULL : result->path, "identity", options->dry_run ? NULL : identity, "to",
                      session->list->to, "items", items_json(session), "signed", is_signed);

        return okse_print_json(document, error);
    }
    okse_print("%s\n", options->dry_run ? "nothing was written" : result->path);
    if (!options->dry_run)
        okse_print("  identity  %s\n", identity);
    okse_print("  to        %s\n", session->list->to);
    for (guint i = 0; i < session->list->items->len; i++)
        okse_print("  leaves    %s\n", ((const OkseReturnItem *)g_ptr_array_index(session->list->items, i))->path);
    if (!is_signed && !options->is_unsigned && !options->dry_run)
        okse_note("The bundle is not signed; nobody will accept it yet. Next: okse sign %s --role " ROLE " --key "
                  "KEY.pem",
                  result->path);
    return true;
}

static int return_run(const OkseInvocation *invocation, GError **error)
{
    const ReturnOptions *options = invocation->options;
    g_auto(OkseSigningKey) signer = {NULL, NULL};
    g_auto(Session) session = {0};
    g_auto(OkseBuildResult) result = {0};

    if (!options_check(options, error) ||
        (options->key != NULL && /* a key that cannot be used is found out before anything is written */
         !okse_signing_key_open(options->key, options->certificate, options->passphrase_fd, &signer, error)) ||
        !session_open(&session, invocation, error) || !all_check(&session, options->allow, error) ||
        !build(&session, options, &result, error))
        return 2;
    if (options->key != NULL && !options->dry_run &&
        !okse_staging_sign(result.path, &signer, options->role != NULL ? options->role : ROLE, NULL, error))
        return 2;
    return result_print(invocation, &session, &result, error) ? 0 : 2;
}

const OkseCommand okse_command_return = {
    .name = "return",
    .arguments = NULL,
    .minimum = 0,
    .maximum = 0,
    .summary = "Pack what a site sends back to its vendor: what an allow-list names, and nothing else.",
    .details =
        "The list names records of okse verify --record, findings of okse report --redact and statements about them.\n"
        "Each is looked into: members that may not leave, secrets and the words of --never refuse it by name. What\n"
        "was looked at is what is packed, with the list, as a bundle like any other (docs/return.md).",
    .options = return_options,
    .options_size = sizeof(ReturnOptions),
    .run = return_run,
};
