/* In place of the renderer where okse is built without it. */
#include "audit/report_pdf.h"

GBytes *okse_report_pdf_draw(const json_t *findings, const OksePdfOptions *options, const OkseResources *resources,
                             GError **error)
{
    (void)findings, (void)options, (void)resources;
    okse_fail(error, OKSE_ERROR_SYSTEM,
              "this okse was built without PDF (meson setup -Dpdf=enabled; Debian: libpango1.0-dev, libcairo2-dev, "
              "libqrencode-dev, libqpdf-dev)");
    return NULL;
}
