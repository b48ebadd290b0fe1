/* What a host's own files and processes say, on arbitrary bytes: the first one chooses the reader. Every statement lies
 * inside the text, every destination is a host, and nothing is written down that is no UTF-8. */
#include "audit/collect_host_files.h"
#include "audit/process_words.h"
#include "audit/sockets_text.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    unsigned lines, last;
} Context;

static void on_destination(const char *word, const char *next)
{
    for (OkseWritten written = 0; written < OKSE_WRITTENS; written++) {
        g_auto(OkseDestination) found = {0};

        if (!okse_destination_read(word, next, written, &found)) {
            g_assert(found.host == NULL);
            continue;
        }
        g_assert(found.host != NULL && *found.host != '\0' && strpbrk(found.host, " /@#\"'") == NULL);
        g_assert(found.port <= 65535);
    }
}

static void on_statement(void *data, const OkseStatement *statement)
{
    Context *context = data;
    g_auto(GStrv) words = g_strsplit(statement->value, " ", 16);

    g_assert(statement->line > 0 && statement->line <= context->lines);
    g_assert(statement->key != NULL && statement->name != NULL && statement->value != NULL);
    g_assert(g_utf8_validate(statement->key, -1, NULL) && g_utf8_validate(statement->value, -1, NULL));
    context->last = statement->line;
    for (char **word = words; *word != NULL; word++)
        on_destination(*word, word[1]);
    on_destination(statement->name, *words);
}

static void lines_of(const char *text)
{
    g_autofree char *when = NULL, *user = NULL, *command = NULL, *from = NULL, *kind = NULL, *unit = NULL, *box = NULL;
    g_auto(GStrv) words = NULL;
    OkseSocketLine socket;
    OkseFlowLine flow;
    OkseRouteLine route;
    OkseTunnelFound tunnel;

    okse_crontab_line_read(text, true, &when, &user, &command);
    kind = okse_authorized_key_read(text, &from);
    okse_cgroup_read(text, &unit, &box);
    okse_socket_line_read(text, false, &socket);
    okse_socket_line_read(text, true, &socket);
    okse_flow_line_read(text, &flow);
    okse_route_line_read(text, false, &route);
    okse_route_line_read(text, true, &route);
    words = g_strsplit(text, " ", -1);
    if (okse_tunnel_read(words, &tunnel))
        g_assert(tunnel.destination.host != NULL && tunnel.port <= 65535);
    okse_destination_clear(&tunnel.destination);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Context context = {.lines = 2};
    const char *why = NULL;

    if (size == 0)
        return 0;
    for (size_t i = 1; i < size; i++)
        context.lines += data[i] == '\n';
    /* YAML counts other line ends too */
    if (data[0] % (OKSE_FORMS + 1) == OKSE_FORM_YAML)
        context.lines = (unsigned)size * 2 + 2;
    if (data[0] % (OKSE_FORMS + 1) == OKSE_FORMS) {
        g_autofree char *text = g_strndup((const char *)data + 1, size - 1);

        lines_of(text);
    } else if (!okse_form_read(data[0] % (OKSE_FORMS + 1), (const char *)data + 1, size - 1, on_statement, &context,
                               &why)) {
        g_assert(why != NULL);
    }
    return 0;
}
