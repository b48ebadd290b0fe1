#include "audit/report_pdf_library.h"

#include "core/library.h"

enum { CAIRO, FONTCONFIG, PANGO, PANGOCAIRO, PANGOFT, QRENCODE, QPDF, LIBRARIES };

/* Its soname follows the release that the headers are of. */
#if QPDF_MAJOR_VERSION >= 12
#define QPDF_NUMBER "30"
#else
#define QPDF_NUMBER "29"
#endif

static const OkseLibrary libraries[LIBRARIES] = {
#define USED(soname, package)                                                                                          \
    {                                                                                                                  \
        soname, package, "a PDF report"                                                                                \
    }
    [CAIRO] = USED("libcairo.so.2", "libcairo2"),
    [FONTCONFIG] = USED("libfontconfig.so.1", "libfontconfig1"),
    [PANGO] = USED("libpango-1.0.so.0", "libpango-1.0-0"),
    [PANGOCAIRO] = USED("libpangocairo-1.0.so.0", "libpangocairo-1.0-0"),
    [PANGOFT] = USED("libpangoft2-1.0.so.0", "libpangoft2-1.0-0"),
    [QRENCODE] = USED("libqrencode.so.4", "libqrencode4"),
    [QPDF] = USED("libqpdf.so." QPDF_NUMBER, "libqpdf" QPDF_NUMBER),
#undef USED
};

bool okse_draw_load(OkseDraw *draw, GError **error)
{
    const struct {
        unsigned library;
        OkseLibraryFunction function;
    } rows[] = {
#define ROW(library, function) {library, {#function, &draw->function}},
        OKSE_DRAW_FUNCTIONS(ROW)
#undef ROW
    };

    /* pango asks these which language an ambiguous letter is in; the report's bytes are the findings' alone */
    g_unsetenv("PANGO_LANGUAGE");
    g_unsetenv("LANGUAGE");
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        if (!okse_library_load(&libraries[rows[i].library], &rows[i].function, 1, error))
            return false;
    return true;
}
