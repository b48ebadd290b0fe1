#include "core/library.h"

#include <dlfcn.h>

/* Bound at once: after a sandbox was entered nothing could be looked up any more. */
bool okse_library_load(const OkseLibrary *library, const OkseLibraryFunction *functions, unsigned count, GError **error)
{
    void *handle = dlopen(library->soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

    if (handle == NULL)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "%s cannot be loaded, and %s needs it (Debian: %s)", library->soname,
                         library->purpose, library->package);
    for (unsigned i = 0; i < count; i++) {
        void *symbol = dlsym(handle, functions[i].name);

        if (symbol == NULL)
            return okse_fail(error, OKSE_ERROR_SYSTEM, "%s has no %s, and %s needs it", library->soname,
                             functions[i].name, library->purpose);
        *(void **)functions[i].at = symbol; /* as dlsym(3) prescribes */
    }
    return true;
}
