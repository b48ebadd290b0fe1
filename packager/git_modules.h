#pragma once

#include "core/error.h"

/* .gitmodules: which submodule stands where. */

/* The name of the submodule at `path`, or NULL when the file names none; the caller owns it. bytes: as committed, of
 * anybody. Source: git-config(1), "Syntax"; gitmodules(5). Only what is needed: sections, `path`, quotes, escapes and
 * comments; a section that is written in another way is passed over. */
char *okse_git_module_name(GBytes *bytes, const char *path) G_GNUC_WARN_UNUSED_RESULT;

/* The `url` of the submodule `name`, or NULL; the caller owns it. */
char *okse_git_module_url(GBytes *bytes, const char *name) G_GNUC_WARN_UNUSED_RESULT;
