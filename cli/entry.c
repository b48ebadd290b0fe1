#include "cli/entry.h"

#include "core/text.h"

#include <string.h>

json_t *okse_entry_json(const OkseTreeEntry *entry)
{
    char digest[OKSE_SHA256_TEXT], verity[OKSE_SHA256_TEXT];
    json_t *row;

    if (entry->type == OKSE_TREE_LINK)
        return json_pack("{s:s}", "link", entry->link);
    if (entry->type == OKSE_TREE_DIRECTORY)
        return json_pack("{s:b}", "directory", 1);
    row = json_pack("{s:s,s:I,s:s}", "digest", okse_sha256_text(&entry->digest, digest), "size",
                    (json_int_t)entry->size, "mode", entry->executable ? "0755" : "0644");
    if (entry->has_verity)
        json_object_set_new(row, "fsverity", json_string(okse_sha256_text(&entry->verity, verity)));
    return row;
}

char *okse_entry_words(const OkseTreeEntry *entry)
{
    g_autofree char *target = entry->type == OKSE_TREE_LINK ? okse_text_show(entry->link, -1, false) : NULL;

    if (target != NULL)
        return g_strdup_printf("-> %s", target);
    return entry->type == OKSE_TREE_DIRECTORY ? g_strdup("directory") : okse_text_size(entry->size);
}

bool okse_entry_equal(const OkseTreeEntry *one, const OkseTreeEntry *other)
{
    if (one->type != other->type)
        return false;
    if (one->type == OKSE_TREE_LINK)
        return strcmp(one->link, other->link) == 0;
    return one->type == OKSE_TREE_DIRECTORY || (okse_sha256_equal(&one->digest, &other->digest) &&
                                                one->size == other->size && one->executable == other->executable);
}
