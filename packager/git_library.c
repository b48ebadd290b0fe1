#include "packager/git_library.h"

OkseGitLibrary okse_git_library_begin(void)
{
    static const int levels[] = {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                                 GIT_CONFIG_LEVEL_GLOBAL};
    OkseGitLibrary library = git_libgit2_init();

    for (unsigned i = 0; i < G_N_ELEMENTS(levels); i++)
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    return library;
}

void okse_git_library_end(const OkseGitLibrary *library)
{
    if (*library > 0)
        git_libgit2_shutdown();
}

bool okse_git_fail(GError **error, const char *context, const char *what)
{
    const git_error *last = git_error_last();

    return okse_fail(error, OKSE_ERROR_SYSTEM, "%s: %s: %s", context, what,
                     last != NULL ? last->message : "unknown cause");
}
