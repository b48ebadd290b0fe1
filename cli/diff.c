/* okse diff: what changed from one bundle to another. */
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/diff_tensors.h"
#include "cli/entry.h"
#include "core/text.h"
#include "packager/bundle_tree.h"

#include <string.h>

typedef struct {
    gboolean payload, tensors;
} DiffOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_FLAG, "payload", 0, NULL, "read the tensors from the weights' bytes, not from the signed lists",
     offsetof(DiffOptions, payload)},
    {OKSE_OPTION_FLAG, "tensors", 0, NULL, "show every tensor that differs, those that only moved too",
     offsetof(DiffOptions, tensors)},
    {0},
};

/* Components are the same part of the stack when name and platform are. */
static const json_t *platform_of(const OkseBundle *bundle, unsigned index)
{
    return json_object_get(json_array_get(json_object_get(okse_bundle_index(bundle), "manifests"), index + 1),
                           "platform");
}

static const OkseBundleComponent *find(const OkseBundle *bundle, const OkseBundle *from, unsigned index)
{
    const OkseBundleComponent *like = okse_bundle_component(from, index);
    const json_t *platform = platform_of(from, index);

    for (unsigned i = 0; i < okse_bundle_components(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(bundle, i);
        const json_t *other = platform_of(bundle, i);

        if (strcmp(component->name, like->name) == 0 &&
            (platform == other || (platform != NULL && other != NULL && json_equal(platform, other) == 1)))
            return component;
    }
    return NULL;
}

static void add_row(json_t *rows, const char *component, const char *path, json_t *before, json_t *after)
{
    const char *change = before == NULL ? "added" : after == NULL ? "removed" : "changed";
    json_t *row = json_pack("{s:s,s:s}", "change", change, "component", component);

    if (path != NULL)
        json_object_set_new(row, "path", json_string(path));
    if (before != NULL)
        json_object_set_new(row, "old", before);
    if (after != NULL)
        json_object_set_new(row, "new", after);
    json_array_append_new(rows, row);
}

static json_t *component_json(const OkseBundleComponent *component)
{
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s,s:s,s:I}", "kind", component->kind, "manifest",
                     okse_sha256_text(&component->manifest_digest, text), "size", (json_int_t)component->size);
}

/* Entry `index` as a row's side: NULL when it is not this one's turn, or a directory that its files tell of already. */
static json_t *side_json(const OkseTree *tree, unsigned index, bool turn)
{
    return turn && !okse_tree_is_implied(tree, index) ? okse_entry_json(okse_tree_entry(tree, index)) : NULL;
}

/* Both trees are sorted by path, so one pass over the two finds what differs, in order. */
static void compare_trees(const char *component, const OkseTree *old, const OkseTree *new, json_t *rows)
{
    unsigned i = 0, k = 0;

    while (i < okse_tree_count(old) || k < okse_tree_count(new)) {
        const OkseTreeEntry *before = i < okse_tree_count(old) ? okse_tree_entry(old, i) : NULL;
        const OkseTreeEntry *after = k < okse_tree_count(new) ? okse_tree_entry(new, k) : NULL;
        int order = before == NULL ? 1 : after == NULL ? -1 : strcmp(before->path, after->path);

        if (order != 0 || !okse_entry_equal(before, after)) {
            json_t *was = side_json(old, i, order <= 0), *is = side_json(new, k, order >= 0);

            if (was != NULL || is != NULL)
                add_row(rows, component, order <= 0 ? before->path : after->path, was, is);
        }
        i += order <= 0;
        k += order >= 0;
    }
}

static bool compare_component(const OkseBundle *old, const OkseBundleComponent *before, const OkseBundle *new,
                              const OkseBundleComponent *after, json_t *rows, GError **error)
{
    g_autoptr(OkseTree) old_tree = NULL, new_tree = NULL;

    if (okse_sha256_equal(&before->manifest_digest, &after->manifest_digest) && strcmp(before->kind, after->kind) == 0)
        return true;
    add_row(rows, before->name, NULL, component_json(before), component_json(after));
    old_tree = okse_bundle_tree(old, before, error);
    new_tree = old_tree == NULL ? NULL : okse_bundle_tree(new, after, error);
    if (new_tree == NULL)
        return false;
    compare_trees(before->name, old_tree, new_tree, rows);
    return true;
}

static json_t *compare(const OkseBundle *old, const OkseBundle *new, GError **error)
{
    g_autoptr(json_t) rows = json_array();

    for (unsigned i = 0; i < okse_bundle_components(old); i++) {
        const OkseBundleComponent *before = okse_bundle_component(old, i), *after = find(new, old, i);

        if (after == NULL)
            add_row(rows, before->name, NULL, component_json(before), NULL);
        else if (!compare_component(old, before, new, after, rows, error))
            return NULL;
    }
    for (unsigned i = 0; i < okse_bundle_components(new); i++) {
        const OkseBundleComponent *after = okse_bundle_component(new, i);

        if (find(old, new, i) == NULL)
            add_row(rows, after->name, NULL, NULL, component_json(after));
    }
    return g_steal_pointer(&rows);
}

static bool has_statement(const OkseBundle *bundle, const OkseSha256 *digest)
{
    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++)
        if (okse_sha256_equal(&okse_bundle_statement(bundle, i)->digest, digest))
            return true;
    return false;
}

/* Statements of `bundle` that `other` has not. */
static void add_statements(const OkseBundle *bundle, const OkseBundle *other, const char *change, json_t *rows)
{
    char text[OKSE_SHA256_TEXT];

    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++) {
        const OkseBundleStatement *statement = okse_bundle_statement(bundle, i);

        if (!has_statement(other, &statement->digest))
            json_array_append_new(rows, json_pack("{s:s,s:s,s:s}", "change", change, "digest",
                                                  okse_sha256_text(&statement->digest, text), "predicateType",
                                                  statement->predicate_type));
    }
}

static json_t *side(const OkseBundle *bundle, const OkseThinReport *thin)
{
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s,s:s,s:s,s:I,s:s,s:O,s:i,s:o*}", "identity",
                     okse_sha256_text(okse_bundle_identity(bundle), text), "name", okse_bundle_name(bundle), "version",
                     okse_bundle_version(bundle), "sequence", (json_int_t)okse_bundle_sequence(bundle), "country",
                     okse_bundle_country(bundle), "vendor", json_object_get(okse_bundle_stack(bundle), "vendor"),
                     "statements", (int)okse_bundle_statements(bundle), "thin",
                     thin == NULL ? NULL : okse_thin_json(thin));
}

static void print_side(const char *sign, const OkseBundle *bundle, const OkseThinReport *thin)
{
    const json_t *vendor = json_object_get(okse_bundle_stack(bundle), "vendor");
    g_autofree char *shown = okse_text_show(okse_json_peek_text(vendor, "name"), -1, false);
    char text[OKSE_SHA256_TEXT];

    okse_print("%s %s %s, sequence %" G_GUINT64_FORMAT ", for %s, by %s (%s), %s\n", sign, okse_bundle_name(bundle),
               okse_bundle_version(bundle), okse_bundle_sequence(bundle), okse_bundle_country(bundle), shown,
               okse_json_peek_text(vendor, "country"), okse_sha256_text(okse_bundle_identity(bundle), text));
    if (thin != NULL)
        okse_print_thin("  thin: ", thin);
}

static char *size_words(const json_t *value)
{
    const json_t *size = json_object_get(value, "size");

    return size != NULL ? okse_text_size((guint64)json_integer_value(size)) : g_strdup("");
}

static void print_rows(const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *path = okse_json_peek_text(row, "path");
        g_autofree char *shown = path == NULL ? NULL : okse_text_show(path, -1, false);
        g_autofree char *before = size_words(json_object_get(row, "old")),
                        *after = size_words(json_object_get(row, "new"));
        bool both = *before != '\0' && *after != '\0';

        okse_print("%-8s %s%s%s%s%s%s%s%s\n", okse_json_peek_text(row, "change"), okse_json_peek_text(row, "component"),
                   shown != NULL ? "/" : "", shown != NULL ? shown : "", *before != '\0' || *after != '\0' ? "  (" : "",
                   before, both ? " -> " : "", after, *before != '\0' || *after != '\0' ? ")" : "");
    }
}

static void print_statements(const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        g_autofree char *shown = okse_text_show(okse_json_peek_text(row, "predicateType"), -1, false);

        okse_print("%-8s statement %.19s, %s, not checked here\n", okse_json_peek_text(row, "change"),
                   okse_json_peek_text(row, "digest"), shown);
    }
}

static int tell(const OkseInvocation *invocation, const OkseBundle *old, const OkseBundle *new, const json_t *document)
{
    const DiffOptions *given = invocation->options;
    const OkseTensorQuestion question = {old, new, given->payload, given->tensors};
    const json_t *tensors = json_object_get(document, "tensors");
    bool same = json_is_true(json_object_get(document, "same"));

    print_rows(json_object_get(document, "changes"));
    if (tensors != NULL)
        okse_print_tensors(&question, tensors);
    print_statements(json_object_get(document, "statements"));
    if (same)
        okse_print("the same identity\n");
    return same ? 0 : 1;
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const DiffOptions *given = invocation->options;
    const OkseThinReport *old_thin = NULL, *new_thin = NULL;
    g_autoptr(OkseBundle) old = okse_bundle_input_read(invocation->arguments[0], &old_thin, error);
    g_autoptr(OkseBundle) new = old == NULL ? NULL : okse_bundle_input_read(invocation->arguments[1], &new_thin, error);
    g_autoptr(json_t) rows = new == NULL ? NULL : compare(old, new, error);
    g_autoptr(json_t) statements = json_array(), document = NULL;
    bool same;

    if (rows == NULL)
        return 3;
    add_statements(old, new, "removed", statements);
    add_statements(new, old, "added", statements);
    same = okse_sha256_equal(okse_bundle_identity(old), okse_bundle_identity(new));
    document = json_pack("{s:s,s:b,s:o,s:o,s:O,s:O}", "schema", "okse.diff.v1", "same", (int)same, "old",
                         side(old, old_thin), "new", side(new, new_thin), "changes", rows, "statements", statements);
    if (!same || given->payload) {
        const OkseTensorQuestion question = {old, new, given->payload, given->tensors};
        json_t *tensors = okse_diff_tensors(&question, invocation, error);

        if (tensors == NULL)
            return 3;
        json_object_set_new(document, "tensors", tensors);
    }
    if (invocation->json)
        return !okse_print_json(document, error) ? 3 : same ? 0 : 1;
    print_side("-", old, old_thin);
    print_side("+", new, new_thin);
    return tell(invocation, old, new, document);
}

const OkseCommand okse_command_diff = {
    .name = "diff",
    .arguments = "OLD NEW",
    .minimum = 2,
    .maximum = 2,
    .summary = "Show what changed between two bundles.",
    .details =
        "Exit status 0 when both have the same identity, 1 when they differ. Tensors of safetensors and GGUF files\n"
        "are compared by the lists that the bundles' builders signed.",
    .options = options,
    .options_size = sizeof(DiffOptions),
    .run = run,
};
