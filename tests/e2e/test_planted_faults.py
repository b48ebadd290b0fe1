"""One complete stack, one fault at a time: each is stopped by the control that names it, in the file where it was planted. The clean stack passes
(test_examples.py has it for three countries). What each gate knows in detail is in the tests of that gate."""
import json
import os
import shutil
import struct
import subprocess
import zlib

import pytest
import yaml

import test_gate_packages
import weights_files
from conftest import ROOT
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


def field(number, value):
    """Of a protobuf message: a number below 128, or fewer than 128 bytes."""
    return bytes([number << 3, value]) if isinstance(value, int) else bytes([number << 3 | 2, len(value)]) + value


def onnx(location):
    """A model with one tensor of four bytes in another file."""
    place_of_it = field(1, b"location") + field(2, location.encode())
    return field(1, 8) + field(7, field(5, field(1, 1) + field(2, 1) + field(8, b"w") + field(13, place_of_it) + field(14, 1))) + field(8, field(2, 17))


def wheels(*files):
    def change(at):
        for name, data in files:
            write(at / "wheels" / name, data)
        edited("stack.yaml", "  - name: papers\n", "  - name: wheels\n    kind: runtime\n    source: {path: wheels}\n  - name: papers\n")(at)
    return change


def changed_wheel():
    return test_gate_packages.wheel({**test_gate_packages.FILES, **test_gate_packages.INFO, "pkg/__init__.py": b"x = 2\n"})


def ended_licence(at):
    edited("compliance/export-classification.yaml", "licence_required: false", "licence_required: true")(at)
    write(at / "compliance/export-licence.yaml", yaml.safe_dump({"okse": "document/v1", "type": "export-licence", "title": "Licence", "fields": {
        "number": "L-1", "issuer": "Ministry", "countries": ["VN"], "valid_from": "2026-01-01", "valid_until": "2026-06-30", "items": ["4D001"]}}))


def embargo(at):
    """The law of the destination with one row more in the table of embargoes."""
    shutil.copytree(ROOT / "manifests", at / "own")
    table = yaml.safe_load((at / "own/embargoes.yaml").read_text())
    table["embargoes"].append({"exporter": "*", "destination": "VN", "title": "Made up", "as_of": "2026-01-01", "confidence": "high", "list": "none"})
    (at / "own/embargoes.yaml").write_text(yaml.safe_dump(table))
    return "--manifests", at / "own"


def unsigned(at):
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", at / "who.pem"], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", at / "who.pem", "-pubout", "-out", at / "who.pub"], check=True)
    write(at / "trust.yaml", yaml.safe_dump({"okse": "trust/v1", "roles": {"vendor": {"signers": [{"key": "who.pub"}]}},
                                             "approvals": {"export-control": {"signers": [{"key": "who.pub"}]}}}))
    return "--trust", at / "trust.yaml"


# name: (what is planted, the control that finds it, the file it is told in, its line, a part of what is said, the destination if another than Viet Nam)
FAULTS = {
    # weights that run something
    "pickle: a call": (weights("a.pkl", SYSTEM), "weights.critical", "exaone-4-32b/a.pkl", None, "imports 'os.system'"),
    "pickle: without a name that says so": (weights("a.bin", SYSTEM), "weights.critical", "exaone-4-32b/a.bin", None, "imports 'os.system'"),
    "pickle: under a text's name": (weights("notes.txt", SYSTEM), "weights.critical", "exaone-4-32b/notes.txt", None, "imports 'os.system'"),
    "pickle: names on the stack": (weights("a.pkl", by_name("posix", "system")), "weights.critical", "exaone-4-32b/a.pkl", None, "imports 'posix.system'"),
    "pickle: dotted name": (weights("a.pkl", by_name("torch", "serialization.os.system")), "weights.critical", "exaone-4-32b/a.pkl", None, "imports 'torch.serialization.os.system'"),
    "pickle: opcode INST": (weights("a.pkl", b"(S'id'\nios\nsystem\n."), "weights.critical", "exaone-4-32b/a.pkl", None, "imports 'os.system'"),
    "pickle: breaks after the call": (weights("a.pkl", SYSTEM[:-1] + b"\xff"), "weights.critical", "exaone-4-32b/a.pkl", None, "cannot be followed as a pickle"),
    "pickle: behind another": (weights("a.pkl", weights_files.HARMLESS + SYSTEM), "weights.critical", "exaone-4-32b/a.pkl", None, "imports 'os.system'"),
    "pickle: torch zip": (weights("a.pt", torch_zip(SYSTEM)), "weights.critical", "exaone-4-32b/a.pt!archive/data.pkl", None, "imports 'os.system'"),
    "pickle: torch legacy": (weights("a.pt", torch_legacy(SYSTEM)), "weights.critical", "exaone-4-32b/a.pt", None, "imports 'os.system'"),
    "pickle: NumPy objects": (weights("a.npy", npy(SYSTEM)), "weights.critical", "exaone-4-32b/a.npy", None, "imports 'os.system'"),
    "pickle: archive in an archive": (weights("a.zip", zipped({"b.zip": zipped({"c.pkl": SYSTEM})})), "weights.critical", "exaone-4-32b/a.zip!b.zip!c.pkl", None, "imports 'os.system'"),
    "pickle: in another component": (settings("a.dat", SYSTEM), "programs.hidden", "extra/a.dat", None, "imports 'os.system'"),
    # weights that say false things
    "safetensors: lying length": (weights("m.safetensors", struct.pack("<Q", 2 ** 63) + b"{}"), "weights.critical", "exaone-4-32b/m.safetensors", None, "the header's length lies outside the file"),
    "safetensors: tensor beyond the end": (weights("m.safetensors", safetensors({}, header={"b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})), "weights.critical", "exaone-4-32b/m.safetensors", None, "data_offsets lie outside the file"),
    "safetensors: overlapping tensors": (weights("m.safetensors", safetensors({"a": ("F32", [2], F32 * 2)}, header={"b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})), "weights.critical", "exaone-4-32b/m.safetensors", None, "tensor 'b': overlaps"),
    "GGUF: overflow of a tensor": (weights("m.gguf", gguf(tensors=[("w", [2 ** 62], 0, 0, 4)])), "weights.critical", "exaone-4-32b/m.gguf", None, "tensor 'w': its size overflows"),
    "GGUF: more tensors than bytes": (weights("m.gguf", gguf(counts=(2 ** 62, 0))), "weights.critical", "exaone-4-32b/m.gguf", None, "says more tensors or metadata than the file could hold"),
    "GGUF: template that reaches out": (weights("m.gguf", gguf([("tokenizer.chat_template", 8, gguf_string("{{ x.__class__ }}"))])), "weights.critical", "exaone-4-32b/m.gguf", None, "'__class__' is a name of Python's"),
    "ONNX: data outside": (weights("m.onnx", onnx("../../etc/passwd")), "weights.critical", "exaone-4-32b/m.onnx", None, "its data lies outside the component"),
    "ONNX: data that is not there": (weights("m.onnx", onnx("other.data")), "weights.critical", "exaone-4-32b/m.onnx", None, "its data file is missing"),
    "NumPy: objects in an .npz": (weights("a.npz", zipped({"a.npy": npy(SYSTEM)})), "weights.critical", "exaone-4-32b/a.npz!a.npy", None, "imports 'os.system'"),
    "joblib: compressed": (weights("a.joblib", zlib.compress(SYSTEM)), "weights.critical", "exaone-4-32b/a.joblib!data", None, "imports 'os.system'"),
    "pickle: name put together when it is loaded": (weights("a.pkl", weights_files.dangerous_pickles()["computed.pkl"]), "weights.critical", "exaone-4-32b/a.pkl", None, ""),
    "pickle: from the copyreg registry": (weights("a.pkl", b"\x80\x02\x82\x01)R."), "weights.critical", "exaone-4-32b/a.pkl", None, "registry"),
    "archive: encrypted": (weights("a.zip", weights_files.encrypted_flag(zipped({"a.pkl": weights_files.HARMLESS}))), "weights.critical", "exaone-4-32b/a.zip", None, "ncrypted"),
    "Keras: a layer of code": (weights("m.keras", zipped({"config.json": b'{"config": {"layers": [{"class_name" : "Lambda"}]}}'})), "weights.critical", "exaone-4-32b/m.keras!config.json", None, "'Lambda'"),
    "TensorFlow: an operation that writes files": (weights("saved_model.pb", b"\x0a\x01x\x12\x09WriteFile"), "weights.critical", "exaone-4-32b/saved_model.pb", None, "writes files"),
    "more tokens than embeddings": (weights("embeddings.safetensors", safetensors({"model.embed_tokens.weight": ("F32", [2, 1], F32 * 2)})), "weights.critical", "exaone-4-32b/tokenizer.json", None, "embed 2 tokens only"),
    "a tensor that is in another shard": (edited("model/model.safetensors.index.json", '"layer.2.weight": "model-00002', '"layer.2.weight": "model-00001'), "weights.critical", "exaone-4-32b/model.safetensors.index.json", None, "tensor 'layer.2.weight' is not in"),
    "code of another repository": (edited("model/config.json", '"model_type"', '"auto_map": {"AutoModel": "someone/else--m.X"}, "model_type"'), "weights.critical", "exaone-4-32b/config.json", None, "someone/else--m.X"),
    "a shard is missing": (gone("model/model-00002-of-00002.safetensors"), "weights.critical", "exaone-4-32b/model.safetensors.index.json", None, "the shard 'model-00002-of-00002.safetensors' is missing"),
    "chat template that reaches out": (weights("chat_template.jinja", "{{ x.__class__ }}"), "weights.critical", "exaone-4-32b/chat_template.jinja", None, "'__class__' is a name of Python's"),
    "remote code": (edited("model/config.json", '"model_type"', '"trust_remote_code": true, "model_type"'), "weights.critical", "exaone-4-32b/config.json", None, "switches trust_remote_code on"),
    "program among weights": (weights("logo.png", b"\x7fELF" + bytes(100)), "weights.critical", "exaone-4-32b/logo.png", None, "is an ELF program"),
    "program as data": (settings("values.json", "#!/bin/sh\ncurl x\n"), "programs.hidden", "extra/values.json", None, "is a script"),
    # secrets
    "private key": (settings("tls.key", PEM), "secrets.none", "extra/tls.key", 1, "private key"),
    "private key beside weights": (weights("id_ed25519", PEM), "secrets.none", "exaone-4-32b/id_ed25519", 1, "private key"),
    "access token": (settings("run.env", "HF_TOKEN=hf" + "_aBqdEwfGzhJrkLxmNpQrvsTuyvWxtyZaBc\n"), "secrets.none", "extra/run.env", 1, "token"),
    "password in an address": (settings("db.toml", "dsn = 'postgres://app:v9K2mQx7RtLw@db/app'\n"), "secrets.none", "extra/db.toml", 1, "password in an address"),
    "password hash": (settings("shadow", "root:$6$" + "aB3dE5fG7hJ9kL1m" + "$" + "Zx9Yw8Vu7T" * 8 + "abcdef:19000:0:::::\n"), "secrets.none", "extra/shadow", 1, "password hash of a system account"),
    "Kubernetes secret": (settings("s.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata:\n  pw: djlLMm1ReDdSdEx3\n"), "secrets.none", "extra/s.yaml", 5, "values of a Kubernetes Secret"),
    # what leaves the country
    "telemetry on": (compose('HF_HUB_DISABLE_TELEMETRY: "0"'), "telemetry.off", "extra/compose.yaml", 6, "HF_HUB_DISABLE_TELEMETRY=0"),
    "telemetry of the engine": (compose('VLLM_NO_USAGE_STATS: "0"'), "telemetry.off", "extra/compose.yaml", 6, "VLLM_NO_USAGE_STATS=0"),
    "traces to a foreign region": (compose("OTEL_EXPORTER_OTLP_ENDPOINT: https://xray.ap-southeast-1.amazonaws.com/v1/traces"), "telemetry.destinations", "extra/compose.yaml", 6, "(SG)"),
    "bucket in a foreign region": (compose("S3_ENDPOINT: https://s3.eu-central-1.amazonaws.com"), "backup.places", "extra/compose.yaml", 6, "(DE)"),
    "model API abroad": (compose("OPENAI_BASE_URL: https://bedrock-runtime.us-east-1.amazonaws.com"), "model_api.places", "extra/compose.yaml", 6, "(US)"),
    "public registry": (settings("compose.yaml", COMPOSE.format(digest="a" * 64, variable="X: y").replace("registry.ministry.example", "docker.io/library")), "fetch.none_at_run_time", "extra/compose.yaml", 3, "public-registry: docker.io"),
    "registry in a foreign region": (settings("compose.yaml", COMPOSE.format(digest="a" * 64, variable="X: y").replace("registry.ministry.example", "123456789012.dkr.ecr.us-east-1.amazonaws.com")), "egress.destinations", "extra/compose.yaml", 3, "(US)"),
    # what is fetched when it runs
    "npx": (settings("start.sh", "#!/bin/sh\nnpx -y some-tool\n"), "fetch.none_at_run_time", "extra/start.sh", 2, "npx -y some-tool"),
    "uvx": (settings("mcp.json", '{"mcpServers": {"x": {"command": "uvx", "args": ["mcp-server-fetch"]}}}\n'), "fetch.none_at_run_time", "extra/mcp.json", 1, "mcp-server-fetch"),
    "a branch instead of a commit": (settings("requirements.txt", "git+https://git.ministry.example/vllm.git@main\n"), "fetch.none_at_run_time", "extra/requirements.txt", 1, "vllm.git@main"),
    "the name of a hub": (settings("start.sh", "#!/bin/sh\nvllm serve LGAI-EXAONE/EXAONE-4.0-32B\n"), "fetch.none_at_run_time", "extra/start.sh", 2, "LGAI-EXAONE/EXAONE-4.0-32B"),
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
    "a free label over a base that is not": (front("license: apache-2.0\nbase_model: LGAI-EXAONE/EXAONE-4.0-1.2B"), "license.lineage", "exaone-4-32b/README.md", 3, "base LGAI-EXAONE/EXA"),
    "a license text that somebody changed": (all_of(gone("compliance/commercial-agreement.yaml"), weights("LICENSE", "You may do what you like, but for what you may not.\n"),
                                                    edited("stack.yaml", "LicenseRef-EXAONE-1.2-NC", "Apache-2.0")), "license.known", "exaone-4-32b/LICENSE", 1, "unknown-text"),
    "license without its text": (all_of(gone("compliance/commercial-agreement.yaml"), gone("model/LICENSE"), front("license: apache-2.0"), edited("stack.yaml", "LicenseRef-EXAONE-1.2-NC", "Apache-2.0")),
                                 "license.copy_travels", "exaone-4-32b/README.md"),
    # export control
    "export: the decision has ended": (edited("compliance/export-classification.yaml", "2027-12-31", "2026-06-30"), "export.papers", "papers/export-classification.yaml"),
    "export: decided for other countries": (edited("compliance/export-classification.yaml", "[VN, KR, SA]", "[SA]"), "export.papers", "papers/export-classification.yaml"),
    "export: nobody was screened": (gone("compliance/export-screening.yaml"), "export.papers", None),
    "export: a hit in the screening": (edited("compliance/export-screening.yaml", "result: clear", "result: hit"), "export.screening", "papers/export-screening.yaml"),
    "export: no statement of the end user": (gone("compliance/end-user-statement.yaml"), "export.papers", None),
    "export: the licence is missing": (edited("compliance/export-classification.yaml", "licence_required: false", "licence_required: true"), "export.licence", None),
    "export: the licence has ended": (ended_licence, "export.licence", "papers/export-classification.yaml"),
    "export: nobody signed the decision": (unsigned, "export.signed", "papers/export-classification.yaml"),
    "export: the destination is under an embargo": (embargo, "export.destination", None, None, "Made up"),
    "export: a smaller model was classified": (edited("compliance/export-classification.yaml", "5.0e+22", "5.0e+20"), "export.compute", "papers/export-classification.yaml"),
    # packages
    "a wheel that was changed": (wheels(("pkg-1.0-py3-none-any.whl", changed_wheel())), "packages.intact", "wheels/pkg-1.0-py3-none-any.whl", None, "has other bytes than RECORD says"),
    # papers of the destination
    "a paper that nobody filled in": (edited("compliance/dpia.yaml", "purpose: Answers for officials", "purpose:"), "documents.filled_in", "papers/dpia.yaml", 5, "'purpose' is blank"),
    "a paper with a misspelt field": (edited("compliance/retention.yaml", "log_days", "log_day"), "documents.filled_in", "papers/retention.yaml", 5, "unknown key 'log_day'"),
    "no impact assessment": (gone("compliance/dpia.yaml"), "documents.present", None),
    "no plan for incidents": (gone("compliance/incident-plan.yaml"), "incident.hours", None),
    "told too late": (edited("compliance/incident-plan.yaml", "authority_hours: 24", "authority_hours: 96"), "incident.hours", None),
    "logs kept too short": (edited("compliance/retention.yaml", "log_days: 730", "log_days: 30"), "retention.days_min", None, 1, "retention", "KR"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_stopped_by_its_control(okse, tmp_path, name):
    plant, control, file, line, says, iso = (*FAULTS[name], *(None, "", "VN")[len(FAULTS[name]) - 3:])
    place(okse, tmp_path / "x", "exaone-gpu", iso)
    words = plant(tmp_path / "x") or ()
    told = build(okse, tmp_path / "x", iso, "--gate", "block", *words, status=1).json
    failed = {row["control"]: row["evidence"] for row in told["preflight"]["failed"]}
    assert not (tmp_path / f"x/{iso}.okse").exists() and told["written"] is False
    assert [place for place in failed.get(control, []) if file in (None, place["file"]) and line in (None, place.get("line")) and says in place["message"]], json.dumps(failed)


def test_every_trick_of_a_pickle_stops_a_build(okse, tmp_path):
    place(okse, tmp_path / "x", "exaone-gpu", "VN")
    tricks = weights_files.dangerous_pickles()
    for name, data in tricks.items():
        write(tmp_path / "x/model" / name, data)
    told = build(okse, tmp_path / "x", "VN", "--gate", "block", status=1).json
    named = {row["file"].split("!")[0] for component in told["weights"] for row in component["findings"] if row["severity"] == "critical"}
    assert len(tricks) > 200 and set(tricks) - named == set()


def test_the_clean_twins_pass(okse, tmp_path):
    """The same kinds of files as are planted above, as they should be, all at once."""
    place(okse, tmp_path / "x", "exaone-gpu", "VN")
    for name, data in weights_files.safe_pickles().items():
        if name != "README.md":
            write(tmp_path / "x/model" / name, data)
    for plant in (weights("m.safetensors", safetensors({"model.embed_tokens.weight": ("F32", [3, 1], F32 * 3)})), weights("m.gguf", gguf(tensors=[("w", [8], 0, 0, 32)])),
                  weights("m.onnx", onnx("m.data")), weights("m.data", bytes(4)), weights("chat_template.jinja", "{{ messages[0]['content'] }}"),
                  weights("m.keras", zipped({"config.json": b'{"config": {"layers": [{"class_name": "Dense"}]}}'})), weights("saved_model.pb", b"\x0a\x01x\x12\x06MatMul"),
                  settings("compose.yaml", COMPOSE.format(digest="a" * 64, variable='HF_HUB_DISABLE_TELEMETRY: "1"\n      S3_ENDPOINT: https://files.ministry.example')),
                  wheels(("pkg-1.0-py3-none-any.whl", test_gate_packages.wheel()))):
        plant(tmp_path / "x")
    write(tmp_path / "x/extra/start.sh", "#!/bin/sh\nvllm serve /srv/okse/current/exaone-4-32b\n")
    write(tmp_path / "x/extra/requirements.txt", f"git+https://git.ministry.example/vllm.git@{'a' * 40}\n")
    write(tmp_path / "x/extra/tls.pem", subprocess.run(["openssl", "pkey", "-pubout"], input=PEM, check=True, capture_output=True, text=True).stdout)
    build(okse, tmp_path / "x", "VN", "--gate", "block", status=0)


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
