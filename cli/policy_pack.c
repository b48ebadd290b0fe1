/* okse policy pack: a directory of law becomes a bundle like any other, for every country. What is packed is a copy
 * that was read through the same door as everything that is judged by it. */
#include "audit/law.h"
#include "audit/law_words.h"
#include "cli/commands.h"
#include "cli/edge.h"
#include "cli/policy_parts.h"
#include "cli/signing_key.h"
#include "cli/staging.h"
#include "core/json.h"
#include "core/text.h"
#include "packager/build.h"
#include "packager/sign.h"

#include <stdlib.h>
#include <string.h>

#define COMPONENT "law"

typedef struct {
    char *output, *date;
    char *key, *certificate, *role, *passphrase_fd, *tsa;
    gboolean is_unsigned;
} PackOptions;

static const OkseOption pack_options[] = {
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "where to write the bundle (default: NAME-DATE-ZZ.okse)",
     offsetof(PackOptions, output)},
    {OKSE_OPTION_TEXT, "date", 0, "DATE", "the date of the pack (default: that of DIR/pack.yaml)",
     offsetof(PackOptions, date)},
    {OKSE_OPTION_PATH, "key", 'k', "URI", "sign with this key: a PEM or PKCS#12 file, or a pkcs11: URI",
     offsetof(PackOptions, key)},
    {OKSE_OPTION_PATH, "cert", 0, "PEM", "certificate chain of the key, its own first",
     offsetof(PackOptions, certificate)},
    {OKSE_OPTION_TEXT, "role", 0, "ROLE", "sign as vendor (default), builder, …", offsetof(PackOptions, role)},
    {OKSE_OPTION_TEXT, "passphrase-fd", 0, "N", "read the key's passphrase or PIN there",
     offsetof(PackOptions, passphrase_fd)},
    {OKSE_OPTION_TEXT, "tsa", 0, "URL", "have the signature timestamped there (RFC 3161 over http)",
     offsetof(PackOptions, tsa)},
    {OKSE_OPTION_FLAG, "unsigned", 0, NULL, "say nothing about the missing signature",
     offsetof(PackOptions, is_unsigned)},
    {0},
};

static bool is_hidden(const char *path)
{
    return *path == '.' || strstr(path, "/.") != NULL;
}

/* Every file but hidden ones, of which editors and repositories are full; links are none. */
static bool stage_law(const OkseStaging *stage, const OkseResources *resources, GError **error)
{
    g_auto(GStrv) paths = okse_resources_tree(resources, "manifests", error);

    for (char **path = paths; path != NULL && *path != NULL; path++) {
        g_autofree char *source = g_strconcat("manifests/", *path, NULL);
        g_autoptr(GBytes) bytes = is_hidden(*path) ? NULL : okse_resources_read(resources, source, error);

        if (!is_hidden(*path) && (bytes == NULL || !okse_staging_file(stage, COMPONENT, *path, bytes, error)))
            return false;
    }
    return paths != NULL;
}

static json_t *vendor_of(const OksePolicyPack *pack)
{
    return json_pack("{s:s, s:s, s:s*}", "name", pack->vendor_name, "country", pack->vendor_country, "contact",
                     pack->vendor_contact);
}

/* --date replaces the date in the copy. */
static bool stage_date(const OkseStaging *stage, const OksePolicyPack *pack, GError **error)
{
    g_autoptr(GBytes) yaml = okse_staging_yaml(
        "policy-pack/v1", json_pack("{s:s, s:s, s:I, s:o}", "name", pack->name, "date", pack->date, "valid_days",
                                    (json_int_t)pack->valid_days, "vendor", vendor_of(pack)));

    return okse_staging_file(stage, COMPONENT, "pack.yaml", yaml, error);
}

/* 2026-11-30 is release 20261130: what is newer is higher, and one day has one pack. */
static json_int_t sequence_of(const OksePolicyPack *pack)
{
    g_auto(GStrv) parts = g_strsplit(pack->date, "-", 3);
    g_autofree char *digits = g_strjoinv("", parts);

    return (json_int_t)g_ascii_strtoull(digits, NULL, 10);
}

static bool stage_stack(const OkseStaging *stage, const OksePolicyPack *pack, GError **error)
{
    g_autoptr(GBytes) yaml = okse_staging_yaml(
        "stack/v1", json_pack("{s:s, s:s, s:I, s:o, s:[{s:s, s:s, s:{s:s}}]}", "name", pack->name, "version",
                              pack->date, "sequence", sequence_of(pack), "vendor", vendor_of(pack), "components",
                              "name", COMPONENT, "kind", OKSE_KIND_POLICY, "source", "path", COMPONENT));

    return okse_staging_stack(stage, yaml, error);
}

/* What this okse reads and the directory has not would be missed only on site. */
static bool check_complete(const char *directory, const OkseResources *resources, const OkseResources *known,
                           GError **error)
{
    g_auto(GStrv) wanted = okse_resources_list(known, "manifests", error);
    g_auto(GStrv) there = wanted == NULL ? NULL : okse_resources_list(resources, "manifests", error);

    for (char **name = wanted; there != NULL && *name != NULL; name++)
        if (!g_strv_contains((const char *const *)there, *name))
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "%s: no %s, which this okse reads; a pack takes the place of everything that is built in",
                             directory, *name);
    return there != NULL;
}

static bool check_law(const char *directory, const OkseResources *resources, const OkseLaw *law, GError **error)
{
    g_autoptr(OkseIssues) issues = okse_issues_new();

    okse_law_lint(law, issues);
    if (!okse_law_words_lint_all(resources, issues, error) || !okse_issues_none(issues, error))
        return false;
    return (law->pack != NULL && law->pack->vendor_name != NULL) ||
           okse_fail(error, OKSE_ERROR_INVALID,
                     "%s/pack.yaml: says nobody who answers for the pack: add vendor: {name: …, country: …}",
                     directory);
}

static bool set_date(const PackOptions *options, OksePolicyPack *pack, GError **error)
{
    if (options->date == NULL)
        return true;
    if (!okse_policy_pack_is_date(options->date, &pack->time))
        return okse_fail(error, OKSE_ERROR_INVALID, "--date: '%s' is no day such as 2026-11-30", options->date);
    g_free(pack->date);
    pack->date = g_strdup(options->date);
    return true;
}

static bool build(const PackOptions *options, const OksePolicyPack *pack, const OkseResources *law,
                  const OkseResources *known, OkseBuildResult *result, GError **error)
{
    g_auto(OkseStaging) stage = OKSE_STAGING_INIT;
    OkseBuildRequest request = {
        .country = OKSE_COUNTRY_EVERYWHERE, .output = options->output, .epoch = pack->time, .show_progress = true};

    if (!okse_staging_open(&stage, error) || !stage_law(&stage, law, error) ||
        (options->date != NULL && !stage_date(&stage, pack, error)) || !stage_stack(&stage, pack, error))
        return false;
    request.stack_path = stage.stack;
    return okse_build(&request, known, result, error);
}

static bool print_result(const OkseInvocation *invocation, const OkseLaw *law, const OkseBuildResult *result,
                         GError **error)
{
    const PackOptions *options = invocation->options;
    g_autofree char *until = okse_policy_pack_until(law->pack), *size = okse_text_size(result->size);
    char identity[OKSE_SHA256_TEXT];

    okse_sha256_text(&result->identity, identity);
    if (invocation->json) {
        g_autoptr(json_t) document =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:i, s:b}", "schema", "okse.policy.pack.v1", "path",
                      result->path, "identity", identity, "name", result->name, "date", law->pack->date, "valid_until",
                      until, "sequence", (json_int_t)result->sequence, "size", (json_int_t)result->size, "files",
                      (int)result->files, "signed", options->key != NULL);

        return okse_print_json(document, error);
    }
    okse_print("%s\n  identity  %s\n  law       %s of %s, to be used until %s\n  size      %s, %u files\n",
               result->path, identity, result->name, law->pack->date, until, size, result->files);
    if (options->key != NULL)
        okse_print("  signed    as %s\n", options->role != NULL ? options->role : "vendor");
    else if (!options->is_unsigned)
        okse_note("The pack is not signed; nobody will accept it yet. Next: okse sign %s --role vendor --key KEY.pem",
                  result->path);
    return true;
}

static bool check_options(const OkseInvocation *invocation, GError **error)
{
    const PackOptions *options = invocation->options;

    if (invocation->manifests != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--manifests: DIR itself is what is packed");
    if (options->key != NULL && options->is_unsigned)
        return okse_fail(error, OKSE_ERROR_INVALID, "--key and --unsigned contradict each other");
    return options->tsa == NULL || options->key != NULL ||
           okse_fail(error, OKSE_ERROR_INVALID, "--tsa timestamps a signature: give --key, too");
}

static int pack_run(const OkseInvocation *invocation, GError **error)
{
    const PackOptions *options = invocation->options;
    const char *directory = invocation->arguments[0];
    g_auto(OkseSigningKey) signer = {NULL, NULL};
    g_autoptr(OkseResources) known = NULL, resources = NULL;
    g_autoptr(OkseLaw) law = NULL;
    g_auto(OkseBuildResult) result = {0};

    if (!check_options(invocation, error))
        return 2;
    /* a key that cannot be used is found out before anything is written */
    if (options->key != NULL &&
        !okse_signing_key_open(options->key, options->certificate, options->passphrase_fd, &signer, error))
        return 3;
    known = okse_resources_open(NULL, error);
    resources = known == NULL ? NULL : okse_resources_open(directory, error);
    if (resources == NULL || !check_complete(directory, resources, known, error))
        return 2;
    law = okse_law_load(resources, NULL, error);
    if (law == NULL || !check_law(directory, resources, law, error) || !set_date(options, law->pack, error))
        return 2;
    if (!build(options, law->pack, resources, known, &result, error) ||
        (options->key != NULL && !okse_staging_sign(result.path, &signer, options->role, options->tsa, error)) ||
        !print_result(invocation, law, &result, error))
        return 3;
    return 0;
}

const OkseCommand okse_command_policy_pack = {
    .name = "policy pack",
    .arguments = "DIR",
    .minimum = 1,
    .maximum = 1,
    .summary = "Pack a directory of law into a bundle for every site, dated by its pack.yaml.",
    .details = "The bundle is verified and installed like any other; okse audit --policy ROOT asks the law in it. The "
               "same\n"
               "files and date give the same bytes. A directory that okse policy lint objects to is refused.",
    .options = pack_options,
    .options_size = sizeof(PackOptions),
    .run = pack_run,
};
