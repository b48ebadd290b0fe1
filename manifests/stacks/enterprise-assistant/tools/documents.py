"""A tool for the assistant: the titles of documents that hold a word. Speaks the Model Context Protocol over its standard input and output."""
import json
import os
import sys
import urllib.parse
import urllib.request

TOOL = {"name": "find", "description": "Titles of documents that hold a word.",
        "inputSchema": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}}


def find(word):
    query = urllib.parse.urlencode({"q": word})
    with urllib.request.urlopen(f"{os.environ['DOCUMENT_SERVER']}/search?{query}", timeout=20) as answer:
        return [document["title"] for document in json.load(answer)["documents"]]


def answer(request):
    method = request.get("method")
    if method == "initialize":
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "documents", "version": "1.0.0"}}
    if method == "tools/list":
        return {"tools": [TOOL]}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": "\n".join(find(request["params"]["arguments"]["word"]))}]}
    return {}


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": answer(request)}), flush=True)
