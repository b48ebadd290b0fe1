"""A bundle in a real registry: pushed and pulled by other people's tools, every file with the bytes that were packed."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

from conftest import ROOT
from stacks import HEAD, image, run, write

ORAS = str(pathlib.Path(os.environ.get("OKSE_TOOLS", ROOT / "build-tools")) / "oras")
FILES = {"model.safetensors.index.json": b"{}\n", "config.json": b'{"model_type": "x"}\n', "notes/read me.txt": "글\n".encode()}

needs_oras = pytest.mark.skipif(not os.path.exists(ORAS), reason="oras is not at hand (scripts/deps needs a newer Go than Debian 12's)")


def oras(*words):
    done = subprocess.run([ORAS, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def bundle(okse, tmp_path):
    for name, data in FILES.items():
        write(tmp_path / "model" / name, data)
    write(tmp_path / "papers/card.md", "# card\n")
    image(tmp_path / "images/server", tag="1.0", name="server")
    (tmp_path / "stack.yaml").write_text(HEAD + """  - {name: tiny, kind: weights, source: {path: model}}
  - {name: server, kind: runtime, source: {oci: images/server, ref: "1.0", platform: linux/amd64}}
  - {name: papers, kind: compliance, source: {path: papers}}
""")
    okse("build", tmp_path / "stack.yaml", "--country", "VN", "-o", tmp_path / "b.okse", "--unsigned", status=0)
    return tmp_path / "b.okse"


@pytest.fixture
def registry(tmp_path):
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    settings, log = tmp_path / "registry.yml", tmp_path / "registry.log"
    settings.write_text(json.dumps({"version": "0.1", "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}}, "http": {"addr": "127.0.0.1:0"}}))
    with open(log, "w") as file:
        process = subprocess.Popen(["docker-registry", "serve", settings], stdout=file, stderr=file)
    try:
        while (said := re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())) is None:  # the system chose a free port
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        yield said[1]
    finally:
        process.kill()
        process.wait()


def files_of(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@needs_oras
def test_oras_lists_and_pulls_from_the_file(bundle, tmp_path):
    tags = oras("repo", "tags", "--oci-layout", bundle).split()
    assert {"1.4.0", "1.4.0-stack", "1.4.0-tiny", "1.4.0-server", "1.4.0-papers"} == set(tags)
    oras("pull", "--oci-layout", f"{bundle}:1.4.0-tiny", "-o", tmp_path / "out")
    assert files_of(tmp_path / "out") == FILES


@needs_oras
def test_through_a_registry_the_identity_and_the_bytes_stay(okse, bundle, registry, tmp_path):
    identity = okse("inspect", bundle, "--json", status=0).json["identity"]
    for tag in ("1.4.0", "1.4.0-tiny", "1.4.0-server"):
        oras("cp", "--from-oci-layout", f"{bundle}:{tag}", "--to-plain-http", f"{registry}/civic:{tag}")
    raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{registry}/civic:1.4.0")
    assert "sha256:" + hashlib.sha256(raw.encode()).hexdigest() == identity
    listed = json.loads(run("skopeo", "list-tags", "--tls-verify=false", f"docker://{registry}/civic"))["Tags"]
    assert sorted(listed) == ["1.4.0", "1.4.0-server", "1.4.0-tiny"]
    oras("pull", "--plain-http", f"{registry}/civic:1.4.0-tiny", "-o", tmp_path / "out")
    assert files_of(tmp_path / "out") == FILES
    # the whole of it, copied back: what the index names is there, under its own digest
    run("skopeo", "copy", "--all", "--preserve-digests", "--src-tls-verify=false", f"docker://{registry}/civic:1.4.0", f"dir:{tmp_path}/back")
    assert hashlib.sha256((tmp_path / "back/manifest.json").read_bytes()).hexdigest() == identity.removeprefix("sha256:")


def test_skopeo_pushes_one_component_to_a_registry(bundle, registry, tmp_path):
    run("skopeo", "copy", "--preserve-digests", "--dest-tls-verify=false", f"oci-archive:{bundle}:1.4.0-server", f"docker://{registry}/civic/server:1.4.0")
    there = run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{registry}/civic/server:1.4.0")
    assert there == run("skopeo", "inspect", "--raw", f"oci-archive:{bundle}:1.4.0-server")


ORAS_PYTHON = """import sys, oras.client
client = oras.client.OrasClient(hostname=sys.argv[1], insecure=True)
client.pull(target=f"{sys.argv[1]}/civic:1.4.0-tiny", outdir=sys.argv[2])
print(*sorted(client.get_tags(f"{sys.argv[1]}/civic")))
"""


def test_a_reader_that_shares_no_code_with_oras_lists_and_pulls(bundle, registry, tmp_path):
    """oras of PyPI is written in Python, beside the Go module."""
    python = pathlib.Path(ORAS).parent / "venv/bin/python"
    if not python.exists() or subprocess.run([python, "-c", "import oras"], capture_output=True).returncode != 0:
        pytest.skip("oras of PyPI is not at hand (scripts/deps)")
    for tag in ("1.4.0-tiny", "1.4.0-papers"):
        run("skopeo", "copy", "--preserve-digests", "--dest-tls-verify=false", f"oci-archive:{bundle}:{tag}", f"docker://{registry}/civic:{tag}")
    (tmp_path / "out").mkdir()
    done = subprocess.run([python, "-c", ORAS_PYTHON, registry, tmp_path / "out"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "1.4.0-papers 1.4.0-tiny"
    assert files_of(tmp_path / "out") == FILES
