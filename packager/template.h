#pragma once

#include "core/error.h"

#include <jansson.h>

/* Infrastructure templates: a Jsonnet function of the stack, the destination and the site, evaluated to a set of files.
 * Hermetic: a program sees its arguments and the files of its library, nothing else; it runs in a process of its own,
 * without sockets, files or environment and with bounded time and memory. Source: jsonnet.org/ref/language.html. */

/* The files that programs may import, by path. Paths of what comes with Okse begin with "okse/". */
typedef struct OkseTemplates OkseTemplates;

OkseTemplates *okse_templates_new(void) G_GNUC_WARN_UNUSED_RESULT;
void okse_templates_free(OkseTemplates *templates);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTemplates, okse_templates_free)

/* path: copied; bytes: stolen. Errors: INVALID (no UTF-8, or with those before it over the limit). */
bool okse_templates_add(OkseTemplates *templates, const char *path, GBytes *bytes, GError **error);

/* The digest of all of it, as text, over "path, NUL, SHA-256, newline" in sorted order. */
char *okse_templates_digest(const OkseTemplates *templates) G_GNUC_WARN_UNUSED_RESULT;

/* Call the function that the file `entry` evaluates to. arguments: object, a member for each parameter. Returns an
 * object: path (okse_path_check()ed, at least one) → text. A new value.
 * Errors: INVALID (no such entry; with the program's own message and place; a result of another shape; a program that
 * had to be stopped); CANCELLED; SYSTEM. */
json_t *okse_template_render(const OkseTemplates *templates, const char *entry, const json_t *arguments,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
