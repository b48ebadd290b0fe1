/* okse thin: a bundle without what the site has already, and the way back. */
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/copied.h"
#include "core/fd.h"
#include "core/text.h"
#include "packager/build_resume.h"
#include "packager/thin_write.h"

#include <sys/stat.h>

typedef struct {
    char **against, **bases;
    char *output, *copy;
    gboolean complete, whole_files;
} ThinOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_LIST, "against", 0, "BUNDLE", "leave out what this bundle has (repeatable)",
     offsetof(ThinOptions, against)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "where to write", offsetof(ThinOptions, output)},
    {OKSE_OPTION_FLAG, "whole-files", 0, NULL, "leave out whole files only, not tensors of weights files",
     offsetof(ThinOptions, whole_files)},
    {OKSE_OPTION_FLAG, "complete", 0, NULL, "the way back: write the whole bundle of a thin one",
     offsetof(ThinOptions, complete)},
    {OKSE_OPTION_LIST, "base", 0, "BUNDLE|ROOT", "with --complete: where the payload is that was left out (repeatable)",
     offsetof(ThinOptions, bases)},
    {OKSE_OPTION_TEXT, "copy", 0, "WAY", "auto (default), reflink, range or plain; same bytes",
     offsetof(ThinOptions, copy)},
    {0},
};

static bool options_check(const ThinOptions *given, GError **error)
{
    if (given->output == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "thin needs -o FILE");
    if (given->complete && (given->against != NULL || given->whole_files))
        return okse_fail(error, OKSE_ERROR_INVALID, "--complete goes with --base, not with --against or --whole-files");
    if (!given->complete && given->against == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "thin needs --against BUNDLE: what the site has already");
    return given->complete || given->bases == NULL ||
           okse_fail(error, OKSE_ERROR_INVALID,
                     "--base goes with --complete; to leave out what a bundle has: --against");
}

/* A bundle is written beside, then takes its name: it must not be one of the files that are read. */
static bool output_check(const OkseBundle *bundle, const GPtrArray *others, const OkseOutput *output, GError **error)
{
    struct stat there;
    bool read;

    if (fstatat(output->dir_fd, output->name, &there, 0) < 0)
        return true;
    read = okse_bytes_lie_in(okse_bundle_bytes(bundle), &there);
    for (guint i = 0; i < others->len; i++)
        read = read || okse_base_lies_in(g_ptr_array_index(others, i), &there);
    return !read || okse_fail(error, OKSE_ERROR_INVALID, "%s: is read here; write elsewhere", output->path);
}

/* What a run that was killed left is written over, and does not stay beside. */
static bool output_begin(OkseOutput *output, GError **error)
{
    if (!okse_resume_take(output))
        return okse_output_create(output, error);
    return ftruncate(output->fd, 0) == 0 || okse_fail_errno(error, "write %s", output->path);
}

static bool print_thinned(const OkseInvocation *invocation, const OkseBundle *bundle, const OkseThinned *thinned,
                          const char *path, GError **error)
{
    g_autofree char *size = okse_text_size(thinned->size), *shown = g_utf8_make_valid(path, -1);
    char identity[OKSE_SHA256_TEXT];

    okse_sha256_text(okse_bundle_identity(bundle), identity);
    if (invocation->json) {
        g_autoptr(json_t) document = okse_thinned_json(thinned);

        json_object_set_new(document, "schema", json_string("okse.thinned.v1"));
        json_object_set_new(document, "path", json_string(shown));
        json_object_set_new(document, "identity", json_string(identity));
        json_object_set_new(document, "size", json_integer((json_int_t)thinned->size));
        json_object_set_new(document, "copied", okse_copied_json(&thinned->copied));
        return okse_print_json(document, error);
    }
    okse_print("%s\n  identity  %s\n  size      %s\n", path, identity, size);
    okse_print_thinned("  thin      ", thinned);
    return true;
}

static bool make_thin(const OkseInvocation *invocation, OkseCopying *copying, OkseOutput *output, GError **error)
{
    const ThinOptions *given = invocation->options;
    const OkseThinReport *thin = NULL;
    g_autoptr(OkseBundle) bundle = okse_bundle_input_read(invocation->arguments[0], &thin, error);
    g_autoptr(GPtrArray) against = bundle == NULL ? NULL : okse_bundles_open(given->against, "--against", error);
    OkseThinned thinned;

    if (against == NULL)
        return false;
    if (thin != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is thin already", invocation->arguments[0]);
    copying->bundle = bundle;
    return okse_output_prepare(output, given->output, error) && output_check(bundle, against, output, error) &&
           output_begin(output, error) &&
           okse_thin_write(copying, against, given->whole_files, output->fd, &thinned, error) &&
           okse_output_finish(output, error) && print_thinned(invocation, bundle, &thinned, given->output, error);
}

static bool print_completed(const OkseInvocation *invocation, const OkseBundle *bundle, const OkseThinReport *thin,
                            const OkseCopied *copied, GError **error)
{
    const ThinOptions *given = invocation->options;
    g_autofree char *words = okse_thin_words(thin), *shown = g_utf8_make_valid(given->output, -1);
    char identity[OKSE_SHA256_TEXT];

    okse_sha256_text(okse_bundle_identity(bundle), identity);
    if (invocation->json) {
        g_autoptr(json_t) document =
            json_pack("{s:s, s:s, s:s, s:I, s:o, s:o}", "schema", "okse.completed.v1", "path", shown, "identity",
                      identity, "size", (json_int_t)okse_bytes_length(okse_bundle_bytes(bundle)), "thin",
                      okse_thin_json(thin), "copied", okse_copied_json(copied));

        return okse_print_json(document, error);
    }
    okse_print("%s  %s\nidentity  %s\n", given->output, words, identity);
    return true;
}

/* What is missing is the answer, and no file. */
static bool refuse_incomplete(const OkseInvocation *invocation, const OkseThinReport *thin, GError **error)
{
    g_autofree char *words = okse_thin_words(thin);
    g_autoptr(json_t) document = json_pack("{s:s, s:s, s:o}", "schema", "okse.completed.v1", "status", "incomplete",
                                           "thin", okse_thin_json(thin));

    if (invocation->json && !okse_print_json(document, error))
        return false;
    for (guint i = 0; !invocation->json && i < thin->missing->len; i++) {
        const OkseMissing *missing = &g_array_index(thin->missing, OkseMissing, i);
        g_autofree char *shown = okse_text_show(missing->files, -1, false);
        char text[OKSE_SHA256_TEXT];

        okse_print("missing   %s  %s\n", okse_sha256_text(&missing->digest, text), shown);
    }
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: %s; nothing was written", invocation->arguments[0], words);
}

static bool make_whole(const OkseInvocation *invocation, OkseCopying *copying, OkseOutput *output, GError **error)
{
    const ThinOptions *given = invocation->options;
    const char *path = invocation->arguments[0];
    const OkseThinReport *thin = NULL;
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(OkseBytes) bytes = okse_bundle_input_open(path, &(OkseBundlePlaces){.bases = given->bases}, &thin, error);
    g_autoptr(OkseBundle) bundle = bytes == NULL ? NULL : okse_bundle_of(bytes, path, error);
    OkseCopied copied;

    if (bundle == NULL)
        return false;
    if (thin == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is whole already", path);
    if (thin->missing->len > 0)
        return refuse_incomplete(invocation, thin, error);
    copying->bundle = bundle;
    return okse_output_prepare(output, given->output, error) && output_check(bundle, none, output, error) &&
           output_begin(output, error) && okse_bundle_copy(copying, output->fd, &copied, error) &&
           okse_output_finish(output, error) && print_completed(invocation, bundle, thin, &copied, error);
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const ThinOptions *given = invocation->options;
    g_auto(OkseOutput) output = OKSE_OUTPUT_INIT;
    g_autoptr(OkseProgress) progress = NULL;
    OkseCopying copying = {0};

    if (!options_check(given, error) || !okse_copy_option(given->copy, &copying.way, error))
        return 2;
    progress = okse_progress_new(given->complete ? "completing" : "thinning", 0);
    copying.progress = progress;
    return (given->complete ? make_whole : make_thin)(invocation, &copying, &output, error) ? 0 : 3;
}

const OkseCommand okse_command_thin = {
    .name = "thin",
    .arguments = "BUNDLE",
    .minimum = 1,
    .maximum = 1,
    .summary = "Leave out of a bundle what a site has already, or put it back.",
    .details = "Identity, statements and signatures stay those of the whole bundle. okse verify and okse install take\n"
               "what is missing from --base, and compare every byte with its digest (docs/thin.md).",
    .options = options,
    .options_size = sizeof(ThinOptions),
    .run = run,
};
