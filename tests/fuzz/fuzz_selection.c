/* .okseignore and patterns: an error exactly when nothing comes back, the same answer twice, and a file that is meant
 * lies in directories that are entered. Every line of the input is a rule, a pattern and a path. */
#include "core/fd.h"
#include "packager/glob.h"
#include "packager/selection.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_glob(const OkseGlob *glob, const char *path)
{
    g_autofree char *above = g_strdup(path);

    if (!okse_glob_matches(glob, path))
        return;
    for (char *slash = strrchr(above, '/'); slash != NULL; slash = strrchr(above, '/')) {
        *slash = '\0';
        g_assert(okse_glob_reaches_below(glob, above));
    }
}

static void check_pair(const char *pattern, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseGlob) glob = okse_glob_new(pattern, &error);

    g_assert((glob == NULL) == (error != NULL));
    if (glob != NULL)
        check_glob(glob, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autofree char *text = g_strndup((const char *)data, MIN(size, 2000));
    g_auto(GStrv) lines = g_strsplit(text, "\n", 20);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseSelection) selection = okse_selection_of_ignore(bytes, "rules", &error);

    g_assert((selection == NULL) == (error != NULL));
    g_assert(selection != NULL || (error->code == OKSE_ERROR_INVALID && g_str_has_prefix(error->message, "rules:")));
    for (unsigned i = 0; lines[i] != NULL; i++) {
        if (!okse_path_check(lines[i], NULL))
            continue;
        if (selection != NULL)
            g_assert(okse_selection_takes(selection, lines[i], false) ==
                     okse_selection_takes(selection, lines[i], false));
        for (unsigned k = 0; lines[k] != NULL; k++)
            check_pair(lines[k], lines[i]);
    }
    g_assert(selection == NULL || !okse_selection_takes(selection, OKSE_IGNORE_NAME, false));
    return 0;
}
