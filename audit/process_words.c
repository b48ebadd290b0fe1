#include "audit/process_words.h"

#include "core/fd.h"

#include <string.h>

/* Texts that end with NUL each, the file as a whole within the limit. */
static GStrv texts_of(const OkseProcesses *processes, const OkseProcess *process, const char *name)
{
    okse_autofd fd = okse_processes_open(processes, process, name);
    g_autofree char *buffer = fd < 0 ? NULL : g_malloc(OKSE_LIMIT_WORDS);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    size_t length = 0;

    if (buffer == NULL)
        return NULL;
    while (length < OKSE_LIMIT_WORDS) {
        ssize_t got = read(fd, buffer + length, OKSE_LIMIT_WORDS - length);

        if (got <= 0)
            break;
        length += (size_t)got;
    }
    for (size_t at = 0; at < length;) {
        size_t size = strnlen(buffer + at, length - at);
        g_autofree char *raw = g_strndup(buffer + at, size), *valid = g_utf8_make_valid(raw, -1);

        g_strv_builder_add(builder, valid);
        at += size + 1;
    }
    return g_strv_builder_end(builder);
}

GStrv okse_process_words(const OkseProcesses *processes, const OkseProcess *process)
{
    return texts_of(processes, process, "cmdline");
}

GStrv okse_process_environment(const OkseProcesses *processes, const OkseProcess *process)
{
    return texts_of(processes, process, "environ");
}
