/* The order of a build: read the stack, open the sources, join equal files, place everything, check the space, write
 * the payload, then what follows from its digests; the file gets its name last. */
#include "packager/build.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/vocabulary.h"
#include "packager/build_nowhere.h"
#include "packager/build_resume.h"
#include "packager/build_space.h"
#include "packager/build_thin.h"
#include "packager/bundle_writer.h"
#include "packager/documents.h"
#include "packager/equal.h"
#include "packager/evaluations.h"
#include "packager/fetch_cache.h"
#include "packager/layout_index.h"
#include "packager/manifest.h"
#include "packager/remote.h"
#include "packager/site.h"

#include <string.h>
#include <sys/stat.h>

/* Only law goes everywhere. */
static bool check_everywhere(const OkseStack *stack, GError **error)
{
    for (guint i = 0; i < stack->components->len; i++) {
        const OkseStackComponent *one = g_ptr_array_index(stack->components, i);

        if (strcmp(one->kind, OKSE_KIND_POLICY) != 0)
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "%s:%u:%u: --country " OKSE_COUNTRY_EVERYWHERE
                             " is for bundles of law alone, and component '%s' is of kind %s: name the destination",
                             stack->origin, one->line, one->column, one->name, one->kind);
    }
    return true;
}

static bool check_country(const OkseBuildRequest *request, const OkseStack *stack, const OkseResources *resources,
                          GError **error)
{
    g_autoptr(OkseVocabulary) countries = okse_vocabulary_read(resources, "countries", error);
    const char *near;

    if (countries == NULL)
        return false;
    if (strcmp(request->country, OKSE_COUNTRY_EVERYWHERE) == 0)
        return check_everywhere(stack, error);
    if (okse_vocabulary_find(countries, request->country) != NULL)
        return true;
    near = okse_text_nearest(request->country, okse_vocabulary_words(countries));
    return okse_fail(error, OKSE_ERROR_INVALID, "--country: unknown country '%s' (ISO 3166-1 alpha-2%s%s)",
                     request->country, near != NULL ? "; did you mean " : "", near != NULL ? near : "");
}

static uint64_t index_length(const OksePlan *plan)
{
    g_autoptr(json_t) bundle_index = okse_json_read(plan->index->bytes, plan->index->size, "bundle index", NULL);
    g_autoptr(json_t) index = okse_layout_index(bundle_index, &plan->index->digest, plan->index->size, NULL);
    g_autoptr(GBytes) bytes = okse_json_write(index);

    return g_bytes_get_size(bytes);
}

/* The output would be packed into itself, or a half-written one found by the next build. */
static bool check_outside(const OksePlan *plan, int dir_fd, const char *path, GError **error)
{
    okse_autofd at = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    struct stat info, above = {0};

    while (at >= 0) {
        int next;

        if (fstat(at, &info) < 0)
            return okse_fail_errno(error, "%s", path);
        if (info.st_ino == above.st_ino && info.st_dev == above.st_dev)
            return true;
        for (guint i = 0; i < plan->sources->len; i++)
            if (okse_source_is_directory(g_ptr_array_index(plan->sources, i), info.st_dev, info.st_ino))
                return okse_fail(error, OKSE_ERROR_INVALID,
                                 "%s: lies inside the component source %s; write it elsewhere", path,
                                 okse_source_origin(g_ptr_array_index(plan->sources, i)));
        above = info;
        next = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        okse_fd_clear(&at);
        at = next;
    }
    return okse_fail_errno(error, "%s", path);
}

/* The name that will be replaced must not be one of the inputs. */
static bool check_replaces_no_input(const OkseBuildRequest *request, const OksePlan *plan, const OkseOutput *output,
                                    GError **error)
{
    struct stat info, stack;

    if (fstatat(output->dir_fd, output->name, &info, 0) < 0)
        return errno == ENOENT ? true : okse_fail_errno(error, "%s", output->path);
    if (stat(request->stack_path, &stack) == 0 && stack.st_ino == info.st_ino && stack.st_dev == info.st_dev)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is the stack itself; write the bundle elsewhere",
                         output->path);
    for (guint i = 0; i < plan->sources->len; i++)
        if (okse_source_is_file(g_ptr_array_index(plan->sources, i), info.st_dev, info.st_ino))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: is the source of a component; write the bundle elsewhere",
                             output->path);
    for (guint i = 0; request->thin_against != NULL && i < request->thin_against->len; i++)
        if (okse_base_lies_in(g_ptr_array_index(request->thin_against, i), &info))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: is what the bundle is thin against; write it elsewhere",
                             output->path);
    return true;
}

/* What the bundle will take and what there is; then, unless this is only a trial, room for it. */
static bool take_space(const OkseBuildRequest *request, const OkseLayout *layout, const OkseOutput *output,
                       uint64_t held, OkseBuildResult *result, GError **error)
{
    OkseBuildSpace space;

    if (!okse_build_space_ask(layout, request->way, output->fd, output->path, &space, error))
        return false;
    space.available += held;
    if (!okse_build_space_check(&space, output->path, error))
        return false;
    result->needed = space.needed;
    result->available = space.available;
    return request->dry_run || okse_build_space_reserve(layout, output->fd, output->path, error);
}

static bool fill_bundle(const OkseBuildRequest *request, OksePlan *plan, const OkseLayout *layout, OkseOutput *output,
                        OkseResume *resume, OkseBuildResult *result, GError **error)
{
    g_autoptr(OkseProgress) progress = request->show_progress ? okse_progress_new("packing", layout->payload) : NULL;
    const OkseBundleTarget target = {
        .fd = output->fd, .threads = request->threads, .way = request->way, .progress = progress, .resume = resume};

    return okse_bundle_write_payload(plan, layout, &target, &result->copied, error) &&
           okse_bundle_write_metadata(plan, layout, output->fd, error) &&
           (resume == NULL || okse_resume_finish(resume, error)) && okse_output_finish(output, error);
}

static bool write_bundle(const OkseBuildRequest *request, OksePlan *plan, const OkseLayout *layout, const char *path,
                         OkseBuildResult *result, GError **error)
{
    g_autoptr(OkseResume) resume = NULL;
    g_auto(OkseOutput) output = OKSE_OUTPUT_INIT;
    uint64_t held = 0;

    if (!(request->dry_run ? okse_output_open(&output, path, error)
                           : okse_resume_open(&output, path, &resume, error)) ||
        !check_outside(plan, output.dir_fd, path, error) || !check_replaces_no_input(request, plan, &output, error) ||
        (resume != NULL && !okse_resume_begin(resume, layout, output.fd, &held, error)) ||
        !take_space(request, layout, &output, held, result, error))
        return false;
    return request->dry_run || fill_bundle(request, plan, layout, &output, resume, result, error);
}

static bool write_thin(const OkseBuildRequest *request, OksePlan *plan, const OkseLayout *layout, const char *path,
                       OkseBuildResult *result, GError **error)
{
    g_auto(OkseOutput) output = OKSE_OUTPUT_INIT;

    if (!okse_output_open(&output, path, error) || !check_outside(plan, output.dir_fd, path, error) ||
        !check_replaces_no_input(request, plan, &output, error) ||
        !okse_build_thin(request, plan, layout, &(OkseThinTarget){output.fd, output.dir_fd, path}, &result->thinned,
                         error) ||
        !okse_output_finish(&output, error))
        return false;
    result->copied = result->thinned.copied;
    return true;
}

static unsigned count_files(const OksePlan *plan)
{
    unsigned count = 0;

    for (guint i = 0; i < plan->sources->len; i++)
        count += okse_source_count(g_ptr_array_index(plan->sources, i));
    return count;
}

static gint64 newest_time(const OksePlan *plan)
{
    gint64 newest = 0;

    for (guint i = 0; i < plan->sources->len; i++)
        newest = MAX(newest, okse_source_time(g_ptr_array_index(plan->sources, i)));
    return newest;
}

/* How the models scored is in the bills, too, whoever examines. */
static bool read_evaluations(OksePlan *plan, const OkseResources *resources, GError **error)
{
    g_autoptr(OkseContents) contents = okse_contents_of_plan(plan);

    plan->evaluations = okse_evaluations_of(resources, contents, NULL, error);
    return plan->evaluations != NULL;
}

static bool examine(const OkseBuildRequest *request, OksePlan *plan, GError **error)
{
    g_autoptr(OkseContents) contents = request->examine == NULL ? NULL : okse_contents_of_plan(plan);

    return contents == NULL || request->examine(request->examine_context, contents, plan->documents, error);
}

/* There is one source for each component, in order. */
static json_t *list_left_out(const OksePlan *plan)
{
    json_t *list = json_array();

    for (guint i = 0; i < plan->sources->len; i++) {
        const OkseStackComponent *component = g_ptr_array_index(plan->stack->components, i);
        const GPtrArray *paths = okse_source_left_out(g_ptr_array_index(plan->sources, i));

        for (guint k = 0; k < paths->len; k++)
            json_array_append_new(list, json_pack("{s:s,s:s}", "component", component->name, "path",
                                                  (const char *)g_ptr_array_index(paths, k)));
    }
    return list;
}

/* What the site declares; what its file is called is no part of that. */
static bool read_site(const OkseBuildRequest *request, json_t **json, GError **error)
{
    g_autoptr(OkseSite) site = request->site == NULL ? NULL : okse_site_open(request->site, error);

    if (site == NULL)
        return request->site == NULL;
    *json = okse_site_to_json(site);
    json_object_del(*json, "path");
    return true;
}

static bool has_remote(const OkseStack *stack)
{
    for (guint i = 0; i < stack->components->len; i++)
        if (okse_remote_is(&((const OkseStackComponent *)g_ptr_array_index(stack->components, i))->source))
            return true;
    return false;
}

/* The cache would be packed, too, with whatever else was fetched. */
static bool check_cache(const OksePlan *plan, const OkseCachePlace *place, GError **error)
{
    okse_autofd cache_fd = -1;

    if (!has_remote(plan->stack))
        return true;
    cache_fd = okse_cache_open(place, false, error);
    return cache_fd >= 0 && check_outside(plan, cache_fd, "the cache", error);
}

static OksePlan *make_plan(const OkseBuildRequest *request, const OkseStack *stack, const json_t *site,
                           const OkseResources *resources, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(request->stack_path);
    okse_autofd dir_fd = okse_open_directory(directory, error);
    const OksePlanInputs inputs = {.stack = stack,
                                   .dir_fd = dir_fd,
                                   .country = request->country,
                                   .site = site,
                                   .resources = resources,
                                   .cache = request->cache};
    g_autoptr(OksePlan) plan = dir_fd < 0 ? NULL : okse_plan_new(&inputs, error);

    if (plan == NULL || !check_cache(plan, &(OkseCachePlace){dir_fd, request->stack_path, request->cache}, error))
        return NULL;
    plan->epoch = request->epoch != OKSE_EPOCH_OF_SOURCES ? request->epoch : newest_time(plan);
    okse_documents_add(plan);
    if (!read_evaluations(plan, resources, error) || !examine(request, plan, error))
        return NULL;
    okse_plan_documents(plan);
    if (!okse_layout_join_equal(plan, error) || !okse_equal_trees(plan, error) || !okse_manifest_render(plan, error))
        return NULL;
    return g_steal_pointer(&plan);
}

bool okse_build(const OkseBuildRequest *request, const OkseResources *resources, OkseBuildResult *result,
                GError **error)
{
    g_autoptr(GBytes) yaml = NULL;
    g_autoptr(OkseStack) stack = NULL;
    g_autoptr(json_t) site = NULL;
    g_autoptr(OksePlan) plan = NULL;
    g_auto(OkseLayout) layout = {0};
    g_auto(OkseBuildResult) built = {0};

    yaml = okse_read_path(request->stack_path, OKSE_LIMIT_DOCUMENT, error);
    stack = yaml == NULL ? NULL : okse_stack_read(yaml, request->stack_path, resources, error);
    if (stack == NULL || !check_country(request, stack, resources, error) || !read_site(request, &site, error))
        return false;
    plan = make_plan(request, stack, site, resources, error);
    if (plan == NULL || !okse_layout_place(plan, index_length(plan), &layout, error))
        return false;
    built.path = request->output != NULL
                     ? g_strdup(request->output)
                     : g_strdup_printf("%s-%s-%s.okse", stack->name, stack->version, request->country);
    if (request->discard                ? !okse_build_nowhere(request, plan, &layout, error)
        : request->thin_against != NULL ? !write_thin(request, plan, &layout, built.path, &built, error)
                                        : !write_bundle(request, plan, &layout, built.path, &built, error))
        return false;
    if (!request->dry_run && request->watch != NULL && !request->watch(request->watch_context, plan, error))
        return false;
    if (!request->dry_run)
        built.identity = plan->index->digest;
    built.name = g_strdup(stack->name);
    built.version = g_strdup(stack->version);
    built.sequence = stack->sequence;
    built.size = request->thin_against != NULL ? built.thinned.size : layout.size;
    built.payload = layout.payload;
    built.blobs = layout.order->len;
    built.files = count_files(plan);
    built.left_out = list_left_out(plan);
    *result = built;
    built = (OkseBuildResult){0};
    return true;
}

void okse_build_result_clear(OkseBuildResult *result)
{
    g_clear_pointer(&result->path, g_free);
    g_clear_pointer(&result->name, g_free);
    g_clear_pointer(&result->version, g_free);
    g_clear_pointer(&result->left_out, json_decref);
}
