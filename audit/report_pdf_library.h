#pragma once

#include "core/error.h"

#include <cairo-pdf.h>
#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>
#include <qpdf/qpdf-c.h>
#include <qrencode.h>

/* The libraries that draw a PDF, loaded when one is drawn: docs/decisions/0041-pdf-by-pango-and-cairo.md. Each row is
 * the library and the function, which is called as draw->function(). */
#define OKSE_DRAW_FUNCTIONS(ROW)                                                                                       \
    ROW(CAIRO, cairo_create)                                                                                           \
    ROW(CAIRO, cairo_destroy)                                                                                          \
    ROW(CAIRO, cairo_status)                                                                                           \
    ROW(CAIRO, cairo_status_to_string)                                                                                 \
    ROW(CAIRO, cairo_show_page)                                                                                        \
    ROW(CAIRO, cairo_tag_begin)                                                                                        \
    ROW(CAIRO, cairo_tag_end)                                                                                          \
    ROW(CAIRO, cairo_set_source_rgb)                                                                                   \
    ROW(CAIRO, cairo_set_line_width)                                                                                   \
    ROW(CAIRO, cairo_move_to)                                                                                          \
    ROW(CAIRO, cairo_line_to)                                                                                          \
    ROW(CAIRO, cairo_curve_to)                                                                                         \
    ROW(CAIRO, cairo_rectangle)                                                                                        \
    ROW(CAIRO, cairo_fill)                                                                                             \
    ROW(CAIRO, cairo_stroke)                                                                                           \
    ROW(CAIRO, cairo_surface_destroy)                                                                                  \
    ROW(CAIRO, cairo_surface_finish)                                                                                   \
    ROW(CAIRO, cairo_surface_status)                                                                                   \
    ROW(CAIRO, cairo_pdf_surface_create_for_stream)                                                                    \
    ROW(CAIRO, cairo_pdf_surface_restrict_to_version)                                                                  \
    ROW(CAIRO, cairo_pdf_surface_add_outline)                                                                          \
    ROW(CAIRO, cairo_pdf_surface_set_metadata)                                                                         \
    ROW(CAIRO, cairo_font_options_create)                                                                              \
    ROW(CAIRO, cairo_font_options_destroy)                                                                             \
    ROW(CAIRO, cairo_font_options_set_antialias)                                                                       \
    ROW(CAIRO, cairo_font_options_set_hint_style)                                                                      \
    ROW(CAIRO, cairo_font_options_set_hint_metrics)                                                                    \
    ROW(FONTCONFIG, FcConfigCreate)                                                                                    \
    ROW(FONTCONFIG, FcConfigSetCurrent)                                                                                \
    ROW(FONTCONFIG, FcConfigDestroy)                                                                                   \
    ROW(FONTCONFIG, FcConfigAppFontAddFile)                                                                            \
    ROW(PANGO, pango_font_map_create_context)                                                                          \
    ROW(PANGO, pango_context_set_language)                                                                             \
    ROW(PANGO, pango_context_set_base_dir)                                                                             \
    ROW(PANGO, pango_context_set_round_glyph_positions)                                                                \
    ROW(PANGO, pango_language_from_string)                                                                             \
    ROW(PANGO, pango_font_description_new)                                                                             \
    ROW(PANGO, pango_font_description_free)                                                                            \
    ROW(PANGO, pango_font_description_set_family)                                                                      \
    ROW(PANGO, pango_font_description_set_weight)                                                                      \
    ROW(PANGO, pango_font_description_set_absolute_size)                                                               \
    ROW(PANGO, pango_layout_new)                                                                                       \
    ROW(PANGO, pango_layout_set_font_description)                                                                      \
    ROW(PANGO, pango_layout_set_markup)                                                                                \
    ROW(PANGO, pango_layout_set_width)                                                                                 \
    ROW(PANGO, pango_layout_set_height)                                                                                \
    ROW(PANGO, pango_layout_set_ellipsize)                                                                             \
    ROW(PANGO, pango_layout_set_wrap)                                                                                  \
    ROW(PANGO, pango_layout_set_alignment)                                                                             \
    ROW(PANGO, pango_layout_set_auto_dir)                                                                              \
    ROW(PANGO, pango_layout_set_line_spacing)                                                                          \
    ROW(PANGO, pango_layout_get_baseline)                                                                              \
    ROW(PANGO, pango_layout_get_extents)                                                                               \
    ROW(PANGO, pango_layout_get_iter)                                                                                  \
    ROW(PANGO, pango_layout_get_line_count)                                                                            \
    ROW(PANGO, pango_layout_get_unknown_glyphs_count)                                                                  \
    ROW(PANGO, pango_layout_iter_free)                                                                                 \
    ROW(PANGO, pango_layout_iter_next_line)                                                                            \
    ROW(PANGO, pango_layout_iter_next_run)                                                                             \
    ROW(PANGO, pango_layout_iter_get_baseline)                                                                         \
    ROW(PANGO, pango_layout_iter_get_line_readonly)                                                                    \
    ROW(PANGO, pango_layout_iter_get_run_readonly)                                                                     \
    ROW(PANGO, pango_layout_iter_get_line_extents)                                                                     \
    ROW(PANGO, pango_layout_iter_get_line_yrange)                                                                      \
    ROW(PANGOCAIRO, pango_cairo_font_map_new_for_font_type)                                                            \
    ROW(PANGOCAIRO, pango_cairo_font_map_set_resolution)                                                               \
    ROW(PANGOCAIRO, pango_cairo_context_set_font_options)                                                              \
    ROW(PANGOCAIRO, pango_cairo_show_layout_line)                                                                      \
    ROW(PANGOFT, pango_fc_font_map_set_config)                                                                         \
    ROW(QRENCODE, QRcode_encodeData)                                                                                   \
    ROW(QRENCODE, QRcode_free)                                                                                         \
    ROW(QPDF, qpdf_init)                                                                                               \
    ROW(QPDF, qpdf_cleanup)                                                                                            \
    ROW(QPDF, qpdf_silence_errors)                                                                                     \
    ROW(QPDF, qpdf_has_error)                                                                                          \
    ROW(QPDF, qpdf_get_error)                                                                                          \
    ROW(QPDF, qpdf_get_error_message_detail)                                                                           \
    ROW(QPDF, qpdf_read_memory)                                                                                        \
    ROW(QPDF, qpdf_get_root)                                                                                           \
    ROW(QPDF, qpdf_get_page_n)                                                                                         \
    ROW(QPDF, qpdf_oh_parse)                                                                                           \
    ROW(QPDF, qpdf_oh_get_key)                                                                                         \
    ROW(QPDF, qpdf_oh_is_array)                                                                                        \
    ROW(QPDF, qpdf_oh_append_item)                                                                                     \
    ROW(QPDF, qpdf_oh_replace_key)                                                                                     \
    ROW(QPDF, qpdf_make_indirect_object)                                                                               \
    ROW(QPDF, qpdf_init_write_memory)                                                                                  \
    ROW(QPDF, qpdf_set_deterministic_ID)                                                                               \
    ROW(QPDF, qpdf_set_object_stream_mode)                                                                             \
    ROW(QPDF, qpdf_write)                                                                                              \
    ROW(QPDF, qpdf_get_buffer)                                                                                         \
    ROW(QPDF, qpdf_get_buffer_length)

typedef struct {
#define OKSE_DRAW_MEMBER(library, function) typeof(function) *function; /* NOLINT(bugprone-macro-parentheses) */
    OKSE_DRAW_FUNCTIONS(OKSE_DRAW_MEMBER)
#undef OKSE_DRAW_MEMBER
} OkseDraw;

/* They stay loaded. Errors: SYSTEM for one that is missing or too old, with its Debian package. */
bool okse_draw_load(OkseDraw *draw, GError **error);
