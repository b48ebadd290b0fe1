/* Text from outside, made harmless in the document it is put into. */
#include "audit/report_escape.h"

#include "core/text.h"

#include <string.h>

void okse_escape_markup(GString *out, const char *text)
{
    g_autofree char *shown = okse_text_show(text, -1, true);

    for (const char *c = shown; *c != '\0'; c++) {
        switch (*c) {
        case '&':
            g_string_append(out, "&amp;");
            break;
        case '<':
            g_string_append(out, "&lt;");
            break;
        case '>':
            g_string_append(out, "&gt;");
            break;
        case '"':
            g_string_append(out, "&quot;");
            break;
        case '\'':
            g_string_append(out, "&#39;");
            break;
        default:
            if (strncmp(c, "\xef\xbf\xbe", 3) == 0 || strncmp(c, "\xef\xbf\xbf", 3) == 0) {
                g_string_append(out, c[2] == '\xbe' ? "\\u{fffe}" : "\\u{ffff}"); /* not allowed in XML 1.0 */
                c += 2;
            } else {
                g_string_append_c(out, *c);
            }
        }
    }
}

void okse_escape_csv(GString *out, const char *text)
{
    g_autofree char *shown = okse_text_show(text, -1, true);

    g_string_append_c(out, '"');
    if (*shown != '\0' && strchr("=+-@\t", *shown) != NULL)
        g_string_append_c(out, '\'');
    for (const char *c = shown; *c != '\0'; c++) {
        if (*c == '"')
            g_string_append_c(out, '"');
        g_string_append_c(out, *c);
    }
    g_string_append_c(out, '"');
}

void okse_escape_markdown(GString *out, const char *text)
{
    g_autofree char *shown = okse_text_show(text, -1, true);

    for (const char *c = shown; *c != '\0'; c++) {
        if (*c == '\n' || *c == '\t') {
            g_string_append_c(out, ' ');
        } else if (*c == '<') {
            g_string_append(out, "&lt;");
        } else if (*c == '&') {
            g_string_append(out, "&amp;");
        } else {
            if (strchr("\\`*_{}[]()#+!|~>", *c) != NULL)
                g_string_append_c(out, '\\');
            g_string_append_c(out, *c);
        }
    }
}

void okse_escape_prometheus(GString *out, const char *text)
{
    g_autofree char *shown = okse_text_show(text, -1, true);

    for (const char *c = shown; *c != '\0'; c++) {
        if (*c == '\n') {
            g_string_append(out, "\\n");
            continue;
        }
        if (*c == '\\' || *c == '"')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *c);
    }
}

void okse_escape_line(GString *out, const char *text)
{
    g_autofree char *shown = okse_text_show(text, -1, false);

    g_string_append(out, shown);
}
