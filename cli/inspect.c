/* okse inspect: what is inside a bundle. It says nothing about who made it. */
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/entry.h"
#include "core/text.h"
#include "packager/bundle_tensors.h"
#include "packager/bundle_tree.h"
#include "packager/tensor_diff.h"

#include <string.h>

typedef struct {
    gboolean check, tensors;
} InspectOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_FLAG, "check", 0, NULL, "hash the payload too (still proves nothing about who signed)",
     offsetof(InspectOptions, check)},
    {OKSE_OPTION_FLAG, "tensors", 0, NULL,
     "show the listed tensors of weights, too; with --check compare them with the payload",
     offsetof(InspectOptions, tensors)},
    {0},
};

static const char *const forms[] = {"raw", "tar", "image"};

/* Files and links; directories only when nothing is in them. */
static json_t *files_json(const OkseTree *tree)
{
    json_t *files = json_array();

    for (unsigned i = 0; i < okse_tree_count(tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(tree, i);
        json_t *row;

        if (okse_tree_is_implied(tree, i))
            continue;
        row = okse_entry_json(entry);
        json_object_set_new(row, "path", json_string(entry->path));
        json_array_append_new(files, row);
    }
    return files;
}

/* What the stack says of the component besides its name and kind. */
static const json_t *said_of(const OkseBundle *bundle, const OkseBundleComponent *component, const char *key)
{
    const json_t *rows = json_object_get(okse_bundle_stack(bundle), "components"), *row;
    size_t i;

    json_array_foreach(rows, i, row) if (g_strcmp0(okse_json_peek_text(row, "name"), component->name) ==
                                         0) return json_object_get(row, key);
    return NULL;
}

static const char *const said[] = {"supports", "compiled"};

/* The list of a file of a component, or NULL. listed: NULL when none are to be shown. */
static const OkseTensorFile *tensors_of(const GPtrArray *listed, const char *component, const char *path)
{
    for (guint i = 0; listed != NULL && i < listed->len; i++) {
        const OkseTensorFile *file = g_ptr_array_index(listed, i);

        if (strcmp(file->component, component) == 0 && strcmp(file->path, path) == 0)
            return file;
    }
    return NULL;
}

static void add_tensors(json_t *files, const GPtrArray *listed, const char *component)
{
    json_t *row;
    size_t i;

    json_array_foreach(files, i, row)
    {
        const OkseTensorFile *file = tensors_of(listed, component, okse_json_peek_text(row, "path"));
        json_t *tensors = file == NULL ? NULL : json_array();

        for (guint k = 0; file != NULL && k < file->tensors->len; k++) {
            json_t *tensor = okse_tensor_json(file, k);

            json_object_del(tensor, "path");
            json_array_append_new(tensors, tensor);
        }
        if (file != NULL)
            json_object_set_new(row, "tensors", tensors);
    }
}

static json_t *component_json(const OkseBundle *bundle, const OkseBundleComponent *component, const GPtrArray *listed,
                              GError **error)
{
    g_autoptr(OkseTree) tree = okse_bundle_tree(bundle, component, error);
    char text[OKSE_SHA256_TEXT];
    json_t *row;

    if (tree == NULL)
        return NULL;
    row = json_pack("{s:s,s:s,s:s,s:s,s:I,s:o}", "name", component->name, "kind", component->kind, "form",
                    forms[component->form], "manifest", okse_sha256_text(&component->manifest_digest, text), "size",
                    (json_int_t)component->size, "files", files_json(tree));
    add_tensors(json_object_get(row, "files"), listed, component->name);
    if (component->form == OKSE_FORM_TAR) {
        json_object_set_new(row, "listing", json_string(okse_sha256_text(&component->listing, text)));
        json_object_set_new(row, "archive", json_string(okse_sha256_text(&component->archive, text)));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(said); i++)
        if (said_of(bundle, component, said[i]) != NULL)
            json_object_set_new(row, said[i], json_deep_copy(said_of(bundle, component, said[i])));
    return row;
}

static json_t *inspect_json(const OkseBundle *bundle, const GPtrArray *listed, bool checked, GError **error)
{
    g_autoptr(json_t) components = json_array(), statements = json_array();
    char text[OKSE_SHA256_TEXT];

    for (unsigned i = 0; i < okse_bundle_components(bundle); i++)
        if (json_array_append_new(components, component_json(bundle, okse_bundle_component(bundle, i), listed, error)) <
            0)
            return NULL;
    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++) {
        const OkseBundleStatement *statement = okse_bundle_statement(bundle, i);

        json_array_append_new(statements, json_pack("{s:s,s:s}", "predicateType", statement->predicate_type, "digest",
                                                    okse_sha256_text(&statement->digest, text)));
    }
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:O,s:O,s:O,s:b}", "schema", "okse.inspection.v1", "identity",
                     okse_sha256_text(okse_bundle_identity(bundle), text), "name", okse_bundle_name(bundle), "version",
                     okse_bundle_version(bundle), "sequence", (json_int_t)okse_bundle_sequence(bundle), "country",
                     okse_bundle_country(bundle), "vendor", json_object_get(okse_bundle_stack(bundle), "vendor"),
                     "components", components, "statements", statements, "payload_checked", (int)checked);
}

static void print_shown(const char *format, const char *text)
{
    g_autofree char *shown = okse_text_show(text != NULL ? text : "?", -1, false);

    okse_print("%s%s\n", format, shown);
}

static void print_entry(const OkseTreeEntry *entry)
{
    g_autofree char *path = okse_text_show(entry->path, -1, false), *words = okse_entry_words(entry);
    char hex[OKSE_SHA256_HEX] = "";

    if (entry->type == OKSE_TREE_FILE)
        okse_print("  %.12s  %10s  %s%s\n", okse_sha256_hex(&entry->digest, hex), words, path,
                   entry->executable ? " (executable)" : "");
    else
        okse_print("  %12s  %10s  %s%s%s\n", "", "", path, entry->type == OKSE_TREE_LINK ? " " : "/",
                   entry->type == OKSE_TREE_LINK ? words : "");
}

static void print_tensors(const OkseTensorFile *file)
{
    for (guint i = 0; file != NULL && i < file->tensors->len; i++) {
        const OkseTensor *tensor = okse_tensor(file, i);
        g_autofree char *name = okse_text_show(tensor->name, -1, false), *size = okse_text_size(tensor->length);
        char hex[OKSE_SHA256_HEX];

        okse_print("    %.12s  %10s  %s  %s [", okse_sha256_hex(&tensor->digest, hex), size, name, tensor->dtype);
        for (unsigned k = 0; k < tensor->dimensions; k++)
            okse_print("%s%" G_GUINT64_FORMAT, k > 0 ? ", " : "", tensor->shape[k]);
        okse_print("]\n");
    }
}

/* "  supports  devices 1ed2:0001; kernel >= 6.3" */
static void print_said(const char *what, const json_t *value)
{
    g_autoptr(GString) line = g_string_new(NULL);
    json_t *member, *item;
    const char *key;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        g_string_append_printf(line, "%s%s %s", line->len > 0 ? "; " : "", key,
                               json_is_string(member) ? json_string_value(member) : "");
        json_array_foreach(member, i, item) if (json_is_string(item))
            g_string_append_printf(line, "%s%s", i > 0 ? ", " : "", json_string_value(item));
    }
    if (line->len > 0) {
        g_autofree char *shown = okse_text_show(line->str, (gssize)line->len, false);

        okse_print("  %-8s  %s\n", what, shown);
    }
}

static bool print_component(const OkseBundle *bundle, const OkseBundleComponent *component, const GPtrArray *listed,
                            GError **error)
{
    g_autofree char *size = okse_text_size(component->size);
    g_autoptr(OkseTree) tree = okse_bundle_tree(bundle, component, error);

    if (tree == NULL)
        return false;
    okse_print("\n%s (%s, %s, %s)\n", component->name, component->kind, forms[component->form], size);
    for (unsigned i = 0; i < G_N_ELEMENTS(said); i++)
        print_said(said[i], said_of(bundle, component, said[i]));
    for (unsigned i = 0; i < okse_tree_count(tree); i++)
        if (!okse_tree_is_implied(tree, i)) {
            print_entry(okse_tree_entry(tree, i));
            print_tensors(tensors_of(listed, component->name, okse_tree_entry(tree, i)->path));
        }
    return true;
}

static bool print_bundle(const OkseBundle *bundle, const GPtrArray *listed, const OkseThinReport *thin, bool checked,
                         GError **error)
{
    const json_t *vendor = json_object_get(okse_bundle_stack(bundle), "vendor");
    char text[OKSE_SHA256_TEXT];

    okse_print("%s %s, sequence %" G_GUINT64_FORMAT ", for %s\n", okse_bundle_name(bundle), okse_bundle_version(bundle),
               okse_bundle_sequence(bundle), okse_bundle_country(bundle));
    okse_print("identity  %s\n", okse_sha256_text(okse_bundle_identity(bundle), text));
    print_shown("vendor    ", okse_json_peek_text(vendor, "name"));
    okse_print("signed    %u statement%s, not checked here (okse verify does)\n", okse_bundle_statements(bundle),
               okse_bundle_statements(bundle) == 1 ? "" : "s");
    okse_print("payload   %s\n", checked ? "every blob has the content its name says; that does not tell who made it"
                                         : "not read (--check reads it)");
    if (thin != NULL)
        okse_print_thin("thin      ", thin);
    for (unsigned i = 0; i < okse_bundle_components(bundle); i++)
        if (!print_component(bundle, okse_bundle_component(bundle, i), listed, error))
            return false;
    return true;
}

static bool check_tensors(const OkseBundle *bundle, const GPtrArray *listed, const OkseInvocation *invocation,
                          GError **error)
{
    g_autoptr(OkseResources) resources = okse_resources_open(invocation->manifests, error);
    g_autoptr(OkseWeightsRules) rules = resources == NULL ? NULL : okse_weights_rules_read(resources, error);
    g_autofree char *lie = NULL;

    if (rules == NULL || !okse_bundle_tensors_check(bundle, listed, rules, !invocation->json, &lie, error))
        return false;
    return lie == NULL || okse_fail(error, OKSE_ERROR_REFUSED, "%s: %s", invocation->arguments[0], lie);
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const InspectOptions *given = invocation->options;
    const char *path = invocation->arguments[0];
    const OkseThinReport *thin = NULL;
    g_autoptr(OkseBundle) bundle = okse_bundle_input_read(path, &thin, error);
    g_autoptr(GPtrArray) listed = bundle == NULL || !given->tensors ? NULL : okse_bundle_tensors(bundle, error);
    g_autoptr(json_t) document = NULL;
    const OkseChecking checking = {.both = true}; /* --check speaks of names, which are SHA-256 */

    if (bundle == NULL || (given->tensors && listed == NULL) ||
        (given->check && !okse_bundle_check(bundle, &checking, NULL, error)))
        return 3;
    if (given->check && given->tensors && !check_tensors(bundle, listed, invocation, error))
        return 3;
    if (invocation->json) {
        document = inspect_json(bundle, listed, given->check, error);
        if (document != NULL && thin != NULL)
            json_object_set_new(document, "thin", okse_thin_json(thin));
        return document != NULL && okse_print_json(document, error) ? 0 : 3;
    }
    return print_bundle(bundle, listed, thin, given->check, error) ? 0 : 3;
}

const OkseCommand okse_command_inspect = {
    .name = "inspect",
    .arguments = "BUNDLE",
    .minimum = 1,
    .maximum = 1,
    .summary = "Show what is inside a bundle.",
    .details = "Structure and metadata are checked; who signed is not: that is okse verify.",
    .options = options,
    .options_size = sizeof(InspectOptions),
    .run = run,
};
