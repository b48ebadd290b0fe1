#include "packager/front_matter.h"

#include "core/text.h"

#include <string.h>

bool okse_front_matter_is_card(const char *path)
{
    static const char *const names[] = {"readme.md", "model_card.md", "modelcard.md", NULL};
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *name = g_ascii_strdown(base, -1);

    return g_strv_contains(names, name);
}

GBytes *okse_front_matter(GBytes *bytes, bool *open)
{
    g_autofree char *text = okse_text_of_bytes(bytes);
    const char *start = g_str_has_prefix(text, "\xEF\xBB\xBF") ? text + 3 : text, *at;
    size_t fence = strcspn(start, "\n");

    *open = false;
    if (strncmp(start, "---", 3) != 0 || start[3 + strspn(start + 3, " \t\r")] != '\n')
        return NULL;
    start += fence + 1;
    for (at = start; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
        if (strncmp(at, "---", 3) == 0 && strchr("\n\r \t", at[3]) != NULL)
            return g_bytes_new(start, (gsize)(at - start));
    *open = true;
    return NULL;
}
