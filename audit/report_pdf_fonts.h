#pragma once

#include "audit/report_pdf_library.h"
#include "core/resource.h"

#include <jansson.h>

/* The fonts of one report by templates/report/fonts.yaml: those of the scripts that its language and its findings are
 * written in, and no others, whatever is installed or configured on this machine. */
typedef struct OksePdfFonts OksePdfFonts;

/* Errors: SYSTEM when the fonts for Latin letters are not installed; INVALID for a broken list. */
OksePdfFonts *okse_pdf_fonts_open(const OkseDraw *draw, const OkseResources *resources, const json_t *findings,
                                  const char *language, GError **error);
void okse_pdf_fonts_free(OksePdfFonts *fonts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OksePdfFonts, okse_pdf_fonts_free)

/* Borrowed; for pango. */
FcConfig *okse_pdf_fonts_config(const OksePdfFonts *fonts);
/* Family lists, best first, as pango takes them. Borrowed. */
const char *okse_pdf_fonts_text(const OksePdfFonts *fonts);
const char *okse_pdf_fonts_code(const OksePdfFonts *fonts);
/* The Debian package with letters of this character's script; NULL: the list has none. Borrowed. */
const char *okse_pdf_fonts_package(const OksePdfFonts *fonts, gunichar c);
/* "Arab": the ISO 15924 code of a character's script. */
void okse_pdf_script(gunichar c, char code[5]);
