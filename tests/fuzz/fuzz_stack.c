/* Reading stack.yaml: an error exactly when nothing comes back, and what comes back keeps the promises that the rest of
 * the builder relies on. */
#include "packager/remote.h"
#include "packager/stack.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_source(const OkseStackSource *source)
{
    g_assert(source->location != NULL && strstr(source->location, "://") != source->location);
    g_assert((source->form == OKSE_SOURCE_FILES) == (source->globs != NULL));
    g_assert(source->globs == NULL || *source->globs != NULL);
    if (okse_remote_is(source)) { /* what may be fetched is either an image or a repository, and pinned or pinnable */
        g_auto(OkseImageName) image = {0};
        g_auto(OkseOrigin) origin = {0};

        g_assert(source->form == OKSE_SOURCE_OCI || source->form == OKSE_SOURCE_GIT);
        if (source->form == OKSE_SOURCE_OCI)
            g_assert(okse_image_name_read(source->location, source->reference, &image, NULL));
        else
            g_assert(okse_origin_read(source->location, &origin, NULL) && g_strcmp0(source->commit, "HEAD") != 0);
    }
    if (source->form == OKSE_SOURCE_GIT) {
        g_assert((source->commit == NULL) != (source->tag == NULL));
        g_assert(source->commit == NULL || strcmp(source->commit, "HEAD") == 0 || strlen(source->commit) == 40);
        g_assert(!source->allow_dirty || g_strcmp0(source->commit, "HEAD") == 0);
    }
}

static void check_component(const OkseStack *stack, guint index)
{
    const OkseStackComponent *component = g_ptr_array_index(stack->components, index);

    g_assert(component->name != NULL && strlen(component->name) <= 63 && strchr(component->name, '/') == NULL);
    g_assert(strcmp(component->name, "stack") != 0);
    g_assert(g_strv_contains(okse_stack_kinds, component->kind));
    check_source(&component->source);
    for (guint i = 0; i < index; i++)
        g_assert(strcmp(((OkseStackComponent *)g_ptr_array_index(stack->components, i))->name, component->name) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseStack) stack = okse_stack_read(bytes, "stack.yaml", resources, &error);

    g_assert((stack == NULL) == (error != NULL));
    if (stack == NULL) {
        g_assert(error->code == OKSE_ERROR_INVALID && g_str_has_prefix(error->message, "stack.yaml"));
        return 0;
    }
    g_assert(stack->sequence >= 1 && stack->components->len >= 1);
    g_assert(strlen(stack->vendor_country) == 2);
    for (guint i = 0; i < stack->components->len; i++)
        check_component(stack, i);
    return 0;
}
