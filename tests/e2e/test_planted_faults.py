"""One complete stack, one fault at a time: each is stopped by the control that names it, in the file where it was planted. The clean stack passes
(test_examples.py has it for three countries). What each gate knows in detail is in the tests of that gate."""
import json
import os
import struct
import subprocess

import pytest

import weights_files
from stacks import write
from test_examples import build, place
from test_gate_packages import named as wheel
from weights_files import by_lines, by_name, gguf, gguf_string, npy, safetensors, torch_legacy, torch_zip, zipped

SYSTEM = by_lines("os", "system")
F32 = b"\x00\x00\x80\x3f"
PEM = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], check=True, capture_output=True, text=True).stdout
COMPOSE = """services:
  app:
    image: registry.ministry.example/app@sha256:{digest}
    environment:
      TZ: Asia/Ho_Chi_Minh
      {variable}
"""


def weights(name, data):
    return lambda at: write(at / "model" / name, data)


def edited(name, old, new):
    def change(at):
        text = (at / name).read_text()
        assert old in text, f"{name} has no {old!r}"
        (at / name).write_text(text.replace(old, new))
    return change


def settings(name, text):
    """A component of configuration beside the rendered one."""
    def change(at):
        write(at / "extra" / name, text)
        edited("stack.yaml", "  - name: papers\n", "  - name: extra\n    kind: infra\n    source: {path: extra}\n  - name: papers\n")(at)
    return change


def component(kind, name, text):
    """A component of another kind with one file."""
    def change(at):
        write(at / "more" / name, text)
        edited("stack.yaml", "  - name: papers\n", f"  - name: more\n    kind: {kind}\n    source: {{path: more}}\n  - name: papers\n")(at)
    return change


def compose(variable):
    return settings("compose.yaml", COMPOSE.format(digest="a" * 64, variable=variable))


def gone(name):
    return lambda at: os.unlink(at / name)


def all_of(*changes):
    def change(at):
        for one in changes:
            one(at)
    return change


def front(text):
    return weights("README.md", f"---\n{text}\n---\n# A model\n")


# name: (what is planted, the control that finds it, the file it is told in, the destination if another than Viet Nam)
FAULTS = {
    # weights that run something
    "pickle: a call": (weights("a.pkl", SYSTEM), "weights.critical", "exaone-4-32b/a.pkl"),
    "pickle: without a name that says so": (weights("a.bin", SYSTEM), "weights.critical", "exaone-4-32b/a.bin"),
    "pickle: under a text's name": (weights("notes.txt", SYSTEM), "weights.critical", "exaone-4-32b/notes.txt"),
    "pickle: names on the stack": (weights("a.pkl", by_name("posix", "system")), "weights.critical", "exaone-4-32b/a.pkl"),
    "pickle: dotted name": (weights("a.pkl", by_name("torch", "serialization.os.system")), "weights.critical", "exaone-4-32b/a.pkl"),
    "pickle: opcode INST": (weights("a.pkl", b"(S'id'\nios\nsystem\n."), "weights.critical", "exaone-4-32b/a.pkl"),
    "pickle: breaks after the call": (weights("a.pkl", SYSTEM[:-1] + b"\xff"), "weights.critical", "exaone-4-32b/a.pkl"),
    "pickle: behind another": (weights("a.pkl", weights_files.HARMLESS + SYSTEM), "weights.critical", "exaone-4-32b/a.pkl"),
    "pickle: torch zip": (weights("a.pt", torch_zip(SYSTEM)), "weights.critical", "exaone-4-32b/a.pt!archive/data.pkl"),
    "pickle: torch legacy": (weights("a.pt", torch_legacy(SYSTEM)), "weights.critical", "exaone-4-32b/a.pt"),
    "pickle: NumPy objects": (weights("a.npy", npy(SYSTEM)), "weights.critical", "exaone-4-32b/a.npy"),
    "pickle: archive in an archive": (weights("a.zip", zipped({"b.zip": zipped({"c.pkl": SYSTEM})})), "weights.critical", "exaone-4-32b/a.zip!b.zip!c.pkl"),
    "pickle: in another component": (settings("a.dat", SYSTEM), "programs.hidden", "extra/a.dat"),
    # weights that say false things
    "safetensors: lying length": (weights("m.safetensors", struct.pack("<Q", 2 ** 63) + b"{}"), "weights.critical", "exaone-4-32b/m.safetensors"),
    "safetensors: tensor beyond the end": (weights("m.safetensors", safetensors({}, header={"b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})), "weights.critical", "exaone-4-32b/m.safetensors"),
    "safetensors: overlapping tensors": (weights("m.safetensors", safetensors({"a": ("F32", [2], F32 * 2)}, header={"b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})), "weights.critical", "exaone-4-32b/m.safetensors"),
    "GGUF: overflow of a tensor": (weights("m.gguf", gguf(tensors=[("w", [2 ** 62], 0, 0, 4)])), "weights.critical", "exaone-4-32b/m.gguf"),
    "GGUF: more tensors than bytes": (weights("m.gguf", gguf(counts=(2 ** 62, 0))), "weights.critical", "exaone-4-32b/m.gguf"),
    "GGUF: template that reaches out": (weights("m.gguf", gguf([("tokenizer.chat_template", 8, gguf_string("{{ x.__class__ }}"))])), "weights.critical", "exaone-4-32b/m.gguf"),
    "ONNX: data outside": (weights("m.onnx", b"\x08\x08\x3a\x2a\x2a\x28" + b"\x08\x01\x10\x01\x42\x01w" + b"\x6a\x1b\x0a\x08location\x12\x0f../../etc/passwd" b"\x70\x01"), "weights.critical", "exaone-4-32b/m.onnx"),
    "a shard is missing": (gone("model/model-00002-of-00002.safetensors"), "weights.critical", "exaone-4-32b/model.safetensors.index.json"),
    "chat template that reaches out": (weights("chat_template.jinja", "{{ x.__class__ }}"), "weights.critical", "exaone-4-32b/chat_template.jinja"),
    "remote code": (edited("model/config.json", '"model_type"', '"trust_remote_code": true, "model_type"'), "weights.critical", "exaone-4-32b/config.json"),
    "program among weights": (weights("logo.png", b"\x7fELF" + bytes(100)), "weights.critical", "exaone-4-32b/logo.png"),
    "program as data": (settings("values.json", "#!/bin/sh\ncurl x\n"), "programs.hidden", "extra/values.json"),
    # secrets
    "private key": (settings("tls.key", PEM), "secrets.none", "extra/tls.key"),
    "private key beside weights": (weights("id_ed25519", PEM), "secrets.none", "exaone-4-32b/id_ed25519"),
    "password in an address": (settings("db.toml", "dsn = 'postgres://app:v9K2mQx7RtLw@db/app'\n"), "secrets.none", "extra/db.toml"),
    "password hash": (settings("shadow", "root:$6$" + "aB3dE5fG7hJ9kL1m" + "$" + "Zx9Yw8Vu7T" * 8 + "abcdef:19000:0:::::\n"), "secrets.none", "extra/shadow"),
    "Kubernetes secret": (settings("s.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata:\n  pw: djlLMm1ReDdSdEx3\n"), "secrets.none", "extra/s.yaml"),
    # what leaves the country
    "telemetry on": (compose('HF_HUB_DISABLE_TELEMETRY: "0"'), "telemetry.off", "extra/compose.yaml"),
    "telemetry of the engine": (compose('VLLM_NO_USAGE_STATS: "0"'), "telemetry.off", "extra/compose.yaml"),
    "traces to a foreign region": (compose("OTEL_EXPORTER_OTLP_ENDPOINT: https://xray.ap-southeast-1.amazonaws.com/v1/traces"), None, "extra/compose.yaml"),
    "bucket in a foreign region": (compose("S3_ENDPOINT: https://s3.eu-central-1.amazonaws.com"), None, "extra/compose.yaml"),
    "model API abroad": (compose("OPENAI_BASE_URL: https://bedrock-runtime.us-east-1.amazonaws.com"), None, "extra/compose.yaml"),
    # what is fetched when it runs
    "npx": (settings("start.sh", "#!/bin/sh\nnpx -y some-tool\n"), "fetch.none_at_run_time", "extra/start.sh"),
    "uvx": (settings("mcp.json", '{"mcpServers": {"x": {"command": "uvx", "args": ["mcp-server-fetch"]}}}\n'), "fetch.none_at_run_time", "extra/mcp.json"),
    "a branch instead of a commit": (settings("requirements.txt", "git+https://git.ministry.example/vllm.git@main\n"), "fetch.none_at_run_time", "extra/requirements.txt"),
    "the name of a hub": (settings("start.sh", "#!/bin/sh\nvllm serve LGAI-EXAONE/EXAONE-4.0-32B\n"), "fetch.none_at_run_time", "extra/start.sh"),
    "a branch in a list of what is built from": (component("source", "requirements.txt", "vllm @ git+https://git.ministry.example/vllm.git@main\n"), "fetch.none_at_run_time", "more/requirements.txt"),
    "a branch in a project file": (component("source", "pyproject.toml", '[tool.uv.sources]\nvllm = {git = "https://git.ministry.example/vllm.git", branch = "main"}\n'), "fetch.none_at_run_time",
                                   "more/pyproject.toml"),
    "a branch in a Dockerfile": (component("runtime", "Dockerfile", "FROM scratch\nADD https://git.ministry.example/vllm.git#main /src\n"), "fetch.none_at_run_time", "more/Dockerfile"),
    "a branch in package.json": (component("source", "package.json", '{"dependencies": {"x": "github:nuxlear/x#main"}}\n'), "fetch.none_at_run_time", "more/package.json"),
    # tools
    "a tool server from an index": (settings("mcp.json", '{"mcpServers": {"x": {"command": "npx", "args": ["-y", "server"]}}}\n'), "tools.packed", "extra/mcp.json"),
    "a tool server at an undeclared address": (settings("mcp.json", '{"mcpServers": {"x": {"url": "https://mcp.example.net/sse"}}}\n'), "tools.packed", "extra/mcp.json"),
    "a tool server that the package lacks": (settings("mcp.json", '{"mcpServers": {"x": {"command": "/srv/okse/current/extra/server"}}}\n'), "tools.packed", "extra/mcp.json"),
    # drivers and what was compiled
    "an engine that cannot load the model": (component("runtime", "vllm-0.9.2-py3-none-any.whl", wheel("vllm", "0.9.2")), "compatibility.agrees", "exaone-4-32b"),
    # licenses and agreements
    "no agreement for the recipient": (gone("compliance/commercial-agreement.yaml"), "license.distribution_agreed", None),
    "agreement that has ended": (edited("compliance/commercial-agreement.yaml", "2027-12-31", "2026-06-30"), "license.distribution_agreed", None),
    "agreement for other countries": (edited("compliance/commercial-agreement.yaml", "[VN, KR, SA]", "[KR]"), "license.distribution_agreed", None),
    "a free label over a base that is not": (front("license: apache-2.0\nbase_model: LGAI-EXAONE/EXAONE-4.0-1.2B"), "license.lineage", "exaone-4-32b/README.md"),
    "a license text that somebody changed": (all_of(gone("compliance/commercial-agreement.yaml"), weights("LICENSE", "You may do what you like, but for what you may not.\n"),
                                                    edited("stack.yaml", "LicenseRef-EXAONE-1.2-NC", "Apache-2.0")), "license.known", "exaone-4-32b/LICENSE"),
    "license without its text": (all_of(gone("compliance/commercial-agreement.yaml"), gone("model/LICENSE"), front("license: apache-2.0"), edited("stack.yaml", "LicenseRef-EXAONE-1.2-NC", "Apache-2.0")),
                                 "license.copy_travels", "exaone-4-32b/README.md"),
    # export control
    "export: the decision has ended": (edited("compliance/export-classification.yaml", "2027-12-31", "2026-06-30"), "export.papers", "papers/export-classification.yaml"),
    "export: decided for other countries": (edited("compliance/export-classification.yaml", "[VN, KR, SA]", "[SA]"), "export.papers", "papers/export-classification.yaml"),
    "export: nobody was screened": (gone("compliance/export-screening.yaml"), "export.papers", None),
    "export: a hit in the screening": (edited("compliance/export-screening.yaml", "result: clear", "result: hit"), "export.screening", "papers/export-screening.yaml"),
    "export: no statement of the end user": (gone("compliance/end-user-statement.yaml"), "export.papers", None),
    "export: the licence is missing": (edited("compliance/export-classification.yaml", "licence_required: false", "licence_required: true"), "export.licence", None),
    "export: a smaller model was classified": (edited("compliance/export-classification.yaml", "5.0e+22", "5.0e+20"), "export.compute", "papers/export-classification.yaml"),
    # papers of the destination
    "a paper that nobody filled in": (edited("compliance/dpia.yaml", "purpose: Answers for officials", "purpose:"), "documents.filled_in", "papers/dpia.yaml"),
    "a paper with a misspelt field": (edited("compliance/retention.yaml", "log_days", "log_day"), "documents.filled_in", "papers/retention.yaml"),
    "no impact assessment": (gone("compliance/dpia.yaml"), "documents.present", None),
    "no plan for incidents": (gone("compliance/incident-plan.yaml"), "incident.hours", None),
    "told too late": (edited("compliance/incident-plan.yaml", "authority_hours: 24", "authority_hours: 96"), "incident.hours", None),
    "logs kept too short": (edited("compliance/retention.yaml", "log_days: 730", "log_days: 30"), "retention.days_min", None, "KR"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_stopped_by_its_control(okse, tmp_path, name):
    plant, control, file, *iso = FAULTS[name]
    iso = iso[0] if iso else "VN"
    place(okse, tmp_path / "x", "exaone-gpu", iso)
    plant(tmp_path / "x")
    told = build(okse, tmp_path / "x", iso, "--gate", "block", status=1).json
    failed = {row["control"]: {place["file"] for place in row["evidence"]} for row in told["preflight"]["failed"]}
    assert not (tmp_path / f"x/{iso}.okse").exists() and told["written"] is False
    if control is None:  # more than one provision of the law forbids it
        assert any(file in files for files in failed.values()), json.dumps(failed, default=list)
    else:
        assert control in failed and (file is None or file in failed[control]), json.dumps(failed, default=list)


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_the_clean_twins_of_forks_and_tools_pass(okse, tmp_path):
    """The same files with commits instead of branches, and tools that are in the package or in the cluster."""
    place(okse, tmp_path / "x", "exaone-gpu", "VN")
    for name, text in {"requirements.txt": f"vllm @ git+https://git.ministry.example/vllm.git@{COMMIT}\n",
                       "pyproject.toml": f'[tool.uv.sources]\nvllm = {{git = "https://git.ministry.example/vllm.git", rev = "{COMMIT}"}}\n',
                       "Dockerfile": f"FROM scratch\nADD https://git.ministry.example/vllm.git#{COMMIT} /src\n",
                       "package.json": f'{{"dependencies": {{"x": "github:nuxlear/x#{COMMIT}", "y": "git+https://git.ministry.example/y.git#{COMMIT}"}}}}\n',
                       "vllm-0.10.1-py3-none-any.whl": wheel("vllm", "0.10.1")}.items():
        component("source", name, text)(tmp_path / "x") if name == "requirements.txt" else write(tmp_path / "x/more" / name, text)
    settings("mcp.json", '{"mcpServers": {"x": {"command": "/srv/okse/current/extra/server"}, "y": {"url": "http://tools.chat.svc.cluster.local/mcp"}}}\n')(tmp_path / "x")
    write(tmp_path / "x/extra/server", "#!/bin/sh\n", 0o755)
    told = build(okse, tmp_path / "x", "VN", "--gate", "block").json
    assert told["written"] and told["preflight"]["failed"] == []


def test_there_are_forty():
    assert len(FAULTS) >= 40
