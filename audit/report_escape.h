#pragma once

#include <glib.h>

/* One escaper for each kind of document. What came from outside goes through exactly one of these. Controls and the
 * format characters that hide or reorder text are shown as \u{…} everywhere (core/text.h). */

/* HTML and XML text and double-quoted attributes. Lines stay. */
void okse_escape_markup(GString *out, const char *text);
/* One CSV cell, always quoted; a cell that a spreadsheet would take for a formula gets a leading apostrophe.
 * Source: RFC 4180; OWASP "CSV Injection". */
void okse_escape_csv(GString *out, const char *text);
/* Inline Markdown: nothing in it formats, links or breaks a table. */
void okse_escape_markdown(GString *out, const char *text);
/* A label value of the Prometheus text format, without its quotes. */
void okse_escape_prometheus(GString *out, const char *text);
/* One line for a terminal. */
void okse_escape_line(GString *out, const char *text);
