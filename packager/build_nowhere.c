#include "packager/build_nowhere.h"

#include "core/fd.h"
#include "packager/build_space.h"
#include "packager/bundle_writer.h"

static const char scratch_name[] = "the unnamed file for an archive's files (-o FILE writes it elsewhere)";

static bool needs_scratch(const OkseLayout *layout)
{
    for (guint i = layout->metadata; i < layout->order->len; i++) {
        const OkseBlobPlan *blob = g_ptr_array_index(layout->order, i);

        if (blob->tar != NULL && okse_source_is_sequential(okse_tar_layer_source(blob->tar)))
            return true;
    }
    return false;
}

static int open_scratch(const OkseLayout *layout, GError **error)
{
    okse_autofd fd = okse_open(".", O_RDWR | O_TMPFILE, 0600, error);
    OkseBuildSpace space;

    if (fd < 0 || !okse_build_space_ask(layout, OKSE_COPY_PLAIN, fd, scratch_name, &space, error) ||
        !okse_build_space_check(&space, scratch_name, error))
        return -1;
    return okse_fd_steal(&fd);
}

bool okse_build_nowhere(const OkseBuildRequest *request, OksePlan *plan, const OkseLayout *layout, GError **error)
{
    okse_autofd fd = needs_scratch(layout) ? open_scratch(layout, error) : okse_open("/dev/null", O_RDWR, 0, error);
    g_autoptr(OkseProgress) progress = request->show_progress ? okse_progress_new("packing", layout->payload) : NULL;
    const OkseBundleTarget target = {
        .fd = fd, .threads = request->threads, .way = OKSE_COPY_PLAIN, .progress = progress};
    OkseCopied copied;

    return fd >= 0 && okse_bundle_write_payload(plan, layout, &target, &copied, error) &&
           okse_bundle_write_metadata(plan, layout, fd, error);
}
