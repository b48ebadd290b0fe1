/* A thin bundle without any base: it is read or refused; what is read lays out a whole one, which is a bundle or is
 * not; if it is one and nothing is missing, the payload is read and agrees or does not. */
#include "core/fd.h"
#include "packager/thin.h"

#include <stdint.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_whole(const OkseThin *thin, const OkseBytes *whole)
{
    const OkseThinReport *report = okse_thin_report(thin);
    const OkseChecking checking = {.threads = 1, .both = true};
    g_autoptr(GError) error = NULL, payload = NULL;
    g_autoptr(OkseBundle) bundle = okse_bundle_of(whole, "fuzz", &error);
    g_autoptr(json_t) said = okse_thin_json(report);
    bool good;

    g_assert((bundle == NULL) == (error != NULL));
    g_assert(said != NULL && json_array_size(json_object_get(said, "missing")) == report->missing->len);
    if (bundle == NULL)
        return;
    g_assert(okse_thin_place(thin, okse_bundle_slots(bundle).index_offset) == okse_bundle_slots(bundle).index_offset);
    good = okse_bundle_check(bundle, &checking, NULL, &payload);
    g_assert(good == (payload == NULL));
    g_assert(!good || report->missing->len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    okse_autofd fd = memfd_create("bundle", MFD_CLOEXEC);
    g_autoptr(GError) error = NULL, over = NULL;
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(OkseBytes) bytes = NULL, whole = NULL;
    g_autoptr(OkseThin) thin = NULL;

    if (fd < 0 || !okse_write_all(fd, data, size, "fuzz", NULL))
        g_error("no memory file");
    bytes = okse_bytes_of_file(fd, "fuzz", NULL);
    okse_thin_is(bytes);
    thin = okse_thin_open(bytes, "fuzz", &error);
    g_assert((thin == NULL) == (error != NULL));
    if (thin == NULL)
        return 0;
    whole = okse_thin_complete(thin, none, &over);
    g_assert((whole == NULL) == (over != NULL));
    if (whole != NULL)
        check_whole(thin, whole);
    return 0;
}
