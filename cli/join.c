/* okse join: the bundle from its parts, or whether parts are whole. */
#include "packager/join.h"
#include "cli/commands.h"
#include "cli/copied.h"
#include "cli/parts_input.h"
#include "cli/recipients.h"
#include "core/sandbox.h"
#include "core/text.h"

typedef struct {
    gboolean check, partial;
    char *output, *set, *key, *certificate, *passphrase_fd;
} JoinOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "the bundle (default: NAME-VERSION-COUNTRY.okse here)",
     offsetof(JoinOptions, output)},
    {OKSE_OPTION_FLAG, "check", 0, NULL, "write nothing: tell whether these parts are whole, each for itself",
     offsetof(JoinOptions, check)},
    {OKSE_OPTION_FLAG, "partial", 0, NULL, "one reader, many media: join what is here, the rest comes with later runs",
     offsetof(JoinOptions, partial)},
    {OKSE_OPTION_TEXT, "set", 0, "ID", "the set to take, where parts of several lie together",
     offsetof(JoinOptions, set)},
    {OKSE_OPTION_PATH, "key", 'k', "URI", "opens encrypted parts (*.part.cms): a PEM or PKCS#12 file, or a pkcs11: URI",
     offsetof(JoinOptions, key)},
    {OKSE_OPTION_PATH, "cert", 0, "PEM", "the key's certificate, when a part has many recipients",
     offsetof(JoinOptions, certificate)},
    {OKSE_OPTION_TEXT, "passphrase-fd", 0, "N", "read the key's passphrase or PIN there",
     offsetof(JoinOptions, passphrase_fd)},
    {0},
};

static json_t *document_new(OkseVolumes *volumes, const char *schema, OkseVolumesView view)
{
    const OkseVolumeSet *set = okse_volumes_set(volumes);
    char id[OKSE_SHA256_TEXT], identity[OKSE_SHA256_TEXT];
    json_t *document = okse_volumes_json(volumes, view);

    json_object_set_new(document, "schema", json_string(schema));
    json_object_set_new(document, "set", json_string(okse_sha256_text(&set->id, id)));
    json_object_set_new(document, "identity", json_string(okse_sha256_text(&set->bundle.identity, identity)));
    return document;
}

/* Everything else is open; what is read is hostile. */
static bool sandbox_enter(const char *output, GError **error)
{
    g_autofree char *directory = output == NULL ? NULL : g_path_get_dirname(output);
    const char *const writable[] = {directory, NULL};

    return okse_sandbox_enter(NULL, writable, NULL, error);
}

static int join(const OkseInvocation *invocation, OkseVolumes *volumes, GError **error)
{
    const JoinOptions *given = invocation->options;
    g_autofree char *name = okse_volume_set_name(okse_volumes_set(volumes)), *here = g_strconcat(name, ".okse", NULL);
    const OkseJoin asked = {
        .volumes = volumes, .output = given->output != NULL ? given->output : here, .partial = given->partial};
    OkseJoined joined = {0};
    bool good = sandbox_enter(asked.output, error) && okse_join(&asked, &joined, error);
    g_autofree char *copied = okse_copied_words(&joined.copied);

    okse_parts_tell(volumes, NULL);
    if (invocation->json) {
        g_autoptr(json_t) document = document_new(volumes, "okse.join.v1", OKSE_VOLUMES_AS_SET);
        g_autofree char *shown = g_utf8_make_valid(asked.output, -1);

        json_object_set_new(document, "joined", json_boolean(good && !joined.unfinished));
        json_object_set_new(document, "path", good && !joined.unfinished ? json_string(shown) : json_null());
        json_object_set_new(document, "repaired", json_integer((json_int_t)joined.repaired));
        json_object_set_new(document, "copied", okse_copied_json(&joined.copied));
        return okse_print_json(document, good ? error : NULL) && good ? (joined.unfinished ? 4 : 0) : 3;
    }
    if (!good)
        return 3;
    if (joined.unfinished) {
        okse_print("%s is not complete: %s; run this again with more parts\n", asked.output, copied);
        return 4;
    }
    okse_print("%s: %s\n", asked.output, copied);
    if (joined.repaired > 0)
        okse_print("  %" G_GUINT64_FORMAT " block%s of 1 MiB %s repaired\n", joined.repaired,
                   joined.repaired == 1 ? "" : "s", joined.repaired == 1 ? "was" : "were");
    okse_note("The same bytes as were split. Next: okse verify %s --trust trust.yaml", asked.output);
    return 0;
}

static void print_whole(const json_t *row)
{
    g_autofree char *path = okse_text_show(okse_json_peek_text(row, "path"), -1, false);

    if (g_strcmp0(okse_json_peek_text(row, "state"), "whole") == 0)
        okse_print("%s: whole (%s)\n", path, okse_json_peek_text(row, "part"));
}

/* Each for itself: whether others are missing is not asked. */
static int check(const OkseInvocation *invocation, OkseVolumes *volumes, GError **error)
{
    const OkseVolumeSet *set = okse_volumes_set(volumes);
    g_autoptr(json_t) document = NULL;
    g_autoptr(GPtrArray) faults = NULL;
    const json_t *row;
    size_t i;

    if (!sandbox_enter(NULL, error))
        return 3;
    for (unsigned index = 0; index < set->data + set->parity; index++)
        if (!okse_volumes_check(volumes, index, NULL, error))
            return 3;
    document = document_new(volumes, "okse.parts.v1", OKSE_VOLUMES_EACH);
    faults = okse_volumes_faults(volumes, OKSE_VOLUMES_EACH);
    for (guint line = 0; line < faults->len; line++)
        okse_note("%s", (const char *)g_ptr_array_index(faults, line));
    json_object_set_new(document, "whole", json_boolean(faults->len == 0));
    if (invocation->json)
        return okse_print_json(document, error) ? (faults->len == 0 ? 0 : 1) : 3;
    json_array_foreach(json_object_get(document, "parts"), i, row) print_whole(row);
    return faults->len == 0 ? 0 : 1;
}

/* A part that cannot even say which set it is of is damaged, and that was the question. */
static OkseVolumes *open_parts(const OkseInvocation *invocation, const OkseOpener *opener, GError **error)
{
    const JoinOptions *given = invocation->options;
    const OkseSealedKey key = {opener->key,
                               opener->certificate != NULL ? okse_certificates_get(opener->certificate, 0) : NULL};
    const OkseVolumesPlaces places = {.paths = (const char *const *)invocation->arguments,
                                      .beside = invocation->count == 1,
                                      .wanted = given->set,
                                      .key = opener->key != NULL ? &key : NULL};
    g_autoptr(GError) cause = NULL;
    OkseVolumes *volumes = okse_volumes_open(&places, &cause);

    if (volumes == NULL && given->check && given->set == NULL &&
        g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID) && okse_volumes_is_input(places.paths[0]))
        okse_fail(error, OKSE_ERROR_REFUSED,
                  "%s: what it says of itself is damaged (with another part of the set beside it more can be told)",
                  places.paths[0]);
    else if (volumes == NULL)
        g_propagate_error(error, g_steal_pointer(&cause));
    return volumes;
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const JoinOptions *given = invocation->options;
    g_auto(OkseOpener) opener = {NULL, NULL};
    g_autoptr(OkseVolumes) volumes = NULL;

    if (!okse_opener_open(given->key, given->certificate, given->passphrase_fd, &opener, error))
        return 2;
    volumes = open_parts(invocation, &opener, error);
    if (volumes == NULL)
        return 3;
    return given->check ? check(invocation, volumes, error) : join(invocation, volumes, error);
}

const OkseCommand okse_command_join = {
    .name = "join",
    .arguments = "DIR|PART…",
    .minimum = 1,
    .maximum = 10000,
    .summary = "Put a bundle together from its parts, or check parts.",
    .details =
        "Parts come in any order, from any number of directories; one part alone brings those beside it. What is\n"
        "damaged or missing is named and, within the parity, repaired; parts of other sets are named and left out.\n"
        "Encrypted parts need --key. Parts are never written. A run that is interrupted is gone on with.",
    .options = options,
    .options_size = sizeof(JoinOptions),
    .run = run,
};
