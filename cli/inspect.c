/* okse inspect: what is inside a bundle. It says nothing about who made it. */
#include "cli/commands.h"
#include "core/fd.h"
#include "core/text.h"
#include "packager/bundle_reader.h"

typedef struct {
    gboolean check;
} InspectOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_FLAG, "check", 0, NULL, "hash the payload too (still proves nothing about who signed)",
     offsetof(InspectOptions, check)},
    {0},
};

static const char *const forms[] = {"raw", "tar", "image"};

static json_t *file_json(const OkseBundleFile *file)
{
    char digest[OKSE_SHA256_TEXT], verity[OKSE_SHA256_TEXT];

    return json_pack("{s:s,s:s,s:s,s:I,s:s}", "path", file->path, "digest", okse_sha256_text(&file->digest, digest),
                     "fsverity", okse_sha256_text(&file->verity, verity), "size", (json_int_t)file->size, "mode",
                     file->executable ? "0755" : "0644");
}

static json_t *component_json(const OkseBundleComponent *component)
{
    char text[OKSE_SHA256_TEXT];
    json_t *files = json_array(), *row;

    for (guint i = 0; i < component->files->len; i++)
        json_array_append_new(files, file_json(g_ptr_array_index(component->files, i)));
    row = json_pack("{s:s,s:s,s:s,s:s,s:I,s:o}", "name", component->name, "kind", component->kind, "form",
                    forms[component->form], "manifest", okse_sha256_text(&component->manifest_digest, text), "size",
                    (json_int_t)component->size, "files", files);
    if (component->form == OKSE_FORM_TAR) {
        json_object_set_new(row, "listing", json_string(okse_sha256_text(&component->listing, text)));
        json_object_set_new(row, "archive", json_string(okse_sha256_text(&component->archive, text)));
    }
    return row;
}

static json_t *inspect_json(const OkseBundle *bundle)
{
    json_t *components = json_array(), *statements = json_array();
    char text[OKSE_SHA256_TEXT];

    for (unsigned i = 0; i < okse_bundle_components(bundle); i++)
        json_array_append_new(components, component_json(okse_bundle_component(bundle, i)));
    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++) {
        const OkseBundleStatement *statement = okse_bundle_statement(bundle, i);

        json_array_append_new(statements, json_pack("{s:s,s:s}", "predicateType", statement->predicate_type, "digest",
                                                    okse_sha256_text(&statement->digest, text)));
    }
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:O?,s:o,s:o}", "schema", "okse.inspection.v1", "identity",
                     okse_sha256_text(okse_bundle_identity(bundle), text), "name", okse_bundle_name(bundle), "version",
                     okse_bundle_version(bundle), "sequence", (json_int_t)okse_bundle_sequence(bundle), "country",
                     okse_bundle_country(bundle), "vendor", json_object_get(okse_bundle_stack(bundle), "vendor"),
                     "components", components, "statements", statements);
}

static void print_shown(const char *format, const char *text)
{
    g_autofree char *shown = okse_text_show(text != NULL ? text : "?", -1, false);

    okse_print("%s%s\n", format, shown);
}

static void print_component(const OkseBundleComponent *component)
{
    g_autofree char *size = okse_text_size(component->size);

    okse_print("\n%s (%s, %s, %s)\n", component->name, component->kind, forms[component->form], size);
    for (guint i = 0; i < component->files->len; i++) {
        const OkseBundleFile *file = g_ptr_array_index(component->files, i);
        g_autofree char *path = okse_text_show(file->path, -1, false), *bytes = okse_text_size(file->size);
        char hex[OKSE_SHA256_HEX];

        okse_print("  %.12s  %10s  %s%s\n", okse_sha256_hex(&file->digest, hex), bytes, path,
                   file->executable ? " (executable)" : "");
    }
}

static void print_bundle(const OkseBundle *bundle, bool checked)
{
    const json_t *vendor = json_object_get(okse_bundle_stack(bundle), "vendor");
    char text[OKSE_SHA256_TEXT];

    okse_print("%s %s, sequence %" G_GUINT64_FORMAT ", for %s\n", okse_bundle_name(bundle), okse_bundle_version(bundle),
               okse_bundle_sequence(bundle), okse_bundle_country(bundle));
    okse_print("identity  %s\n", okse_sha256_text(okse_bundle_identity(bundle), text));
    print_shown("vendor    ", okse_json_peek_text(vendor, "name"));
    okse_print("signed    %u statement%s, not checked here (okse verify does)\n", okse_bundle_statements(bundle),
               okse_bundle_statements(bundle) == 1 ? "" : "s");
    okse_print("payload   %s\n", checked ? "every blob has the content its name says" : "not read (--check reads it)");
    for (unsigned i = 0; i < okse_bundle_components(bundle); i++)
        print_component(okse_bundle_component(bundle, i));
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const InspectOptions *given = invocation->options;
    const char *path = invocation->arguments[0];
    okse_autofd fd = okse_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);
    g_autoptr(OkseBundle) bundle = fd < 0 ? NULL : okse_bundle_open(fd, path, error);
    g_autoptr(json_t) document = NULL;

    if (bundle == NULL || (given->check && !okse_bundle_check(bundle, 0, false, NULL, NULL, error)))
        return 3;
    if (invocation->json) {
        document = inspect_json(bundle);
        return okse_print_json(document, error) ? 0 : 3;
    }
    print_bundle(bundle, given->check);
    return 0;
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
