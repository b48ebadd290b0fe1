/* How bytes got into a bundle or an install, as build and install say it. */
#include "cli/copied.h"

#include "core/text.h"

bool okse_copy_option(const char *text, OkseCopyWay *way, GError **error)
{
    if (text == NULL || okse_copy_way_parse(text, way, error))
        return true;
    g_prefix_error(error, "--copy: ");
    return false;
}

json_t *okse_copied_json(const OkseCopied *copied)
{
    json_t *value = json_pack("{s:I, s:I, s:I}", "reflink", (json_int_t)copied->reflink, "copy_file_range",
                              (json_int_t)copied->range, "written", (json_int_t)copied->written);

    g_assert(value != NULL);
    return value;
}

static void append(GString *words, uint64_t bytes, const char *how)
{
    g_autofree char *size = okse_text_size(bytes);

    if (bytes > 0)
        g_string_append_printf(words, "%s%s %s", words->len > 0 ? ", " : "", size, how);
}

char *okse_copied_words(const OkseCopied *copied)
{
    GString *words = g_string_new(NULL);

    append(words, copied->reflink, "shared with the source (no disk space)");
    append(words, copied->range, "by copy_file_range");
    append(words, copied->written, "written");
    return g_string_free(words, FALSE);
}
