"""Hosts that stand in code, libraries, documentation and archives of an install (okse collect --payload)."""
import base64
import io
import json
import subprocess
import zipfile
import pytest
from test_gate_secrets import stack

TRUST = """okse: trust/v1
algorithms: [ed25519]
roles:
  vendor: {threshold: 1, signers: [{key: k.pub}]}
"""


def zipped(name, data):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, data)
    return held.getvalue()


@pytest.fixture
def installed(okse, tmp_path):
    files = {"app.py": b'# x\nURL = "https://stats.vendor.example.com/v1"\nB = "' + base64.b64encode(b"https://hidden.example.org/api") + b'"\n',
             "lib.so": b"\x7fELF\0\0" + "http://utf16.example.net:8080/x".encode("utf-16-le") + b"\0\0" + b"x" * 3_000_000 + b"\0https://tail.example.com",
             "docs/a.md": b"see https://docs.example.com and https://stats.vendor.example.com\n",
             "pkg/LICENSE": b"https://www.apache.org/licenses/\n",
             "w.zip": zipped("pkg/__init__.py", b'u = "http://in.zip.example/"\n')}
    stack(tmp_path, files, kind="runtime")
    for words in (["key", "new", "--type", "ed25519", "-o", tmp_path / "k.pem"],
                  ["build", tmp_path / "stack.yaml", "--country", "VN", "--gate", "off", "--key", tmp_path / "k.pem", "--role", "vendor", "--no-oms", "-o", tmp_path / "b.okse"]):
        subprocess.run([okse.binary, *words], check=True, capture_output=True, env=okse.environment)
    (tmp_path / "trust.yaml").write_text(TRUST)
    subprocess.run([okse.binary, "install", tmp_path / "b.okse", "--root", tmp_path / "root", "--trust", tmp_path / "trust.yaml"], check=True, capture_output=True, env=okse.environment)
    return tmp_path / "root"


def collect(okse, *words):
    done = subprocess.run([okse.binary, "collect", "--scope", "install", "--json", *words], capture_output=True, text=True, env=okse.environment)
    return done.returncode, json.loads(done.stdout) if done.returncode == 0 else done.stderr


def test_hosts_of_every_encoding_and_kind_of_file(okse, installed):
    status, facts = collect(okse, "--root", installed, "--payload")
    assert status == 0
    found = {e["host"]: (e["kind"], e["encoding"], e["port"], e["count"], e["files"], e["source"]["path"].rsplit("/current/", 1)[1].split("/", 1)[1], e["source"]["line"])
             for e in facts["embedded"] if e["component"] != "papers"}
    assert found == {"stats.vendor.example.com": ("code", "plain", None, 2, 2, "app.py", 2),
                     "hidden.example.org": ("code", "base64", None, 1, 1, "app.py", 3),
                     "utf16.example.net": ("binary", "utf-16", 8080, 1, 1, "lib.so", None),
                     "tail.example.com": ("binary", "plain", None, 1, 1, "lib.so", None),
                     "docs.example.com": ("documentation", "plain", None, 1, 1, "docs/a.md", 1),
                     "www.apache.org": ("license", "plain", None, 1, 1, "pkg/LICENSE", 1),
                     "in.zip.example": ("code", "plain", None, 1, 1, "w.zip!pkg/__init__.py", 1)}
    assert {c["status"] for c in facts["collectors"] if c["collector"] in ("embedded", "secrets", "programs")} == {"complete"}


def test_nobody_looks_unasked(okse, installed):
    facts = collect(okse, "--root", installed)[1]
    assert facts["embedded"] == [] and {c["status"] for c in facts["collectors"] if c["collector"] == "embedded"} == {"unavailable"}
    status, said = collect(okse, "--payload", "--root", "/nonexistent")
    assert status == 3 and "/nonexistent" in said
    refused = subprocess.run([okse.binary, "collect", "--payload"], capture_output=True, text=True, env=okse.environment)
    assert refused.returncode == 2 and "--root" in refused.stderr
