#pragma once

#include "core/error.h"

#include <git2.h>

/* libgit2, deaf to the configuration of the machine and of the user: no hook, filter or setting of theirs counts. */
typedef int OkseGitLibrary;

/* Begin a use of the library; balanced by okse_git_library_end(). Below zero: it cannot be used. */
OkseGitLibrary okse_git_library_begin(void);
void okse_git_library_end(const OkseGitLibrary *library);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseGitLibrary, okse_git_library_end)

/* SYSTEM with the library's last message: "context: what: message". Returns false. */
bool okse_git_fail(GError **error, const char *context, const char *what);
