/* okse diff: what changed from one bundle to another. */
#include "cli/commands.h"
#include "core/fd.h"
#include "core/text.h"
#include "packager/bundle_reader.h"

#include <string.h>

static OkseBundle *open_bundle(const char *path, int *fd, GError **error)
{
    *fd = okse_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);
    return *fd < 0 ? NULL : okse_bundle_open(*fd, path, error);
}

static const OkseBundleComponent *find(const OkseBundle *bundle, const OkseBundleComponent *like)
{
    for (unsigned i = 0; i < okse_bundle_components(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(bundle, i);

        if (strcmp(component->name, like->name) == 0 &&
            (component->form != OKSE_FORM_IMAGE || like->form != OKSE_FORM_IMAGE ||
             okse_sha256_equal(&component->manifest_digest, &like->manifest_digest)))
            return component;
    }
    return NULL;
}

static const OkseBundleFile *find_file(const OkseBundleComponent *component, const char *path)
{
    for (guint i = 0; i < component->files->len; i++)
        if (strcmp(((OkseBundleFile *)g_ptr_array_index(component->files, i))->path, path) == 0)
            return g_ptr_array_index(component->files, i);
    return NULL;
}

static void add_row(json_t *rows, const char *change, const char *component, const char *path)
{
    json_t *row = json_pack("{s:s,s:s}", "change", change, "component", component);

    if (path != NULL)
        json_object_set_new(row, "path", json_string(path));
    json_array_append_new(rows, row);
}

static void compare_files(const OkseBundleComponent *old, const OkseBundleComponent *new, json_t *rows)
{
    for (guint i = 0; i < old->files->len; i++) {
        const OkseBundleFile *before = g_ptr_array_index(old->files, i);
        const OkseBundleFile *after = find_file(new, before->path);

        if (after == NULL)
            add_row(rows, "removed", old->name, before->path);
        else if (!okse_sha256_equal(&before->digest, &after->digest) || before->executable != after->executable)
            add_row(rows, "changed", old->name, before->path);
    }
    for (guint i = 0; i < new->files->len; i++) {
        const OkseBundleFile *after = g_ptr_array_index(new->files, i);

        if (find_file(old, after->path) == NULL)
            add_row(rows, "added", new->name, after->path);
    }
}

static json_t *compare(const OkseBundle *old, const OkseBundle *new)
{
    json_t *rows = json_array();

    for (unsigned i = 0; i < okse_bundle_components(old); i++) {
        const OkseBundleComponent *before = okse_bundle_component(old, i), *after = find(new, before);

        if (after == NULL)
            add_row(rows, "removed", before->name, NULL);
        else if (!okse_sha256_equal(&before->manifest_digest, &after->manifest_digest)) {
            add_row(rows, "changed", before->name, NULL);
            compare_files(before, after, rows);
        }
    }
    for (unsigned i = 0; i < okse_bundle_components(new); i++)
        if (find(old, okse_bundle_component(new, i)) == NULL)
            add_row(rows, "added", okse_bundle_component(new, i)->name, NULL);
    return rows;
}

static json_t *side(const OkseBundle *bundle)
{
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s,s:s,s:s,s:I,s:s,s:i}", "identity", okse_sha256_text(okse_bundle_identity(bundle), text),
                     "name", okse_bundle_name(bundle), "version", okse_bundle_version(bundle), "sequence",
                     (json_int_t)okse_bundle_sequence(bundle), "country", okse_bundle_country(bundle), "statements",
                     (int)okse_bundle_statements(bundle));
}

static void print_side(const char *sign, const OkseBundle *bundle)
{
    char text[OKSE_SHA256_TEXT];

    okse_print("%s %s %s, sequence %" G_GUINT64_FORMAT ", for %s, %s\n", sign, okse_bundle_name(bundle),
               okse_bundle_version(bundle), okse_bundle_sequence(bundle), okse_bundle_country(bundle),
               okse_sha256_text(okse_bundle_identity(bundle), text));
}

static void print_rows(const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *path = okse_json_peek_text(row, "path");
        g_autofree char *shown = path == NULL ? NULL : okse_text_show(path, -1, false);

        okse_print("%-8s %s%s%s\n", okse_json_peek_text(row, "change"), okse_json_peek_text(row, "component"),
                   shown != NULL ? "/" : "", shown != NULL ? shown : "");
    }
}

static int run(const OkseInvocation *invocation, GError **error)
{
    okse_autofd old_fd = -1;
    okse_autofd new_fd = -1;
    g_autoptr(OkseBundle) old = open_bundle(invocation->arguments[0], &old_fd, error);
    g_autoptr(OkseBundle) new = old == NULL ? NULL : open_bundle(invocation->arguments[1], &new_fd, error);
    g_autoptr(json_t) rows = NULL, document = NULL;
    bool same;

    if (new == NULL)
        return 3;
    rows = compare(old, new);
    same = okse_sha256_equal(okse_bundle_identity(old), okse_bundle_identity(new));
    if (invocation->json) {
        document = json_pack("{s:s,s:b,s:o,s:o,s:O}", "schema", "okse.diff.v1", "same", (int)same, "old", side(old),
                             "new", side(new), "changes", rows);
        return !okse_print_json(document, error) ? 3 : same ? 0 : 1;
    }
    print_side("-", old);
    print_side("+", new);
    print_rows(rows);
    if (same)
        okse_print("the same identity\n");
    return same ? 0 : 1;
}

const OkseCommand okse_command_diff = {
    .name = "diff",
    .arguments = "OLD NEW",
    .minimum = 2,
    .maximum = 2,
    .summary = "Show what changed between two bundles.",
    .details = "Exit status 0 when both have the same identity, 1 when they differ.",
    .run = run,
};
