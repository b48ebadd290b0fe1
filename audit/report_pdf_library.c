#include "audit/report_pdf_library.h"

#include <dlfcn.h>
#include <string.h>

enum { CAIRO, FONTCONFIG, PANGO, PANGOCAIRO, PANGOFT, QRENCODE, QPDF, LIBRARIES };

/* Its soname follows the release that the headers are of. */
#if QPDF_MAJOR_VERSION >= 12
#define QPDF_NUMBER "30"
#else
#define QPDF_NUMBER "29"
#endif

static const struct {
    const char *soname, *package;
} libraries[LIBRARIES] = {
    [CAIRO] = {"libcairo.so.2", "libcairo2"},
    [FONTCONFIG] = {"libfontconfig.so.1", "libfontconfig1"},
    [PANGO] = {"libpango-1.0.so.0", "libpango-1.0-0"},
    [PANGOCAIRO] = {"libpangocairo-1.0.so.0", "libpangocairo-1.0-0"},
    [PANGOFT] = {"libpangoft2-1.0.so.0", "libpangoft2-1.0-0"},
    [QRENCODE] = {"libqrencode.so.4", "libqrencode4"},
    [QPDF] = {"libqpdf.so." QPDF_NUMBER, "libqpdf" QPDF_NUMBER},
};

static const struct {
    unsigned library;
    const char *name;
    size_t offset;
} functions[] = {
#define ROW(library, function) {library, #function, offsetof(OkseDraw, function)},
    OKSE_DRAW_FUNCTIONS(ROW)
#undef ROW
};

bool okse_draw_load(OkseDraw *draw, GError **error)
{
    void *handles[LIBRARIES];

    /* pango asks these which language an ambiguous letter is in; the report's bytes are the findings' alone */
    g_unsetenv("PANGO_LANGUAGE");
    g_unsetenv("LANGUAGE");
    for (unsigned i = 0; i < LIBRARIES; i++) {
        handles[i] = dlopen(libraries[i].soname, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
        if (handles[i] == NULL)
            return okse_fail(error, OKSE_ERROR_SYSTEM, "%s cannot be loaded, and a PDF report needs it (Debian: %s)",
                             libraries[i].soname, libraries[i].package);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(functions); i++) {
        void *symbol = dlsym(handles[functions[i].library], functions[i].name);

        if (symbol == NULL)
            return okse_fail(error, OKSE_ERROR_SYSTEM, "%s has no %s; it is too old",
                             libraries[functions[i].library].soname, functions[i].name);
        memcpy((char *)draw + functions[i].offset, &symbol, sizeof symbol); /* as dlsym(3) prescribes */
    }
    return true;
}
