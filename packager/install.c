/* install, step by step; each step leaves a root that the next command understands:
 *   1. stage       generations/.stage-NAME is filled and verified     killed: removed by the next install
 *   2. config      the commit of the generation is written             HEAD still follows the old one
 *   3. sync        everything above is on the disk
 *   4. name        the stage becomes generations/NAME                  killed: found complete and reused
 *   5. state       state.json remembers sequence and identity
 *   6. switch      `current` names it: the one instant that counts
 *   7. follow      HEAD of the config repository                       killed: done by the next command */
#include "packager/install.h"

#include "core/fd.h"
#include "core/text.h"
#include "packager/config_repository.h"
#include "packager/generation.h"
#include "packager/install_root.h"
#include "packager/install_space.h"
#include "packager/media_types.h"
#include "packager/stage.h"
#include "packager/verity_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    const OkseInstall *install;
    OkseStaging staging;
    GPtrArray *parts; /* OksePart */
    int root_fd, generations_fd;
    OkseState *state;
    char *name, *current;
    OkseSpace space;
    OkseStaged staged;
} Run;

static void run_clear(Run *run)
{
    g_clear_pointer(&run->parts, g_ptr_array_unref);
    okse_fd_clear(&run->root_fd);
    okse_fd_clear(&run->generations_fd);
    g_clear_pointer(&run->state, okse_state_free);
    g_clear_pointer(&run->name, g_free);
    g_clear_pointer(&run->current, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

void okse_install_result_clear(OkseInstallResult *result)
{
    g_clear_pointer(&result->generation, g_free);
    g_clear_pointer(&result->previous, g_free);
    g_clear_pointer(&result->drift, g_free);
}

static bool sign_part(const Run *run, const OkseModelSignature *model, GError **error)
{
    const OkseBlob *blob = okse_bundle_find(run->install->bundle, &model->statement);

    g_assert(blob != NULL);
    for (guint i = 0; i < run->parts->len; i++) {
        OksePart *part = g_ptr_array_index(run->parts, i);

        if (strcmp(part->name, model->component) == 0)
            return okse_part_sign(part, &model->statement, blob->size, error);
    }
    return true;
}

/* Every component must be understood before the first byte is written. */
static bool read_parts(Run *run, GError **error)
{
    const OkseBlobs blobs = {okse_stage_blob, &run->staging};

    run->parts = okse_parts_read(okse_bundle_index(run->install->bundle), &blobs, error);
    if (run->parts == NULL)
        return false;
    for (guint i = 0; i < run->parts->len; i++) {
        const OksePart *part = g_ptr_array_index(run->parts, i);

        if (part->fault != NULL)
            return okse_fail(error, part->fault_code == OKSE_ERROR_SYSTEM ? OKSE_ERROR_SYSTEM : OKSE_ERROR_REFUSED,
                             "component %s: %s", part->name, part->fault);
    }
    for (guint i = 0; run->install->models != NULL && i < run->install->models->len; i++)
        if (!sign_part(run, &g_array_index(run->install->models, OkseModelSignature, i), error))
            return false;
    return true;
}

/* A target does not go back, and one sequence has one identity. */
static bool check_sequence(const Run *run, GError **error)
{
    const OkseBundle *bundle = run->install->bundle;
    const OkseHighest *highest = okse_state_highest(run->state, okse_bundle_name(bundle));
    char mine[OKSE_SHA256_TEXT], known[OKSE_SHA256_TEXT];

    if (okse_bundle_sequence(bundle) > G_MAXINT64)
        return okse_fail(error, OKSE_ERROR_INVALID, "sequence over %" G_GINT64_FORMAT, G_MAXINT64);
    if (highest == NULL)
        return true;
    if (okse_bundle_sequence(bundle) < highest->sequence && !run->install->rollback)
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "sequence %" G_GUINT64_FORMAT " of '%s' is lower than %" G_GUINT64_FORMAT
                         ", which was installed on %s (to go back to an installed generation: okse rollback)",
                         okse_bundle_sequence(bundle), highest->name, highest->sequence, highest->at);
    if (okse_bundle_sequence(bundle) == highest->sequence &&
        !okse_sha256_equal(okse_bundle_identity(bundle), &highest->identity))
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "equivocation: sequence %" G_GUINT64_FORMAT
                         " of '%s' was installed as %s and this bundle is %s; somebody released two under one number",
                         highest->sequence, highest->name, okse_sha256_text(&highest->identity, known),
                         okse_sha256_text(okse_bundle_identity(bundle), mine));
    return true;
}

static uint64_t metadata_size(const OkseBundle *bundle)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < okse_bundle_blobs(bundle); i++) {
        const OkseBlob *blob = okse_bundle_blob(bundle, i);

        if (!blob->payload)
            total += (blob->size + 4095) / 4096 * 4096;
    }
    return total;
}

/* Which signature stands beside which weights: drift compares with it. */
static json_t *models_json(const Run *run)
{
    json_t *models = json_object();

    for (guint i = 0; run->install->models != NULL && i < run->install->models->len; i++) {
        const OkseModelSignature *model = &g_array_index(run->install->models, OkseModelSignature, i);
        char text[OKSE_SHA256_TEXT];

        json_object_set_new(models, model->component, json_string(okse_sha256_text(&model->statement, text)));
    }
    return models;
}

static json_t *generation_json(const Run *run)
{
    const OkseBundle *bundle = run->install->bundle;
    g_autofree char *at = okse_text_time(run->install->now);
    json_t *verification = (json_t *)(uintptr_t)run->install->verification; /* only its counter is touched */
    char identity[OKSE_SHA256_TEXT];
    json_t *value = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s}", "schema", "okse.generation.v1", "generation",
                              run->name, "identity", okse_sha256_text(okse_bundle_identity(bundle), identity), "name",
                              okse_bundle_name(bundle), "version", okse_bundle_version(bundle), "sequence",
                              (json_int_t)okse_bundle_sequence(bundle), "installed_at", at, "okse", OKSE_VERSION);

    g_assert(value != NULL);
    json_object_set(value, "verification", verification != NULL ? verification : json_null());
    json_object_set_new(value, "models", models_json(run));
    return value;
}

static bool write_records(Run *run, int stage_fd, GError **error)
{
    const OkseBlobs blobs = {okse_stage_blob, &run->staging};
    g_autoptr(json_t) generation = generation_json(run);
    const OkseRecordsSource source = {okse_bundle_identity(run->install->bundle),
                                      okse_bundle_index(run->install->bundle),
                                      okse_bundle_layout_index(run->install->bundle), generation, &blobs};

    return okse_records_write(stage_fd, &source, error);
}

static gint64 bundle_time(const OkseBundle *bundle)
{
    const char *text =
        okse_json_peek_text(json_object_get(okse_bundle_index(bundle), "annotations"), OKSE_NOTE_CREATED);
    gint64 when = 0;

    if (text != NULL)
        okse_text_time_parse(text, &when);
    return when;
}

static bool write_commit(const Run *run, int stage_fd, GError **error)
{
    const OkseBundle *bundle = run->install->bundle;
    g_autofree char *title = g_strdup_printf("%s %s (%s)", okse_bundle_name(bundle), okse_bundle_version(bundle),
                                             okse_bundle_country(bundle));
    const OkseConfigCommit commit = {run->install->root, run->root_fd,        run->name,
                                     run->current,       bundle_time(bundle), title};

    return okse_config_commit(&commit, stage_fd, run->parts, error);
}

/* An older, damaged directory of the same generation goes away in the instant in which the good one comes. */
static bool name_generation(const Run *run, const char *stage, GError **error)
{
    bool exists = faccessat(run->generations_fd, run->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;

    if (renameat2(run->generations_fd, stage, run->generations_fd, run->name,
                  exists ? RENAME_EXCHANGE : RENAME_NOREPLACE) < 0 ||
        fsync(run->generations_fd) < 0)
        return okse_fail_errno(error, "finish generation %s", run->name);
    return true;
}

static bool fill_stage(Run *run, const char *stage, GError **error)
{
    okse_autofd stage_fd = -1;

    if (mkdirat(run->generations_fd, stage, 0755) < 0 || fchmodat(run->generations_fd, stage, 0755, 0) < 0)
        return okse_fail_errno(error, "make directory generations/%s", stage);
    stage_fd = okse_open_beneath(run->generations_fd, stage, O_RDONLY | O_DIRECTORY, 0, error);
    if (stage_fd < 0 || !okse_verity_supported(stage_fd, &run->staging.verity, error) ||
        !okse_stage_parts(stage_fd, run->parts, &run->staging, &run->staged, error) ||
        !write_records(run, stage_fd, error) || !write_commit(run, stage_fd, error))
        return false;
    return syncfs(stage_fd) == 0 || okse_fail_errno(error, "sync generation %s", run->name);
}

static bool write_generation(Run *run, GError **error)
{
    g_autofree char *stage = g_strconcat(".stage-", run->name, NULL);

    if (okse_space_share(&run->space, run->parts, &run->staging, run->generations_fd, error) &&
        okse_space_check(&run->space, run->install->root, error) && fill_stage(run, stage, error) &&
        name_generation(run, stage, error))
        return okse_remove_tree(run->generations_fd, stage, error); /* what was exchanged */
    okse_remove_tree(run->generations_fd, stage, NULL);
    return false;
}

/* A generation that is there: in service, or left from before a rollback or a kill. */
static bool look_at_existing(Run *run, bool *complete, char **drift, GError **error)
{
    okse_autofd fd = okse_open_beneath(run->generations_fd, run->name, O_RDONLY | O_DIRECTORY, 0, NULL);
    g_autoptr(OkseDriftReport) report = NULL;

    *complete = false;
    if (fd < 0)
        return true;
    report = okse_drift_check(fd, run->name, okse_bundle_identity(run->install->bundle), run->install->threads,
                              run->install->progress, error);
    if (report == NULL)
        return false;
    *complete = okse_drift_clean(report);
    *drift = *complete ? NULL : okse_drift_summary(report);
    return true;
}

static bool remember(const Run *run, GError **error)
{
    const OkseBundle *bundle = run->install->bundle;
    g_autofree char *at = okse_text_time(run->install->now);
    g_autofree char *name = g_strdup(okse_bundle_name(bundle)), *version = g_strdup(okse_bundle_version(bundle));
    const OkseInstalled installed = {run->name, *okse_bundle_identity(bundle), name,
                                     version,   okse_bundle_sequence(bundle),  at};
    char action[] = "install";
    const OkseSwitch change = {at, action, run->current, run->name};

    okse_state_add(run->state, &installed);
    okse_state_log(run->state, &change);
    return okse_state_save(run->root_fd, run->state, error);
}

static bool put_in_service(Run *run, GError **error)
{
    return remember(run, error) && okse_root_switch(run->root_fd, run->name, error) &&
           okse_config_follow(run->install->root, run->root_fd, run->name, error);
}

static void fill_result(const Run *run, OkseInstallResult *result)
{
    result->generation = g_strdup(run->name);
    result->previous = g_strdup(run->current);
    result->sealed = run->staged.sealed;
    result->copied = run->staged.copied;
    result->needed = run->space.needed;
    result->available = run->space.available;
    for (guint i = 0; i < run->parts->len; i++) {
        const OksePart *part = g_ptr_array_index(run->parts, i);

        result->files += okse_tree_files(part->tree);
        result->bytes += okse_tree_bytes(part->tree);
    }
}

/* An earlier commit may be missing when a command was killed before it wrote one, or somebody removed config/. */
static bool heal(const Run *run, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (run->current == NULL || okse_config_follow(run->install->root, run->root_fd, run->current, &cause))
        return true;
    if (run->current != NULL && strcmp(run->current, run->name) == 0) {
        okse_autofd fd = okse_root_generation(run->root_fd, run->current, error);

        return fd >= 0 && write_commit(run, fd, error) &&
               okse_config_follow(run->install->root, run->root_fd, run->current, error);
    }
    return true; /* the new generation's commit comes without a parent */
}

static bool write_and_switch(Run *run, OkseInstallResult *result, GError **error)
{
    g_autofree char *drift = NULL;
    okse_autofd fd = -1;
    bool complete;

    if (!look_at_existing(run, &complete, &drift, error))
        return false;
    if (run->current != NULL && strcmp(run->current, run->name) == 0) {
        result->already = true;
        result->drift = g_steal_pointer(&drift);
        return heal(run, error);
    }
    result->reused = complete;
    if (!complete)
        return write_generation(run, error) && put_in_service(run, error);
    fd = okse_root_generation(run->root_fd, run->name, error);
    return fd >= 0 && write_commit(run, fd, error) && put_in_service(run, error);
}

static bool open_root(Run *run, GError **error)
{
    g_autoptr(GError) cause = NULL;

    run->root_fd = okse_root_open(run->install->root, !run->install->dry_run, &cause);
    if (run->root_fd < 0 && run->install->dry_run && g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND)) {
        run->state = okse_state_new();
        return true;
    }
    if (run->root_fd < 0) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    return true;
}

static bool read_root(Run *run, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (run->root_fd < 0)
        return true;
    run->state = okse_state_load(run->root_fd, error);
    if (run->state == NULL)
        return false;
    run->current = okse_root_current(run->root_fd, &cause);
    if (cause == NULL)
        return okse_space_ask(run->root_fd, run->parts, metadata_size(run->install->bundle), &run->space, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

/* Both digests, as a real run: the one while it copies, the other where the file system seals. */
static bool dry_run(Run *run, OkseInstallResult *result, GError **error)
{
    const OkseChecking checking = {.threads = run->install->threads, .both = true, .progress = run->install->progress};

    if (!read_root(run, error) || !check_sequence(run, error))
        return false;
    result->already = run->current != NULL && strcmp(run->current, run->name) == 0;
    if (run->root_fd >= 0 && !result->already && !okse_space_check(&run->space, run->install->root, error))
        return false;
    return okse_bundle_check(run->install->bundle, &checking, NULL, error);
}

static bool real_run(Run *run, OkseInstallResult *result, GError **error)
{
    okse_autofd lock = okse_root_lock(run->root_fd, true, error);

    if (lock < 0 || !read_root(run, error) || !check_sequence(run, error) || !okse_root_clean(run->root_fd, error))
        return false;
    run->generations_fd = okse_open_beneath(run->root_fd, "generations", O_RDONLY | O_DIRECTORY, 0, error);
    return run->generations_fd >= 0 && heal(run, error) && write_and_switch(run, result, error);
}

bool okse_install(const OkseInstall *install, OkseInstallResult *result, GError **error)
{
    g_auto(Run) run = {.install = install, .root_fd = -1, .generations_fd = -1};
    g_auto(OkseInstallResult) filled = {0};

    run.staging = (OkseStaging){install->bundle, install->threads, false, install->way, install->progress};
    run.name = okse_generation_name(okse_bundle_sequence(install->bundle), okse_bundle_identity(install->bundle));
    if (!read_parts(&run, error) || !open_root(&run, error))
        return false;
    if (install->dry_run ? !dry_run(&run, &filled, error) : !real_run(&run, &filled, error))
        return false;
    fill_result(&run, &filled);
    *result = filled;
    filled = (OkseInstallResult){0};
    return true;
}
