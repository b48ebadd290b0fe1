#include "packager/shard.h"

bool okse_shard_parse(const char *text, OkseShard *shard, GError **error)
{
    g_auto(GStrv) words = g_strsplit(text, "/", 3);
    guint64 number, count;

    if (g_strv_length(words) != 2 || !g_ascii_string_to_unsigned(words[0], 10, 1, OKSE_LIMIT_SHARDS, &number, NULL) ||
        !g_ascii_string_to_unsigned(words[1], 10, number, OKSE_LIMIT_SHARDS, &count, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "'%s' is no shard I/N such as 3/8 (1 ≤ I ≤ N ≤ %u)", text,
                         OKSE_LIMIT_SHARDS);
    *shard = (OkseShard){(unsigned)number, (unsigned)count};
    return true;
}
