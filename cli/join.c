/* okse join: the bundle from its parts, or whether parts are whole. */
#include "packager/join.h"
#include "cli/commands.h"
#include "cli/copied.h"
#include "cli/parts_input.h"

typedef struct {
    gboolean check;
    char *output, *set;
} JoinOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "the bundle (default: NAME-VERSION-COUNTRY.okse here)",
     offsetof(JoinOptions, output)},
    {OKSE_OPTION_FLAG, "check", 0, NULL, "write nothing: tell whether these parts are whole, each for itself",
     offsetof(JoinOptions, check)},
    {OKSE_OPTION_TEXT, "set", 0, "ID", "the set to take, where parts of several lie together",
     offsetof(JoinOptions, set)},
    {0},
};

static json_t *document_new(OkseVolumes *volumes, const char *schema, bool all)
{
    const OkseVolumeSet *set = okse_volumes_set(volumes);
    char id[OKSE_SHA256_TEXT], identity[OKSE_SHA256_TEXT];
    json_t *document = okse_volumes_json(volumes, all);

    json_object_set_new(document, "schema", json_string(schema));
    json_object_set_new(document, "set", json_string(okse_sha256_text(&set->id, id)));
    json_object_set_new(document, "identity", json_string(okse_sha256_text(&set->bundle.identity, identity)));
    return document;
}

static int join(const OkseInvocation *invocation, OkseVolumes *volumes, GError **error)
{
    const JoinOptions *given = invocation->options;
    g_autofree char *name = okse_volume_set_name(okse_volumes_set(volumes)), *here = g_strconcat(name, ".okse", NULL);
    const OkseJoin asked = {.volumes = volumes, .output = given->output != NULL ? given->output : here};
    OkseJoined joined = {0};
    bool good = okse_join(&asked, &joined, error);
    g_autofree char *copied = okse_copied_words(&joined.copied);

    okse_parts_tell(volumes, NULL);
    if (invocation->json) {
        g_autoptr(json_t) document = document_new(volumes, "okse.join.v1", false);

        json_object_set_new(document, "joined", json_boolean(good));
        json_object_set_new(document, "path", good ? json_string(asked.output) : json_null());
        json_object_set_new(document, "repaired", json_integer((json_int_t)joined.repaired));
        json_object_set_new(document, "copied", okse_copied_json(&joined.copied));
        return okse_print_json(document, good ? error : NULL) && good ? 0 : 3;
    }
    if (!good)
        return 3;
    okse_print("%s: %s\n", asked.output, copied);
    if (joined.repaired > 0)
        okse_print("  %" G_GUINT64_FORMAT " block%s of 1 MiB %s repaired\n", joined.repaired,
                   joined.repaired == 1 ? "" : "s", joined.repaired == 1 ? "was" : "were");
    okse_note("The same bytes as were split. Next: okse verify %s --trust trust.yaml", asked.output);
    return 0;
}

/* Those that are here; which are not is told too, but that is not asked. */
static int check(const OkseInvocation *invocation, OkseVolumes *volumes, GError **error)
{
    const OkseVolumeSet *set = okse_volumes_set(volumes);
    bool whole = true;

    for (unsigned i = 0; i < set->data + set->parity; i++) {
        g_autofree char *words = okse_volume_words(set, &set->volumes[i]);
        const char *path;

        if (okse_volumes_fd(volumes, i, &path) < 0)
            continue;
        if (!okse_volumes_check(volumes, i, NULL, error))
            return 3;
        whole = whole && okse_volumes_is_whole(volumes, i);
        if (okse_volumes_is_whole(volumes, i) && !invocation->json)
            okse_print("%s: whole (%s)\n", path, words);
    }
    if (invocation->json) {
        g_autoptr(json_t) document = document_new(volumes, "okse.parts.v1", true);

        json_object_set_new(document, "whole", json_boolean(whole));
        return okse_print_json(document, error) ? (whole ? 0 : 1) : 3;
    }
    okse_parts_tell(volumes, NULL);
    return whole ? 0 : 1;
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const JoinOptions *given = invocation->options;
    const char *const *paths = (const char *const *)invocation->arguments;
    g_autoptr(OkseVolumes) volumes = NULL;

    volumes = okse_volumes_open(paths, given->set, error);
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
        "Parts are never written. A run that is interrupted is gone on with by the next one.",
    .options = options,
    .options_size = sizeof(JoinOptions),
    .run = run,
};
