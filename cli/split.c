/* okse split: a finished bundle in parts for media. */
#include "packager/split.h"
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/copied.h"
#include "cli/parts_input.h"
#include "cli/recipients.h"
#include "core/fd.h"
#include "core/text.h"

#include <string.h>

typedef struct {
    char *size, *parity, *compress, *output;
    char **recipients;
} SplitOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_TEXT, "size", 's', "SIZE",
     "of a part's file at most: 25G, 4.7G, 650M (powers of 1000), 25GiB (of 1024)", offsetof(SplitOptions, size)},
    {OKSE_OPTION_TEXT, "parity", 'p', "N%|N", "parity parts besides: as many parts may be lost or damaged",
     offsetof(SplitOptions, parity)},
    {OKSE_OPTION_TEXT, "compress", 0, "weights", "compress what the parts carry, without loss (BF16 to 0.67)",
     offsetof(SplitOptions, compress)},
    {OKSE_OPTION_PATH, "output", 'o', "DIR", "where the parts go (default: the present directory)",
     offsetof(SplitOptions, output)},
    {OKSE_OPTION_LIST, "encrypt-to", 0, "PEM",
     "encrypt every part to this certificate (may be repeated); parts of 1GiB unless --size",
     offsetof(SplitOptions, recipients)},
    {0},
};

static json_t *volume_json(const OkseVolumeSet *set, const OkseVolume *volume, bool sealed)
{
    g_autofree char *plain = okse_volume_name(set, volume), *name = g_strconcat(plain, sealed ? ".cms" : "", NULL);
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s,s:s,s:i,s:s}", "file", name, "kind", volume->kind == OKSE_VOLUME_DATA ? "data" : "parity",
                     "number", (int)volume->number, "sha256", okse_sha256_text(&volume->digest, text));
}

/* Bytes of `data` of all data parts. */
static uint64_t coded_size(const OkseVolumeSet *set)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < set->data; i++)
        size += set->volumes[i].size;
    return size;
}

static bool print_json(const OkseSplitResult *result, GError **error)
{
    const OkseVolumeSet *set = result->set;
    char id[OKSE_SHA256_TEXT], identity[OKSE_SHA256_TEXT];
    json_t *parts = json_array();
    g_autoptr(json_t) document = NULL;

    for (unsigned i = 0; i < set->data + set->parity; i++)
        json_array_append_new(parts, volume_json(set, &set->volumes[i], result->list != NULL));
    document = json_pack("{s:s,s:s,s:s,s:i,s:o,s:o}", "schema", "okse.split.v1", "set", okse_sha256_text(&set->id, id),
                         "identity", okse_sha256_text(&set->bundle.identity, identity), "groups", (int)set->groups,
                         "parts", parts, "copied", okse_copied_json(&result->copied));
    if (result->list != NULL) {
        g_autofree char *shown = g_utf8_make_valid(result->list, -1);

        json_object_set_new(document, "list", json_string(shown));
    }
    if (document != NULL && set->encoding != NULL)
        json_object_set_new(document, "encoding", json_string(set->encoding));
    return okse_print_json(document, error);
}

static bool print_words(const OkseSplitResult *result, const char *directory)
{
    const OkseVolumeSet *set = result->set;
    g_autofree char *copied = okse_copied_words(&result->copied);
    char text[OKSE_SHA256_TEXT];

    okse_print("%s: %u part%s", directory, set->data, set->data == 1 ? "" : "s");
    if (set->parity > 0)
        okse_print(" and %u parity part%s (any %u%s may be lost)", set->parity, set->parity == 1 ? "" : "s",
                   set->parity / set->groups, set->groups > 1 ? " of a group" : "");
    okse_print("\n  set       %s\n", okse_sha256_text(&set->id, text));
    okse_print("  identity  %s\n", okse_sha256_text(&set->bundle.identity, text));
    okse_print("  labels    %s\n", result->labels);
    if (result->list != NULL)
        okse_print("  list      %s\n  data      encrypted, each part a CMS message\n", result->list);
    else
        okse_print("  data      %s\n", copied);
    if (set->encoding != NULL)
        okse_print("  size      %.3f of the bundle, as %s\n", (double)coded_size(set) / (double)set->bundle.size,
                   set->encoding);
    return true;
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const SplitOptions *given = invocation->options;
    const char *path = invocation->arguments[0];
    OkseSplit split = {.origin = path, .directory = given->output != NULL ? given->output : "."};
    g_auto(OkseSplitResult) result = {0};
    g_autoptr(OkseCertificates) recipients = NULL;
    g_autoptr(OkseBundle) bundle = NULL;
    g_autoptr(OkseBytes) bytes = NULL;

    if (!okse_recipients_read(given->recipients, &recipients, error))
        return 2;
    split.recipients = recipients;
    split.file_size = OKSE_SPLIT_SEALED;
    if (given->size == NULL && recipients == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "--size SIZE is missing: how much a medium holds, such as 25G or 4.7G");
        return 2;
    }
    if (given->size != NULL && !okse_text_size_parse(given->size, &split.file_size, error)) {
        g_prefix_error(error, "--size: ");
        return 2;
    }
    if (given->parity != NULL && !okse_parity_wish_parse(given->parity, &split.parity, error)) {
        g_prefix_error(error, "--parity: ");
        return 2;
    }
    if (given->compress != NULL && strcmp(given->compress, "weights") != 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "--compress: there is 'weights' and no '%s'", given->compress);
        return 2;
    }
    split.compress = given->compress != NULL;
    /* a thin bundle is read as the whole one, but travels thin */
    bundle = okse_bundle_input_read_as_it_is(path, &bytes, error);
    if (bundle == NULL)
        return 3;
    split.bundle = bundle;
    split.bytes = bytes;
    if (!okse_split(&split, &result, error))
        return 3;
    return (invocation->json ? print_json(&result, error) : print_words(&result, split.directory)) ? 0 : 3;
}

const OkseCommand okse_command_split = {
    .name = "split",
    .arguments = "BUNDLE",
    .minimum = 1,
    .maximum = 1,
    .summary = "Cut a bundle into parts for media, with parity.",
    .details =
        "Each part says itself what it is, can be checked alone and is a tar that tar reads; one after another,\n"
        "the parts' data is the bundle (docs/parts.md). okse join puts them together; verify, install and\n"
        "inspect take them as they are. The same bundle and options give the same bytes, but for encrypted\n"
        "parts (docs/encryption.md), whose keys are fresh. --compress weights codes what they carry without loss,\n"
        "before it is encrypted; nothing of it remains after join or install.",
    .options = options,
    .options_size = sizeof(SplitOptions),
    .run = run,
};
