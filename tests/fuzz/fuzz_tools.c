/* Tool servers in arbitrary configuration: what is found has a form and a transport of the vocabulary, and every
 * command can be asked for its program. */
#include "audit/tools.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static OkseToolRules *rules;

static void found(void *context, const OkseTool *tool)
{
    static const char *const forms[] = {"mcpServers", "servers", "mcp_servers", "connections", NULL};
    static const char *const transports[] = {"stdio", "http", "sse", "websocket", "unknown", NULL};
    unsigned *count = context;

    g_assert(tool->name != NULL && g_strv_contains(forms, tool->form) && g_strv_contains(transports, tool->transport));
    g_assert(++*count <= 200);
    if (tool->words != NULL) {
        g_autofree char *line = g_strjoinv(" ", (char **)(uintptr_t)tool->words);
        g_autofree char *fetched = okse_tool_fetched(rules, line);
        const char *program = okse_tool_program(rules, tool->words);

        g_assert(fetched == NULL || *fetched != '\0');
        g_assert(program == NULL || okse_tool_below_root(rules, program) == NULL || *program == '/');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"agent.json", "mcp.json", "values.yaml"};
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    unsigned count = 0;

    if (rules == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        rules = okse_tool_rules_read(resources, NULL);
        g_assert(rules != NULL);
    }
    okse_tools_of(bytes, names[size % G_N_ELEMENTS(names)], found, &count);
    return 0;
}
