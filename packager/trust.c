/* Reading trust.yaml. What cannot be understood entirely is refused: a rule that is misspelt would protect nothing. */
#include "packager/trust.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/yaml.h"

#include <string.h>

#define TRUST_VERSION "trust/v1"
#define FILE_LIMIT (16u << 20) /* one file that a policy names; CRLs may be large */
#define THRESHOLD_LIMIT 64u

/* While reading: the policy that grows, and how to reach the files it names. */
typedef struct {
    OkseTrust *trust;
    OkseTrustOpen open;
    void *context;
    OkseIssues *issues;
    GError *failure; /* the first file that could not be read */
} Reader;

static const char *const default_algorithms[] = {"ed25519",           "ecdsa-p256-sha256", "ecdsa-p384-sha384",
                                                 "ecdsa-p521-sha512", "rsa-pss-sha256",    NULL};

static void signer_free(gpointer memory)
{
    OkseSigner *signer = memory;

    g_free(signer->label);
    g_free(signer->holder);
    okse_key_free(signer->key);
    g_free(signer->leaf.subject);
    g_free(signer->leaf.issuer);
    g_free(signer->leaf.san);
    g_free(signer->leaf.eku);
    g_free(signer);
}

static void role_free(gpointer memory)
{
    OkseRole *role = memory;

    g_free(role->name);
    g_ptr_array_unref(role->signers);
    g_free(role);
}

static void minimum_clear(gpointer memory)
{
    OkseMinimum *minimum = memory;

    g_free(minimum->name);
}

static void crl_free(gpointer crl)
{
    okse_crl_free(crl);
}

static OkseTrust *trust_new(GBytes *yaml, const char *origin)
{
    OkseTrust *trust = g_new0(OkseTrust, 1);

    trust->origin = g_strdup(origin);
    trust->digest = okse_sha256_of_bytes(yaml);
    trust->roots = okse_certificates_new();
    trust->intermediates = okse_certificates_new();
    trust->timestamp_roots = okse_certificates_new();
    trust->crls = g_ptr_array_new_with_free_func(crl_free);
    trust->roles = g_ptr_array_new_with_free_func(role_free);
    trust->approvals = g_ptr_array_new_with_free_func(role_free);
    trust->minimum_sequence = g_array_new(FALSE, TRUE, sizeof(OkseMinimum));
    g_array_set_clear_func(trust->minimum_sequence, minimum_clear);
    return trust;
}

void okse_trust_free(OkseTrust *trust)
{
    if (trust == NULL)
        return;
    g_free(trust->origin);
    okse_certificates_free(trust->roots);
    okse_certificates_free(trust->intermediates);
    okse_certificates_free(trust->timestamp_roots);
    g_ptr_array_unref(trust->crls);
    g_strfreev(trust->algorithms);
    g_ptr_array_unref(trust->roles);
    g_ptr_array_unref(trust->approvals);
    g_array_unref(trust->minimum_sequence);
    if (trust->override != NULL)
        role_free(trust->override);
    if (trust->provenance != NULL)
        role_free(trust->provenance);
    g_free(trust);
}

const OkseRole *okse_trust_approvers(const OkseTrust *trust, const char *role)
{
    for (guint i = 0; i < trust->approvals->len; i++) {
        const OkseRole *found = g_ptr_array_index(trust->approvals, i);

        if (strcmp(found->name, role) == 0)
            return found;
    }
    return NULL;
}

bool okse_trust_allows(const OkseTrust *trust, const char *algorithm)
{
    return g_strv_contains((const char *const *)trust->algorithms, algorithm);
}

bool okse_duration_parse(const char *text, gint64 *seconds)
{
    static const struct {
        char unit;
        gint64 seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}, {'y', 31557600}};
    size_t length = strlen(text);
    g_autofree char *number = g_strndup(text, length > 0 ? length - 1 : 0);
    guint64 value;

    if (!g_ascii_string_to_unsigned(number, 10, 1, 1000000, &value, NULL))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
        if (text[length - 1] == units[i].unit) {
            *seconds = (gint64)value * units[i].seconds;
            return true;
        }
    return false;
}

/* The bytes of a file that a node names; NULL after recording why not. */
static GBytes *node_open(Reader *reader, const OkseNode *node)
{
    OksePlace at = okse_node_place(node);
    g_autoptr(GError) cause = NULL;
    GBytes *bytes;

    if (okse_node_kind(node) != OKSE_NODE_TEXT) {
        okse_issue(reader->issues, &at, "a file name belongs here, not %s", okse_node_kind_name(node));
        return NULL;
    }
    bytes = reader->open(okse_node_text(node), reader->context, &cause);
    if (bytes != NULL)
        return bytes;
    if (g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID))
        okse_issue(reader->issues, &at, "%s", cause->message);
    else if (reader->failure == NULL) {
        g_prefix_error(&cause, "%s:%u:%u: ", at.origin, at.line, at.column);
        reader->failure = g_steal_pointer(&cause);
    }
    return NULL;
}

static void issue_cause(Reader *reader, const OkseNode *node, const GError *cause)
{
    OksePlace at = okse_node_place(node);

    okse_issue(reader->issues, &at, "%s", cause->message);
}

static void certificates_take(Reader *reader, OkseMap *map, const char *key, OkseCertificates *into)
{
    const OkseNode *list = NULL;

    if (!okse_map_take_list(map, key, OKSE_OPTIONAL, &list))
        return;
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *item = okse_node_item(list, i);
        g_autoptr(GBytes) pem = node_open(reader, item);
        g_autoptr(OkseCertificates) read = NULL;
        g_autoptr(GError) cause = NULL;

        if (pem == NULL)
            continue;
        read = okse_certificates_read_pem(pem, okse_node_text(item), &cause);
        if (read == NULL)
            issue_cause(reader, item, cause);
        else
            okse_certificates_join(into, read);
    }
}

static bool duration_take(Reader *reader, OkseMap *map, const char *key, gint64 *seconds)
{
    const OkseNode *node = NULL;
    OksePlace at;

    if (!okse_map_take_node(map, key, OKSE_OPTIONAL, &node))
        return false;
    at = okse_node_place(node);
    if (okse_node_text(node) != NULL && okse_duration_parse(okse_node_text(node), seconds))
        return true;
    okse_issue(reader->issues, &at, "'%s' must be a length of time such as 30d, 12h or 2w", key);
    return false;
}

static void crl_take(Reader *reader, const OkseNode *item)
{
    OkseMap *map = okse_map_open(item, "an entry of crls", reader->issues);
    const OkseNode *file = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GError) cause = NULL;
    gint64 max_age = 0;
    OkseCrl *crl;

    duration_take(reader, map, "max_age", &max_age);
    if (okse_map_take_node(map, "file", OKSE_REQUIRED, &file))
        bytes = node_open(reader, file);
    okse_map_end(map);
    if (bytes == NULL)
        return;
    crl = okse_crl_read(bytes, okse_node_text(file), max_age, &cause);
    if (crl != NULL)
        g_ptr_array_add(reader->trust->crls, crl);
    else
        issue_cause(reader, file, cause);
}

static void crls_take(Reader *reader, OkseMap *map)
{
    const OkseNode *list = NULL, *check = NULL;

    if (okse_map_take_list(map, "crls", OKSE_OPTIONAL, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            crl_take(reader, okse_node_item(list, i));
    reader->trust->crl_required = okse_node_count(list) > 0;
    if (okse_map_take_node(map, "crl_check", OKSE_OPTIONAL, &check)) {
        const char *text = okse_node_text(check);
        OksePlace at = okse_node_place(check);

        if (g_strcmp0(text, "required") != 0 && g_strcmp0(text, "listed") != 0)
            okse_issue(reader->issues, &at, "'crl_check' must be 'required' or 'listed'");
        reader->trust->crl_required = g_strcmp0(text, "listed") != 0;
    }
}

static void algorithms_take(Reader *reader, OkseMap *map)
{
    const OkseNode *list = NULL;
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    if (!okse_map_take_list(map, "algorithms", OKSE_OPTIONAL, &list)) {
        reader->trust->algorithms = g_strdupv((char **)(uintptr_t)default_algorithms); /* only read */
        return;
    }
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *item = okse_node_item(list, i);
        const char *text = okse_node_text(item);
        OksePlace at = okse_node_place(item);

        if (text != NULL && g_strv_contains(okse_key_algorithms(), text)) {
            g_strv_builder_add(builder, text);
        } else {
            g_autofree char *known = g_strjoinv(", ", (char **)(uintptr_t)okse_key_algorithms()); /* only read */
            g_autofree char *shown = okse_text_show(text != NULL ? text : "", -1, false);

            okse_issue(reader->issues, &at, "unknown or refused algorithm '%s' (known: %s)", shown, known);
        }
    }
    reader->trust->algorithms = g_strv_builder_end(builder);
    if (okse_node_count(list) == 0) {
        OksePlace at = okse_node_place(list);

        okse_issue(reader->issues, &at, "'algorithms' is empty: nothing could ever be accepted");
    }
}

/* "certificate with subject … of issuer …" */
static char *constraints_label(const OkseConstraints *leaf)
{
    GString *text = g_string_new("certificate");
    const char *const names[] = {"subject", "issuer", "san", "eku"};
    const char *const values[] = {leaf->subject, leaf->issuer, leaf->san, leaf->eku};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (values[i] != NULL)
            g_string_append_printf(text, " %s \"%s\"", names[i], values[i]);
    return g_string_free(text, FALSE);
}

static void signer_key_take(Reader *reader, const OkseNode *node, OkseSigner *signer)
{
    g_autoptr(GBytes) pem = node_open(reader, node);
    g_autoptr(GError) cause = NULL;

    if (pem == NULL)
        return;
    signer->label = g_strdup(okse_node_text(node));
    signer->key = okse_key_read_public(pem, okse_node_text(node), &cause);
    if (signer->key == NULL)
        issue_cause(reader, node, cause);
}

static void signer_take(Reader *reader, const OkseNode *item, OkseRole *role)
{
    OkseMap *map = okse_map_open(item, "an entry of signers", reader->issues);
    OkseSigner *signer = g_new0(OkseSigner, 1);
    OksePlace at = okse_node_place(item);
    const OkseNode *key = NULL;
    bool bare = okse_map_take_node(map, "key", OKSE_OPTIONAL, &key);
    bool constrained;

    g_ptr_array_add(role->signers, signer);
    signer->leaf = (OkseConstraints){
        okse_map_dup_text(map, "subject", OKSE_OPTIONAL), okse_map_dup_text(map, "issuer", OKSE_OPTIONAL),
        okse_map_dup_text(map, "san", OKSE_OPTIONAL), okse_map_dup_text(map, "eku", OKSE_OPTIONAL)};
    signer->holder = okse_map_dup_text(map, "holder", OKSE_OPTIONAL);
    okse_map_end(map);
    constrained = signer->leaf.subject != NULL || signer->leaf.issuer != NULL || signer->leaf.san != NULL ||
                  signer->leaf.eku != NULL;
    if (bare == constrained)
        okse_issue(reader->issues, &at,
                   bare ? "a signer is either a key or constraints on a certificate, not both"
                        : "a signer needs 'key', or at least one of 'subject', 'issuer', 'san', 'eku'");
    else if (constrained && okse_certificates_count(reader->trust->roots) == 0)
        okse_issue(reader->issues, &at, "a signer by certificate needs 'roots' that its chain leads to");
    if (signer->leaf.eku != NULL && !okse_eku_known(signer->leaf.eku))
        okse_issue(reader->issues, &at, "'eku' is no known extended key usage and no OID");
    if (bare)
        signer_key_take(reader, key, signer);
    else
        signer->label = constraints_label(&signer->leaf);
}

/* How many of whom. */
static OkseRole *role_take(Reader *reader, const char *name, const OkseNode *node, OksePlace at)
{
    OkseRole *role = g_new0(OkseRole, 1);
    OkseMap *map = okse_map_open(node, "a role", reader->issues);
    const OkseNode *signers = NULL;
    guint64 threshold = 1;

    role->name = g_strdup(name);
    role->signers = g_ptr_array_new_with_free_func(signer_free);
    okse_map_take_unsigned(map, "threshold", OKSE_OPTIONAL, &threshold);
    if (threshold < 1 || threshold > THRESHOLD_LIMIT)
        okse_issue(reader->issues, &at, "'threshold' must be from 1 to %u", THRESHOLD_LIMIT);
    role->threshold = (unsigned)MIN(threshold, THRESHOLD_LIMIT);
    if (okse_map_take_list(map, "signers", OKSE_REQUIRED, &signers))
        for (unsigned i = 0; i < okse_node_count(signers); i++)
            signer_take(reader, okse_node_item(signers, i), role);
    if (signers != NULL && okse_node_count(signers) == 0)
        okse_issue(reader->issues, &at, "role '%s' has no signers: nothing could ever be accepted", role->name);
    okse_map_end(map);
    return role;
}

/* Signers who are asked for something else than a role's signature. */
static void special_take(Reader *reader, OkseMap *map, const char *key, OkseRole **role)
{
    const OkseNode *node = NULL;

    if (okse_map_take_node(map, key, OKSE_OPTIONAL, &node))
        *role = role_take(reader, key, node, okse_node_place(node));
}

/* One signature lies beside a document, so one signer must do. */
static void approvals_take(Reader *reader, OkseMap *map)
{
    const OkseNode *approvals = NULL;

    if (!okse_map_take_map(map, "approvals", OKSE_OPTIONAL, &approvals))
        return;
    for (unsigned i = 0; i < okse_node_count(approvals); i++) {
        OksePlace at = okse_node_key_place(approvals, i);
        OkseRole *role = role_take(reader, okse_node_key(approvals, i), okse_node_item(approvals, i), at);

        if (role->threshold != 1)
            okse_issue(reader->issues, &at, "a document has one signature: 'threshold' of an approval must be 1");
        g_ptr_array_add(reader->trust->approvals, role);
    }
}

static void roles_take(Reader *reader, OkseMap *map)
{
    const OkseNode *roles = NULL;
    OksePlace at;

    if (!okse_map_take_map(map, "roles", OKSE_REQUIRED, &roles))
        return;
    at = okse_node_place(roles);
    if (okse_node_count(roles) == 0)
        okse_issue(reader->issues, &at, "'roles' is empty: a policy that asks for nobody would accept everything");
    for (unsigned i = 0; i < okse_node_count(roles); i++)
        g_ptr_array_add(reader->trust->roles, role_take(reader, okse_node_key(roles, i), okse_node_item(roles, i),
                                                        okse_node_key_place(roles, i)));
}

static void minimums_take(Reader *reader, OkseMap *map)
{
    const OkseNode *minimums = NULL;

    if (!okse_map_take_map(map, "minimum_sequence", OKSE_OPTIONAL, &minimums))
        return;
    for (unsigned i = 0; i < okse_node_count(minimums); i++) {
        const OkseNode *value = okse_node_item(minimums, i);
        OksePlace at = okse_node_place(value);
        OkseMinimum minimum;

        if (okse_node_kind(value) != OKSE_NODE_INTEGER || okse_node_integer(value) < 0) {
            okse_issue(reader->issues, &at, "a sequence is a whole number from 0, not %s", okse_node_kind_name(value));
            continue;
        }
        minimum = (OkseMinimum){g_strdup(okse_node_key(minimums, i)), (uint64_t)okse_node_integer(value)};
        g_array_append_val(reader->trust->minimum_sequence, minimum);
    }
}

static void document_take(Reader *reader, const OkseNode *root)
{
    OkseMap *map = okse_map_open(root, "trust.yaml", reader->issues);
    OksePlace at = okse_node_place(root);
    const char *version = NULL;

    if (okse_map_take_text(map, "okse", OKSE_REQUIRED, &version) && strcmp(version, TRUST_VERSION) != 0)
        okse_issue(reader->issues, &at, "'okse' must be '" TRUST_VERSION "'");
    certificates_take(reader, map, "roots", reader->trust->roots);
    certificates_take(reader, map, "intermediates", reader->trust->intermediates);
    certificates_take(reader, map, "timestamp_roots", reader->trust->timestamp_roots);
    crls_take(reader, map);
    algorithms_take(reader, map);
    roles_take(reader, map);
    special_take(reader, map, "override", &reader->trust->override);
    special_take(reader, map, "provenance", &reader->trust->provenance);
    approvals_take(reader, map);
    minimums_take(reader, map);
    duration_take(reader, map, "maximum_age", &reader->trust->maximum_age);
    okse_map_take_flag(map, "shared_signers", OKSE_OPTIONAL, &reader->trust->shared_signers);
    okse_map_end(map);
}

OkseTrust *okse_trust_read(GBytes *yaml, const char *origin, OkseTrustOpen open, void *context, GError **error)
{
    g_autoptr(OkseYaml) document = okse_yaml_read(yaml, origin, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseTrust) trust = NULL;
    Reader reader;

    if (document == NULL)
        return NULL;
    trust = trust_new(yaml, origin);
    reader = (Reader){trust, open, context, issues, NULL};
    document_take(&reader, okse_yaml_root(document));
    if (!okse_issues_none(issues, error)) {
        g_clear_error(&reader.failure);
        return NULL;
    }
    if (reader.failure != NULL) {
        g_propagate_error(error, reader.failure);
        return NULL;
    }
    return g_steal_pointer(&trust);
}

/* Names are the site's own: absolute ones and links are its business. */
static GBytes *open_beside(const char *name, void *context, GError **error)
{
    g_autofree char *path = g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(context, name, NULL);

    return okse_read_path(path, FILE_LIMIT, error);
}

OkseTrust *okse_trust_open(const char *path, GError **error)
{
    g_autoptr(GBytes) yaml = okse_read_path(path, OKSE_LIMIT_DOCUMENT, error);
    g_autofree char *directory = g_path_get_dirname(path);

    return yaml != NULL ? okse_trust_read(yaml, path, open_beside, directory, error) : NULL;
}
