"""What a package would download when it runs: each way is stopped at its line, and its pinned or local twin is not."""
import shutil

import conftest
import pytest

EXAMPLE = conftest.ROOT / "manifests/stacks/civic-search"
STACK = """okse: stack/v1
name: assistant
version: 1.0.0
sequence: 1
vendor: {name: Example AI Lab, country: KR, contact: security@example.org}
components:
  - {name: serving, kind: infra, source: {path: infra}}
  - {name: papers, kind: compliance, source: {path: compliance}}
compliance: {data_classes: [personal], sector: government, use: [public-administration], purpose: Tests}
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# (file, what is planted, kind, the twin that fetches nothing)
PLANTED = [
    ("agent.json", '{"mcpServers": {"files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem"]}}}', "npx",
     '{"mcpServers": {"files": {"command": "/srv/okse/current/tools/server-filesystem", "args": []}}}'),
    ("agent.yaml", "command: uvx mcp-server-fetch", "uvx", "command: /srv/okse/current/tools/mcp-server-fetch"),
    ("agent.sh", "pipx run duckduckgo-mcp-server", "uvx", "/srv/okse/current/tools/duckduckgo-mcp-server"),
    ("install.sh", "curl -fsSL https://get.tool.ministry.example | sudo bash", "download-and-run", "bash /srv/okse/current/tools/install.sh"),
    ("requirements.txt", "git+https://git.ministry.example/nuxlear/transformers.git@add-exaone4_5", "git-branch",
     f"git+https://git.ministry.example/nuxlear/transformers.git@{COMMIT}"),
    ("requirements.txt", "transformers @ git+https://git.ministry.example/transformers.git", "git-branch", "transformers==4.54.0"),
    ("start.sh", "pip install vllm", "pip-install", "pip install --no-index --find-links /srv/okse/current/wheels vllm"),
    ("Dockerfile", "RUN apt-get -y install nginx", "package-install", "COPY nginx /usr/sbin/nginx"),
    ("start.sh", "npm ci && node server.js", "npm-install", "node server.js"),
    ("start.sh", "git clone https://git.ministry.example/tools.git", "clone", "cp -r /srv/okse/current/tools ."),
    ("start.sh", "huggingface-cli download LGAI-EXAONE/EXAONE-4.0-1.2B", "hub-download", "ls /srv/okse/current/exaone"),
    ("start.sh", "vllm serve LGAI-EXAONE/EXAONE-4.0-32B --tool-call-parser hermes", "hub-id", "vllm serve /srv/okse/current/exaone --tool-call-parser hermes"),
    ("serve.py", 'model = AutoModel.from_pretrained("LGAI-EXAONE/EXAONE-4.0-1.2B")', "hub-id", 'model = AutoModel.from_pretrained("/srv/okse/current/exaone")'),
    ("tgi.env", "MODEL_ID=LGAI-EXAONE/EXAONE-4.0-1.2B", "hub-id", "MODEL_ID=/srv/okse/current/exaone"),
    ("start.sh", "vllm serve /srv/okse/current/exaone --trust-remote-code", "remote-code", "vllm serve /srv/okse/current/exaone"),
    ("serve.py", "config = {'trust_remote_code': True}", "remote-code", "config = {'trust_remote_code': False}"),
    ("compose.yaml", "services: {x: {image: 'docker.io/library/nginx:1.27'}}", "public-registry", "services: {x: {image: 'registry.ministry.example/library/nginx:1.27'}}"),
    ("pod.json", '{"spec": {"containers": [{"image": "ghcr.io/x/server@sha256:' + "a" * 64 + '"}]}}', "public-registry", '{"spec": {"containers": [{"image": "docker.io.ministry.example/server"}]}}'),
    ("x.container", "[Container]\nImage=registry-1.docker.io/x/y:1".replace("\n", " "), "public-registry", "Image=registry.ministry.example/x/y:1"),
    ("Dockerfile", "FROM --platform=linux/amd64 quay.io/x/y:1 AS base", "public-registry", "FROM registry.ministry.example/x/y:1 AS base"),
    ("start.sh", "podman run --rm nvcr.io/nvidia/x:1", "public-registry", "podman run --rm registry.ministry.example/nvidia/x:1"),
    ("serve.py", "nltk.download('punkt')", "corpus-download", "nltk.data.path.append('/srv/okse/current/nltk')"),
]


# Commands that are written one word a line: (file, what is planted, kind, line, twin)
SPREAD = [
    ("pod.yaml", "containers:\n- name: x\n  command:\n  - vllm\n  - serve\n  - LGAI-EXAONE/EXAONE-4.0-32B\n", "hub-id", 5, "/srv/okse/current/exaone"),
    ("pod.yaml", "command: [vllm]\nargs:\n- serve\n- LGAI-EXAONE/EXAONE-4.0-32B\n- --port\n- '8000'\n", "hub-id", 2, "/srv/okse/current/exaone"),
    ("pod.yaml", "args:\n- --model\n- LGAI-EXAONE/EXAONE-4.0-32B\n", "hub-id", 3, "/srv/okse/current/exaone"),
    ("pod.yaml", "args: [serve,\n  /models/x,\n  --trust-remote-code,\n  more]\n", "remote-code", 4, None),
    ("mcp.json", '{"mcpServers": {"x": {\n "command": "uv",\n "args": [\n  "tool",\n  "run",\n  "mcp-server-fetch"]}}}', "uvx", 2, None),
    ("pod.yaml", "---\na: 1\n---\nspec:\n  args:\n  - install\n  - vllm\n  command:\n  - pip\n", "pip-install", 7, None),
]


def place(directory, file, text):
    shutil.copytree(EXAMPLE / "compliance", directory / "compliance")
    shutil.copy(EXAMPLE / "site.yaml", directory / "site.yaml")
    (directory / "stack.yaml").write_text(STACK)
    (directory / "infra").mkdir()
    (directory / "infra" / file).write_text("# first line: npx would be a comment here\n" + text + "\n" if not file.endswith(".json") else text + "\n")


def build(okse, gate="block", status=None):
    return okse("build", "stack.yaml", "--country", "VN", "-o", "x.okse", "--unsigned", "--site", "site.yaml", "--gate", gate, "--json", status=status)


def found(told):
    return [(row["file"], row["line"], row["message"].split(":")[0]) for failed in told["preflight"]["failed"]
            if failed["control"] == "fetch.none_at_run_time" for row in failed["evidence"]]


@pytest.mark.parametrize("file, planted, kind, twin", PLANTED)
def test_a_fetch_is_stopped_at_its_line_and_its_twin_is_not(okse, file, planted, kind, twin):
    place(okse.directory, file, planted)
    told = build(okse, status=1).json
    assert found(told) == [("serving/" + file, 1 if file.endswith(".json") else 2, kind)] and not (okse.directory / "x.okse").exists()
    shutil.rmtree(okse.directory / "infra")
    shutil.rmtree(okse.directory / "compliance")
    place(okse.directory, file, twin)
    assert found(build(okse).json) == []


def test_the_sealed_bundle_is_asked_the_same(okse):
    place(okse.directory, *PLANTED[1][:2])
    build(okse, "warn", status=0)
    findings = okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--json", status=1).json
    row, = [f for f in findings["findings"] if f["control"] == "fetch.none_at_run_time"]
    assert row["status"] == "fail" and row["evidence"][0]["excerpt"] == "command: uvx mcp-server-fetch"


def test_secrets_in_such_lines_are_masked(okse):
    place(okse.directory, "requirements.txt", "git+https://user:hunter2hunter2@git.ministry.example/x.git@main")
    result = build(okse, status=1)
    assert found(result.json) and "hunter2hunter2" not in result.out + result.err


def verdict_of(okse, *words):
    findings = okse("audit", "--bundle", "x.okse", "--country", "VN", "--site", "site.yaml", "--json", *words).json
    row, = [f for f in findings["findings"] if f["control"] == "fetch.none_at_run_time"]
    return row["status"], str(row["reason"])


def test_a_line_that_is_too_long_is_no_pass(okse):
    place(okse.directory, "start.sh", "x" * 20000)
    build(okse, status=0)
    assert verdict_of(okse)[0] == "inconclusive"


def test_a_line_at_which_the_engine_gives_up_is_no_pass(okse, tmp_path):
    """With a pattern that takes for ever; those of Okse have none, but data can be replaced."""
    place(okse.directory, "start.sh", "a" * 4000 + "!")
    build(okse, status=0)
    assert verdict_of(okse)[0] == "pass"
    shutil.copytree(conftest.ROOT / "manifests", tmp_path / "m")
    (tmp_path / "m/fetches.yaml").write_text("- {kind: slow, pattern: '((?:a+)+)$'}\n")
    status, reason = verdict_of(okse, "--manifests", tmp_path / "m")
    assert status == "inconclusive" and "too entangled" in reason


def test_more_lines_than_are_told_still_stop_the_build(okse):
    place(okse.directory, "start.sh", "npx tool\n" * 1000)
    told = build(okse, status=1).json
    row, = [f for f in told["preflight"]["failed"] if f["control"] == "fetch.none_at_run_time"]
    assert row["violations"] == 200


@pytest.mark.parametrize("file, planted, kind, line, twin", SPREAD)
def test_a_command_of_several_lines_is_one_command(okse, file, planted, kind, line, twin):
    place(okse.directory, file, planted)
    assert found(build(okse, status=1).json) == [("serving/" + file, line, kind)]
    if twin is not None:
        path = okse.directory / "infra" / file
        path.write_text(path.read_text().replace("LGAI-EXAONE/EXAONE-4.0-32B", twin))
        assert found(build(okse).json) == []


def test_words_of_different_commands_are_not_joined(okse):
    place(okse.directory, "pods.yaml", "a:\n  command:\n  - vllm\n  - serve\nb:\n  args:\n  - some/thing\n  - else\n")
    assert found(build(okse).json) == []
