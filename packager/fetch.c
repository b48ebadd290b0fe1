#include "packager/fetch.h"

#include "core/fd.h"
#include "core/limits.h"
#include "packager/fetch_cache.h"
#include "packager/fetch_internal.h"
#include "packager/remote.h"

#include <string.h>
#include <sys/file.h>

#define LOCK ".lock"

/* Two at a time would write one blob together. */
static int lock_cache(int cache_fd, GError **error)
{
    okse_autofd fd = okse_open_beneath(cache_fd, LOCK, O_RDWR | O_CREAT, 0644, error);

    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        okse_fail(error, OKSE_ERROR_SYSTEM, "another okse fetch is filling this cache");
        return -1;
    }
    return okse_fd_steal(&fd);
}

static bool fetch_component(Fetch *fetch, const OkseStack *stack, const OkseStackComponent *component, json_t *sources,
                            GError **error)
{
    const OkseStackSource *source = &component->source;
    json_t *row = json_pack("{s:s,s:s}", "component", component->name, "source", source->location);

    json_array_append_new(sources, row);
    fetch->fetched = fetch->reused = 0;
    if (!(source->form == OKSE_SOURCE_OCI ? fetch_image(fetch, source, row, error)
                                          : fetch_repository(fetch, source, row, error))) {
        g_prefix_error(error, "%s:%u:%u: component '%s': ", stack->origin, component->line, component->column,
                       component->name);
        return false;
    }
    json_object_set_new(row, "fetched", json_integer((json_int_t)fetch->fetched));
    json_object_set_new(row, "reused", json_integer((json_int_t)fetch->reused));
    return true;
}

static bool fetch_components(Fetch *fetch, const OkseStack *stack, json_t *sources, GError **error)
{
    for (guint i = 0; i < stack->components->len; i++) {
        const OkseStackComponent *component = g_ptr_array_index(stack->components, i);

        if (component->source.location != NULL && okse_remote_is(&component->source) &&
            !fetch_component(fetch, stack, component, sources, error))
            return false;
    }
    return true;
}

static OkseStack *read_stack(const char *path, const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) yaml = okse_read_path(path, OKSE_LIMIT_DOCUMENT, error);

    return yaml == NULL ? NULL : okse_stack_read(yaml, path, resources, error);
}

bool okse_fetch(const OkseFetchRequest *request, const OkseResources *resources, json_t **result, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(request->stack_path);
    g_autoptr(OkseStack) stack = read_stack(request->stack_path, resources, error);
    okse_autofd dir_fd = stack == NULL ? -1 : okse_open_directory(directory, error);
    const OkseCachePlace place = {dir_fd, request->stack_path, request->cache};
    okse_autofd cache_fd = dir_fd < 0 ? -1 : okse_cache_open(&place, true, error);
    okse_autofd lock_fd = cache_fd < 0 ? -1 : lock_cache(cache_fd, error);
    okse_autofd partial_fd = -1;
    g_autoptr(OkseHttp) http = lock_fd < 0 ? NULL : okse_http_new(&request->http, error);
    g_autoptr(json_t) sources = json_array();
    Fetch fetch = {.request = request, .http = http, .cache_fd = cache_fd};

    if (http == NULL || !okse_make_directories(cache_fd, OKSE_CACHE_PARTIAL, error))
        return false;
    partial_fd = okse_open_beneath(cache_fd, OKSE_CACHE_PARTIAL, O_RDONLY | O_DIRECTORY, 0, error);
    fetch.partial_fd = partial_fd;
    if (partial_fd < 0 || !fetch_components(&fetch, stack, sources, error))
        return false;
    *result = json_pack("{s:s,s:s,s:O}", "schema", "okse.fetch.v1", "cache",
                        request->cache != NULL ? request->cache : OKSE_CACHE_DEFAULT, "sources", sources);
    return true;
}
