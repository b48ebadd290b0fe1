#pragma once

#include "core/resource.h"
#include "core/yaml.h"

/* Servers that give tools to a model (Model Context Protocol), as the configurations of clients name them: `mcpServers`
 * (Claude, Cursor, Windsurf, Gemini), `servers` of VS Code's mcp.json and of `mcp` in its settings, `mcp_servers`
 * (LiteLLM), and the tool servers of Open WebUI (TOOL_SERVER_CONNECTIONS, tool_server.connections); also where such a
 * document is a text in another one (ConfigMaps, environment variables). */
typedef struct {
    const char *name;         /* "" where none is given */
    const char *form;         /* "mcpServers", "servers", "mcp_servers", "connections" */
    const char *transport;    /* "stdio", "http", "sse", "websocket", "unknown" */
    const char *const *words; /* program and arguments, or NULL */
    const char *url;          /* or NULL */
    unsigned line;
} OkseTool;

typedef void (*OkseToolFound)(void *context, const OkseTool *tool);

/* Every server of a file, in its order. file: its path. Returns false when the file speaks of such servers and is
 * neither YAML nor JSON, or has more than 200. */
bool okse_tools_of(GBytes *bytes, const char *file, OkseToolFound found, void *context);

/* manifests/tools.yaml. */
typedef struct OkseToolRules OkseToolRules;
/* Errors: those of reading; INVALID with every place. */
OkseToolRules *okse_tool_rules_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_tool_rules_free(OkseToolRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseToolRules, okse_tool_rules_free)

/* What of a command would be fetched when it starts, or NULL; owned by the caller. */
char *okse_tool_fetched(const OkseToolRules *rules, const char *command) G_GNUC_WARN_UNUSED_RESULT;
/* The file that a command starts: its program, or the file that an interpreter is given; NULL when that cannot be
 * told (a module, an expression). Borrowed from words. */
const char *okse_tool_program(const OkseToolRules *rules, const char *const *words);
/* The rest of a path below a place where installs put components, or NULL. Borrowed. */
const char *okse_tool_below_root(const OkseToolRules *rules, const char *path);
