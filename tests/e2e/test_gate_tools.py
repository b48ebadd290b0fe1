"""Tool servers that configuration gives to a model: found in the shapes that clients document, refused when they come from elsewhere."""
import json

import pytest

from stacks import write
from test_gate import build, stack

# name → (file, text, the server's name, form, transport, origin); the shapes are those of the clients' own documentation
HERE = "/srv/okse/current/tools/files.py"
SHAPES = {
    "Claude, Cursor": ("claude.json", {"mcpServers": {"a": {"command": "python3", "args": ["-u", HERE]}}}, "a", "mcpServers", "stdio", "bundle"),
    "Claude Code, inside projects": ("code.json", {"projects": {"/p": {"mcpServers": {"b": {"type": "http", "url": "https://mcp.ministry.example/mcp"}}}}}, "b", "mcpServers", "http", "remote"),
    "VS Code, mcp.json": ("mcp.json", {"servers": {"c": {"type": "stdio", "command": HERE}}, "inputs": []}, "c", "servers", "stdio", "bundle"),
    "VS Code, settings.json": ("settings.json", {"mcp": {"servers": {"d": {"type": "sse", "url": "http://localhost:9000/sse"}}}}, "d", "servers", "sse", "local"),
    "LiteLLM": ("litellm.yaml", "mcp_servers:\n  e:\n    url: http://tools.chat.svc.cluster.local:8080/mcp\n    transport: http\n", "e", "mcp_servers", "http", "local"),
    "Open WebUI, environment": ("webui.yaml", "services:\n  ui:\n    environment:\n      TOOL_SERVER_CONNECTIONS: '[{\"url\": \"https://tools.example.net\", \"path\": \"openapi.json\", \"info\": {\"name\": \"f\"}}]'\n",
                                "f", "connections", "http", "remote"),
    "Open WebUI, a list of variables": ("webui2.yaml", "environment:\n- TOOL_SERVER_CONNECTIONS=[{\"url\":\"https://tools.ministry.example\",\"info\":{\"id\":\"g\"}}]\n", "g", "connections", "http", "remote"),
    "in a ConfigMap": ("map.yaml", "kind: ConfigMap\ndata:\n  mcp.json: |\n    {\"mcpServers\": {\"h\": {\"command\": \"docker\", \"args\": [\"run\", \"-i\", \"mcp/fetch\"]}}}\n", "h", "mcpServers", "stdio", "fetched"),
    "a shell's line": ("shell.json", {"mcpServers": {"i": {"command": "uvx mcp-server-fetch==1.2.3"}}}, "i", "mcpServers", "stdio", "fetched"),
    "not in the package": ("lost.json", {"mcpServers": {"j": {"command": "node", "args": ["/srv/okse/current/tools/gone.js"]}}}, "j", "mcpServers", "stdio", "missing"),
    "beside the configuration": ("near.json", {"mcpServers": {"k": {"command": "node", "args": ["--require", "./x.js", "server.js"]}}}, "k", "mcpServers", "stdio", "bundle"),
    "a path in an image": ("path.json", {"mcpServers": {"l": {"command": "/usr/local/bin/mcp-files"}}}, "l", "mcpServers", "stdio", "path"),
    "only a name": ("name.json", {"mcpServers": {"m": {"command": "mcp-server-git", "args": ["--token", "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"]}}}, "m", "mcpServers", "stdio", "unknown"),
    "a module": ("module.json", {"mcpServers": {"n": {"command": "python3", "args": ["-m", "mcp_server"]}}}, "n", "mcpServers", "stdio", "unknown"),
}
REFUSED = {"f": "https://tools.example.net", "h": "docker run -i mcp/fetch", "i": "uvx mcp-server-fetch==1.2.3", "j": "tools/gone.js"}


def place(okse, shapes, more=()):
    stack(okse.directory, more="  - {name: agent, kind: infra, source: {path: agent}}\n  - {name: tools, kind: service, source: {path: tools}}\n")
    write(okse.directory / "tools/files.py", "print()\n")
    write(okse.directory / "agent/server.js", "1\n")
    for name in shapes:
        file, text, *_ = SHAPES[name]
        write(okse.directory / "agent" / file, text if isinstance(text, str) else json.dumps(text, indent=1) + "\n")
    for file, text in more:
        write(okse.directory / "agent" / file, text)


def test_every_shape_is_found_and_judged(okse):
    place(okse, SHAPES)
    build(okse, "--json", gate=("--gate", "warn"), status=0)
    told = okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--json").json
    found, = [f for f in told["findings"] if f["control"] == "tools.packed"]
    at = {"violation": {}, "unknown": {}}
    for row in found["evidence"]:
        at[row["verdict"]][row["message"].split(" ")[0]] = (row["file"], row["message"])
    assert set(at["violation"]) == set(REFUSED) and set(at["unknown"]) == {"l", "m", "n"}, found["evidence"]
    for name, words in REFUSED.items():
        assert words in at["violation"][name][1]
    assert at["violation"]["h"][0] == "agent/map.yaml" and "ghp_aB3" not in json.dumps(told)
    okse("key", "new", "--type", "ed25519", "-o", "vendor.pem", status=0)
    okse("sign", "x.okse", "--key", "vendor.pem", "--role", "vendor", status=0)
    (okse.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {signers: [{key: vendor.pub}]}\n")
    okse("install", "x.okse", "--root", "target", "--trust", "trust.yaml", "--site", "site.yaml", status=0)
    facts = {row["name"]: row for row in okse("collect", "--root", "target", "--scope", "install", "--json", status=0).json["tools"]}
    assert set(facts) == {shape[2] for shape in SHAPES.values()}
    for _, _, name, form, transport, origin in SHAPES.values():
        assert (facts[name]["form"], facts[name]["transport"], facts[name]["origin"]) == (form, transport, origin), facts[name]
    assert facts["i"]["pinned"] is True and facts["h"]["pinned"] is False and facts["a"]["pinned"] is True and facts["b"]["host"] == "mcp.ministry.example"
    assert facts["a"]["source"]["line"] == 3 and facts["e"]["source"]["line"] == 2


@pytest.mark.parametrize("text", ['{"mcpServers": {"a": {"command": "x"}} // a comment\n}', "mcpServers: [unclosed\n"])
def test_a_file_that_cannot_be_read_is_named(okse, text):
    place(okse, [], [("odd.json", text)])
    build(okse, "--json", gate=("--gate", "warn"), status=0)
    told = okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--json").json
    found, = [f for f in told["findings"] if f["control"] == "tools.packed"]
    assert found["status"] == "inconclusive" and "odd.json" in json.dumps(found["reason"])
